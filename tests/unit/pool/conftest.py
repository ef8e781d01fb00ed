"""A target without a network: carries decisions out when the test says so."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from proxy.pool.decisions import Abandon, Close, Decisions, Expire, Grant, Open, Refuse
from proxy.pool.fair_state import FairState
from proxy.pool.limits import PoolLimits
from proxy.pool.metrics import TenantMetrics
from proxy.pool.reasons import CloseReason
from proxy.pool.state import PoolState
from proxy.pool.waiters import Waiter
from tests.peers.shares import Share, Tenant, TenantKey


class FakeConnection:
    """Becomes any settings but the refused ones."""

    def __init__(self, key: object, settings: object, refuses: tuple[object, ...] = ()) -> None:
        self.key = key
        self.settings = settings
        self.refuses = refuses
        self.close_reason: CloseReason | None = None

    def can_become(self, settings: object) -> bool:
        return settings not in self.refuses

    def close(self, reason: CloseReason) -> None:
        assert self.close_reason is None, "closed twice"
        self.close_reason = reason


class World:
    """A PoolState with a clock, and what is under way because of its decisions."""

    def __init__(self, **limits: Any) -> None:
        limits = {"life_jitter": 0.0, "backoff_jitter": 0.0, **limits}
        self.state = self.new_state(PoolLimits(**limits))
        self.now = 1000.0
        self.opens: list[Any] = []
        self.abandoned: list[Any] = []
        self.closing: dict[FakeConnection, CloseReason] = {}
        self.granted: dict[Waiter, Any] = {}
        self.expired: dict[Waiter, BaseException | None] = {}
        self.refused: dict[Waiter, BaseException] = {}

    def new_state(self, limits: PoolLimits) -> PoolState:
        return PoolState(limits, randomness=lambda: 0.5)

    def apply(self, decisions: Decisions) -> Decisions:
        for decision in decisions:
            match decision:
                case Grant(waiter, connection):
                    self.granted[waiter] = connection
                case Open(request):
                    self.opens.append(request)
                case Close(connection, reason):
                    connection.close(reason)
                    self.closing[connection] = reason  # type: ignore[index]
                case Expire(waiter, cause):
                    self.expired[waiter] = cause
                case Refuse(waiter, error):
                    self.refused[waiter] = error
                case Abandon(request):
                    self.abandoned.append(request)
        return decisions

    def wait(self, key: object = "app", settings: object = None) -> Waiter:
        waiter = Waiter(key, settings, context=f"for {key}")  # type: ignore[arg-type]
        self.apply(self.state.enqueue(waiter, self.now))
        return waiter

    def succeed(self, request: Any = None, refuses: tuple[object, ...] = ()) -> FakeConnection:
        request = request or self.opens[0]
        self.opens.remove(request)
        connection = FakeConnection(request.key, request.settings, refuses)
        self.apply(self.state.opened(request, connection, self.now))
        return connection

    def fail(self, error: BaseException | None = None, fatal: bool = False, request: Any = None) -> None:
        request = request or self.opens[0]
        self.opens.remove(request)
        error = error or OSError("no route")
        self.apply(self.state.open_failed(request, error, fatal, self.now))

    def borrow(self, key: object = "app", settings: object = None, **options: Any) -> FakeConnection:
        """Return a newly opened and borrowed connection; there must be room."""
        waiter = self.wait(key, settings)
        connection = self.succeed(self.opens[-1], **options)
        assert self.granted.pop(waiter) is connection
        return connection

    def idle(self, key: object = "app", settings: object = None, **options: Any) -> FakeConnection:
        connection = self.borrow(key, settings, **options)
        self.give_back(connection)
        return connection

    def take(self, key: object = "app", settings: object = None) -> Any:
        return self.state.take(key, settings, self.now)  # type: ignore[arg-type]

    def give_back(self, connection: FakeConnection) -> Decisions:
        return self.apply(self.state.give_back(connection, self.now))

    def gone(self, connection: FakeConnection) -> None:
        self.closing.pop(connection, None)
        self.apply(self.state.closed(connection, self.now))

    def tick(self, seconds: float = 0.0) -> Decisions:
        self.now += seconds
        return self.apply(self.state.tick(self.now))

    def wake_at_deadline(self) -> None:
        deadline = self.state.next_deadline(self.now)
        assert deadline is not None
        assert deadline >= self.now
        self.now = deadline
        self.apply(self.state.wake(self.now))

    def deadline_in(self) -> float | None:
        deadline = self.state.next_deadline(self.now)
        return None if deadline is None else deadline - self.now


class FairWorld(World):
    """A world whose keys name tenants: connections are those of the user "app" unless another is given."""

    state: FairState

    def new_state(self, limits: PoolLimits) -> FairState:
        return FairState(limits, lambda key: key.tenant, randomness=lambda: 0.5)  # type: ignore[attr-defined]

    def key(self, tenant: Tenant | None, user: str = "app") -> TenantKey:
        return TenantKey(user, tenant)

    def lend(self, tenant: Tenant, times: int = 1, user: str = "app") -> list[FakeConnection]:
        """Return newly opened connections that the tenant has borrowed; there must be room."""
        return [self.borrow(self.key(tenant, user)) for _ in range(times)]

    def queue(self, tenant: Tenant, user: str = "app", settings: object = None) -> Waiter:
        return self.wait(self.key(tenant, user), settings)

    def used(self) -> dict[str, int]:
        return {row.name: row.used for row in self.state.by_tenant()}

    def row(self, tenant: Tenant) -> TenantMetrics:
        (row,) = [each for each in self.state.by_tenant() if each.name == tenant.name]
        return row


@pytest.fixture
def new_connection() -> Callable[..., FakeConnection]:
    """Make a connection of the key "app"."""
    return partial(FakeConnection, "app")


@pytest.fixture
def new_world() -> Callable[..., World]:
    """Make a world with the given limits; jitters are off unless given."""
    return World


@pytest.fixture
def new_fair_world() -> Callable[..., FairWorld]:
    """Make a world with tenants and the given limits."""
    return FairWorld


@pytest.fixture
def new_tenant() -> Callable[..., Tenant]:
    """Make a tenant with a name and the given share."""
    return lambda name, **share: Tenant(name, Share(**share))
