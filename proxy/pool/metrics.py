"""Gauges and counters of a pool, named after the RDS Proxy metrics they feed. Times are in seconds."""

from collections.abc import Hashable

import attrs

from .reasons import CloseReason

__all__ = ["Counters", "KeyMetrics", "PoolMetrics", "TenantMetrics"]


@attrs.define
class Counters:
    """What only grows."""

    taken: int = 0
    """Borrows on the synchronous fast path, which wait no time."""
    granted: int = 0
    """Borrows from the queue."""
    wait: float = 0.0
    """Time those spent in the queue."""
    expired: int = 0
    refused: int = 0
    cancelled: int = 0
    rejected: int = 0
    requested: int = 0
    opened: int = 0
    failed: int = 0
    closed: dict[CloseReason, int] = attrs.field(factory=lambda: dict.fromkeys(CloseReason, 0))


@attrs.define
class KeyMetrics:
    """Gauges of one key at one moment; `connections` are the open ones: idle, borrowed or closing."""

    key: Hashable
    connections: int = 0
    borrowed: int = 0
    idle: int = 0
    opening: int = 0
    closing: int = 0
    waiting: int = 0


@attrs.define
class TenantMetrics:
    """One tenant at one moment. The counters begin again for one that was forgotten, unused for long."""

    name: str
    used: int
    """Connections it has, those being opened for it included."""
    most: int
    """How many it may have."""
    least: int
    """How many are kept for it."""
    waiting: int
    waited: float
    """Time spent in the queue by all who were served, in seconds."""
    granted: int
    """All successful borrows, those without a wait included."""
    refused: int
    expired: int


@attrs.frozen(kw_only=True)
class PoolMetrics:
    """One moment of a pool. Those ending in ``_total`` are counters, the others gauges."""

    database_connections: int
    """Open connections: idle, borrowed or closing."""
    database_connections_currently_borrowed: int
    database_connections_idle: int
    database_connections_opening: int
    database_connections_closing: int
    max_database_connections_allowed: int
    waiting: int
    database_connection_requests_total: int
    database_connections_setup_succeeded_total: int
    database_connections_setup_failed_total: int
    database_connections_closed_total: dict[CloseReason, int]
    """By reason; counted when the connection is really gone."""
    borrow_latency_sum: float
    borrow_latency_count: int
    """All successful borrows, those without a wait included."""
    borrows_expired_total: int
    borrows_refused_total: int
    borrows_cancelled_total: int
    borrows_rejected_total: int
