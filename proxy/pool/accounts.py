"""What one tenant has of a pool's connections, and who waits for its sake."""

from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

import attrs

from .bucket import Bucket, Opening
from .interface import Share, Tenant
from .limits import AGE_LIMIT
from .metrics import TenantMetrics
from .waiters import Waiter

__all__ = ["Account", "Entry", "Line", "NoShare"]

Entry = tuple[float, float, int, int, "Account"]
"""A place in the ranking; the account comes after a number that no two entries share."""


@attrs.frozen
class NoShare:
    """The share of those who have none of their own, and of a key without a tenant: no limits."""

    weight: float = 1.0
    min_connections_percent: float = 0.0
    max_connections_percent: float = 100.0
    max_queue_length: int = 0
    borrow_timeout: float | None = None


@attrs.define(eq=False)
class Line:
    """A tenant's waiters for one key; there are never more openings than waiters."""

    account: "Account" = attrs.field(repr=False)
    bucket: Bucket = attrs.field(repr=False)
    waiters: OrderedDict[Waiter, None] = attrs.field(factory=OrderedDict, repr=False)
    openings: list[Opening] = attrs.field(factory=list, repr=False)
    """Connections being opened for the first of the waiters."""
    promised: int = 0
    """Slots being freed for the next of them, as far as one round of serving has come."""

    def wanted(self, now: float) -> int:
        """Return how many more connections would be opened if there were room; one for a failing key."""
        if self.bucket.failures:
            is_due = now >= self.bucket.retry_at and not self.bucket.opening and not self.promised
            return 1 if is_due and self.waiters else 0
        return len(self.waiters) - len(self.openings) - self.promised

    def next_uncovered(self) -> Waiter:
        """Return the oldest waiter for whom nothing is opening or promised; there must be one."""
        return next(islice(self.waiters, len(self.openings) + self.promised, None))

    def urgency(self) -> tuple[bool, int]:
        """Return what orders a tenant's lines: who was passed over too often, then the oldest."""
        waiter = self.next_uncovered()
        return waiter.skipped < AGE_LIMIT, waiter.number


@attrs.define(eq=False)
class Account:
    """One tenant's part. Changed by `Shares` and `FairLedger` only."""

    name: str
    reference: Callable[[], Tenant | None] = attrs.field(repr=False)
    """A weak reference: who comes and goes is remembered by whoever made it, not by the pool."""
    share: Share = attrs.field(repr=False)
    weight: float = 1.0
    most: int = 1
    """Connections it may have."""
    least: int = 0
    """Connections that others leave to it."""
    used: int = 0
    """Connections it has: lent or opening, or promised within one round of serving."""
    level: float = 0.0
    """Those for its weight."""
    recent: float = 0.0
    """Connection-seconds for its weight, those of long ago faded, as of ``since``."""
    since: float = 0.0
    lines: OrderedDict[Bucket, Line] = attrs.field(factory=OrderedDict, repr=False)
    """Where anyone waits."""
    waiting: int = 0
    opening: int = 0
    entry: Entry | None = attrs.field(default=None, repr=False)
    """Its valid place in the ranking."""
    is_expected: bool = False
    """Whether it is kept though nobody of it may ever have come."""
    granted: int = 0
    waited: float = 0.0
    refused: int = 0
    expired: int = 0

    @property
    def tenant(self) -> Tenant | None:
        """Whose it is; None for the account of those without a tenant, and of a tenant that is no more."""
        return self.reference()

    def metrics(self) -> TenantMetrics:
        """Return the present gauges and counters."""
        return TenantMetrics(
            name=self.name,
            used=self.used,
            most=self.most,
            least=self.least,
            waiting=self.waiting,
            waited=self.waited,
            granted=self.granted,
            refused=self.refused,
            expired=self.expired,
        )
