"""A target without a network: carries decisions out when the test says so."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from proxy.pool.decisions import Abandon, Close, Decisions, Expire, Grant, Open, Refuse
from proxy.pool.limits import PoolLimits
from proxy.pool.reasons import CloseReason
from proxy.pool.state import PoolState
from proxy.pool.waiters import Waiter


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
        self.state = PoolState(PoolLimits(**limits), randomness=lambda: 0.5)
        self.now = 1000.0
        self.opens: list[Any] = []
        self.abandoned: list[Any] = []
        self.closing: dict[FakeConnection, CloseReason] = {}
        self.granted: dict[Waiter, Any] = {}
        self.expired: dict[Waiter, BaseException | None] = {}
        self.refused: dict[Waiter, BaseException] = {}

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


@pytest.fixture
def new_connection() -> Callable[..., FakeConnection]:
    """Make a connection of the key "app"."""
    return partial(FakeConnection, "app")


@pytest.fixture
def new_world() -> Callable[..., World]:
    """Make a world with the given limits; jitters are off unless given."""
    return World
