"""What clients may see of a failure."""

from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from proxy.errors import ClientError
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.frontend.visible import error_packet, visible_error
from proxy.mysql.wire.results import ErrorPacket
from proxy.pool.errors import BorrowTimeout, NotBorrowed, PoolClosed, QueueFull
from proxy.targets.errors import NoReader
from tests.peers import packets as p


def shown(problem: BaseException | None) -> tuple[int, str, str]:
    """The three parts of what a client is told."""
    error = visible_error(problem)
    return error.errno, error.sqlstate, error.message


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    found: list[LogEvent] = []
    globalLogPublisher.addObserver(found.append)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(found.append)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("problem", "errno", "sqlstate", "part"),
    [
        (BorrowTimeout(), 9501, "HY000", "Timed-out waiting to acquire database connection"),
        (QueueFull(), 9501, "HY000", "queue"),
        (NoReader(), 9501, "HY000", "doesn't have any associated read-only instances"),
        (PoolClosed(), 1053, "08S01", "shutdown"),
        (ConnectFailed("cannot connect to 10.0.0.5:3306"), 2013, "HY000", "Lost connection to MySQL server"),
        (UnfitTarget("the target does not offer TLS"), 1105, "HY000", "the target does not offer TLS"),
    ],
)
def test_what_the_proxy_foresees(
    problem: Exception, errno: int, sqlstate: str, part: str, events: list[LogEvent]
) -> None:
    error = visible_error(problem)
    assert (error.errno, error.sqlstate) == (errno, sqlstate)
    assert part in error.message
    assert events == []


def test_an_error_for_the_client_is_passed_on() -> None:
    error = ClientError(1047, "08S01", "Unknown command")
    assert visible_error(error) is error


def test_where_the_target_is_stays_inside() -> None:
    assert "10.0.0.5" not in visible_error(ConnectFailed("cannot connect to 10.0.0.5:3306")).message


class TestErrorOfTheTarget:
    def test_it_is_shown_as_it_is(self) -> None:
        problem = TargetError(ErrorPacket(1049, "42000", "Unknown database 'x'@'y'"))
        assert shown(problem) == (1049, "42000", "Unknown database 'x'@'y'")

    @pytest.mark.parametrize("address", ["10.0.0.7", "proxy.internal", "%", ""])
    def test_but_not_the_proxys_address(self, address: str) -> None:
        text = f"Access denied for user 'app'@'{address}' (using password: YES)"
        problem = TargetError(ErrorPacket(1045, "28000", text))
        assert shown(problem) == (1045, "28000", "Access denied for user 'app'@'%' (using password: YES)")


class TestUnforeseen:
    @pytest.mark.parametrize("problem", [ValueError("secret stuff"), NotBorrowed("x"), KeyError("x")])
    def test_it_is_logged_and_not_shown(self, problem: Exception, events: list[LogEvent]) -> None:
        assert shown(problem) == (1105, "HY000", "Unknown error")
        [event] = events
        assert event["kind"] == type(problem).__name__
        assert event["problem"] is problem

    def test_nothing_at_all(self, events: list[LogEvent]) -> None:
        assert shown(None) == (1105, "HY000", "Unknown error")
        assert len(events) == 1


def test_the_packet() -> None:
    error = ClientError(1047, "08S01", "Unknown command")
    assert error_packet(error) == p.err(1047, b"Unknown command", b"08S01")
