"""Every limit of a pool, with its default. Times are in seconds."""

from collections.abc import Callable
from typing import Any

import attrs

__all__ = [
    "AGE_LIMIT",
    "BLOCKED_WINDOW",
    "EXACT_MATCH_WINDOW",
    "FEW_WAITERS",
    "KEY_SWITCH_LAG",
    "LOOK_BACK",
    "QUEUE_RESERVE",
    "RECENT_USE_WINDOW",
    "RIVAL_WINDOW",
    "PoolLimits",
    "is_full",
]

EXACT_MATCH_WINDOW = 16
"""How many waiters of a key are searched for the one that wants exactly a connection's settings."""

AGE_LIMIT = 16
"""How often a waiter may be passed over; after that it is served in order, whatever it costs."""

RIVAL_WINDOW = 16
"""How many other keys are looked at, in turn, for a waiter that has been passed over."""

QUEUE_RESERVE = 1 / 8
"""Part of the queue's length that is added to it for tenants with few waiters."""

FEW_WAITERS = 1 / 100
"""Part of the queue's length that is few."""

LOOK_BACK = 8
"""How many idle connections with other settings the synchronous fast path tries."""

RECENT_USE_WINDOW = 10.0
"""Over how many seconds a tenant's use of connections fades; it decides between tenants with equally many."""

KEY_SWITCH_LAG = 0.5
"""Connection-seconds by which a tenant that has connections must lag behind another, before one of the
other's is closed to open one for it: below, opening would cost more than the wait."""

BLOCKED_WINDOW = 32
"""How many tenants that need a connection opened are passed by at once, while no more may be opening."""


_Validator = Callable[[Any, Any, Any], Any]
_positive: _Validator = attrs.validators.gt(0)
_not_negative: _Validator = attrs.validators.ge(0)
_at_least_one: _Validator = attrs.validators.ge(1)
_share: _Validator = attrs.validators.and_(attrs.validators.ge(0), attrs.validators.le(1))


@attrs.frozen(kw_only=True)
class PoolLimits:
    """The limits of one pool; raises ValueError for a value out of range."""

    max_connections: int = attrs.field(default=100, validator=_at_least_one)
    """Cap on opening, idle, borrowed and closing connections together, over all keys."""
    max_idle: int = attrs.field(default=50, validator=_not_negative)
    """Idle connections above this number are closed once they are idle long enough."""
    min_idle: int = attrs.field(default=0, validator=_not_negative)
    """Idle connections kept warm for each key in use, as far as ``max_idle`` and the cap allow."""
    idle_connection_timeout: float = attrs.field(default=300.0, validator=_not_negative)
    """Idle time after which a connection above ``max_idle`` is closed."""
    warm_key_timeout: float = attrs.field(default=3600.0, validator=_not_negative)
    """A key that nobody borrowed for so long is no longer kept warm."""
    max_life: float = attrs.field(default=86400.0, validator=_positive)
    """Age at which a connection is closed when not in use."""
    life_jitter: float = attrs.field(default=0.1, validator=_share)
    """Share of ``max_life`` that is cut off at random, so that connections do not all end together."""
    borrow_timeout: float = attrs.field(default=120.0, validator=_not_negative)
    """Longest wait for a connection; 0 waits only for a connection that can be opened now."""
    connect_timeout: float = attrs.field(default=10.0, validator=_positive)
    """Bounds the wait when ``borrow_timeout`` is 0; the connector itself enforces it on a connect."""
    max_queue_length: int = attrs.field(default=10000, validator=_at_least_one)
    """Waiters above this number are rejected at once."""
    max_connecting: int = attrs.field(default=10, validator=_at_least_one)
    """Connections that may be opening at the same time."""
    backoff_initial: float = attrs.field(default=0.1, validator=_positive)
    """Pause of a key after its first failure to connect; doubled by each further one."""
    backoff_max: float = attrs.field(default=5.0, validator=_positive)
    """Longest pause between attempts to connect."""
    backoff_jitter: float = attrs.field(default=0.2, validator=_share)
    """Share of a pause that is cut off at random."""
    tick_interval: float = attrs.field(default=1.0, validator=_positive)
    """Time between two rounds of trimming and warming; read when the pool starts."""


def is_full(length: int, limit: int, of_tenant: int | None) -> bool:
    """Whether a queue of ``limit`` takes nobody more of a tenant that has ``of_tenant`` waiters in it.

    None: the queue has no tenants. One tenant that fills the queue does not keep the others out of it.
    """
    if length < limit:
        return False
    is_small = of_tenant is not None and of_tenant < max(1.0, limit * FEW_WAITERS)
    return not is_small or length >= limit * (1 + QUEUE_RESERVE)
