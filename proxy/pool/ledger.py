"""Who has which connection, and how much room is left: the pool's bookkeeping without its policy.

Every slot counts against the one cap from the moment its connection is asked for until it is really closed,
so the target never sees more connections than the cap. The only exception is a cap that was lowered.
"""

from collections import OrderedDict
from collections.abc import Hashable

import attrs

from .bucket import Bucket, Opening, Slot, SlotState
from .decisions import Close, Expire, Refuse
from .interface import OpenRequest, PooledConnection
from .limits import PoolLimits
from .metrics import Counters, KeyMetrics, PoolMetrics
from .reasons import CloseReason
from .waiters import Deadlines, Waiter

__all__ = ["Ledger"]


@attrs.define(eq=False)
class Ledger:
    """Slots, openings and waiters of all keys. A new slot is a borrowed one."""

    limits: PoolLimits
    buckets: dict[Hashable, Bucket] = attrs.field(factory=dict)
    slots: dict[PooledConnection, Slot] = attrs.field(factory=dict)
    openings: dict[OpenRequest, Opening] = attrs.field(factory=dict)
    waiting: OrderedDict[Bucket, None] = attrs.field(factory=OrderedDict)
    """Buckets with waiters."""
    deadlines: Deadlines[Waiter] = attrs.field(factory=Deadlines)
    counters: Counters = attrs.field(factory=Counters)
    has_surplus: bool = False
    """Whether returned connections may be above a cap that was lowered."""
    idle: int = 0
    closing: int = 0
    arrivals: int = 0

    @property
    def total(self) -> int:
        """Slots that count against the cap."""
        return len(self.slots) + len(self.openings)

    @property
    def free(self) -> int:
        """Slots that may be opened now; negative after the cap was lowered."""
        return self.limits.max_connections - self.total

    @property
    def borrowed(self) -> int:
        """Connections that someone has."""
        return len(self.slots) - self.idle - self.closing

    @property
    def is_short(self) -> bool:
        """Whether anyone waits for whom no connection is being opened, or for whom opening fails."""
        return any(bucket.failures or len(bucket.waiters) > bucket.opening for bucket in self.waiting)

    @property
    def startable(self) -> int:
        """Connections that may begin to open now as far as the number of concurrent opens goes."""
        return self.limits.max_connecting - len(self.openings)

    @property
    def surplus(self) -> int:
        """Connections above the cap that are not closing yet; zero or less when the cap is kept."""
        return -self.free - self.closing

    def bucket(self, key: Hashable) -> Bucket:
        """Return the key's bucket, a new one if need be."""
        bucket = self.buckets.get(key)
        if bucket is None:
            bucket = self.buckets[key] = Bucket(key)
        return bucket

    def add_waiter(self, waiter: Waiter, now: float, deadline: float) -> None:
        """Queue the waiter last, and let it expire at the deadline."""
        bucket = self.bucket(waiter.key)
        self.arrivals += 1
        waiter.number = self.arrivals
        waiter.enqueued_at = now
        waiter.deadline = deadline
        waiter.is_admitted = True
        bucket.waiters[waiter] = None
        bucket.used_at = now
        bucket.settings = waiter.settings
        self.waiting[bucket] = None
        self.deadlines.add(waiter)

    def remove_waiter(self, waiter: Waiter) -> None:
        """Take a waiter out of the queue; it must be in."""
        bucket = self.buckets[waiter.key]
        del bucket.waiters[waiter]
        if not bucket.waiters:
            del self.waiting[bucket]
        self.deadlines.remove(waiter)

    def expire(self, waiter: Waiter) -> Expire:
        """Take a waiter out because its time is over, and say so."""
        self.remove_waiter(waiter)
        self.counters.expired += 1
        return Expire(waiter, self.buckets[waiter.key].last_error)

    def refuse(self, waiter: Waiter, error: BaseException) -> Refuse:
        """Take a waiter out because it cannot be served, and say so."""
        self.remove_waiter(waiter)
        self.counters.refused += 1
        return Refuse(waiter, error)

    def shelve(self, slot: Slot, now: float) -> None:
        """Make a borrowed slot idle."""
        slot.bucket.push(slot, now)
        self.idle += 1

    def unshelve(self, slot: Slot) -> None:
        """Make an idle slot borrowed."""
        slot.bucket.remove(slot)
        slot.state = SlotState.BORROWED
        self.idle -= 1

    def open_slot(self, connection: PooledConnection, bucket: Bucket, expires_at: float) -> Slot:
        """Record an open connection."""
        slot = self.slots[connection] = Slot(connection, bucket, expires_at)
        bucket.size += 1
        return slot

    def close(self, slot: Slot, reason: CloseReason) -> Close:
        """Mark an idle or borrowed slot as closing, and say so."""
        if slot.state is SlotState.IDLE:
            self.unshelve(slot)
        slot.state = SlotState.CLOSING
        slot.doom = reason
        self.closing += 1
        return Close(slot.connection, reason)

    def forget(self, slot: Slot) -> None:
        """Free the slot of a connection that is gone, whatever its state."""
        reason = CloseReason.LOST
        if slot.state is SlotState.IDLE:
            self.unshelve(slot)
        elif slot.state is SlotState.CLOSING:
            self.closing -= 1
            reason = slot.doom or reason
        del self.slots[slot.connection]
        slot.bucket.size -= 1
        self.counters.closed[reason] += 1

    def oldest_idle(self) -> Slot | None:
        """Return the connection that has been idle longest, over all keys."""
        fronts = (next(iter(bucket.idle)) for bucket in self.buckets.values() if bucket.idle)
        return min(fronts, key=lambda slot: slot.idle_since, default=None)

    def idle_slots(self) -> list[Slot]:
        """Return all idle slots, the longest idle first."""
        slots = [slot for bucket in self.buckets.values() for slot in bucket.idle]
        return sorted(slots, key=lambda slot: slot.idle_since)

    def by_key(self) -> list[KeyMetrics]:
        """Return the present gauges of each key that has connections or waiters."""
        found = {key: KeyMetrics(key, waiting=len(bucket.waiters)) for key, bucket in self.buckets.items()}
        for opening in self.openings.values():
            # Its bucket may have been dropped since, when it was doomed.
            key = opening.bucket.key
            found.setdefault(key, KeyMetrics(key)).opening += 1
        for slot in self.slots.values():
            row = found.setdefault(slot.bucket.key, KeyMetrics(slot.bucket.key))
            row.connections += 1
            row.idle += slot.state is SlotState.IDLE
            row.borrowed += slot.state is SlotState.BORROWED
            row.closing += slot.state is SlotState.CLOSING
        return [row for row in found.values() if row.connections or row.opening or row.waiting]

    def metrics(self) -> PoolMetrics:
        """Return the present gauges and counters."""
        counters = self.counters
        return PoolMetrics(
            database_connections=len(self.slots),
            database_connections_currently_borrowed=self.borrowed,
            database_connections_idle=self.idle,
            database_connections_opening=len(self.openings),
            database_connections_closing=self.closing,
            max_database_connections_allowed=self.limits.max_connections,
            waiting=len(self.deadlines),
            database_connection_requests_total=counters.requested,
            database_connections_setup_succeeded_total=counters.opened,
            database_connections_setup_failed_total=counters.failed,
            database_connections_closed_total=dict(counters.closed),
            borrow_latency_sum=counters.wait,
            borrow_latency_count=counters.taken + counters.granted,
            borrows_expired_total=counters.expired,
            borrows_refused_total=counters.refused,
            borrows_cancelled_total=counters.cancelled,
            borrows_rejected_total=counters.rejected,
        )
