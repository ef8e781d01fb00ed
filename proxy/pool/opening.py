"""When connections are opened, and when an idle one must go for that.

A waiter has at most one connection opening for it, and a key never has more opening than waiting. Whoever has
been passed over too often comes first, then the oldest. At the cap, the longest idle connections make room,
as many as are needed and not already closing: what is idle while someone waits is of no use to any waiter.
"""

from .bucket import Bucket, Opening
from .decisions import Decision, Open
from .interface import OpenRequest
from .ledger import Ledger
from .limits import AGE_LIMIT
from .matching import missing_room
from .reasons import CloseReason
from .waiters import Waiter

__all__ = ["is_provided_for", "make_progress", "warm_up"]


def make_progress(ledger: Ledger, now: float, out: list[Decision]) -> None:
    """Open what the waiters want as far as there is room, and make room for the rest."""
    while ledger.waiting and ledger.free > 0 and ledger.startable > 0:
        bucket = _next_in_line(ledger, now)
        if bucket is None:
            return
        waiter = bucket.next_uncovered()
        out.append(
            _open(ledger, bucket, OpenRequest(bucket.key, waiter.settings, waiter.context), waiter, now)
        )
    if ledger.waiting and ledger.idle:
        _make_room(ledger, now, out)


def warm_up(ledger: Ledger, now: float, out: list[Decision]) -> None:
    """Open idle connections for the keys in use that have fewer than the minimum; waiters come first.

    Never more than would be left alone by trimming, or two rules would open and close for ever.
    """
    limits = ledger.limits
    for bucket in ledger.buckets.values():
        if bucket.waiters or bucket.failures or now - bucket.used_at >= limits.warm_key_timeout:
            continue
        for _ in range(limits.min_idle - len(bucket.idle) - bucket.opening):
            warm = ledger.idle + len(ledger.openings)
            if warm >= limits.max_idle or ledger.free <= 0 or ledger.startable <= 0:
                return
            out.append(_open(ledger, bucket, OpenRequest(bucket.key, bucket.settings), None, now))


def is_provided_for(ledger: Ledger, waiter: Waiter, now: float) -> bool:
    """Say whether the youngest waiter has a connection opening, or a slot being freed for one."""
    bucket = ledger.buckets[waiter.key]
    if len(bucket.waiters) <= bucket.opening:
        return True
    wanted = sum(each.wanted(now) for each in ledger.waiting)
    return not bucket.failures and wanted <= min(ledger.startable, ledger.free + ledger.closing)


def _next_in_line(ledger: Ledger, now: float) -> Bucket | None:
    ready = (bucket for bucket in ledger.waiting if bucket.wanted(now))
    return min(ready, key=_urgency, default=None)


def _urgency(bucket: Bucket) -> tuple[bool, int]:
    waiter = bucket.next_uncovered()
    return waiter.skipped < AGE_LIMIT, waiter.number


def _open(ledger: Ledger, bucket: Bucket, request: OpenRequest, waiter: Waiter | None, now: float) -> Open:
    ledger.openings[request] = Opening(bucket, waiter, now)
    bucket.opening += 1
    ledger.counters.requested += 1
    return Open(request)


def _make_room(ledger: Ledger, now: float, out: list[Decision]) -> None:
    for _ in range(missing_room(ledger, now)):
        slot = ledger.oldest_idle()
        if slot is None:
            return
        out.append(ledger.close(slot, CloseReason.MADE_ROOM))
