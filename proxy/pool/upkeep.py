"""Ends of waits, and what happens to connections that nobody asked for: trimming, warming, retirement.

Warming and trimming cannot fight: connections are opened to be kept warm only below ``max_idle``, and closed
for being idle only above it.
"""

from collections.abc import Iterable
from itertools import islice

from .bucket import Bucket, SlotState
from .decisions import Abandon, Decision, Expire
from .ledger import Ledger
from .opening import warm_up
from .reasons import CloseReason
from .waiters import Waiter

__all__ = ["close_surplus", "expire", "expire_impatient", "expire_waiters", "refuse", "retire", "tidy"]


def expire(ledger: Ledger, waiter: Waiter) -> Expire:
    """Take the waiter out because its time is over."""
    return ledger.expire(waiter)


def expire_waiters(ledger: Ledger, now: float, out: list[Decision]) -> None:
    """Take out all whose deadline has come, the earliest first."""
    while (waiter := ledger.deadlines.first()) is not None and waiter.deadline <= now:
        out.append(expire(ledger, waiter))


def expire_impatient(ledger: Ledger, bucket: Bucket, out: list[Decision]) -> None:
    """With a borrow timeout of 0, end the waits that were only for an open that has failed."""
    if ledger.limits.borrow_timeout == 0:
        uncovered = list(islice(bucket.waiters, bucket.opening, None))
        out.extend(expire(ledger, waiter) for waiter in uncovered)


def refuse(ledger: Ledger, waiters: Iterable[Waiter], error: BaseException, out: list[Decision]) -> None:
    """Take out waiters that cannot be served."""
    for waiter in waiters:
        out.append(ledger.refuse(waiter, error))


def close_surplus(ledger: Ledger, out: list[Decision]) -> None:
    """Close idle connections above the cap, the longest idle first; note whether that was not enough."""
    ledger.has_surplus = ledger.surplus > 0
    while ledger.surplus > 0:
        slot = ledger.oldest_idle()
        if slot is None:
            return
        out.append(ledger.close(slot, CloseReason.SHRUNK))
    ledger.has_surplus = False


def retire(ledger: Ledger, buckets: set[Bucket], reason: CloseReason, out: list[Decision]) -> None:
    """End the buckets' present generation: idle closed, borrowed and opening doomed, failures forgotten."""
    for slot in ledger.slots.values():
        if slot.bucket in buckets and slot.state is SlotState.IDLE:
            out.append(ledger.close(slot, reason))
        elif slot.bucket in buckets and slot.state is SlotState.BORROWED:
            slot.doom = reason
    for request, opening in ledger.openings.items():
        if opening.bucket in buckets and opening.doom is None:
            opening.doom = reason
            opening.bucket.opening -= 1
            out.append(Abandon(request))
    for bucket in buckets:
        # The new generation starts with a clean slate: other credentials, or another server.
        bucket.recovered()


def tidy(ledger: Ledger, now: float, out: list[Decision], warm: bool) -> None:
    """Close what is too old or too many, open what is to be kept warm, drop what is empty."""
    _trim(ledger, now, out)
    if warm and ledger.limits.min_idle:
        warm_up(ledger, now, out)
    for bucket in list(ledger.buckets.values()):
        bucket.purge()
        if _is_forgettable(bucket, ledger, now):
            del ledger.buckets[bucket.key]


def _trim(ledger: Ledger, now: float, out: list[Decision]) -> None:
    limits = ledger.limits
    for slot in ledger.idle_slots():
        if now >= slot.expires_at:
            out.append(ledger.close(slot, CloseReason.LIFE))
        elif ledger.idle > limits.max_idle and now - slot.idle_since >= limits.idle_connection_timeout:
            out.append(ledger.close(slot, CloseReason.IDLE))


def _is_forgettable(bucket: Bucket, ledger: Ledger, now: float) -> bool:
    """Say whether nothing is lost with the bucket; a failing one is kept, or its pauses would restart."""
    if bucket.waiters or bucket.size or bucket.opening:
        return False
    if bucket.failures:
        return now >= bucket.retry_at + ledger.limits.backoff_max
    return not ledger.limits.min_idle or now - bucket.used_at >= ledger.limits.warm_key_timeout
