"""A whole proxy with a target group in memory: servers that replicate, clients, and everything between them.

All is real but the servers, the clients, the network and the clock: target group, probes, elections, routes,
pools, switchover, sessions. Nothing moves until `settle`, `pass_time` or a single delivery.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.task import Clock

from proxy.config import UserAuthConfig, loads
from proxy.credentials.directory import Directory
from proxy.credentials.passed import PassedCredentials
from proxy.credentials.source import Password, Secret, SecretVersions
from proxy.credentials.store import CredentialStore
from proxy.endpoints import Endpoints
from proxy.mysql.frontend.client import ClientConnection
from proxy.target_group import TargetGroup
from proxy.target_unit import TargetUnit

from .client import ClientPeer
from .group_servers import GroupServer, Transaction
from .group_sessions import GroupLine, GroupPeer, GroupSession
from .known_users import KnownAccounts
from .link import Line
from .world import rsa_key

__all__ = ["BORROW_TIMEOUT", "GroupWorld", "grouped", "started"]

NAMES = ("one", "two", "three")
BORROW_TIMEOUT = 10.0
_CONFIG = """
[proxy]
default_client_password_auth_type = "MYSQL_NATIVE_PASSWORD"
secrets_file = "/nowhere"
diagnostics_hold_timeout = 0.2
transaction_replay = "{replay}"
transaction_replay_timeout = 5
in_doubt_timeout = 3
routing = "{routing}"

[[proxy.auth]]
secret_arn = "app"

[target_group.switchover]
replication_user_name = "app"

[target_group.connection_pool_config]
connection_borrow_timeout = {borrow}
max_connection_life_jitter = 0
"""
_TARGET = """
[[target_group.targets]]
host = "{name}"
port = 3306
tls = "off"
connect_timeout = 2
"""


class _Secrets:
    """The one user."""

    def start_refresh(self) -> None:
        """There is nothing to do."""

    def fetch(self, name: str, _known: SecretVersions | None = None, /) -> "Deferred[SecretVersions]":
        return succeed(SecretVersions(Secret(name, "app", Password(b"secret"))))


class GroupWorld:
    """``targets`` servers of which the first is the writer, and the others replicate from it."""

    def __init__(
        self, *, targets: int = 3, replay: str = "off", routing: str = "endpoint", threads: bool = True
    ) -> None:
        self.clock = Clock()
        self.lines: list[Line] = []
        #: What must not be, found where nobody would hear of it.
        self.wrong: list[str] = []
        #: What has happened.
        self.story: list[str] = []
        self.servers = {
            name: GroupServer(name, number, self.clock, self.find, self._wrote, self.tell)
            for number, name in enumerate(NAMES[:targets], 1)
        }
        #: Written rows that no client can count on: a failover to a server without them has happened.
        self.lost: set[str] = set()
        #: Whom the game has done something to since it became the writer.
        self.disturbed: set[str] = set()
        #: Rows of connections that were given up, written by a server that is the writer no more.
        self.late: set[str] = set()
        #: How many are under way.
        self.switchovers = 0
        #: Who takes writes although nobody has promoted it.
        self.mistaken: set[str] = set()
        self._previous: GroupServer | None = None
        text = _CONFIG.format(replay=replay, routing=routing, borrow=BORROW_TIMEOUT)
        text += "".join(_TARGET.format(name=name) for name in self.servers)
        self.config = loads(text)
        store = CredentialStore([UserAuthConfig(secret_arn="app")], _Secrets())
        store.refresh()
        users = Directory(store, PassedCredentials(self.clock))
        self.group = TargetGroup(self.config, users, self.clock)
        self.endpoints = Endpoints(self.config, self.group, KnownAccounts(store.lookup), self.clock)
        self._forget_server = self.group.on_new_writer
        self.group.on_new_writer = self._new_writer
        self.context = self.endpoints.default
        self.registry = self.endpoints.registry
        for server in self.servers.values():
            server.names_threads = threads
            if server.name != NAMES[0]:
                server.source, server.read_only = NAMES[0], True

    # What there is

    def find(self, name: str) -> GroupServer:
        return self.servers[name]

    def unit(self, name: str) -> TargetUnit:
        """The proxy's side of a server."""
        return self.group.units[name, 3306]

    @property
    def writer(self) -> GroupServer | None:
        """Who the proxy takes for the writer."""
        return None if self.group.writer is None else self.servers[self.group.writer.options.host]

    def _wrote(self, session: GroupSession, transaction: Transaction) -> None:
        writer = self.writer
        self.tell(f"{session.database.name} has committed {', '.join(transaction.rows)}")
        if not session.peer.line.connected and session.database is not (writer or self._previous):
            self.late.update(transaction.rows)
        if session.peer.line.connected and writer is not None:
            assert session.database is writer, f"two writers: {session.database.name} and {writer.name}"

    def _new_writer(self) -> None:
        self._forget_server()
        now, before = self.writer, self._previous
        assert now is not None
        if before is not None and before is not now:
            gone = before.rows - now.rows
            excused = self.disturbed | self.mistaken
            if self.switchovers and now.name in self.mistaken:
                # Somebody has opened the target just while it was to be made the writer.
                excused = excused | {before.name}
            if gone and before.name not in excused:
                self.wrong.append(f"{gone} given up for no reason at {self.clock.seconds():.3f}")
            self.lost.update(*(server.rows - now.rows for server in self.servers.values()))
        self.disturbed.clear()
        self._previous = now
        self.tell(f"the writer is {now.name}; lost: {sorted(self.lost)}")

    def tell(self, what: str) -> None:
        """Note it for whoever reads of a failure."""
        self.story.append(f"{self.clock.seconds():.3f} {what}")

    # Connections

    def endpoint(self, _clock: Any, host: bytes, *_: Any, **__: Any) -> "_Endpoint":
        """Stands in for HostnameEndpoint."""
        return _Endpoint(self, self.servers[host.decode()])

    def client(self, peer: ClientPeer | None = None) -> ClientPeer:
        """Connect a client; it logs in as soon as bytes are delivered."""
        peer = peer or ClientPeer()
        connection = ClientConnection(self.context, self.registry, self.registry.next_number())
        self.lines.append(Line(connection, peer, is_client=False))
        return peer

    # Time

    def settle(self) -> None:
        """Deliver until nothing moves, without letting time pass."""
        for _ in range(10_000):
            self.clock.advance(0)
            busy = [line for line in self.lines if line.has_work]
            if not busy:
                self._replicate()
                return
            for line in busy:
                line.deliver()
            self._drop_lines()
        raise AssertionError("the network never comes to rest")

    def shuffle(self, chance: random.Random, most: int) -> None:
        """Deliver some of what is under way, in any order."""
        for _ in range(chance.randrange(most + 1)):
            self.clock.advance(0)
            busy = [line for line in self.lines if line.has_work]
            if not busy:
                return
            line = chance.choice(busy)
            if chance.random() < 0.2:
                line.deliver_in(chance.randrange(1, 40))
            else:
                line.deliver()
            if chance.random() < 0.2:
                chance.choice(list(self.servers.values())).pull(most=1)
        self._drop_lines()

    def _drop_lines(self) -> None:
        self.lines = [line for line in self.lines if line.connected]

    def _replicate(self) -> None:
        for server in self.servers.values():
            server.pull()

    def pass_time(self, seconds: float) -> None:
        """Let time pass from timer to timer, and deliver all that comes of it."""
        until = self.clock.seconds() + seconds
        self.settle()
        while self.clock.seconds() < until:
            times = [call.getTime() for call in self.clock.getDelayedCalls()]
            due = min([until, *times])
            self.clock.advance(max(due - self.clock.seconds(), 1e-6))
            self.settle()

    # Faults

    def disturb(self, server: GroupServer) -> None:
        """What is done to it now may be a reason to give it up."""
        self.disturbed.add(server.name)

    def kill(self, server: GroupServer, *, loses_answers: bool = False) -> None:
        self.disturb(server)
        server.kill(loses_answers=loses_answers)

    def freeze(self, server: GroupServer) -> None:
        self.disturb(server)
        server.frozen = True

    def cut_off(self, server: GroupServer) -> None:
        self.disturb(server)
        server.unreachable = True

    def open_by_mistake(self, server: GroupServer) -> None:
        self.mistaken.add(server.name)
        server.read_only = False

    def demote(self, server: GroupServer) -> None:
        self.disturb(server)
        self.mistaken.discard(server.name)
        server.read_only = True

    def promote(self, server: GroupServer) -> None:
        """What a failover script does, with the others that can be reached."""
        self.mistaken.discard(server.name)
        server.source, server.paused, server.stopped, server.read_only = "", False, False, False
        for other in self.servers.values():
            if other is not server and other.read_only:
                self.repoint(other, server)

    def repoint(self, server: GroupServer, source: GroupServer) -> None:
        """It replicates from this one; from a copy of its data if it must."""
        server.source, server.paused, server.stopped = source.name, False, False
        if server.is_diverged and server.up and not server.frozen:
            self.lost.update(server.rows - source.rows)
            self.tell(f"{server.name} is built anew from {source.name}; lost: {sorted(self.lost)}")
            server.rebuild(source)

    def heal(self) -> GroupServer:
        """All is as it should be; answers the one that takes writes."""
        for server in self.servers.values():
            server.paused = False
            if not server.up:
                server.restart(read_only=True)
            if server.unreachable:
                server.reconnect()
            if server.frozen:
                server.thaw()
        self.settle()
        chosen = self.writer or self._previous
        assert chosen is not None
        for server in self.servers.values():
            server.read_only = server is not chosen
            server.source = ""
        for server in self.servers.values():
            if server is not chosen:
                self.repoint(server, chosen)
        return chosen

    # The end

    def finish(self) -> None:
        """Everybody leaves, the group stops: no timer and no connection may be left."""
        for line in self.lines:
            if not line.is_client:
                line.stuck = False
                line.hang_up()
        self.pass_time(1.0)
        for unit in self.group.units.values():
            assert not unit.pool.lent(), "a connection is still lent"
            assert not unit.pool.waiting
        assert not self.group.writer_route.waiters
        stopped = self.group.stop()
        self.pass_time(5.0)
        assert stopped.called
        self.pass_time(15.0)
        assert not self.clock.getDelayedCalls()
        assert not [line for line in self.lines if line.connected]
        assert not [server.name for server in self.servers.values() if server.threads]
        assert not [unit.name for unit in self.group.units.values() if unit.connections]
        assert len(self.registry) == 0


class _Endpoint:
    def __init__(self, world: GroupWorld, server: GroupServer) -> None:
        self._world, self._server = world, server

    def connect(self, factory: Any) -> "Deferred[Any]":
        server = self._server
        if server.unreachable:
            return Deferred(lambda waiting: waiting.errback(ConnectingCancelledError(None)))
        if not server.up:
            return fail(ConnectionRefusedError())
        peer = GroupPeer(server)
        protocol = factory.buildProtocol(None)
        self._world.lines.append(GroupLine(protocol, peer, is_client=True))
        peer.greet()
        return succeed(protocol)


@contextmanager
def started(**options: Any) -> Iterator[GroupWorld]:
    """A GroupWorld that has found its writer."""
    key = rsa_key()
    with patch("proxy.endpoints.RsaKeyPair.generate", lambda: key):
        world = GroupWorld(**options)
    with patch("proxy.mysql.backend.connector.endpoints.HostnameEndpoint", world.endpoint):
        world.group.start()
        world.pass_time(3.0)
        assert world.writer is world.servers[NAMES[0]]
        yield world


@contextmanager
def grouped(**options: Any) -> Iterator[GroupWorld]:
    """The same; ends with the checks of ``finish``, unless a check has failed before."""
    with started(**options) as world:
        yield world
        world.finish()
