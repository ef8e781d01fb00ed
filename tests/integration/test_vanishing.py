"""Clients that leave without a word, and database connections that are killed under clients."""

import threading
from collections.abc import Callable
from typing import Any

import pymysql
import pytest

from .clients import fetch, in_transaction, one, run, thread_of, vanish
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually
from .sharing import is_shared

SLEEP = "SELECT SLEEP(60)"
#: Interrupted, it fails.
LONG = "SELECT SLEEP(60) FROM (SELECT 1 UNION SELECT 2) AS two"
JOIN_LIMIT = 60.0
"""Seconds until the thread of a client must have got its answer."""


def sleeping(target: Target) -> list[list[str]]:
    """The threads of the database that run SLEEP."""
    return target.threads("INFO LIKE 'SELECT SLEEP%'")


class Background:
    """A call in a thread; `result` waits for its value or its error."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._value: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except Exception as error:
            self._value = error

    def result(self) -> Any:
        self._thread.join(JOIN_LIMIT)
        assert not self._thread.is_alive(), "no answer"
        return self._value


def test_a_transaction_of_a_client_that_vanished_is_rolled_back(
    narrow: ProxyDaemon, target: Target, other: Any
) -> None:
    client = narrow.connect()
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('vanished')")
    number = thread_of(client)
    vanish(client)
    eventually(lambda: not target.has_thread(number), "the end of the connection")
    assert is_shared(other)
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'vanished'") == 0
    assert thread_of(other) != number


def test_a_transaction_of_a_client_that_quit_is_rolled_back(narrow: ProxyDaemon, other: Any) -> None:
    client = narrow.connect()
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('quit inside')")
    client.close()
    assert is_shared(other)
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'quit inside'") == 0
    assert not in_transaction(other)


@pytest.mark.parametrize("begin", ["", "BEGIN", "SET @held = 1", "CREATE TEMPORARY TABLE pin (id INT)"])
def test_a_statement_of_a_client_that_vanished_is_killed(
    narrow: ProxyDaemon, target: Target, other: Any, begin: str
) -> None:
    client = narrow.connect()
    if begin:
        run(client, begin)
    shown: Any = client
    shown._execute_command(0x03, SLEEP)
    eventually(lambda: sleeping(target), "the statement on the database")
    vanish(client)
    eventually(lambda: not sleeping(target), "the end of the statement")
    assert is_shared(other)


def test_abandoned_statements_may_go_on(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"kill_abandoned_statements": False})
    client: Any = daemon.connect()
    client._execute_command(0x03, "INSERT INTO item (note) SELECT CONCAT('abandoned', SLEEP(1))")
    eventually(lambda: target.threads("INFO LIKE 'INSERT%SLEEP%'"), "the statement on the database")
    vanish(client)
    eventually(
        lambda: target.one("SELECT COUNT(*) FROM app.item WHERE note = 'abandoned0'") == "1", "the row"
    )


def test_a_client_that_vanishes_while_it_waits(narrow: ProxyDaemon, client: Any, other: Any) -> None:
    waiting: Any = narrow.connect()
    run(client, "BEGIN")
    waiting._execute_command(0x03, "SELECT 1")
    vanish(waiting)
    run(client, "COMMIT")
    assert is_shared(other)


def test_kill_under_a_client_in_a_transaction(target: Target, client: Any, other: Any) -> None:
    run(client, "BEGIN")
    run(client, "INSERT INTO item (note) VALUES ('killed')")
    number = thread_of(client)
    target.server.execute(f"KILL {number}")
    eventually(lambda: not target.has_thread(number), "the end of the connection")
    with pytest.raises(pymysql.OperationalError) as caught:
        run(client, "SELECT 1")
    assert caught.value.args[0] == 1213
    assert "the transaction is rolled back" in caught.value.args[1]
    assert one(other, "SELECT COUNT(*) FROM item WHERE note = 'killed'") == 0
    assert one(client, "SELECT 2") == 2


def test_kill_under_an_idle_client(target: Target, client: Any) -> None:
    number = thread_of(client)
    run(client, "SET time_zone = '+05:00'")
    target.server.execute(f"KILL {number}")
    eventually(lambda: not target.has_thread(number), "the end of the connection")
    # The proxy may learn of it only when it uses the connection; the settings are not lost in any case.
    eventually(lambda: ignoring_loss(client, "SELECT @@time_zone") == "+05:00", "another connection")


def ignoring_loss(client: Any, sql: str) -> Any:
    try:
        return one(client, sql)
    except pymysql.OperationalError as error:
        if error.args[0] != 2013:
            raise
        return None


def test_kill_under_a_waiting_client(target: Target, client: Any) -> None:
    """A server says nothing when it is told so while it runs a statement: it might as well have died."""
    answer = Background(lambda: one(client, LONG))
    [[number, *_]] = eventually(lambda: sleeping(target), "the statement on the database")
    target.server.execute(f"KILL {number}")

    def is_run_again() -> list[list[str]]:
        return [row for row in sleeping(target) if row[0] != number]

    [[again, *_]] = eventually(is_run_again, "the statement on another connection")
    target.server.execute(f"KILL QUERY {again}")
    error = answer.result()
    assert isinstance(error, pymysql.OperationalError), error
    assert error.args[0] == 1317, error
    assert one(client, "SELECT 3") == 3


def test_kill_under_a_client_that_waits_for_a_write(target: Target, client: Any, other: Any) -> None:
    sql = "INSERT INTO item (note) SELECT CONCAT('killed write', SLEEP(60))"
    answer = Background(lambda: run(client, sql))
    [[number, *_]] = eventually(
        lambda: target.threads("INFO LIKE 'INSERT%SLEEP%'"), "the statement on the database"
    )
    target.server.execute(f"KILL {number}")
    error = answer.result()
    assert isinstance(error, pymysql.OperationalError), error
    # The server's own last word, or what the proxy knows of it.
    parts = {
        1317: "interrupted",
        1927: "killed",
        1213: "the write was not committed",
        2013: "it is unknown whether the write was committed",
    }
    assert parts[error.args[0]] in error.args[1], error
    assert not target.threads("INFO LIKE 'INSERT%SLEEP%'")
    assert one(other, "SELECT COUNT(*) FROM item WHERE note LIKE 'killed write%'") == 0
    eventually(lambda: ignoring_loss(client, "SELECT 3") == 3, "another connection")


def test_kill_query_under_a_waiting_client(target: Target, client: Any, other: Any) -> None:
    answer = Background(lambda: one(client, LONG))
    rows = eventually(lambda: sleeping(target), "the statement on the database")
    target.server.execute(f"KILL QUERY {rows[0][0]}")
    error = answer.result()
    assert isinstance(error, pymysql.OperationalError), error
    assert error.args == (1317, "Query execution was interrupted")
    assert thread_of(client) == int(rows[0][0])
    assert is_shared(other)


def test_what_was_pinned_is_said_to_be_lost(target: Target, client: Any) -> None:
    run(client, "CREATE TEMPORARY TABLE mine (id INT)")
    run(client, "SET @mine = 1")
    number = thread_of(client)
    target.server.execute(f"KILL {number}")
    eventually(lambda: not target.has_thread(number), "the end of the connection")
    with pytest.raises(pymysql.OperationalError) as caught:
        run(client, "SELECT * FROM mine")
    assert caught.value.args[0] == 2013
    assert "temporary_table" in caught.value.args[1]
    assert fetch(client, "SELECT @mine, @@time_zone") == ((1, "SYSTEM"),), "what is held is still there"


def test_idle_clients_are_closed(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"idle_client_timeout": 1})
    idle, busy = daemon.connect(), daemon.connect()
    mark = daemon.mark()

    def is_closed() -> bool:
        run(busy, "SELECT 1")
        return "Reason: idle_client_timeout" in daemon.log_since(mark)

    eventually(is_closed, "the end of the idle client")
    with pytest.raises(pymysql.OperationalError):
        run(idle, "SELECT 1")
    assert one(busy, "SELECT 1") == 1
    busy.close()


def test_old_clients_are_closed(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"max_client_connection_life": 1})
    client = daemon.connect()
    daemon.wait_for_log("Reason: max_client_connection_life")
    with pytest.raises(pymysql.OperationalError):
        run(client, "SELECT 1")
