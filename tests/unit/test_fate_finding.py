"""Asking for the fate of a write, in a group of targets that a test makes up."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from proxy.fate_finding import LONGEST_PAUSE, FateFinder
from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.connector import PoolKey
from proxy.mysql.backend.errors import ConnectFailed
from proxy.mysql.session.fate import Fate
from proxy.mysql.session.gtid_history import GtidHistory
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.gtid import GtidSet
from proxy.targets.observation import Observation, Role
from tests.peers import binlog
from tests.peers import packets as p
from tests.peers.link import Line

OLD = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
NEW = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
THREAD = 70
TIMEOUT = 10.0
START = 1000.0
SENT = START + 5.0


class Server:
    """A target: what it says of itself, and what it answers on connections of the proxy's own."""

    def __init__(self, clock: Clock, uuid: str, executed: str) -> None:
        self.clock = clock
        self.identity = f"{uuid}@{uuid[:4]}:3306"
        self.hostname, self.server_id = uuid[:4], "1" if uuid == OLD else "2"
        self.executed = executed
        self.started_at = 0.0
        self.source, self.topology, self.role = "", "replication", Role.READ_WRITE
        self.is_there = True
        #: Whether it still has the lost connection, and what was done to it.
        self.has_thread = False
        self.kills: list[str] = []
        self.users: list[str] = []
        self.log: tuple[bytes, ...] = ()
        self.lines: list[Line] = []
        self.history = GtidHistory()
        self.monitor = self.connector = self
        self.name = uuid[:4]

    # As a unit, a monitor and a connector

    def monitor_user(self) -> str:
        return "watch"

    def ask_now(self) -> Deferred[Any]:
        if not self.is_there:
            return fail(ConnectFailed("gone"))
        observed = Observation(
            role=self.role,
            identity=self.identity,
            uptime=float(int(self.clock.seconds() - self.started_at)),
            position=GtidSet.parse(self.executed, is_mariadb=False),
            source=self.source,
            topology=self.topology,
        )
        return succeed(SimpleNamespace(observation=observed))

    def open_plain(self, username: str) -> Deferred[BackendConnection]:
        self.users.append(username)
        connection = BackendConnection("key", 1, self.clock)
        self.lines.append(Line(connection, Answers(self), is_client=True))
        connection.idle()
        return succeed(connection)

    def limited(self, work: Deferred[Any]) -> Deferred[Any]:
        return work


class Answers:
    """The server's end of a connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.line: Any = None

    def received(self, data: bytes) -> None:
        for _, payload in p.split(data):
            self.line.send(self._answer(payload))

    def _answer(self, payload: bytes) -> bytes:
        server, sql = self.server, payload[1:].decode("latin-1")
        if payload[:1] != b"\x03":
            return binlog.stream(server.log)
        if "PROCESSLIST" in sql:
            return _row(str(int(server.has_thread)))
        if "Uptime" in sql:
            return _row("Uptime", str(int(server.clock.seconds() - server.started_at)))
        if sql.startswith("SELECT"):
            return _row(server.hostname, server.server_id)
        if sql.startswith("KILL"):
            server.kills.append(sql)
            server.has_thread = False
        return p.packet(p.ok(), 1)

    def gone(self) -> None:
        pass


def _row(*values: str) -> bytes:
    columns = [p.column()] * len(values)
    return p.packets(
        [p.number(len(values)), *columns, p.row([each.encode() for each in values]), p.ok(header=0xFE)]
    )


class Scene:
    """Two servers, of which the old one was sent a write by thread 70; it had executed 1 to 10 before."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.old = Server(self.clock, OLD, f"{OLD}:1-10")
        self.new = Server(self.clock, NEW, f"{OLD}:1-10")
        self.old.history.executed(START, self.old.identity, GtidSet.parse(f"{OLD}:1-10", is_mariadb=False))
        self.old.history.acknowledge(f"{OLD}:9")
        self.connection: Any = BackendConnection(PoolKey("app", Capability(0)), 2, self.clock)
        self.connection.thread_id = THREAD
        self.connection.opened_at = START - 100.0
        self.connection.server_identity = (self.old.hostname, self.old.server_id)
        self.connection.unit = self.old
        self.group: Any = SimpleNamespace(
            writer=self.new, config=SimpleNamespace(proxy=SimpleNamespace(in_doubt_timeout=TIMEOUT))
        )
        self.clock.advance(5.0)
        self.fates: list[Fate] = []

    def ask(self, *, for_seconds: float = 1.0) -> Fate | None:
        """What is found out within some time; None if it is still being asked."""
        finding = FateFinder(self.group, self.clock).find(self.connection, SENT)
        finding.addCallback(self.fates.append)
        for _ in range(int(for_seconds * 20) + 1):
            self.settle()
            self.clock.advance(0.05)
        return self.fates[0] if self.fates else None

    def settle(self) -> None:
        lines = [*self.old.lines, *self.new.lines]
        while any(line.has_work for line in lines):
            for line in lines:
                line.deliver()
            lines = [*self.old.lines, *self.new.lines]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def written(*commits: tuple[int, int]) -> tuple[bytes, ...]:
    """The old server's own log: numbers and threads."""
    events = [binlog.description(1)]
    for number, thread in commits:
        events += [binlog.mysql_gtid(OLD, number), binlog.query(thread, b"BEGIN"), binlog.commit()]
    return tuple(events)


class TestAnotherServer:
    def test_it_has_nothing_new(self, scene: Scene) -> None:
        scene.new.executed = f"{OLD}:1-10,{NEW}:1-3"
        assert scene.ask() is Fate.NOT_COMMITTED
        assert scene.clock.getDelayedCalls() == []

    def test_what_others_were_told_while_it_was_asked(self, scene: Scene) -> None:
        scene.new.executed = f"{OLD}:1-12"
        for number in (11, 12):
            scene.old.history.acknowledge(f"{OLD}:{number}")
        assert scene.ask() is Fate.NOT_COMMITTED

    def test_rows_in_its_log_prove_nothing(self, scene: Scene) -> None:
        scene.new.executed = f"{OLD}:1-11"
        begun = binlog.mysql_gtid(OLD, 11, 1)
        scene.new.log = (binlog.description(2), begun, binlog.query(THREAD, b"BEGIN", 1))
        assert scene.ask() is Fate.UNKNOWN
        assert scene.new.users == ["watch"]

    def test_a_statement_in_its_log_does(self, scene: Scene) -> None:
        scene.new.executed = f"{OLD}:1-11"
        begun = binlog.mysql_gtid(OLD, 11, 1)
        scene.new.log = (binlog.description(2), begun, binlog.query(THREAD, b"DROP TABLE t", 1))
        assert scene.ask() is Fate.COMMITTED

    def test_it_may_have_more_to_apply(self, scene: Scene) -> None:
        scene.new.source = "old:3306"
        assert scene.ask() is Fate.UNKNOWN

    @pytest.mark.parametrize("topology", ["galera", "aurora", "static", "group_replication"])
    def test_where_absence_says_nothing(self, scene: Scene, topology: str) -> None:
        scene.new.topology = topology
        assert scene.ask() is Fate.UNKNOWN

    def test_there_is_none_for_a_while(self, scene: Scene) -> None:
        scene.group.writer = None
        assert scene.ask(for_seconds=2.0) is None
        scene.group.writer = scene.new
        scene.clock.advance(0.2)
        assert scene.fates == [Fate.NOT_COMMITTED]

    def test_it_goes_away_in_the_middle(self, scene: Scene) -> None:
        scene.new.is_there = False
        assert scene.ask(for_seconds=2.0) is None
        scene.new.is_there = True
        scene.clock.advance(LONGEST_PAUSE)
        assert scene.fates == [Fate.NOT_COMMITTED]

    def test_it_is_not_waited_for_for_ever(self, scene: Scene) -> None:
        scene.group.writer = None
        assert scene.ask(for_seconds=TIMEOUT - 0.5) is None
        scene.clock.advance(1.0)
        assert scene.fates == [Fate.UNKNOWN]
        assert scene.clock.getDelayedCalls() == []


class TestTheSameServer:
    @pytest.fixture
    def scene(self) -> Scene:
        scene = Scene()
        scene.group.writer = scene.old
        return scene

    def test_what_still_runs_is_ended_first(self, scene: Scene) -> None:
        scene.old.has_thread = True
        assert scene.ask() is Fate.NOT_COMMITTED
        assert scene.old.kills == [f"KILL {THREAD}"]
        assert scene.old.users == ["app"]

    def test_it_was_started_again(self, scene: Scene) -> None:
        scene.old.started_at = SENT - 1.0
        scene.old.has_thread = True
        scene.old.executed = f"{OLD}:1-12"
        scene.old.log = (*written((11, THREAD)), binlog.description(1), *written((12, THREAD))[1:])
        assert scene.ask() is Fate.COMMITTED
        assert scene.old.kills == []

    def test_its_log_names_the_connection(self, scene: Scene) -> None:
        scene.old.executed = f"{OLD}:1-11"
        scene.old.log = written((11, THREAD))
        assert scene.ask() is Fate.COMMITTED

    def test_its_log_names_others_only(self, scene: Scene) -> None:
        scene.old.executed = f"{OLD}:1-11"
        scene.old.log = written((11, 71))
        assert scene.ask() is Fate.NOT_COMMITTED

    def test_the_connection_is_about_as_old_as_the_server(self, scene: Scene) -> None:
        scene.old.started_at = scene.connection.opened_at
        assert scene.ask(for_seconds=2.0) is Fate.UNKNOWN
        assert scene.old.kills == []

    def test_a_kill_is_for_the_server_that_had_the_connection(self, scene: Scene) -> None:
        scene.old.has_thread = True
        scene.old.server_id = "7"
        assert scene.ask() is Fate.UNKNOWN
        assert scene.old.kills == []

    def test_another_server_has_its_name_and_data(self, scene: Scene) -> None:
        scene.old.identity = f"{OLD}@standby:3306"
        scene.old.topology = "static"
        assert scene.ask() is Fate.UNKNOWN


class TestTooLittleIsKnown:
    def test_the_target_was_never_asked_before(self, scene: Scene) -> None:
        scene.old.history = GtidHistory()
        assert scene.ask() is Fate.UNKNOWN

    def test_what_is_known_is_of_another_server(self, scene: Scene) -> None:
        scene.connection.server_identity = ("elsewhere", "1")
        assert scene.ask() is Fate.UNKNOWN

    def test_nobody_was_ever_told_of_a_gtid(self, scene: Scene) -> None:
        history = scene.old.history = GtidHistory()
        history.executed(START, scene.old.identity, GtidSet.parse(f"{OLD}:1-10", is_mariadb=False))
        scene.new.log = (binlog.description(2),)
        assert scene.ask() is Fate.UNKNOWN
