"""Which way statements go, and when a reader has to catch up with the session first."""

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from proxy.mysql.frontend.context import EndpointContext
from proxy.mysql.frontend.routing import ANSWER_TIME, Routes
from proxy.mysql.session.need import JUST_A_READ, NOTHING, Need
from proxy.mysql.session.statement_kind import StatementKinds
from proxy.mysql.session.value import SessionValue
from proxy.targets.reader_route import ReaderOptions, ReaderRoute
from proxy.targets.sticky import StickyRoute
from tests.peers import packets as p
from tests.peers.borrowed import NAMES, Borrowed
from tests.peers.world import World, proxied

GTID = "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"
FROM_WRITER = Need(from_writer=True)
TIMEOUT = 0.5


@attrs.define
class Unit:
    """A target that knows what it has executed."""

    executed: set[str] = attrs.field(factory=set)

    def has_executed(self, gtid: str) -> bool:
        return gtid in self.executed


@pytest.fixture
def world() -> Iterator[World]:
    with proxied(cap=2, causal_reads=True, causal_reads_timeout=TIMEOUT) as world:
        yield world
        world.reads.stop()  # type: ignore[attr-defined]


@pytest.fixture
def readers(world: World) -> ReaderRoute[Any]:
    route: ReaderRoute[Any] = ReaderRoute(world.route, lambda: ReaderOptions(10.0, 100), world.clock)
    world.reads = route  # type: ignore[attr-defined]
    return route


@pytest.fixture
def reading(world: World, readers: ReaderRoute[Any]) -> EndpointContext:
    """Of an endpoint for reading."""
    return attrs.evolve(
        world.context, route=readers, read_route=readers, write_route=world.route, writes=False
    )


@pytest.fixture
def split(world: World, readers: ReaderRoute[Any]) -> EndpointContext:
    """Of an endpoint that sends reads to readers."""
    return attrs.evolve(
        world.context,
        read_route=readers,
        write_route=world.route,
        kinds=StatementKinds(frozenset()),
    )


@pytest.fixture
def value() -> SessionValue:
    value = SessionValue(NAMES, 2)
    value.last_gtid = GTID
    return value


@pytest.fixture
def borrowed(world: World, readers: ReaderRoute[Any]) -> Iterator[Borrowed]:
    borrowed = Borrowed(world)
    borrowed.connection.unit = Unit()
    yield borrowed
    if world.pool.borrowed:
        world.pool.discard(borrowed.connection)


class TestWays:
    def test_an_endpoint_for_writing_has_one(self, world: World, readers: ReaderRoute[Any]) -> None:
        """Even where there are readers: nobody has asked for them."""
        for context in (world.context, attrs.evolve(world.context, read_route=readers)):
            routes = Routes(context)
            assert not routes.is_sticky
            assert {routes.route_for(need) for need in (NOTHING, JUST_A_READ)} == {world.route}

    def test_an_endpoint_for_reading_goes_to_readers(self, world: World, reading: EndpointContext) -> None:
        routes = Routes(reading)
        assert routes.is_sticky
        assert isinstance(routes.route, StickyRoute)
        assert routes.route_for(NOTHING) is routes.route_for(JUST_A_READ) is routes.route

    def test_a_split_sends_only_reads_there(self, world: World, split: EndpointContext) -> None:
        routes = Routes(split)
        assert routes.is_sticky
        assert routes.route is routes.route_for(NOTHING) is world.route
        assert isinstance(routes.route_for(JUST_A_READ), StickyRoute)

    @pytest.mark.parametrize("endpoint", ["reading", "split"])
    def test_what_no_reader_has_is_read_from_the_writer(
        self, endpoint: str, world: World, request: pytest.FixtureRequest
    ) -> None:
        routes = Routes(request.getfixturevalue(endpoint))
        assert routes.route_for(FROM_WRITER) is world.route
        assert routes.route_for(attrs.evolve(JUST_A_READ, from_writer=True)) is world.route


class TestReadOnly:
    """Sessions that may write nothing, at an endpoint for writing."""

    def test_go_to_readers_where_there_are_any(
        self, world: World, readers: ReaderRoute[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = attrs.evolve(world.context, read_route=readers)
        assert Routes(context, is_read_only=True).route is world.route
        monkeypatch.setattr(ReaderRoute, "has_readers", True)
        routes = Routes(context, is_read_only=True)
        assert isinstance(routes.route, StickyRoute)
        assert routes.route_for(NOTHING) is routes.route_for(JUST_A_READ) is routes.route
        assert Routes(context).route is world.route

    def test_stay_with_a_reader(
        self,
        world: World,
        readers: ReaderRoute[Any],
        borrowed: Borrowed,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(ReaderRoute, "has_readers", True)
        routes = Routes(attrs.evolve(world.context, read_route=readers), is_read_only=True)
        assert not routes.is_behind(borrowed.connection, SessionValue(NAMES, 2), NOTHING)
        assert isinstance(routes.route, StickyRoute)
        assert routes.route.preferred is borrowed.connection.pool


class TestBehind:
    def test_until_it_has_the_sessions_last_write(
        self, reading: EndpointContext, borrowed: Borrowed, value: SessionValue
    ) -> None:
        routes = Routes(reading)
        assert routes.is_behind(borrowed.connection, value, NOTHING)
        borrowed.connection.unit.executed.add(GTID)
        assert not routes.is_behind(borrowed.connection, value, NOTHING)

    def test_who_has_written_nothing_need_not_wait(
        self, reading: EndpointContext, borrowed: Borrowed, value: SessionValue
    ) -> None:
        value.last_gtid = ""
        assert not Routes(reading).is_behind(borrowed.connection, value, NOTHING)

    def test_only_where_it_is_wanted(
        self, reading: EndpointContext, borrowed: Borrowed, value: SessionValue
    ) -> None:
        reading.options = attrs.evolve(reading.options, causal_reads=False)
        assert not Routes(reading).is_behind(borrowed.connection, value, NOTHING)

    @pytest.mark.parametrize("need", [FROM_WRITER, attrs.evolve(JUST_A_READ, is_fresh=True)])
    def test_not_at_the_writer_and_not_twice(
        self, reading: EndpointContext, borrowed: Borrowed, value: SessionValue, need: Need
    ) -> None:
        assert not Routes(reading).is_behind(borrowed.connection, value, need)

    def test_of_a_split_only_reads(
        self, split: EndpointContext, borrowed: Borrowed, value: SessionValue
    ) -> None:
        routes = Routes(split)
        assert not routes.is_behind(borrowed.connection, value, NOTHING)
        assert routes.is_behind(borrowed.connection, value, JUST_A_READ)

    def test_the_reader_that_was_used_is_preferred(
        self, split: EndpointContext, world: World, borrowed: Borrowed, value: SessionValue
    ) -> None:
        routes = Routes(split)
        route = routes.route_for(JUST_A_READ)
        assert isinstance(route, StickyRoute)
        routes.is_behind(borrowed.connection, value, NOTHING)
        assert route.preferred is None
        routes.is_behind(borrowed.connection, value, JUST_A_READ)
        assert route.preferred is world.pool


class TestCatchingUp:
    @pytest.fixture
    def wait(self, reading: EndpointContext, borrowed: Borrowed) -> Callable[..., list[bool]]:
        """Wait for a GTID on a server that answers so; returns what it has come to."""

        def wait(answer: Callable[[], list[bytes]] | None, gtid: str = GTID) -> list[bool]:
            def reply(payload: bytes) -> list[bytes]:
                borrowed.world.database.log.append((0, payload[1:].decode()))
                assert answer is not None
                return answer()

            borrowed.server.muted = answer is None
            borrowed.session.answer = reply  # type: ignore[assignment, method-assign]
            outcome: list[bool] = []
            Routes(reading).catch_up(borrowed.connection, gtid, outcome.append)
            borrowed.world.settle()
            return outcome

        return wait

    def test_it_is_asked_to_wait_for_the_write(
        self, borrowed: Borrowed, world: World, wait: Callable[..., list[bool]]
    ) -> None:
        assert wait(lambda: borrowed.session.rows("0")) == [True]
        [asked] = [sql for sql in borrowed.statements() if "WAIT_FOR" in sql]
        assert GTID in asked
        assert world.pool.borrowed == 1

    @pytest.mark.parametrize("answer", ["1", "-1", None, "unheard of"])
    def test_if_it_does_not_come_the_connection_is_returned(
        self, borrowed: Borrowed, world: World, wait: Callable[..., list[bool]], answer: str | None
    ) -> None:
        assert wait(lambda: borrowed.session.rows(answer)) == [False]
        assert world.pool.borrowed == 0
        assert borrowed.server.line.connected

    def test_what_is_no_gtid_is_asked_of_nobody(
        self, borrowed: Borrowed, world: World, wait: Callable[..., list[bool]]
    ) -> None:
        before = borrowed.statements()
        assert wait(None, "x'); DROP TABLE t; --") == [False]
        assert borrowed.statements() == before
        assert world.pool.borrowed == 0

    def test_an_error_of_the_server(
        self, borrowed: Borrowed, world: World, wait: Callable[..., list[bool]]
    ) -> None:
        assert wait(lambda: [p.err(1305, b"FUNCTION does not exist")]) == [False]
        assert world.pool.borrowed == 0

    def test_a_server_that_is_lost(
        self, borrowed: Borrowed, world: World, wait: Callable[..., list[bool]]
    ) -> None:
        outcome = wait(None)
        borrowed.server.kill()
        world.settle()
        assert outcome == [False]
        assert world.pool.borrowed == 0

    def test_a_server_that_never_answers(
        self, borrowed: Borrowed, world: World, wait: Callable[..., list[bool]]
    ) -> None:
        """Longer than it was told to wait, nobody waits for it; what it says later is nobody's."""
        outcome = wait(None)
        assert outcome == []
        world.advance(TIMEOUT + ANSWER_TIME)
        assert outcome == [False]
        assert world.pool.borrowed == 0
        assert not borrowed.server.line.connected

    def test_the_former_sessions_diagnostics_are_gone(
        self, borrowed: Borrowed, wait: Callable[..., list[bool]]
    ) -> None:
        before = borrowed.connection.serial
        wait(lambda: borrowed.session.rows("0"))
        assert borrowed.connection.serial > before
