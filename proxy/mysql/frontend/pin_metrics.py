"""Gauges and counters of pins, for SHOW PROXY PIN TOTALS and for exporters. Times are in seconds.

``database_connections_currently_session_pinned`` is RDS's DatabaseConnectionsCurrentlySessionPinned; RDS has
no metric by reason.
"""

import attrs

from ..session.pins import Reason

__all__ = ["DigestPins", "PinMetrics", "ReasonPins"]


@attrs.define
class ReasonPins:
    """The pins of one reason."""

    reason: Reason
    pinned_now: int = 0
    """Gauge: sessions that are pinned for it."""
    pins_total: int = 0
    """Counter, as are those below."""
    seconds: float = 0.0
    """How long sessions were pinned for it."""
    lost_connection_seconds: float = 0.0
    """How long sessions kept a connection for it that was used for nothing."""

    def add(self, other: "DigestPins") -> None:
        """Count those of a digest."""
        self.pinned_now += other.pinned_now
        self.pins_total += other.pins_total
        self.seconds += other.seconds
        self.lost_connection_seconds += other.lost_connection_seconds


@attrs.define
class DigestPins:
    """The pins of one reason that statements with one digest have caused."""

    reason: Reason
    digest: str
    pinned_now: int = 0
    pins_total: int = 0
    seconds: float = 0.0
    lost_connection_seconds: float = 0.0


@attrs.frozen(kw_only=True)
class PinMetrics:
    """One moment of an endpoint's pins."""

    database_connections_currently_session_pinned: int
    """Gauge: sessions that keep a connection for a pin."""
    by_reason: tuple[ReasonPins, ...]
    """Those that there ever were."""
    by_digest: tuple[DigestPins, ...]
    """Bounded: the digests that came after the limit are one entry for each reason."""
