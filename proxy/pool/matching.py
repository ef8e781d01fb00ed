"""Who gets a connection: exact settings first, the same key second, and nobody passed over for ever.

Theory of operation. A connection that becomes available goes to a waiter of its own key: among the first few,
the one that wants exactly its settings (nothing to replay), else the first that it can become. Whoever is
older and goes without has been passed over once more, also the oldest waiters of other keys, provided a slot
would help them. A waiter that was passed over `AGE_LIMIT` times is served in order: it gets the connection if
it can use it; if it cannot, the connection is closed, and one is opened for it in the slot.
"""

from collections.abc import Iterable
from itertools import islice

from .bucket import Bucket, Slot
from .ledger import Ledger
from .limits import AGE_LIMIT, EXACT_MATCH_WINDOW, RIVAL_WINDOW
from .waiters import Waiter

__all__ = ["choose", "choose_among", "missing_room", "pass_over"]


def choose(slot: Slot, own: Waiter | None = None) -> Waiter | None:
    """Return the waiter of the slot's key to be served, None if none can use it.

    ``own`` is the one for whom the connection was opened or found: it can use it without being asked.
    """
    return choose_among(slot.bucket.waiters, slot, own)


def choose_among(waiters: Iterable[Waiter], slot: Slot, own: Waiter | None = None) -> Waiter | None:
    """Return which of these waiters, who come in order of arrival, is to be served; as `choose`."""
    connection = slot.connection
    settings = connection.settings
    fitting = None
    for place, waiter in enumerate(waiters):
        if place >= EXACT_MATCH_WINDOW and fitting is not None:
            break
        if waiter.settings is settings:
            return waiter
        if fitting is None and (waiter is own or connection.can_become(waiter.settings)):
            fitting = waiter
        if fitting is not None and waiter.skipped >= AGE_LIMIT:
            break
    return fitting


def pass_over(ledger: Ledger, chosen: Waiter, now: float) -> bool:
    """Age everyone older than the chosen waiter who goes without; True if one of them must go first.

    Then nobody is aged, and the connection is to make room instead of being handed over.
    """
    bucket = ledger.buckets[chosen.key]
    window = list(islice(bucket.waiters, EXACT_MATCH_WINDOW))
    rivals = _oldest_of_other_keys(ledger, bucket, now)
    older = [waiter for waiter in window + rivals if waiter.number < chosen.number]
    # Those with a connection opening for them are served already; room is made once for each of the others.
    covered = set(window[: bucket.opening])
    overdue = sum(waiter.skipped >= AGE_LIMIT for waiter in older if waiter not in covered)
    if overdue and min(overdue, ledger.startable) > ledger.free + ledger.closing:
        return True
    for waiter in older:
        waiter.skipped += 1
    return False


def _oldest_of_other_keys(ledger: Ledger, own: Bucket, now: float) -> list[Waiter]:
    """Return whom the next slot would help, for a bounded number of keys: in turn, if there are more."""
    rivals = []
    for bucket in list(islice(ledger.waiting, RIVAL_WINDOW)):
        if bucket is not own and bucket.wanted(now):
            rivals.append(bucket.next_uncovered())
        if len(ledger.waiting) > RIVAL_WINDOW:
            ledger.waiting.move_to_end(bucket)
    return rivals


def missing_room(ledger: Ledger, now: float) -> int:
    """Return how many slots must still be freed for the connections that could be opened at once."""
    startable = ledger.startable
    wanted = 0
    for bucket in ledger.waiting:
        if wanted >= startable:
            break
        wanted += bucket.wanted(now)
    return min(wanted, startable) - ledger.free - ledger.closing if startable > 0 else 0
