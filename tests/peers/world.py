"""A whole proxy in memory: frontend, pool and backend over Lines, on a fake clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from proxy.credentials.source import Credential, Password
from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.connector import BackendConnector, Target, tenant_of
from proxy.mysql.backend.set_up import SetUp
from proxy.mysql.backend.tls import TargetTls, TlsMode
from proxy.mysql.frontend.client import ClientConnection
from proxy.mysql.frontend.context import ClientOptions, EndpointContext, ServerFacts
from proxy.mysql.frontend.registry import ClientRegistry
from proxy.mysql.frontend.throttle import FailedLogins, ThrottleOptions
from proxy.mysql.session.screen import Screen
from proxy.mysql.wire.auth.rsa import RsaKeyPair
from proxy.pool.limits import PoolLimits
from proxy.pool.pool import Pool
from proxy.targets.routes import RouteOptions, WriterRoute
from proxy.tenants.rules import Tenants

from .client import ClientPeer
from .known_users import KnownAccounts, KnownUsers
from .link import Line
from .server import Database, ServerPeer

OPTIONS = ClientOptions(
    require_tls=False,
    idle_client_timeout=1800.0,
    max_client_connection_life=86_400.0,
    max_client_connections=100,
    handshake_timeout=10.0,
    max_statement_size=1 << 26,
    client_buffer_size=65_536,
    diagnostics_hold_timeout=0.2,
    kill_abandoned_statements=True,
    exclude_variable_sets=False,
    debug_logging=False,
    server_version="",
    default_auth_type="MYSQL_NATIVE_PASSWORD",
)
FACTS = ServerFacts("8.0.36", False, 2, {45: ("utf8mb4_general_ci", "utf8mb4")})


@cache
def rsa_key() -> RsaKeyPair:
    """One key for all tests: making one takes long."""
    return RsaKeyPair.generate()


class World:
    """Everything between clients and a database; nothing moves until ``settle`` or a single delivery."""

    def __init__(
        self, *, cap: int = 2, init_query: str = "", tls: Any = None, limits: Any = None, **options: Any
    ) -> None:
        self.clock = Clock()
        self.database = Database()
        self.lines: list[Line] = []
        self.servers: list[ServerPeer] = []
        self.unreachable = False
        #: Makes the other end of each connection to the database.
        self.server: Callable[[Database], ServerPeer] = ServerPeer
        self.connector = BackendConnector(
            Target("database", 3306, TargetTls(TlsMode.OFF, "database", None), 10.0),
            KnownUsers(self._credential),
            lambda: SetUp(init_query),
            "test",
            self.clock,
        )
        pool_limits = PoolLimits(max_connections=cap, life_jitter=0.0, backoff_jitter=0.0, **(limits or {}))
        self.pool: Pool[BackendConnection] = Pool(
            self.connector, pool_limits, self.clock, tenant_of=tenant_of
        )
        self.connector.on_open = self._opened
        self.route: WriterRoute[BackendConnection] = WriterRoute(
            lambda: RouteOptions(pool_limits.borrow_timeout, pool_limits.max_queue_length), self.clock
        )
        self.route.use(self.pool)
        self.context = EndpointContext(
            route=self.route,
            screen=Screen(),
            clock=self.clock,
            options=attrs.evolve(OPTIONS, **options),
            facts=lambda: FACTS,
            ready=lambda: succeed(None),
            accounts=KnownAccounts(self._credential),
            tenants=Tenants(),
            failed_log_ins=FailedLogins(self.clock, ThrottleOptions),
            may_kill=self.connector.may_kill,
            tls=tls,
            rsa_key=rsa_key(),
        )
        self.registry = ClientRegistry(self.context)
        self.context.find_client = self.registry.find
        self.context.clients = self.registry.__iter__
        self.context.pools = lambda: iter([("database:3306", self.pool)])

    def _opened(self, connection: BackendConnection) -> None:
        connection.pool = self.pool
        connection.when_lost(self.pool.closed)

    @staticmethod
    def _credential(username: str) -> Credential | None:
        if username != "app":
            return None
        return Credential(username=username, password=Password(b"secret"), secret_name="app", generation=1)

    # Connections

    def endpoint(self, *_: Any, **__: Any) -> "_Endpoint":
        """Stands in for HostnameEndpoint."""
        return _Endpoint(self)

    def client(self, peer: ClientPeer | None = None) -> ClientPeer:
        """Connect a client, and let it log in."""
        peer = peer or ClientPeer()
        connection = ClientConnection(self.context, self.registry, self.registry.next_number())
        self.lines.append(Line(connection, peer, is_client=False))
        self.settle()
        if peer.greeting:
            peer.log_in_answer = peer.take()  # type: ignore[attr-defined]
        return peer

    def settle(self) -> None:
        """Deliver until nothing moves, without letting time pass."""
        for _ in range(10_000):
            self.clock.advance(0)
            busy = [line for line in self.lines if line.has_work]
            if not busy:
                return
            for line in busy:
                line.deliver()
            self.lines = [line for line in self.lines if line.connected]
        raise AssertionError("the network never comes to rest")

    def ask(self, client: ClientPeer, sql: str) -> bytes:
        """The whole response to a statement."""
        client.query(sql)
        self.settle()
        return client.take()

    def advance(self, seconds: float) -> None:
        """Let time pass, then deliver."""
        self.clock.advance(seconds)
        self.settle()

    def finish(self) -> None:
        """Everybody leaves, the pool stops: no timer and no connection may be left."""
        for line in self.lines:
            if not line.is_client:
                line.stuck = False
                line.peer.muted = False
                line.hang_up()
        self.settle()
        # Statements that were abandoned are killed, held connections are returned.
        self.advance(self.context.options.diagnostics_hold_timeout)
        stopped = self.pool.stop()
        self.settle()
        self.advance(2.0)
        assert stopped.called
        self.advance(10.0)
        assert not self.clock.getDelayedCalls()
        assert not [line for line in self.lines if line.connected]
        assert not self.database.threads
        assert len(self.registry) == 0


class _Endpoint:
    def __init__(self, world: World) -> None:
        self._world = world

    def connect(self, factory: Any) -> "Deferred[Any]":
        world = self._world
        if world.unreachable:
            raise OSError("refused")
        peer = world.server(world.database)
        protocol = factory.buildProtocol(None)
        world.servers.append(peer)
        world.lines.append(Line(protocol, peer, is_client=True))
        peer.greet()
        return succeed(protocol)


@contextmanager
def proxied(**options: Any) -> Iterator[World]:
    """A World whose database is in memory; ends with the checks of ``finish``."""
    world = World(**options)
    with patch("proxy.mysql.backend.connector.endpoints.HostnameEndpoint", world.endpoint):
        yield world
        world.finish()
