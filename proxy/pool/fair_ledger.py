"""The bookkeeping of a pool whose connections are shared out among tenants.

A connection is charged to the tenant of whoever borrows it, from the grant to the return. One that is being
opened is charged to the tenant it is opened for, as long as somebody of it needs it: then it is nobody's, as
idle connections are, until another waiter of its key comes that needs one opened.
"""

import attrs

from .accounts import Account, Line
from .bucket import Opening, Slot
from .decisions import Close, Expire, Refuse
from .errors import TenantTimeout
from .ledger import Ledger
from .reasons import CloseReason
from .shares import Shares
from .waiters import Waiter

__all__ = ["FairLedger"]


@attrs.define(eq=False)
class FairLedger(Ledger):
    """A ledger that also knows whose everything is."""

    shares: Shares = attrs.field(kw_only=True)

    @property
    def available(self) -> int:
        """Connections that nobody has: idle ones, and slots with nothing in them."""
        return self.free + self.idle

    def add_waiter(self, waiter: Waiter, now: float, deadline: float) -> None:
        """Queue the waiter last, of all and of its tenant."""
        super().add_waiter(waiter, now, deadline)
        bucket = self.buckets[waiter.key]
        account = self.shares.account_of(waiter.key)
        line = account.lines.get(bucket)
        if line is None:
            line = account.lines[bucket] = Line(account, bucket)
        line.waiters[waiter] = None
        waiter.line = line
        account.waiting += 1
        if account.entry is None:
            self.shares.rank(account)

    def remove_waiter(self, waiter: Waiter) -> None:
        """Take a waiter out; a connection that was opening for it may be anybody's now."""
        super().remove_waiter(waiter)
        line = _line(waiter)
        account = line.account
        del line.waiters[waiter]
        account.waiting -= 1
        if not line.waiters:
            del account.lines[line.bucket]
        if not account.waiting:
            self.shares.ranking.leave(account)
        if len(line.openings) > len(line.waiters):
            self.disown(line.openings[-1])

    def expire(self, waiter: Waiter) -> Expire:
        """Take a waiter out because its time is over, be it its tenant's own timeout, and say so."""
        expired = super().expire(waiter)
        account = _line(waiter).account
        account.expired += 1
        if waiter.own_timeout is None:
            return expired
        return Expire(waiter, expired.cause, TenantTimeout(account.name, waiter.own_timeout))

    def refuse(self, waiter: Waiter, error: BaseException) -> Refuse:
        """Take a waiter out because it cannot be served, and say so."""
        _line(waiter).account.refused += 1
        return super().refuse(waiter, error)

    # -- whose a connection is ------------------------------------------------------------------------------

    def lend(self, slot: Slot, account: Account) -> None:
        """Charge a borrowed slot to the account."""
        slot.owner = account
        account.granted += 1
        self.shares.charge(account)

    def hand_over(self, waiter: Waiter, slot: Slot, now: float) -> None:
        """Lend an idle slot to the waiter, in place of one opening for it if that is the tenant's last."""
        self.unshelve(slot)
        self.remove_waiter(waiter)
        line = _line(waiter)
        account = line.account
        if account.used >= account.most and line.openings:
            self.disown(line.openings[-1])
        account.waited += now - waiter.enqueued_at
        self.lend(slot, account)

    def leave(self, slot: Slot) -> None:
        """Note that the borrower of the slot, if it has one, has it no longer."""
        owner = slot.owner
        if owner is not None:
            slot.owner = None
            self.shares.release(owner)

    def shelve(self, slot: Slot, now: float) -> None:
        """Make a borrowed slot idle, and nobody's."""
        self.leave(slot)
        super().shelve(slot, now)

    def close(self, slot: Slot, reason: CloseReason) -> Close:
        """Mark an idle or borrowed slot as closing, and nobody's."""
        self.leave(slot)
        return super().close(slot, reason)

    def forget(self, slot: Slot) -> None:
        """Free the slot of a connection that is gone."""
        self.leave(slot)
        super().forget(slot)

    # -- whose an opening is --------------------------------------------------------------------------------

    def own(self, opening: Opening, line: Line) -> None:
        """Charge an opening to the line's tenant."""
        opening.line = line
        line.openings.append(opening)
        line.account.opening += 1
        self.shares.charge(line.account)

    def disown(self, opening: Opening) -> None:
        """Let an opening be nobody's, if it was somebody's."""
        line = opening.line
        if line is not None:
            opening.line = None
            line.openings.remove(opening)
            line.account.opening -= 1
            self.shares.release(line.account)

    def adopt(self, line: Line) -> bool:
        """Charge an opening of the line's key that is nobody's to its tenant; False if there is none."""
        if not line.bucket.opening or line.bucket.failures:
            return False
        for opening in self.openings.values():
            if opening.bucket is line.bucket and opening.line is None and opening.doom is None:
                self.own(opening, line)
                return True
        return False


def _line(waiter: Waiter) -> Line:
    assert waiter.line is not None, "a waiter of no tenant's line"
    return waiter.line
