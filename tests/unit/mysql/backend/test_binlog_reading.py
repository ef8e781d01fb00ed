"""Reading a binary log over a connection, from a server that is told what to send."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.mysql.backend.binlog_reading import BinlogUnreadable, commits_after
from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.wire.binlog_events import Commits
from proxy.mysql.wire.gtid import GtidSet
from tests.peers import binlog
from tests.peers import packets as p
from tests.peers.link import Line

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
MYSQL = GtidSet.parse(f"{A}:1-4", is_mariadb=False)
MARIADB = GtidSet.parse("0-5-90,0-1-100,3-1-7", is_mariadb=True)
LOG = (binlog.description(), binlog.mysql_gtid(A, 5), binlog.query(70, b"BEGIN"), binlog.commit())


class Server:
    """Answers statements with OK, and the command for a log with `log`, piece by piece."""

    def __init__(self) -> None:
        self.line: Any = None
        self.commands: list[bytes] = []
        self.log = [binlog.stream(LOG)]
        self.refusal: bytes | None = None
        self.closed = False

    def received(self, data: bytes) -> None:
        for _, payload in p.split(data):
            self.commands.append(payload)
            if payload[:1] == b"\x03":
                self.line.send(p.packet(self.refusal or p.ok(), 1))
            else:
                for piece in self.log:
                    self.line.send(piece)

    def gone(self) -> None:
        self.closed = True


class Scene:
    """One reading of a log, and how it ended."""

    def __init__(self, server: Server, base: GtidSet, **limits: int) -> None:
        self.server = server
        self.connection = BackendConnection("key", 1, Clock())
        self.line = server.line = Line(self.connection, server, is_client=True)
        self.connection.idle()
        self.results: list[Any] = []
        self.reading: Deferred[Commits] = commits_after(self.connection, base, **limits)
        self.reading.addBoth(self.results.append)
        self.settle()

    def settle(self) -> None:
        while self.line.has_work:
            self.line.deliver()

    @property
    def problem(self) -> BaseException | None:
        [result] = self.results
        assert isinstance(result, Failure)
        return result.value


@pytest.fixture
def server() -> Server:
    return Server()


def test_what_mysql_is_asked_and_what_is_found(server: Server) -> None:
    scene = Scene(server, MYSQL)
    [found] = scene.results
    assert [(each.gtid.number, each.thread_id) for each in found.commits] == [(5, 70)]
    set_up, dump = server.commands
    assert b"@source_binlog_checksum" in set_up
    assert dump[:1] == b"\x1e"
    assert scene.connection.lost is not None


def test_what_mariadb_is_asked(server: Server) -> None:
    Scene(server, MARIADB)
    set_up, dump = server.commands
    assert b"@slave_connect_state='0-1-100,3-1-7'" in set_up
    assert dump[:1] == b"\x12"


def test_two_readers_of_a_mariadb_are_not_taken_for_one_replica() -> None:
    servers = [Server(), Server()]
    for each in servers:
        Scene(each, MARIADB)
    first, second = (each.commands[1][-4:] for each in servers)
    assert first != second
    assert min(first[3], second[3]) >= 0xF0


def test_a_missing_privilege(server: Server) -> None:
    server.log = [p.packet(p.err(1227, b"Access denied"), 1)]
    scene = Scene(server, MYSQL)
    assert isinstance(scene.problem, BinlogUnreadable)
    assert "1227" in str(scene.problem)
    assert scene.connection.lost is not None


def test_a_statement_that_is_refused(server: Server) -> None:
    server.refusal = p.err(1193)
    assert isinstance(Scene(server, MYSQL).problem, BinlogUnreadable)


@pytest.mark.parametrize("log", [[b"\1\0\0\7\0"], [binlog.stream([binlog.event(34, bytes(30))])]])
def test_what_is_not_understood(server: Server, log: list[bytes]) -> None:
    server.log = log
    assert isinstance(Scene(server, MYSQL).problem, BinlogUnreadable)


def test_limits(server: Server) -> None:
    server.log = [binlog.stream((*LOG, binlog.mysql_gtid(A, 6)))]
    scene = Scene(server, MYSQL, max_commits=1)
    assert isinstance(scene.problem, BinlogUnreadable)
    assert scene.connection.lost is not None


def test_a_connection_that_ends_in_the_middle(server: Server) -> None:
    server.log = [binlog.stream(LOG)[:100]]
    scene = Scene(server, MYSQL)
    assert not scene.results
    scene.connection.abort("cut")
    scene.settle()
    assert isinstance(scene.problem, BinlogUnreadable)


def test_nobody_waits_any_more(server: Server) -> None:
    server.log = []
    scene = Scene(server, MYSQL)
    assert not scene.results
    scene.reading.cancel()
    assert isinstance(scene.problem, CancelledError)
    assert scene.connection.lost is not None
    scene.settle()
    assert server.closed
