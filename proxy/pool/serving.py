"""Who is served next where connections are shared among tenants, and with what.

Theory of operation. Whatever happens, the tenants are asked in order: who has the fewest connections for its
weight first (see `shares`). A tenant's turn gives one waiter an idle connection of its key, chosen among the
tenant's waiters as without tenants; or begins to open one in a free slot; or frees a slot, of one that is
closing anyhow or of the connection that has been idle longest. That goes on until nothing is available to
anyone who waits, so what one tenant leaves unused is the others', but for the minimums.

A connection that has just been returned stays with its key, though another key's tenant comes first, while
that tenant has connections itself and is not far behind: else equal tenants with different users would close
and open connections all the time. One that has just been opened stays with its key in any case.
"""

import enum
from itertools import islice

import attrs

from .accounts import Account, Line
from .bucket import Opening, Slot, SlotState
from .decisions import Decision, Grant, Open
from .fair_ledger import FairLedger
from .interface import OpenRequest
from .limits import AGE_LIMIT, BLOCKED_WINDOW, EXACT_MATCH_WINDOW, KEY_SWITCH_LAG, RIVAL_WINDOW
from .matching import choose_among
from .reasons import CloseReason
from .waiters import Waiter

__all__ = ["Fresh", "serve"]


@attrs.define(eq=False)
class Fresh:
    """A slot that has just become idle."""

    slot: Slot
    leaver: Account | None
    """Whose it was, or for whom it was opened."""
    own: Waiter | None = None
    """For whom it was opened: it can use it without being asked."""
    is_new: bool = False


def serve(
    ledger: FairLedger,
    now: float,
    out: list[Decision],
    fresh: Fresh | None = None,
    *,
    thorough: bool = False,
) -> None:
    """Serve everyone who can be, in order.

    Unless it is ``thorough``, the search for somebody who needs no new connection is bounded while as many
    are opening as may be.
    """
    if ledger.waiting:
        _Round(ledger, now, out, fresh, thorough).run()


class _Turn(enum.Enum):
    SERVED = enum.auto()
    PASSED = enum.auto()
    BLOCKED = enum.auto()


@attrs.define(eq=False)
class _Round:
    ledger: FairLedger
    now: float
    out: list[Decision]
    fresh: Fresh | None
    thorough: bool
    rooms: list[Line] = attrs.field(factory=list)
    """For whom slots are being freed; each is charged until the round is over."""
    aside: list[Account] = attrs.field(factory=list)

    def run(self) -> None:
        ledger, shares = self.ledger, self.ledger.shares
        blocked = 0
        while (account := shares.first(ledger.available)) is not None:
            turn = self._serve_one(account)
            if turn is _Turn.SERVED:
                continue
            shares.ranking.leave(account)
            self.aside.append(account)
            blocked += turn is _Turn.BLOCKED
            if blocked and (not ledger.idle or (blocked > BLOCKED_WINDOW and not self.thorough)):
                break
        self._offer_fresh()
        for line in self.rooms:
            line.promised -= 1
            shares.release(line.account)
        for account in self.aside:
            shares.rank(account)

    def _serve_one(self, account: Account) -> _Turn:
        for line in list(account.lines.values()):
            if self._serve_idle(line):
                return _Turn.SERVED
        if account.used >= account.most:
            return _Turn.PASSED
        next_line = self._line_to_open(account)
        if next_line is None:
            return _Turn.PASSED
        return self._serve_new(next_line)

    # -- with an idle connection ----------------------------------------------------------------------------

    def _serve_idle(self, line: Line) -> bool:
        account = line.account
        if not line.bucket.idle or (account.used >= account.most and not line.openings):
            return False
        slot, waiter = self._match(line)
        if slot is None or waiter is None:
            return False
        older = self._passed_over(line, waiter)
        if self._must_make_room(older, account):
            self.out.append(self.ledger.close(slot, CloseReason.MADE_ROOM))
        else:
            for each in older:
                each.skipped += 1
            self._grant(waiter, slot)
        return True

    def _match(self, line: Line) -> tuple[Slot | None, Waiter | None]:
        """Choose an idle slot of the line's key and who is to have it, as little as possible to replay."""
        bucket = line.bucket
        for waiter in islice(line.waiters, EXACT_MATCH_WINDOW):
            stack = bucket.stacks.get(id(waiter.settings))
            if stack:
                return stack[-1], waiter
            if waiter.skipped >= AGE_LIMIT:
                break
        for slot in reversed(bucket.idle):
            chosen = choose_among(line.waiters, slot, self._own(slot))
            if chosen is not None:
                return slot, chosen
        return None, None

    def _own(self, slot: Slot) -> Waiter | None:
        return self.fresh.own if self.fresh is not None and self.fresh.slot is slot else None

    def _passed_over(self, line: Line, chosen: Waiter) -> list[Waiter]:
        """Return who of the tenant is older than the chosen one, goes without, and has nothing opening."""
        window = list(islice(line.waiters, EXACT_MATCH_WINDOW))[len(line.openings) + line.promised :]
        lines = line.account.lines
        for other in list(islice(lines.values(), RIVAL_WINDOW)):
            if other is not line and other.wanted(self.now) > 0:
                window.append(other.next_uncovered())
            if len(lines) > RIVAL_WINDOW:
                lines.move_to_end(other.bucket)
        return [waiter for waiter in window if waiter.number < chosen.number]

    def _must_make_room(self, older: list[Waiter], account: Account) -> bool:
        """Say whether one of these was passed over too often and needs a slot that is not being freed yet."""
        overdue = sum(waiter.skipped >= AGE_LIMIT for waiter in older)
        if not overdue or account.used >= account.most or (self.fresh is not None and self.fresh.is_new):
            return False
        ledger = self.ledger
        return min(overdue, ledger.startable) > ledger.free + ledger.closing

    def _grant(self, waiter: Waiter, slot: Slot) -> None:
        ledger = self.ledger
        ledger.hand_over(waiter, slot, self.now)
        ledger.counters.granted += 1
        ledger.counters.wait += self.now - waiter.enqueued_at
        self.out.append(Grant(waiter, slot.connection))

    # -- with a new one -------------------------------------------------------------------------------------

    def _serve_new(self, line: Line) -> _Turn:
        ledger = self.ledger
        if ledger.adopt(line):
            return _Turn.SERVED
        if ledger.startable <= len(self.rooms):
            return _Turn.BLOCKED
        if ledger.free > 0:
            self._open(line)
        elif ledger.free + ledger.closing > len(self.rooms):
            self._promise(line)
        else:
            self._make_room(line)
        return _Turn.SERVED

    def _line_to_open(self, account: Account) -> Line | None:
        wanting = (line for line in account.lines.values() if line.wanted(self.now) > 0)
        return min(wanting, key=Line.urgency, default=None)

    def _open(self, line: Line) -> None:
        ledger, waiter = self.ledger, line.next_uncovered()
        request = OpenRequest(line.bucket.key, waiter.settings, waiter.context)
        opening = ledger.openings[request] = Opening(line.bucket, waiter, self.now)
        line.bucket.opening += 1
        ledger.counters.requested += 1
        ledger.own(opening, line)
        self.out.append(Open(request))

    def _promise(self, line: Line) -> None:
        """Charge a slot that is being freed, so that the next one is another's if it is its turn."""
        line.promised += 1
        self.rooms.append(line)
        self.ledger.shares.charge(line.account)

    def _make_room(self, line: Line) -> None:
        slot = self.ledger.oldest_idle()
        assert slot is not None, "what is available is neither free nor idle"
        if self.fresh is not None and slot is self.fresh.slot:
            keeper = self._keeper()
            if keeper is not None and (self.fresh.is_new or self._may_keep(keeper.account, line)):
                line.next_uncovered().skipped += 1
                if self._hand_fresh(keeper):
                    return
        self.out.append(self.ledger.close(slot, CloseReason.MADE_ROOM))
        self._promise(line)

    # -- with the fresh one, out of order -------------------------------------------------------------------

    def _keeper(self) -> Line | None:
        """Return who of the fresh slot's key comes first."""
        if self.fresh is None:
            return None
        bucket = self.fresh.slot.bucket
        waiting = [waiter.line for waiter in islice(bucket.waiters, RIVAL_WINDOW)]
        leaver = self.fresh.leaver
        lines = dict.fromkeys([leaver.lines.get(bucket), *waiting] if leaver is not None else waiting)
        available, shares = self.ledger.available, self.ledger.shares
        may = [line for line in lines if line is not None and self._may_take(line, available)]
        return min(may, key=lambda line: (line.account.level, shares.recent(line.account)), default=None)

    def _may_take(self, line: Line, available: int) -> bool:
        account = line.account
        if account.used >= account.most and not line.openings:
            return False
        return self.ledger.shares.may_serve(account, available)

    def _may_keep(self, account: Account, line: Line) -> bool:
        """Say whether the account may have the fresh slot, though the line's tenant comes first."""
        first = line.account
        if first.used < first.least or line.next_uncovered().skipped >= AGE_LIMIT:
            return False
        if first.level < account.level and not first.used:
            return False
        return self.ledger.shares.lag(first, account) <= KEY_SWITCH_LAG

    def _hand_fresh(self, keeper: Line) -> bool:
        assert self.fresh is not None
        waiter = choose_among(keeper.waiters, self.fresh.slot, self.fresh.own)
        if waiter is None:
            return False
        self._grant(waiter, self.fresh.slot)
        return True

    def _offer_fresh(self) -> None:
        """Rather than have it idle beside a waiter, give the fresh slot to whoever can use it."""
        if self.fresh is not None and self.fresh.slot.state is SlotState.IDLE:
            keeper = self._keeper() if self.fresh.slot.bucket.waiters else None
            if keeper is not None:
                self._hand_fresh(keeper)
