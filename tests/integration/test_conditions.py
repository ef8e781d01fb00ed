"""Warnings, errors and row counts of a client's own last statement, though others have used its connection.

Each script runs on a connection of its own at the server, and through a proxy that has one connection for
all, on which another client runs statements with warnings, errors and rows between any two of the script's.
Both must see the same.
"""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from .binary_statements import BinaryClient
from .clients import run
from .daemon import ProxyDaemon
from .databases import Target
from .raw_results import RawResults
from .sharing import ONE_CONNECTION, is_held

DISTURBANCES = (
    "DROP TABLE IF EXISTS not_mine_1, not_mine_2",
    "INSERT INTO item (owner) VALUES (7), (7)",
    "SELECT not_mine",
    "SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4",
)
UNKNOWN_COLUMN, CANNOT_PREPARE = 1054, 1295
WARNS = "SELECT 1/0, 2/0"
SCRIPTS = {
    "warnings": (WARNS, "SHOW WARNINGS", "SHOW WARNINGS LIMIT 1,1", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS"),
    "notes": ("DROP TABLE IF EXISTS gone_1, gone_2", "SHOW COUNT(*) WARNINGS", "SHOW WARNINGS"),
    "errors": ("SELECT nothing", "SHOW ERRORS", "SHOW WARNINGS", "SHOW COUNT(*) ERRORS"),
    "counts in a statement": (WARNS, "SELECT @@warning_count, @@error_count + 1"),
    "a count with tables": (WARNS, "SELECT @@warning_count FROM item LIMIT 0"),
    "count of errors": ("SELECT nothing", "SELECT @@error_count, @@session.warning_count"),
    "nothing to show": ("SELECT 1", "SHOW WARNINGS", "SHOW COUNT(*) ERRORS", "SELECT @@warning_count"),
    "kept without tables": (WARNS, "SET @x = 1", "SELECT 1", "COMMIT", "SHOW WARNINGS"),
    "cleared by a table": (WARNS, "SELECT COUNT(*) * 0 FROM item", "SHOW WARNINGS"),
    "from one to the next": (WARNS, "SELECT nothing", "SHOW WARNINGS", WARNS, "SHOW COUNT(*) WARNINGS"),
    "get diagnostics": (
        WARNS,
        "GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT",
        "SELECT @n, @r",
        "SHOW COUNT(*) WARNINGS",
    ),
    "get diagnostics of an error": (
        "SELECT nothing",
        "GET DIAGNOSTICS CONDITION 1 @s = RETURNED_SQLSTATE, @e = MYSQL_ERRNO, @m = MESSAGE_TEXT",
        "SELECT @s, @e, @m, COLLATION(@m)",
        "SHOW WARNINGS",
    ),
    "row count": (
        "INSERT INTO item (owner) VALUES (9), (9), (9)",
        "SELECT ROW_COUNT()",
        "SELECT ROW_COUNT() + 1",
        "UPDATE item SET note = 'x' WHERE 0",
        "SELECT ROW_COUNT()",
        "SELEC",
        "SELECT ROW_COUNT()",
        "SET @a = 1",
        "SELECT ROW_COUNT()",
    ),
    "found rows": (
        "SELECT 1 FROM place LIMIT 1",
        "SELECT FOUND_ROWS()",
        "SELECT 1 FROM (SELECT 1 AS a UNION SELECT 2 UNION SELECT 3) AS d ORDER BY a LIMIT 1,1",
        "SELECT FOUND_ROWS()",
        "SELECT 1 WHERE 0",
        "SELECT FOUND_ROWS() AS found",
    ),
    "found rows without the limit": (
        "SELECT SQL_CALC_FOUND_ROWS 1 FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3) AS d LIMIT 1",
        "SELECT FOUND_ROWS()",
    ),
    "found rows of a union": ("SELECT 1 UNION SELECT 2 UNION SELECT 3 LIMIT 2", "SELECT FOUND_ROWS()"),
    "found rows of a variable": ("SELECT @c := name FROM place", "SELECT FOUND_ROWS()"),
    "statements of the text protocol": (
        "PREPARE s FROM 'SELECT ROW_COUNT(), FOUND_ROWS() + 1'",
        "SELECT 1 UNION SELECT 2",
        "EXECUTE s",
        "EXECUTE s",
        "INSERT INTO item (owner) VALUES (9), (9), (9)",
        "EXECUTE s",
        "DEALLOCATE PREPARE s",
    ),
    "mariadb's execute immediate": (
        "INSERT INTO item (owner) VALUES (9), (9), (9)",
        "EXECUTE IMMEDIATE 'SELECT ROW_COUNT()'",
        "SELECT SQL_CALC_FOUND_ROWS 1 FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3) AS d LIMIT 1",
        "EXECUTE IMMEDIATE 'SELECT FOUND_ROWS() + 1'",
        "SELECT 'is shared'",
    ),
    "in a transaction": ("BEGIN", WARNS, "SHOW WARNINGS", "ROLLBACK", "SHOW COUNT(*) WARNINGS"),
}


@pytest.fixture(scope="module", params=["target", "mysql_target"])
def at(request: pytest.FixtureRequest) -> Target:
    """MariaDB, then MySQL."""
    target: Target = request.getfixturevalue(request.param)
    return target


@pytest.fixture(scope="module")
def one_for_all(at: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with one database connection, which it does not keep for anyone after a warning."""
    options = {"pool": ONE_CONNECTION, "proxy": {"diagnostics_hold_timeout": 0.0}}
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), at.port, at.users, **options)
    with daemon:
        yield daemon


def outcome(client: Any, text: str) -> object:
    """Everything a statement's client sees, but for the warning with which MySQL deprecates FOUND_ROWS()."""
    with client.cursor() as cursor:
        try:
            affected = cursor.execute(text)
        except pymysql.MySQLError as error:
            return error.args
        names = [column[0] for column in cursor.description or ()]
        warnings = 0 if "FOUND_ROWS()" in text else cursor._result.warning_count
        return affected, names, cursor.fetchall(), warnings


def disturb(other: Any, turn: int) -> None:
    """Leave something on the connection."""
    answer = outcome(other, DISTURBANCES[turn % len(DISTURBANCES)])
    assert isinstance(answer, tuple)
    assert len(answer) == 4 or answer[0] == UNKNOWN_COLUMN, answer


@pytest.mark.parametrize("name", SCRIPTS)
def test_like_a_connection_of_its_own(at: Target, one_for_all: ProxyDaemon, name: str) -> None:
    script = SCRIPTS[name]
    with one_for_all.connect(port=at.port) as direct:
        expected = [outcome(direct, text) for text in script]
    seen = []
    with one_for_all.connect() as client, one_for_all.connect() as other:
        for turn, text in enumerate(script):
            seen.append(outcome(client, text))
            if name != "in a transaction":
                disturb(other, turn)
        run(client, "DO 0")
        assert not is_held(other)
    assert list(zip(script, seen, strict=True)) == list(zip(script, expected, strict=True))


@pytest.mark.parametrize("text", ["SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS"])
@pytest.mark.parametrize("charset", ["utf8mb4", "latin1", "utf16"])
def test_byte_for_byte(at: Target, one_for_all: ProxyDaemon, text: str, charset: str) -> None:
    received = []
    for port in (at.port, one_for_all.port):
        with RawResults(port, at.users["app"]) as client, one_for_all.connect() as other:
            client.query("SET autocommit = 1")
            client.query(f"SET character_set_results = {charset}")
            client.query("SELECT `é`")
            disturb(other, 0)
            client.query(text)
            received.append(client.received)
    assert received[0] == received[1]


def test_nobody_sees_the_conditions_of_another(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect() as client, one_for_all.connect() as other:
        outcome(client, "SELECT nothing_of_yours")
        for text in ("SHOW WARNINGS", "SHOW ERRORS"):
            assert outcome(other, text) == (0, ["Level", "Code", "Message"], (), 0)
        outcome(client, WARNS)
        outcome(other, "SELECT 1")
        for text in ("SHOW COUNT(*) WARNINGS", "SELECT @@warning_count"):
            answer = outcome(other, text)
            assert isinstance(answer, tuple)
            assert answer[2] == ((0,),)


def test_a_session_that_starts_over_has_none(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect() as client, one_for_all.connect() as other:
        outcome(client, WARNS)
        disturb(other, 0)
        client._execute_command(0x1F, "")
        client._read_ok_packet()
        assert outcome(client, "SHOW WARNINGS") == (0, ["Level", "Code", "Message"], (), 0)


_THREE_ROWS = "(SELECT 1 AS a UNION SELECT 2 UNION SELECT 3) AS d"
PREPARED = {
    "SELECT ROW_COUNT(), ROW_COUNT() * 2 AS twice, 'ROW_COUNT()'": (
        "INSERT INTO item (owner) VALUES (9), (9), (9)",
        "SELEC",
        "SET @a = 1",
        "SELECT 1",
    ),
    "SELECT FOUND_ROWS(), CONCAT(FOUND_ROWS())": (
        f"SELECT 1 FROM {_THREE_ROWS} ORDER BY a LIMIT 1,1",
        f"SELECT SQL_CALC_FOUND_ROWS 1 FROM {_THREE_ROWS} LIMIT 1",
        "SELECT 1 UNION SELECT 2 UNION SELECT 3 LIMIT 2",
        "SET @a = 1",
    ),
    "INSERT INTO item (owner, note) VALUES (ROW_COUNT(), FOUND_ROWS())": (
        "SELECT 1 UNION SELECT 2",
        "INSERT INTO item (owner) VALUES (9), (9)",
        "SELECT GROUP_CONCAT(CONCAT_WS('/', owner, note) ORDER BY id) FROM item",
    ),
    "SELECT @@warning_count, @@session.error_count": (WARNS, "SELECT nothing", "SELECT 1 FROM place", "DO 1"),
    "SELECT @@warning_count FROM item LIMIT 0": (WARNS, "SELECT nothing"),
}


@pytest.mark.parametrize("text", PREPARED)
def test_prepared_like_on_a_connection_of_its_own(at: Target, one_for_all: ProxyDaemon, text: str) -> None:
    expected = asked_prepared(one_for_all, at.port, text)
    assert asked_prepared(one_for_all, one_for_all.port, text) == expected


def asked_prepared(proxy: ProxyDaemon, port: int, text: str) -> list[object]:
    """What is said of a text that is prepared, then executed after each statement, and in a transaction."""
    with proxy.connect() as other, BinaryClient(port, proxy.users["app"]) as client:
        run(other, "TRUNCATE item")
        told = client.try_prepare(text)
        seen: list[object] = [told]
        if not isinstance(told, tuple) or told[0] == CANNOT_PREPARE:
            # MySQL's answer to the counts of warnings.
            return seen
        number = client.prepare(text)
        for statement in PREPARED[text]:
            seen.append((statement, client.text(statement)))
            disturb(other, len(seen))
            seen.append(client.run(number))
            disturb(other, len(seen))
        client.text("BEGIN")
        for statement in PREPARED[text]:
            seen.append((statement, client.text(statement)))
            seen.append(client.run(number))
        client.text("ROLLBACK")
        return seen
