"""The pool as a pure class, with its connections shared out among tenants.

As `PoolState`, but for whose turn it is: `serving` decides, and a connection is charged to the tenant of
whoever has it. What holds after every call differs accordingly: an idle connection may stay beside a waiter
that could use it when the waiter's tenant has its maximum, or when it is kept for others' minimums.
"""

import random
from collections.abc import Callable, Hashable, Iterable
from itertools import islice

from .accounts import Account
from .bucket import Bucket, Opening, Slot, SlotState
from .decisions import NOTHING, Decision, Decisions
from .errors import NotBorrowed, PoolClosed, QueueFull, TenantQueueFull
from .fair_ledger import FairLedger
from .interface import OpenRequest, PooledConnection, Tenant
from .limits import PoolLimits, is_full
from .metrics import TenantMetrics
from .opening import is_provided_for
from .placing import reason_to_close
from .reasons import CloseReason
from .serving import Fresh, serve
from .shares import Shares
from .state import PoolState
from .upkeep import expire
from .waiters import Waiter

__all__ = ["FairState"]

_BORROWED = SlotState.BORROWED


class FairState(PoolState):
    """State of the pool of one target that has tenants."""

    _ledger: FairLedger

    def __init__(
        self,
        limits: PoolLimits,
        tenant_of: Callable[[Hashable], Tenant | None],
        randomness: Callable[[], float] = random.random,
    ) -> None:
        """Start empty; ``randomness`` yields numbers from 0 up to 1 for the jitters."""
        self._shares = Shares(tenant_of, limits.max_connections)
        self._unsettled = False
        super().__init__(limits, randomness)

    def by_tenant(self) -> list[TenantMetrics]:
        """The present gauges and the counters of each tenant."""
        return [account.metrics() for account in self._shares.accounts.values()]

    def expect(self, tenants: Iterable[Tenant], now: float) -> Decisions:
        """Keep the minimums of these tenants, though nobody of them may ever have come."""
        self._pass_time(now)
        self._shares.expect(tenants)
        out: list[Decision] = []
        self._progress(now, out)
        return out

    # -- borrowing ------------------------------------------------------------------------------------------

    def take(self, key: Hashable, settings: object, now: float) -> PooledConnection | None:
        """Borrow an idle connection at once; None means: `enqueue`.

        Nobody overtakes a waiter here: not while any waits who may be served, and none of its own tenant.
        """
        bucket = self._buckets.get(key)
        if bucket is None or not bucket.idle:
            return None
        shares, ledger, slots = self._shares, self._ledger, self._slots
        if now > shares.now:  # noqa: PLR1730 - asked for each borrow: no calls
            shares.now = now
        account = shares.account_of(key)
        used = account.used
        available = ledger.limits.max_connections - len(slots) - len(ledger.openings) + ledger.idle
        if used >= account.most or available <= (0 if used < account.least else shares.missing):
            return None
        if self._waiting and (account.waiting or shares.first(available) is not None):
            return None
        slot = bucket.pop(settings, now)
        if slot is None:
            return None
        ledger.idle -= 1
        slot.owner = account
        account.granted += 1
        shares.charge(account)
        self._counters.taken += 1
        return slot.connection

    def take_exact(
        self,
        connection: PooledConnection,
        now: float,
        key: Hashable | None = None,
        *,
        is_needed: bool = True,
    ) -> bool:
        """Borrow this very connection if it is idle; False if it is not.

        It is charged like any other. No limit of a tenant stands against one that is needed: without this
        connection the borrower could not be answered at all. Any other is lent within the tenant's share.
        """
        self._pass_time(now)
        account = self._shares.account_of(connection.key if key is None else key)
        if not is_needed and not self._may_have_more(account):
            return False
        if not super().take_exact(connection, now):
            return False
        self._ledger.lend(self._slots[connection], account)
        return True

    def enqueue(self, waiter: Waiter, now: float) -> Decisions:
        """Let a waiter wait that is in no queue; it ends in one Grant, Expire or Refuse, or in `cancel`.

        Raises as `PoolState.enqueue`, and TenantQueueFull when the waiter's tenant can have no further
        connection now and as many of it wait as may.
        """
        self._pass_time(now)
        ledger = self._ledger
        if self._draining:
            raise PoolClosed("the connection pool is stopping")
        account = self._shares.account_of(waiter.key)
        if not waiter.is_admitted:
            self._check_queues(account)
        ledger.add_waiter(waiter, now, self._deadline(waiter, account, now))
        out: list[Decision] = []
        serve(ledger, now, out)
        if not waiter.is_patient and waiter in ledger.deadlines and not self._is_provided_for(waiter, now):
            out.append(expire(ledger, waiter))
        return out

    def cancel(self, waiter: Waiter) -> bool:
        """Forget a waiter; False if it was no longer waiting.

        If a connection is opening for it that its tenant no longer needs, others may be served: by `wake`.
        """
        account = waiter.line.account if waiter.line is not None else None
        used = account.used if account is not None else 0
        if not super().cancel(waiter):
            return False
        self._unsettled |= account is not None and account.used < used
        return True

    @property
    def is_unsettled(self) -> bool:
        """Whether `wake` has something to do at once, because of a `cancel`."""
        return self._unsettled and bool(self._waiting)

    def _check_queues(self, account: Account) -> None:
        error: QueueFull | None = None
        limit = account.share.max_queue_length
        if is_full(len(self._ledger.deadlines), self._ledger.limits.max_queue_length, account.waiting):
            error = QueueFull("the borrow queue is full")
        elif 0 < limit <= account.waiting and not self._may_have_more(account):
            error = TenantQueueFull(account.name, limit, account.used, account.most)
        if error is not None:
            self._counters.rejected += 1
            account.refused += 1
            raise error

    def _may_have_more(self, account: Account) -> bool:
        return self._shares.may_have_more(account, self._ledger.available)

    def _deadline(self, waiter: Waiter, account: Account, now: float) -> float:
        """Return when the waiter's time is over; a tenant's own timeout counts from when its wait began."""
        limits, own = self._ledger.limits, account.share.borrow_timeout
        if own is None:
            waiter.own_timeout = None
            waiter.is_patient = waiter.until is not None or limits.borrow_timeout > 0
            timeout = limits.borrow_timeout if waiter.is_patient else limits.connect_timeout
            return now + timeout if waiter.until is None else waiter.until
        waiter.is_patient = own > 0
        if not own:
            return now + limits.connect_timeout
        if waiter.own_timeout is None:
            waiter.own_timeout = own
            moved = waiter.is_admitted and waiter.until is not None
            began = waiter.until - limits.borrow_timeout if moved and waiter.until is not None else now
            return began + own
        # It has queued here before, and goes on.
        return waiter.deadline

    def _is_provided_for(self, waiter: Waiter, now: float) -> bool:
        line = waiter.line
        assert line is not None, "a waiter of no tenant's line"
        if len(line.waiters) <= len(line.openings):
            return True
        account = line.account
        return account.used < account.most and is_provided_for(self._ledger, waiter, now)

    # -- returning ------------------------------------------------------------------------------------------

    def give_back(self, connection: PooledConnection, now: float) -> Decisions:
        """Return a borrowed connection that anyone may have next."""
        slot = self._slots.get(connection)
        if slot is None:
            return NOTHING
        if slot.state is not _BORROWED:
            raise NotBorrowed("returned a connection that is not borrowed")
        shares = self._shares
        if now > shares.now:  # noqa: PLR1730 - asked for each return: no calls
            shares.now = now
        if self._waiting or slot.doom is not None or self._ledger.has_surplus or now >= slot.expires_at:
            out: list[Decision] = []
            self._place(slot, now, out)
            return out
        if slot.owner is not None:
            shares.release(slot.owner)
            slot.owner = None
        slot.bucket.push(slot, now)
        self._ledger.idle += 1
        return NOTHING

    def discard(self, connection: PooledConnection, now: float | None = None) -> Decisions:
        """Return a borrowed connection that nobody may have again, because it is broken or unclean."""
        now = self._shares.now if now is None else now
        self._pass_time(now)
        out = list(super().discard(connection))
        self._progress(now, out)
        return out

    # -- what became of decisions, time, and changes from outside -------------------------------------------

    def opened(self, request: OpenRequest, connection: PooledConnection, now: float) -> Decisions:
        """Take in the new connection of an Open; it goes to the best waiter, or is idle."""
        self._pass_time(now)
        return super().opened(request, connection, now)

    def open_failed(self, request: OpenRequest, error: BaseException, fatal: bool, now: float) -> Decisions:
        """Note that an Open failed; if fatally, its key's waiters are refused, else its key pauses."""
        self._pass_time(now)
        return super().open_failed(request, error, fatal, now)

    def closed(self, connection: PooledConnection, now: float) -> Decisions:
        """Free the slot of a connection that is gone, whether it was to be closed or was lost."""
        self._pass_time(now)
        return super().closed(connection, now)

    def tick(self, now: float) -> Decisions:
        """Do what is due, and trim, warm and tidy; also read what the tenants' shares are now."""
        self._pass_time(now)
        self._shares.renew_if_changed(self._ledger.limits.max_connections)
        self._shares.forget_unused(self._ledger.limits.warm_key_timeout)
        out = list(super().tick(now))
        serve(self._ledger, now, out, thorough=True)
        return out

    def resize(self, limits: PoolLimits, now: float) -> Decisions:
        """Put other limits in force; tenants keep what they have, but may get no more than their new part."""
        self._pass_time(now)
        self._shares.renew(limits.max_connections)
        return super().resize(limits, now)

    def next_deadline(self, now: float) -> float | None:
        """Return when `wake` has something to do."""
        return now if self.is_unsettled else super().next_deadline(now)

    # -- inside ---------------------------------------------------------------------------------------------

    def _new_ledger(self, limits: PoolLimits) -> FairLedger:
        return FairLedger(limits, shares=self._shares)

    def _pass_time(self, now: float) -> None:
        self._shares.now = max(self._shares.now, now)

    def _place(self, slot: Slot, now: float, out: list[Decision], opening: Opening | None = None) -> None:
        ledger = self._ledger
        reason = reason_to_close(ledger, slot, now)
        fresh = None
        if reason is not None:
            out.append(ledger.close(slot, reason))
        else:
            own = opening.waiter if opening is not None else None
            line = own.line if own is not None else None
            leaver = line.account if line is not None else slot.owner
            ledger.shelve(slot, now)
            fresh = Fresh(slot, leaver, own, is_new=opening is not None)
        serve(ledger, now, out, fresh)

    def _progress(self, now: float, out: list[Decision]) -> None:
        self._pass_time(now)
        self._unsettled = False
        serve(self._ledger, now, out)

    def _end_opening(self, request: OpenRequest) -> Opening:
        opening = super()._end_opening(request)
        self._ledger.disown(opening)
        return opening

    def _expire_impatient(self, bucket: Bucket, out: list[Decision]) -> None:
        lines = dict.fromkeys(waiter.line for waiter in bucket.waiters)
        uncovered = [
            each for line in lines if line for each in islice(line.waiters, len(line.openings), None)
        ]
        out.extend(expire(self._ledger, waiter) for waiter in uncovered if not waiter.is_patient)

    def _retire(self, buckets: set[Bucket], reason: CloseReason, now: float) -> Decisions:
        self._pass_time(now)
        for opening in self._ledger.openings.values():
            if opening.bucket in buckets:
                self._ledger.disown(opening)
        return super()._retire(buckets, reason, now)
