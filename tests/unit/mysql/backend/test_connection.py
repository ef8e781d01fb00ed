"""A target's connection: lending, what arrives at the wrong time, closing."""

from collections.abc import Iterator
from typing import Any

import pytest

from proxy.mysql.backend.connection import CLOSE_TIMEOUT, BackendConnection
from proxy.mysql.backend.connector import PoolKey
from proxy.mysql.backend.errors import ConnectFailed, UnfitTarget
from proxy.mysql.session.settings import FRESH
from proxy.mysql.wire.capabilities import Capability
from proxy.pool.errors import BorrowTimeout
from proxy.pool.interface import OpenRequest
from proxy.pool.reasons import CloseReason
from tests.peers import packets as p
from tests.peers.world import World, proxied


class Session:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def backend_data(self, data: bytes) -> None:
        self.heard.append(data)

    def backend_lost(self, reason: str) -> None:
        self.heard.append("lost")

    def backend_full(self) -> None:
        self.heard.append("full")

    def backend_drained(self) -> None:
        self.heard.append("drained")


@pytest.fixture
def world() -> Iterator[World]:
    with proxied(cap=3) as world:
        yield world


def opened(world: World, username: str = "app") -> BackendConnection:
    """Open one outside of the pool; raises what it failed with."""
    outcome: list[Any] = []
    world.connector.on_open = lambda _: None
    world.connector.open(OpenRequest(PoolKey(username, Capability(0)), FRESH, "test")).addBoth(outcome.append)
    world.settle()
    [result] = outcome
    if isinstance(result, BackendConnection):
        return result
    raise result.value


def end(world: World, connection: BackendConnection) -> None:
    connection.abort("over")
    world.settle()


class TestLending:
    def test_everything_goes_to_the_borrower(self, world: World) -> None:
        connection, session = opened(world), Session()
        connection.lend(session)
        world.servers[0].line.send(b"any bytes")
        world.settle()
        assert session.heard == [b"any bytes"]
        connection.take_back()
        end(world, connection)
        assert session.heard == [b"any bytes"]

    def test_each_lending_counts(self, world: World) -> None:
        connection = opened(world)
        before = connection.serial
        connection.lend(Session())
        assert connection.serial == before + 1
        end(world, connection)

    def test_the_borrower_learns_of_the_end(self, world: World) -> None:
        connection, session = opened(world), Session()
        connection.lend(session)
        world.servers[0].kill()
        world.settle()
        assert session.heard == ["lost"]
        assert connection.lost == "connection closed"

    def test_the_borrower_learns_of_a_slow_target(self, world: World) -> None:
        connection, session = opened(world), Session()
        connection.lend(session)
        world.servers[0].line.stuck = True
        connection.transport.write(p.packet(b"\x03SELECT 1" + b" " * 200_000))
        assert session.heard == ["full"]
        world.servers[0].line.stuck = False
        world.settle()
        assert session.heard[:2] == ["full", "drained"]
        connection.take_back()
        end(world, connection)

    def test_a_schema_cannot_be_deselected(self, world: World) -> None:
        connection = opened(world)
        assert connection.can_become(FRESH.changed(schema="shop"))
        connection.settings = FRESH.changed(schema="shop")
        assert not connection.can_become(FRESH)
        assert connection.can_become(FRESH.changed(schema="crm"))
        end(world, connection)


class TestUnexpectedPackets:
    @pytest.mark.parametrize("data", [p.packet(p.err(1927)), p.packet(p.ok()), b"\xff\xff\xff\x00"])
    def test_they_end_an_idle_connection(self, world: World, data: bytes) -> None:
        connection = opened(world)
        world.servers[0].line.send(data)
        world.settle()
        assert connection.lost is not None
        assert not world.database.threads


class TestClosing:
    def test_it_says_goodbye(self, world: World) -> None:
        connection = opened(world)
        gone: list[BackendConnection] = []
        connection.when_lost(gone.append)
        connection.close(CloseReason.IDLE)
        assert gone == []
        world.settle()
        assert gone == [connection]
        assert not world.clock.getDelayedCalls()

    def test_a_target_that_does_not_answer_is_cut(self, world: World) -> None:
        connection = opened(world)
        world.servers[0].line.stuck = True
        connection.close(CloseReason.IDLE)
        connection.close(CloseReason.DRAINED)
        world.advance(CLOSE_TIMEOUT)
        assert connection.lost is not None

    @pytest.mark.parametrize("reason", [CloseReason.UNCLEAN, CloseReason.LOST])
    def test_an_unclean_one_is_cut_at_once(self, world: World, reason: CloseReason) -> None:
        connection = opened(world)
        world.servers[0].line.stuck = True
        connection.close(reason)
        world.settle()
        assert connection.lost is not None

    def test_who_asks_too_late_is_told_at_once(self, world: World) -> None:
        connection = opened(world)
        end(world, connection)
        gone: list[BackendConnection] = []
        connection.when_lost(gone.append)
        assert gone == [connection]


class TestOpening:
    def test_an_unknown_user_is_fatal(self, world: World) -> None:
        with pytest.raises(UnfitTarget) as caught:
            opened(world, "nobody")
        assert caught.value.fatal

    def test_an_unreachable_target_is_not(self, world: World) -> None:
        world.unreachable = True
        with pytest.raises(ConnectFailed) as caught:
            opened(world)
        assert not caught.value.fatal

    def test_a_target_that_says_nothing_is_given_up(self, world: World) -> None:
        outcome: list[Any] = []
        opening = world.connector.open(OpenRequest(PoolKey("app", Capability(0)), FRESH))
        opening.addErrback(lambda failure: outcome.append(failure.value))
        world.clock.advance(10.1)
        world.settle()
        assert isinstance(outcome[0], ConnectFailed)
        assert not world.database.threads

    def test_a_failed_set_up_leaves_no_connection(self) -> None:
        with proxied(cap=1, init_query="SET nonsense=1") as world:
            outcome: list[Any] = []
            borrow = world.pool.borrow(PoolKey("app", Capability(0)), FRESH)
            borrow.addErrback(lambda failure: outcome.append(failure.value))
            world.settle()
            assert not world.database.threads
            for _ in range(130):
                world.advance(1.0)
            assert isinstance(outcome[0], BorrowTimeout)

    def test_a_kill_uses_a_connection_of_its_own(self, world: World) -> None:
        connection = opened(world)
        world.connector.kill(connection)
        world.settle()
        assert connection.lost is not None
        assert not world.database.threads
