"""Where a connection goes that has just been returned or opened: to a waiter, to the idle ones, or away."""

from .bucket import Opening, Slot
from .decisions import Decision, Grant
from .ledger import Ledger
from .matching import choose, pass_over
from .opening import make_progress
from .reasons import CloseReason
from .waiters import Waiter

__all__ = ["grant", "place", "reason_to_close"]


def place(
    ledger: Ledger, slot: Slot, now: float, out: list[Decision], *, opening: Opening | None = None
) -> None:
    """Close, hand over or shelve a slot that its borrower has left, or that ``opening`` has produced.

    A new one is never closed to make room for other keys: its own key's turn had come when it was opened.
    """
    own = opening.waiter if opening is not None else None
    reason = reason_to_close(ledger, slot, now)
    if reason is None:
        chosen = choose(slot, own) if slot.bucket.waiters else None
        if chosen is None:
            ledger.shelve(slot, now)
        elif opening is None and pass_over(ledger, chosen, now):
            reason = CloseReason.MADE_ROOM
        else:
            grant(ledger, chosen, slot, now, out)
            return
    if reason is not None:
        out.append(ledger.close(slot, reason))
    make_progress(ledger, now, out)


def grant(ledger: Ledger, waiter: Waiter, slot: Slot, now: float, out: list[Decision]) -> None:
    """Hand a borrowed slot to the waiter."""
    ledger.remove_waiter(waiter)
    ledger.counters.granted += 1
    ledger.counters.wait += now - waiter.enqueued_at
    out.append(Grant(waiter, slot.connection))


def reason_to_close(ledger: Ledger, slot: Slot, now: float) -> CloseReason | None:
    """Return why a slot that its borrower has left is not to be used again, if it is not."""
    if slot.doom is not None:
        return slot.doom
    if ledger.has_surplus:
        if ledger.surplus > 0:
            return CloseReason.SHRUNK
        ledger.has_surplus = False
    return CloseReason.LIFE if now >= slot.expires_at else None
