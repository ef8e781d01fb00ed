"""The pool as a pure class: who borrows which connection, what is opened, what is closed and why.

Every method takes the time as ``now`` in seconds of any steady clock and answers with decisions as values. No
method does anything else, so the caller carries the decisions out, in order, and reports back what happened:
`opened` or `open_failed` for each Open, `closed` for each Close.

After every call this holds: no idle connection could serve anyone in the queue, and where a waiter needs a
connection opened, one is opening, a slot is being freed, or nothing idle is left to make room; unless its key
pauses after a failure, or as many are opening as may be.
"""

import random
from collections.abc import Callable, Hashable, Iterable

from .bucket import Bucket, Opening, Slot, SlotState
from .decisions import NOTHING, Decision, Decisions
from .errors import Evacuated, NotBorrowed, PoolClosed, QueueFull
from .interface import OpenRequest, PooledConnection, Tenant
from .ledger import Ledger
from .limits import PoolLimits
from .matching import choose
from .metrics import KeyMetrics, PoolMetrics, TenantMetrics
from .opening import is_provided_for, make_progress
from .placing import grant, place
from .reasons import CloseReason
from .upkeep import close_surplus, expire, expire_impatient, expire_waiters, refuse, retire, tidy
from .waiters import Waiter

__all__ = ["PoolState"]

_BORROWED = SlotState.BORROWED


class PoolState:
    """State of the pool of one target."""

    def __init__(self, limits: PoolLimits, randomness: Callable[[], float] = random.random) -> None:
        """Start empty; ``randomness`` yields numbers from 0 up to 1 for the jitters."""
        self._randomness = randomness
        self._ledger = self._new_ledger(limits)
        self._buckets = self._ledger.buckets
        self._slots = self._ledger.slots
        self._waiting = self._ledger.waiting
        self._counters = self._ledger.counters
        self._draining = False

    @property
    def limits(self) -> PoolLimits:
        """The limits in force."""
        return self._ledger.limits

    @property
    def total(self) -> int:
        """Slots in use: opening, idle, borrowed and closing connections."""
        return self._ledger.total

    @property
    def waiting(self) -> bool:
        """Whether anyone waits for a connection."""
        return bool(self._waiting)

    @property
    def is_short(self) -> bool:
        """Whether only a returned connection can help somebody who waits."""
        return bool(self._waiting) and self._ledger.is_short

    @property
    def borrowed(self) -> int:
        """How many connections someone has."""
        return self._ledger.borrowed

    @property
    def outstanding(self) -> int:
        """How many have a connection or wait for one."""
        # Asked for each read: no detours.
        ledger = self._ledger
        return (
            len(self._slots) - ledger.idle - ledger.closing + (len(ledger.deadlines) if self._waiting else 0)
        )

    def is_failing(self, key: Hashable) -> bool:
        """Whether the latest attempt to open a connection for the key failed, a moment ago."""
        bucket = self._buckets.get(key)
        return bucket is not None and bucket.failures > 0

    def lent(self) -> list[PooledConnection]:
        """The connections that someone has."""
        return [slot.connection for slot in self._slots.values() if slot.state is _BORROWED]

    def state_of(self, connection: PooledConnection) -> SlotState | None:
        """Say who has the connection; None for one that is gone."""
        slot = self._slots.get(connection)
        return None if slot is None else slot.state

    @property
    def metrics(self) -> PoolMetrics:
        """The present gauges and counters."""
        return self._ledger.metrics()

    def by_key(self) -> list[KeyMetrics]:
        """The present gauges of each key."""
        return self._ledger.by_key()

    def by_tenant(self) -> list[TenantMetrics]:
        """The present gauges and the counters of each tenant; none without tenants."""
        return []

    def expect(self, tenants: Iterable[Tenant], now: float) -> Decisions:  # noqa: ARG002 - without tenants
        """Keep the minimums of these tenants, though nobody of them may ever have come."""
        return NOTHING

    # -- borrowing ------------------------------------------------------------------------------------------

    def take(self, key: Hashable, settings: object, now: float) -> PooledConnection | None:
        """Borrow an idle connection at once; None means: `enqueue`.

        Nobody overtakes a waiter here: whoever waits for the same key was there first, and for other keys
        idle connections make room as soon as they are idle.
        """
        bucket = self._buckets.get(key)
        if bucket is None or bucket.waiters:
            return None
        slot = bucket.pop(settings, now)
        if slot is None:
            return None
        self._ledger.idle -= 1
        self._counters.taken += 1
        return slot.connection

    def take_exact(
        self,
        connection: PooledConnection,
        now: float,
        key: Hashable | None = None,  # noqa: ARG002 - nobody's share is charged
        *,
        is_needed: bool = True,  # noqa: ARG002 - and nobody's share is all
    ) -> bool:
        """Borrow this very connection if it is idle; False if it is not.

        Whoever asks has a reason no other connection will do, so it may overtake waiters; while there are
        any that could use the connection, it is not idle. ``key`` is the borrower's own, which names its
        tenant; None is the key that the connection was opened with.
        """
        slot = self._slots.get(connection)
        if slot is None or slot.state is not SlotState.IDLE:
            return False
        self._ledger.unshelve(slot)
        slot.bucket.used_at = now
        self._counters.taken += 1
        return True

    def enqueue(self, waiter: Waiter, now: float) -> Decisions:
        """Let a waiter wait that is in no queue; it ends in one Grant, Expire or Refuse, or in `cancel`.

        Raises QueueFull when the queue has its maximum length and the waiter was in no queue before, and
        PoolClosed after `drain`.
        """
        ledger = self._ledger
        if self._draining:
            raise PoolClosed("the connection pool is stopping")
        if len(ledger.deadlines) >= ledger.limits.max_queue_length and not waiter.is_admitted:
            self._counters.rejected += 1
            raise QueueFull("the borrow queue is full")
        patient = waiter.until is not None or ledger.limits.borrow_timeout > 0
        timeout = ledger.limits.borrow_timeout if patient else ledger.limits.connect_timeout
        ledger.add_waiter(waiter, now, now + timeout if waiter.until is None else waiter.until)
        out: list[Decision] = []
        slot = ledger.buckets[waiter.key].best_idle(waiter.settings)
        if slot is not None:
            ledger.unshelve(slot)
            grant(ledger, choose(slot, own=waiter) or waiter, slot, now, out)
        make_progress(ledger, now, out)
        if not patient and waiter in ledger.deadlines and not is_provided_for(ledger, waiter, now):
            out.append(expire(ledger, waiter))
        return out

    def cancel(self, waiter: Waiter) -> bool:
        """Forget a waiter; False if it was no longer waiting: what it was granted is to be given back."""
        if waiter not in self._ledger.deadlines:
            return False
        self._ledger.remove_waiter(waiter)
        self._counters.cancelled += 1
        return True

    @property
    def is_unsettled(self) -> bool:
        """Whether `wake` has something to do at once, because of a `cancel`."""
        return False

    # -- returning ------------------------------------------------------------------------------------------

    def give_back(self, connection: PooledConnection, now: float) -> Decisions:
        """Return a borrowed connection that anyone may have next.

        One that is already gone is ignored; raises NotBorrowed for one that is not lent.
        """
        slot = self._slots.get(connection)
        if slot is None:
            return NOTHING
        if slot.state is not _BORROWED:
            raise NotBorrowed("returned a connection that is not borrowed")
        if self._waiting or slot.doom is not None or self._ledger.has_surplus or now >= slot.expires_at:
            out: list[Decision] = []
            self._place(slot, now, out)
            return out
        slot.bucket.push(slot, now)
        self._ledger.idle += 1
        return NOTHING

    def discard(
        self,
        connection: PooledConnection,
        now: float | None = None,  # noqa: ARG002 - nobody's use is measured
    ) -> Decisions:
        """Return a borrowed connection that nobody may have again, because it is broken or unclean.

        One that is gone or already closing is ignored; raises NotBorrowed for an idle one.
        """
        slot = self._slots.get(connection)
        if slot is None or slot.state is SlotState.CLOSING:
            return NOTHING
        if slot.state is not _BORROWED:
            raise NotBorrowed("discarded a connection that is not borrowed")
        return [self._ledger.close(slot, CloseReason.UNCLEAN)]

    # -- what became of decisions ---------------------------------------------------------------------------

    def opened(self, request: OpenRequest, connection: PooledConnection, now: float) -> Decisions:
        """Take in the new connection of an Open; it goes to the best waiter, or is idle."""
        ledger, limits = self._ledger, self.limits
        opening = self._end_opening(request)
        self._counters.opened += 1
        if opening.doom is None:
            opening.bucket.recovered()
        life = limits.max_life * (1 - limits.life_jitter * self._randomness())
        slot = ledger.open_slot(connection, opening.bucket, now + life)
        slot.doom = opening.doom
        out: list[Decision] = []
        self._place(slot, now, out, opening)
        self._progress(now, out)
        return out

    def open_failed(self, request: OpenRequest, error: BaseException, fatal: bool, now: float) -> Decisions:
        """Note that an Open failed; if fatally, its key's waiters are refused, else its key pauses."""
        ledger = self._ledger
        opening = self._end_opening(request)
        bucket = opening.bucket
        self._counters.failed += 1
        out: list[Decision] = []
        # What a retired generation could not do says nothing about the present one.
        if opening.doom is None:
            if fatal:
                bucket.used_at = float("-inf")
                refuse(ledger, list(bucket.waiters), error, out)
            else:
                bucket.failed(error, opening.began, now, ledger.limits, self._randomness())
                self._expire_impatient(bucket, out)
        self._progress(now, out)
        return out

    def closed(self, connection: PooledConnection, now: float) -> Decisions:
        """Free the slot of a connection that is gone, whether it was to be closed or was lost."""
        slot = self._slots.get(connection)
        if slot is None:
            return NOTHING
        self._ledger.forget(slot)
        out: list[Decision] = []
        self._progress(now, out)
        return out

    # -- time -----------------------------------------------------------------------------------------------

    def next_deadline(self, now: float) -> float | None:
        """Return when `wake` has something to do: a waiter expires, or a failing key may be tried again.

        A key whose pause is over but for which there is no room yet needs no timer: room is an event.
        """
        first = self._ledger.deadlines.first()
        if first is None:
            return None
        retries = (each.retry_at for each in self._waiting if each.failures and each.retry_at > now)
        return min(first.deadline, min(retries, default=first.deadline))

    def wake(self, now: float) -> Decisions:
        """Do what is due at `next_deadline`."""
        out: list[Decision] = []
        expire_waiters(self._ledger, now, out)
        self._progress(now, out)
        return out

    def tick(self, now: float) -> Decisions:
        """Do what is due, and trim, warm and tidy; to be called every ``tick_interval``."""
        out = list(self.wake(now))
        tidy(self._ledger, now, out, warm=not self._draining)
        self._progress(now, out)
        return out

    # -- changes from outside -------------------------------------------------------------------------------

    def resize(self, limits: PoolLimits, now: float) -> Decisions:
        """Put other limits in force; waiters keep their deadlines, connections their maximum life."""
        ledger = self._ledger
        ledger.limits = limits
        out: list[Decision] = []
        close_surplus(ledger, out)
        self._progress(now, out)
        return out

    def retire(self, key: Hashable, now: float) -> Decisions:
        """End the present generation of a key's connections: idle now, borrowed when returned."""
        bucket = self._buckets.get(key)
        return NOTHING if bucket is None else self._retire({bucket}, CloseReason.RETIRED, now)

    def retire_all(self, now: float) -> Decisions:
        """End the present generation of all connections, as after a failover."""
        return self._retire(set(self._buckets.values()), CloseReason.RETIRED, now)

    def drain(self, now: float) -> Decisions:
        """Stop for good: waiters are refused, idle connections closed now, others when returned."""
        self._draining = True
        return self._send_away(PoolClosed("the connection pool is stopping"), CloseReason.DRAINED, now)

    def evacuate(self, now: float) -> Decisions:
        """Send everyone away, but not for good: waiters are refused, as in order of arrival, and what is
        idle closes now, what is borrowed when returned. Nothing is kept warm until somebody borrows again.
        """
        for bucket in self._buckets.values():
            bucket.used_at = float("-inf")
        return self._send_away(Evacuated("the target is not the one to use"), CloseReason.RETIRED, now)

    # -- inside, and otherwise with tenants -----------------------------------------------------------------

    def _new_ledger(self, limits: PoolLimits) -> Ledger:
        return Ledger(limits)

    def _place(self, slot: Slot, now: float, out: list[Decision], opening: Opening | None = None) -> None:
        place(self._ledger, slot, now, out, opening=opening)

    def _progress(self, now: float, out: list[Decision]) -> None:
        make_progress(self._ledger, now, out)

    def _expire_impatient(self, bucket: Bucket, out: list[Decision]) -> None:
        expire_impatient(self._ledger, bucket, out)

    def _end_opening(self, request: OpenRequest) -> Opening:
        opening = self._ledger.openings.pop(request)
        if opening.doom is None:
            opening.bucket.opening -= 1
        return opening

    def _send_away(self, error: BaseException, reason: CloseReason, now: float) -> Decisions:
        out: list[Decision] = []
        refuse(self._ledger, sorted(self._ledger.deadlines, key=lambda waiter: waiter.number), error, out)
        return [*out, *self._retire(set(self._buckets.values()), reason, now)]

    def _retire(self, buckets: set[Bucket], reason: CloseReason, now: float) -> Decisions:
        out: list[Decision] = []
        retire(self._ledger, buckets, reason, out)
        self._progress(now, out)
        return out
