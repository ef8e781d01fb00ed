"""A database that is restarted, dead, silent, slow or late, and a proxy that lives through it."""

import threading
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from .clients import fetch, one, run, server_version
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .faults import FaultProxy
from .polling import eventually

QUICK = {"connection_borrow_timeout": 1}
QUICK_TARGET = {"probe_interval": 0.2, "connect_timeout": 1}
STORM_CLIENTS, STORM_CUTS = 6, 8
STORM_LIMIT = 60.0
"""Seconds a client of the storm may take to finish its round."""
BORROW_TIMEOUT = (9501, "Timed-out waiting to acquire database connection")


@pytest.fixture
def line(target: Target) -> Iterator[FaultProxy]:
    """The line between proxy and database."""
    forwarder = FaultProxy(target.port)
    yield forwarder
    forwarder.close()


@pytest.fixture
def daemon(start_proxy: StartProxy, target: Target, line: FaultProxy) -> ProxyDaemon:
    """A proxy at the other end of it."""
    return start_proxy(target, port=line.port, pool=QUICK, target=QUICK_TARGET)


def answer(client: Any, sql: str = "SELECT 1") -> Any:
    """The value, or None as long as there is a loss or a borrow timeout."""
    try:
        return one(client, sql)
    except pymysql.OperationalError as error:
        if error.args[0] not in (2013, 9501):
            raise
        return None


def recovers(client: Any) -> None:
    """The same client is served again."""
    eventually(lambda: answer(client, "SELECT 17") == 17, "the client to be served again")


def test_a_restart_of_the_database(start_proxy: StartProxy, plain_target: Target) -> None:
    daemon = start_proxy(plain_target, pool=QUICK, target=QUICK_TARGET)
    idle, busy, pinned = daemon.connect(), daemon.connect(), daemon.connect()
    run(idle, "SET time_zone = '+04:00'")
    run(busy, "BEGIN")
    run(busy, "INSERT INTO item (note) VALUES ('before the restart')")
    run(pinned, "CREATE TEMPORARY TABLE mine (id INT)")
    run(idle, "SET @mine = 'held'")
    plain_target.server.restart()
    with pytest.raises(pymysql.OperationalError) as caught:
        run(busy, "SELECT 1")
    assert caught.value.args[0] == 1213
    assert "rolled back" in caught.value.args[1]
    with pytest.raises(pymysql.OperationalError) as caught:
        run(pinned, "SELECT * FROM mine")
    assert caught.value.args[0] == 2013
    assert "temporary_table" in caught.value.args[1]
    for client in (idle, busy, pinned):
        recovers(client)
    assert fetch(idle, "SELECT @@time_zone, @mine") == (("+04:00", "held"),)
    assert one(busy, "SELECT COUNT(*) FROM item WHERE note = 'before the restart'") == 0
    with pytest.raises(pymysql.ProgrammingError, match="1146"):
        run(pinned, "SELECT * FROM mine")
    with daemon.connect() as newcomer:
        assert one(newcomer, "SELECT 1") == 1


def restart_under(daemon: ProxyDaemon, target: Target, sql: str) -> Any:
    """A client that has sent a statement, during which the database was killed; it runs again."""
    client: Any = daemon.connect()
    client._execute_command(0x03, sql)
    eventually(lambda: target.threads("INFO LIKE '%SLEEP(%' AND ID <> CONNECTION_ID()"), "the statement")
    target.server.kill()
    target.server.start()
    return client


def test_a_restart_under_a_read(start_proxy: StartProxy, plain_target: Target) -> None:
    """It is run again, from its beginning; the client only waits."""
    daemon = start_proxy(plain_target, target=QUICK_TARGET)
    mark = daemon.mark()
    client = restart_under(daemon, plain_target, "SELECT SLEEP(2), 'read'")
    client._read_query_result()
    assert client._result.rows == ((0, "read"),)
    daemon.wait_for_log("a command without an answer is run again", mark)
    recovers(client)


def test_a_restart_under_a_write(start_proxy: StartProxy, plain_target: Target) -> None:
    """It is not run again, and the client is told what is known of it."""
    daemon = start_proxy(plain_target, target=QUICK_TARGET)
    sql = "INSERT INTO item (note) SELECT CONCAT('under a restart', SLEEP(60))"
    client = restart_under(daemon, plain_target, sql)
    with pytest.raises(pymysql.OperationalError) as caught:
        client._read_packet()
    part = {1213: "the write was not committed", 2013: "it is unknown whether the write was committed"}
    assert part[caught.value.args[0]] in caught.value.args[1]
    client._result = None
    recovers(client)
    assert one(client, "SELECT COUNT(*) FROM item WHERE note LIKE 'under a restart%'") == 0


def test_a_dead_database_and_its_return(start_proxy: StartProxy, plain_target: Target) -> None:
    daemon = start_proxy(plain_target, pool=QUICK, target=QUICK_TARGET)
    client = daemon.connect()
    run(client, "SELECT 1")
    mark = daemon.mark()
    plain_target.server.kill()
    try:
        daemon.wait_for_log("is UNAVAILABLE: UNREACHABLE", mark)
        with pytest.raises(pymysql.OperationalError) as caught:
            run(client, "SELECT 1")
        assert caught.value.args == BORROW_TIMEOUT
    finally:
        plain_target.server.start()
    daemon.wait_for_log("is AVAILABLE", mark)
    recovers(client)


def test_a_database_that_starts_after_the_proxy(
    start_proxy: StartProxy, target: Target, line: FaultProxy
) -> None:
    line.refuse()
    daemon = start_proxy(target, port=line.port, pool=QUICK, target=QUICK_TARGET)
    daemon.wait_for_log("is UNAVAILABLE")
    with pytest.raises(pymysql.OperationalError) as caught, daemon.connect() as early:
        run(early, "SELECT 1")
    assert caught.value.args == BORROW_TIMEOUT
    line.listen()
    daemon.wait_for_log("is AVAILABLE")
    with daemon.connect() as client:
        assert one(client, "SELECT @@version") in server_version(client)


def test_connections_that_are_cut(daemon: ProxyDaemon, line: FaultProxy) -> None:
    idle, busy = daemon.connect(), daemon.connect()
    run(busy, "BEGIN")
    run(idle, "SELECT 1")
    line.cut()
    with pytest.raises(pymysql.OperationalError) as caught:
        run(busy, "SELECT 1")
    assert caught.value.args[0] == 1213
    recovers(idle)
    recovers(busy)


def test_a_database_that_refuses_connections(daemon: ProxyDaemon, line: FaultProxy) -> None:
    client = daemon.connect()
    run(client, "SELECT 1")
    line.refuse()
    line.cut()
    eventually(lambda: answer(client) is None, "the loss")
    with pytest.raises(pymysql.OperationalError) as caught:
        run(client, "SELECT 1")
    assert caught.value.args == BORROW_TIMEOUT
    line.listen()
    recovers(client)


def test_a_database_that_says_nothing(daemon: ProxyDaemon, line: FaultProxy) -> None:
    client = daemon.connect()
    run(client, "SELECT 1")
    line.go_deaf()
    line.cut()
    eventually(lambda: answer(client) is None, "the loss")
    with pytest.raises(pymysql.OperationalError) as caught:
        run(client, "SELECT 1")
    assert caught.value.args == BORROW_TIMEOUT
    daemon.wait_for_log("is UNAVAILABLE")
    line.listen()
    line.cut()
    recovers(client)


def test_a_slow_line(daemon: ProxyDaemon, line: FaultProxy) -> None:
    client = daemon.connect()
    line.delay = 0.05
    assert one(client, "SELECT REPEAT('x', 500000)") == "x" * 500_000
    with daemon.connect() as another:
        assert one(another, "SELECT 1") == 1


def test_a_database_without_a_free_connection(start_proxy: StartProxy, target: Target) -> None:
    """The cap keeps clients waiting, in order, and nobody else than those at the cap suffers."""
    daemon = start_proxy(target, pool={"max_connections_percent": 4, **QUICK})
    clients = [daemon.connect() for _ in range(2)]
    late = daemon.connect(database=None)
    for client in clients:
        run(client, "BEGIN")
    with pytest.raises(pymysql.OperationalError) as caught:
        run(late, "SELECT 1")
    assert caught.value.args == BORROW_TIMEOUT
    run(clients[0], "COMMIT")
    assert one(late, "SELECT 1") == 1


def test_another_users_idle_connection_makes_room(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={"max_connections_percent": 2, **QUICK})
    with daemon.connect() as app, daemon.connect("eve") as eve:
        for _ in range(3):
            assert one(app, "SELECT CURRENT_USER()") == "app@%"
            assert one(eve, "SELECT CURRENT_USER()") == "eve@%"


def test_a_storm_of_cuts_loses_no_committed_row_and_halves_none(
    daemon: ProxyDaemon, line: FaultProxy
) -> None:
    clients = [Transferring(daemon, number) for number in range(STORM_CLIENTS)]
    for _ in range(STORM_CUTS):
        goal = sum(client.rounds for client in clients) + STORM_CLIENTS
        eventually(lambda goal=goal: sum(client.rounds for client in clients) >= goal, "some transactions")  # type: ignore[misc]
        line.cut()
    for client in clients:
        client.stop()
    with daemon.connect() as reader:
        recovers(reader)
        found = dict(fetch(reader, "SELECT note, owner FROM item WHERE note LIKE 'storm %'"))
    for client in clients:
        assert client.problems == []
        for round_ in range(client.rounds):
            pair = [f"storm {client.number} {round_} {half}" in found for half in ("a", "b")]
            assert pair[0] == pair[1], f"half of a transaction: client {client.number}, round {round_}"
            assert pair[0] or round_ not in client.committed, f"lost: client {client.number}, round {round_}"
            assert not (pair[0] and round_ in client.rolled_back), f"there: {client.number}, round {round_}"


class Transferring:
    """A client in a thread that writes two rows in each transaction and notes which ones were committed."""

    def __init__(self, daemon: ProxyDaemon, number: int) -> None:
        self.number = number
        self.rounds = 0
        self.committed: set[int] = set()
        #: Of which it was told that nothing has happened.
        self.rolled_back: set[int] = set()
        self.problems: list[str] = []
        self._daemon = daemon
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._daemon.connect() as client:
                while not self._over.is_set():
                    self._transfer(client)
                    self.rounds += 1
        except Exception as problem:
            self.problems.append(f"{type(problem).__name__}: {problem}")

    def _transfer(self, client: Any) -> None:
        try:
            run(client, "BEGIN")
            for half in ("a", "b"):
                run(client, f"INSERT INTO item (note) VALUES ('storm {self.number} {self.rounds} {half}')")
            run(client, "COMMIT")
        except pymysql.OperationalError as error:
            if error.args[0] not in (1213, 2013, 9501):
                raise
            if error.args[0] == 1213:
                self.rolled_back.add(self.rounds)
            # The proxy must have said so once; now the session is free of the transaction.
            assert answer(client, "SELECT @@in_transaction") in (0, None)
        else:
            self.committed.add(self.rounds)

    def stop(self) -> None:
        """Let it finish its round."""
        self._over.set()
        self._thread.join(STORM_LIMIT)
        assert not self._thread.is_alive()
