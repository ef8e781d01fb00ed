"""The sweep over many clients; what single clients experience is in test_client."""

import itertools
from collections.abc import Iterable
from typing import Any

import attrs
import pytest
from twisted.internet.task import Clock

from proxy.errors import (
    ClientError,
    rate_limit_exceeded,
    too_many_clients,
    too_many_from_address,
    too_many_of_user,
)
from proxy.mysql.backend.connector import PoolKey
from proxy.mysql.frontend.peer import Peer
from proxy.mysql.frontend.registry import _SWEEP_BATCH, ClientRegistry
from proxy.mysql.wire.capabilities import Capability
from proxy.tenants.rules import Tenants
from proxy.tenants.tenant import Tenant
from tests.peers.world import OPTIONS

LIMITS = attrs.evolve(
    OPTIONS, idle_client_timeout=10.0, max_client_connection_life=100.0, max_client_connections=2000
)


@attrs.define
class Value:
    in_transaction: bool = False


@attrs.define
class Commands:
    last_active: float = 0.0
    waits_for_client: bool = True
    value: Value = attrs.field(factory=Value)


@attrs.define(eq=False)
class Client:
    number: int = attrs.field(factory=itertools.count().__next__)
    since: float = 0.0
    commands: Commands | None = attrs.field(factory=Commands)
    closed: int = 0
    peer: Peer = attrs.field(default=Peer("192.0.2.1", 1))
    counted_address: str = ""
    counted_user: str = ""
    tenant: Tenant | None = None

    def close(self) -> None:
        self.closed += 1


@attrs.define
class Context:
    clock: Clock = attrs.field(factory=Clock)
    options: Any = LIMITS
    tenants: Tenants = attrs.field(factory=Tenants)


def key(username: str) -> PoolKey:
    """Whom a client has proven to be, in a tenant without limits."""
    return PoolKey(username, Capability(0), Tenant(f"default/{username}"))


def told(refusals: Iterable[ClientError | None]) -> list[str | None]:
    """Errors compare by identity, as exceptions do."""
    return [None if each is None else str(each) for each in refusals]


class Scene:
    """A registry full of clients."""

    def __init__(self, *clients: Any) -> None:
        context: Any = Context()
        self.context = context
        self.registry: Any = ClientRegistry(context)
        for client in clients:
            assert self.registry.admit(client) is None

    def round(self) -> None:
        """Enough sweeps to see everybody there is."""
        for _ in range(2 * (len(self.registry) // _SWEEP_BATCH + 2)):
            self.registry.sweep()


class TestAdmission:
    def test_up_to_the_limit(self) -> None:
        scene = Scene()
        scene.context.options = attrs.evolve(scene.context.options, max_client_connections=2)
        first, second, third = Client(), Client(), Client()
        refusals = told(scene.registry.admit(each) for each in (first, second, third))
        assert refusals == [None, None, str(too_many_clients(2))]
        assert set(scene.registry) == {first, second}
        assert scene.registry.received == 3

    def test_a_lower_limit_throws_nobody_out(self) -> None:
        scene = Scene(Client(), Client())
        scene.context.options = attrs.evolve(scene.context.options, max_client_connections=1)
        assert len(scene.registry) == 2
        assert str(scene.registry.admit(Client())) == str(too_many_clients(1))

    def test_whoever_goes_makes_room(self) -> None:
        client = Client()
        scene = Scene(client)
        scene.registry.gone(client)
        assert len(scene.registry) == 0
        assert scene.registry.closed == 1

    def test_clients_may_go_while_one_looks_at_all(self) -> None:
        scene = Scene(*(Client() for _ in range(10)))
        for client in scene.registry:
            scene.registry.gone(client)
        assert len(scene.registry) == 0

    def test_so_many_a_second(self) -> None:
        scene = Scene()
        scene.context.options = attrs.evolve(scene.context.options, client_connection_rate_limit=2)
        refusals = told(scene.registry.admit(Client()) for _ in range(3))
        assert refusals == [None, None, str(rate_limit_exceeded(2))]
        scene.context.clock.advance(0.5)
        assert scene.registry.admit(Client()) is None
        assert len(scene.registry) == 3

    def test_who_finds_no_place_uses_up_no_rate(self) -> None:
        scene = Scene()
        scene.context.options = attrs.evolve(
            scene.context.options, client_connection_rate_limit=2, max_client_connections=1
        )
        first = Client()
        assert scene.registry.admit(first) is None
        assert [scene.registry.admit(Client()).errno for _ in range(5)] == [1040] * 5
        scene.registry.gone(first)
        assert scene.registry.admit(Client()) is None


class TestPlaces:
    def test_for_each_address(self) -> None:
        clients = [Client() for _ in range(3)]
        elsewhere, unix = Client(peer=Peer("192.0.2.2", 1)), Client(peer=Peer())
        scene = Scene(*clients, elsewhere, unix)
        scene.context.options = attrs.evolve(scene.context.options, max_client_connections_per_address=2)
        refusals = told(scene.registry.locate(each) for each in clients)
        assert refusals == [None, None, str(too_many_from_address("192.0.2.1", 2))]
        assert scene.registry.locate(elsewhere) is None
        assert [scene.registry.locate(unix) for _ in range(3)] == [None] * 3
        # One that found no place does not give one back.
        scene.registry.gone(clients[2])
        assert scene.registry.locate(clients[2]) is not None
        scene.registry.gone(clients[0])
        assert scene.registry.locate(clients[2]) is None

    def test_for_each_user(self) -> None:
        clients = [Client() for _ in range(3)]
        scene = Scene(*clients)
        scene.context.options = attrs.evolve(scene.context.options, max_client_connections_per_user=2)
        refusals = told(scene.registry.authenticated(each, key("app")) for each in clients)
        assert refusals == [None, None, str(too_many_of_user("app"))]
        assert scene.registry.setup_succeeded == 2
        assert scene.registry.authenticated(clients[2], key("eve")) is None

    def test_one_that_becomes_another_user_moves(self) -> None:
        first, second = Client(), Client()
        scene = Scene(first, second)
        scene.context.options = attrs.evolve(scene.context.options, max_client_connections_per_user=1)
        assert scene.registry.authenticated(first, key("app")) is None
        assert scene.registry.authenticated(first, key("app")) is None
        assert scene.registry.authenticated(first, key("eve")) is None
        assert scene.registry.authenticated(second, key("app")) is None
        assert str(scene.registry.authenticated(first, key("app"))) == str(too_many_of_user("app"))
        for client in (first, second):
            scene.registry.gone(client)
        assert scene.registry.authenticated(Client(), key("app")) is None


class TestSweep:
    @pytest.mark.parametrize(
        ("client", "closed"),
        [
            (Client(since=50.0, commands=Commands(last_active=90.0)), True),
            (Client(since=50.0, commands=Commands(last_active=90.5)), False),
            (Client(since=50.0, commands=Commands(0.0, value=Value(True))), True),
            (Client(since=50.0, commands=Commands(0.0, False)), False),
            (Client(since=50.0, commands=None), False),
            (Client(since=0.0, commands=Commands(99.0)), True),
            (Client(since=0.5, commands=Commands(99.0)), False),
            (Client(since=0.0, commands=Commands(99.0, value=Value(True))), False),
            (Client(since=0.0, commands=Commands(99.0, False)), False),
        ],
    )
    def test_who_is_closed_at_100(self, client: Client, closed: bool) -> None:
        scene = Scene(attrs.evolve(client))
        scene.context.clock.advance(100.0)
        scene.round()
        [found] = scene.registry
        assert bool(found.closed) is closed

    def test_one_sweep_looks_at_a_bounded_number(self) -> None:
        clients = [Client() for _ in range(2 * _SWEEP_BATCH + 10)]
        scene = Scene(*clients)
        scene.context.clock.advance(100.0)
        for _ in range(6):
            before = sum(client.closed for client in clients)
            scene.registry.sweep()
            assert sum(client.closed for client in clients) - before <= _SWEEP_BATCH

    def test_everybody_has_a_turn(self) -> None:
        clients = [Client() for _ in range(2 * _SWEEP_BATCH + 10)]
        scene = Scene(*clients)
        scene.context.clock.advance(100.0)
        scene.round()
        assert all(client.closed for client in clients)

    def test_those_who_come_later_have_theirs(self) -> None:
        scene = Scene(Client())
        scene.round()
        late = Client()
        scene.registry.admit(late)
        scene.context.clock.advance(100.0)
        scene.round()
        assert late.closed

    def test_options_count_as_they_are_now(self) -> None:
        client = Client()
        scene = Scene(client)
        scene.context.clock.advance(5.0)
        scene.round()
        assert not client.closed
        scene.context.options = attrs.evolve(scene.context.options, idle_client_timeout=5.0)
        scene.round()
        assert client.closed

    def test_one_that_left_in_between_is_left_alone(self) -> None:
        client = Client()
        scene = Scene(client)
        scene.registry.sweep()
        scene.registry.gone(client)
        scene.context.clock.advance(100.0)
        scene.round()
        assert not client.closed
