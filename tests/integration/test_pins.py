"""What ties a session to its connection and what does not, seen by another client of a pool of one."""

import re
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

from proxy.mysql.session.pins import PinReason

from .clients import CommandClient, fetch, one, run, thread_of, vanish
from .daemon import ProxyDaemon
from .sharing import is_held, is_shared

PINNING = {
    PinReason.USER_VARIABLE: ["SET @größe = 1"],
    PinReason.TEMPORARY_TABLE: ["CREATE TEMPORARY TABLE fleeting (id INT)"],
    PinReason.LOCK_TABLES: ["LOCK TABLES item READ"],
    PinReason.FLUSH_TABLES_WITH_READ_LOCK: ["FLUSH TABLES WITH READ LOCK"],
    PinReason.BACKUP_LOCK: ["BACKUP LOCK item"],
    PinReason.NAMED_LOCK: ["SELECT GET_LOCK('pins', 0)"],
    PinReason.HANDLER: ["HANDLER item OPEN"],
    PinReason.TEXT_PREPARED_STATEMENT: ["PREPARE plan FROM CONCAT('SELECT ', 1)"],
    PinReason.ONE_SHOT_VARIABLE: ["SET insert_id = 4711"],
    PinReason.SESSION_TRACKING: ["SET session_track_state_change = 1"],
    PinReason.ROLE: ["SET ROLE reader"],
    PinReason.PROFILING: ["SET profiling = 1"],
    PinReason.UNTRACKED_STATE: ["SET sql_auto_is_null = 1"],
    PinReason.DIAGNOSTICS: ["CREATE SEQUENCE IF NOT EXISTS counter", "SELECT LASTVAL(counter)"],
    PinReason.UNREADABLE: ["EXECUTE IMMEDIATE CONCAT('SELECT ', 1)"],
}
BINARY = {PinReason.PREPARED_STATEMENT, PinReason.CURSOR, PinReason.LONG_DATA}
"""Pins of the binary protocol; test_prepared_sharing has the statements."""
FORMER = {PinReason.CALC_FOUND_ROWS}
"""Nothing causes them any more."""

ENDS = {
    "the only table": (["CREATE TEMPORARY TABLE fleeting (id INT)"], "DROP TEMPORARY TABLE fleeting"),
    "both tables": (
        ["CREATE TEMPORARY TABLE fleeting (id INT)", "CREATE TEMPORARY TABLE short (id INT)"],
        "DROP TABLE short, app.fleeting",
    ),
    "tables' locks": (["LOCK TABLES item READ"], "UNLOCK TABLES"),
    "tables' locks, by a transaction": (["LOCK TABLES item READ"], "BEGIN; COMMIT"),
    "the global read lock": (["FLUSH TABLES WITH READ LOCK"], "UNLOCK TABLES"),
    "a backup lock": (["BACKUP LOCK item"], "BACKUP UNLOCK"),
    "a named lock": (["SELECT GET_LOCK('pins', 0)"], "SELECT RELEASE_LOCK('pins')"),
    "a lock in capitals": (["SELECT GET_LOCK('Pins', 0)"], "SELECT RELEASE_LOCK('Pins')"),
    "all named locks": (
        ["SELECT GET_LOCK('pins', 0)", "SELECT GET_LOCK(CONCAT('p', 2), 0)"],
        "SELECT RELEASE_ALL_LOCKS()",
    ),
    "a reader": (["HANDLER item OPEN"], "HANDLER item CLOSE"),
    "a prepared statement": (["PREPARE plan FROM 'SELECT 1'"], "DEALLOCATE PREPARE plan"),
    "a moment": (["SET timestamp = 1"], "SET timestamp = DEFAULT"),
}

SHARING = [
    "SELECT 1",
    "SELECT * FROM item",
    "INSERT INTO item (owner) VALUES (1)",
    "UPDATE item SET owner = owner",
    "DELETE FROM item WHERE 0",
    "SET sql_mode = 'ANSI'",
    "SET SESSION group_concat_max_len = 4711, sort_buffer_size = 65536",
    "SET @@session.wait_timeout = 1000",
    "SET LOCAL lock_wait_timeout = 12",
    "SET NAMES latin1",
    "SET CHARACTER SET utf8mb4",
    "SET time_zone = '+03:00'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET autocommit = 0",
    "USE other",
    "CREATE TABLE made (id INT)",
    "DROP TABLE IF EXISTS made",
    "SHOW TABLES",
    "EXPLAIN SELECT * FROM item",
    "CALL three_results()",
    "SELECT 'SET @x = 1; CREATE TEMPORARY TABLE; GET_LOCK(1)'",
    "SELECT /* LOCK TABLES @ */ 1",
    "SELECT 1 -- @x",
    "SELECT LAST_INSERT_ID()",
    "SELECT @@version, @@session.sql_mode",
    "SELECT '" + "x" * 20_000 + "'",
    "/*!50000 SELECT 1 */",
    "SELEC",
    "SET @mine = 1, @yours := 'two'",
    "SELECT @mine := 1",
    "SELECT 1 INTO @mine",
    "SELECT SQL_CALC_FOUND_ROWS * FROM item LIMIT 1",
    "SELECT ROW_COUNT(), FOUND_ROWS()",
    "PREPARE plan FROM 'SELECT 1'",
    "EXECUTE IMMEDIATE 'SELECT 1'",
    "SET session_track_system_variables = 'autocommit'",
    "SET @@sql_mode = 'ANSI'",
    "SET STATEMENT max_statement_time = 100 FOR SELECT 1",
    "CALL set_inside()",
    "SAVEPOINT a",
]


def test_every_reason_has_a_test() -> None:
    assert set(PINNING) | BINARY | FORMER == set(PinReason)


@pytest.fixture(autouse=True)
def unpinned_start(other: Any) -> Iterator[None]:
    """Nobody is pinned before or after a test."""
    assert is_shared(other)
    yield
    assert is_shared(other)


@pytest.mark.parametrize("reason", PINNING, ids=lambda reason: reason.value)
def test_a_pin_is_logged_and_lasts_until_the_client_leaves(
    narrow: ProxyDaemon, other: Any, reason: PinReason
) -> None:
    mark = narrow.mark()
    client = narrow.connect()
    for sql in PINNING[reason]:
        run(client, sql)
    line = narrow.wait_for_log("The client session was pinned", mark)
    assert re.search(rf"Reason: .*\b{reason.value}\b", line), line
    assert "4711" not in line
    assert is_held(other)
    first = thread_of(client)
    assert thread_of(client) == first
    client.close()
    assert is_shared(other)


@pytest.mark.parametrize("name", ENDS)
def test_a_pin_ends_with_its_cause(client: Any, other: Any, name: str) -> None:
    begins, end = ENDS[name]
    for sql in begins:
        fetch(client, sql)
    if "prepared" not in name:
        assert is_held(other)
    for sql in end.split("; "):
        fetch(client, sql)
    assert is_shared(other)


def test_a_named_lock_that_was_got_twice(client: Any, other: Any) -> None:
    for _ in range(2):
        assert one(client, "SELECT GET_LOCK('twice', 0)") == 1
    assert one(client, "SELECT RELEASE_LOCK('twice')") == 1
    assert is_held(other)
    assert one(client, "SELECT RELEASE_LOCK('twice')") == 1
    assert is_shared(other)
    assert one(other, "SELECT IS_FREE_LOCK('twice')") == 1


def test_one_of_two_temporary_tables(client: Any, other: Any) -> None:
    for name in ("one", "two"):
        run(client, f"CREATE TEMPORARY TABLE fleeting_{name} (id INT)")
    run(client, "DROP TEMPORARY TABLE fleeting_one")
    assert is_held(other)
    run(client, "ALTER TABLE fleeting_two RENAME TO fleeting_three")
    assert is_held(other)
    run(client, "DROP TABLE fleeting_three")
    assert is_held(other), "the proxy does not follow a name that changes"


@pytest.mark.parametrize("sql", SHARING, ids=lambda sql: sql[:40])
def test_what_does_not_pin(narrow: ProxyDaemon, client: Any, other: Any, sql: str) -> None:
    mark = narrow.mark()
    try:
        fetch(client, sql)
    except pymysql.ProgrammingError:
        assert sql == "SELEC"
    assert is_shared(other)
    assert "pinned" not in narrow.log_since(mark)


def test_reset_connection_ends_pins(narrow: ProxyDaemon, other: Any) -> None:
    with CommandClient(
        host="127.0.0.1",
        port=narrow.port,
        user="app",
        password=narrow.users["app"],
        database="app",
        ssl_disabled=True,
    ) as client:
        run(client, "SET @mine = 1")
        run(client, "CREATE TEMPORARY TABLE app.fleeting (id INT)")
        assert is_held(other)
        client.reset_connection()
        assert is_shared(other)
        assert one(client, "SELECT @mine") is None


@pytest.mark.parametrize("leave", ["quit", "vanish"])
def test_nothing_of_a_pinned_session_is_left_to_the_next(narrow: ProxyDaemon, other: Any, leave: str) -> None:
    client = narrow.connect()
    run(client, "SET @mine = 1")
    run(client, "CREATE TEMPORARY TABLE fleeting (id INT)")
    run(client, "SELECT GET_LOCK('left behind', 0)")
    run(client, "SET sql_mode = 'ANSI', profiling = 1")
    run(client, "LOCK TABLES place WRITE")
    if leave == "quit":
        client.close()
    else:
        vanish(client)
    assert is_shared(other)
    found = fetch(other, "SELECT @mine, IS_FREE_LOCK('left behind'), @@profiling, @@sql_mode LIKE '%ANSI%'")
    assert found == ((None, 1, 0, 0),)
    run(other, "UPDATE place SET name = name")
    with pytest.raises(pymysql.ProgrammingError, match="1146"):
        run(other, "SELECT * FROM fleeting")


def test_a_role_does_not_stay_on_the_connection(narrow: ProxyDaemon, other: Any) -> None:
    with narrow.connect() as client:
        run(client, "SET ROLE reader")
        assert one(client, "SELECT CURRENT_ROLE()") == "reader"
    assert is_shared(other)
    assert one(other, "SELECT CURRENT_ROLE()") is None


def test_what_a_procedure_sets_stays_in_its_session(narrow: ProxyDaemon, other: Any) -> None:
    seen = "SELECT @@time_zone, @@group_concat_max_len, @@sql_mode"
    before = fetch(other, seen)
    with narrow.connect() as client:
        run(client, "CALL set_inside()")
        # The server itself takes back what a procedure does to sql_mode.
        assert fetch(client, seen) == (("+09:00", 4711, before[0][2]),)
        assert one(client, "SELECT @inside") == "kept"
    assert is_shared(other)
    assert fetch(other, seen) == before
    assert one(other, "SELECT @inside") is None


def test_a_variable_set_for_one_statement_does_not_stay(narrow: ProxyDaemon, other: Any) -> None:
    with narrow.connect() as client:
        before = one(client, "SELECT @@max_statement_time")
        assert one(client, "SET STATEMENT max_statement_time = 100 FOR SELECT @@max_statement_time") == 100
        assert one(client, "SELECT @@max_statement_time") == before
    assert is_shared(other)
    assert one(other, "SELECT @@max_statement_time") == before


def test_settings_inside_several_statements(narrow: ProxyDaemon, other: Any) -> None:
    with narrow.connect(client_flag=CLIENT.MULTI_STATEMENTS) as client, client.cursor() as cursor:
        cursor.execute("SET time_zone = '+01:00'; SET time_zone = '+02:00'; USE other")
        while cursor.nextset():
            pass
        assert is_shared(other)
        assert fetch(other, "SELECT @@time_zone, DATABASE()") == (("SYSTEM", "app"),)
        assert fetch(client, "SELECT @@time_zone, DATABASE()") == (("+02:00", "other"),)


def test_a_schema_stays_with_its_session(client: Any, other: Any) -> None:
    run(client, "USE other")
    assert one(other, "SELECT DATABASE()") == "app"
    assert one(client, "SELECT DATABASE()") == "other"


def test_a_client_without_a_schema_gets_none(narrow: ProxyDaemon, other: Any) -> None:
    assert one(other, "SELECT DATABASE()") == "app"
    with narrow.connect(database=None) as client:
        assert one(client, "SELECT DATABASE()") is None
        with pytest.raises(pymysql.OperationalError, match="1046"):
            run(client, "SELECT * FROM item")
        assert one(other, "SELECT DATABASE()") == "app"
        assert one(client, "SELECT DATABASE()") is None
