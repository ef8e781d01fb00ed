"""What one tenant may take, as configured by `[[proxy.tenants]]`; the defaults limit nothing."""

import attrs

from ..config import TenantConfig
from ..networks import Networks

__all__ = ["NO_LIMITS", "Share", "TenantLimits", "limits_of"]


@attrs.frozen
class Share:
    """A tenant's part of the database connections, for the pool."""

    weight: float = 1.0
    min_connections_percent: float = 0.0
    max_connections_percent: float = 100.0
    max_queue_length: int = 0
    """Clients that may wait while the tenant has all it may have; 0 sets no limit."""
    borrow_timeout: float | None = None
    """Seconds; None takes the pool's."""


@attrs.frozen(kw_only=True)
class TenantLimits:
    """A tenant's limits; 0 or empty sets none. Times are in seconds."""

    share: Share = Share()
    max_client_connections: int = 0
    statements_per_second: float = 0.0
    statement_burst: float = 1.0
    """At least 1, also where the rate is lower."""
    max_execution_time: float = 0.0
    idle_in_transaction_timeout: float = 0.0
    lock_wait_timeout: int = 0
    allowed_schemas: tuple[str, ...] = ()
    """Names or patterns (fnmatch)."""
    allowed_networks: Networks | None = None
    """None: clients may come from anywhere."""
    read_only: bool = False


NO_LIMITS = TenantLimits()


def limits_of(config: TenantConfig) -> TenantLimits:
    """The limits of the tenants of one section, whose options have been checked."""
    rate = config.statements_per_second
    return TenantLimits(
        share=_share_of(config),
        max_client_connections=config.max_client_connections,
        statements_per_second=rate,
        statement_burst=float(config.statement_burst) or max(1.0, rate),
        max_execution_time=config.max_execution_time,
        idle_in_transaction_timeout=config.idle_in_transaction_timeout,
        lock_wait_timeout=config.lock_wait_timeout,
        allowed_schemas=config.allowed_schemas,
        allowed_networks=Networks.parse(config.allowed_networks) if config.allowed_networks else None,
        read_only=config.read_only,
    )


def _share_of(config: TenantConfig) -> Share:
    timeout = config.connection_borrow_timeout
    return Share(
        config.weight,
        config.min_connections_percent,
        config.max_connections_percent,
        config.connection_borrow_queue_length,
        timeout if timeout >= 0 else None,
    )
