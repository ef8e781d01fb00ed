"""PREPARE, EXECUTE and DEALLOCATE PREPARE as text, of clients that all use the same name.

Each script runs on a connection of its own at the server, and through a proxy that has one connection for
all, on which another client uses the name for other texts between any two of the script's. Both must see the
same, and nobody keeps the connection.
"""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

from .clients import one, run
from .daemon import ProxyDaemon
from .databases import Target
from .sharing import ONE_CONNECTION, is_held, is_shared

#: ER_UNKNOWN_STMT_HANDLER.
UNKNOWN = 1243
DISTURBANCES = (
    "PREPARE s FROM 'SELECT ''not yours'', ?'",
    "SET @a = 'theirs', @q = 'SELECT ''theirs'''",
    "EXECUTE s USING @a",
    "SET NAMES latin1",
    "DEALLOCATE PREPARE s",
    "PREPARE s FROM 'SELECT 1/0'",
    "EXECUTE s",
    "SET NAMES utf8mb4",
)
SCRIPTS = {
    "execute": ("PREPARE s FROM 'SELECT 1 AS x'", "EXECUTE s", "EXECUTE S", "EXECUTE `s`"),
    "parameters": (
        "PREPARE s FROM 'SELECT ? AS a, ? AS b'",
        "SET @a = 1, @b = 'two'",
        "EXECUTE s USING @a, @b",
        "SET @a = 5",
        "EXECUTE s USING @a, @never",
        "EXECUTE s USING @a",
        "EXECUTE s",
        "SHOW WARNINGS",
    ),
    "from a variable": (
        "SET @q = 'SELECT ?, @q'",
        "PREPARE s FROM @q",
        "SET @q = 'SELECT 5'",
        "SET @a = 1.50",
        "EXECUTE s USING @a",
        "PREPARE s FROM @never",
        "EXECUTE s",
        "SET @n = 7",
        "PREPARE s FROM @n",
    ),
    "another text": (
        "PREPARE s FROM 'SELECT 1'",
        "PREPARE S FROM 'SELECT 2'",
        "EXECUTE s",
        "PREPARE t FROM 'SELECT 3'",
        "EXECUTE s",
        "EXECUTE t",
        "DROP PREPARE s",
        "EXECUTE t",
        "EXECUTE s",
    ),
    "a wrong text": (
        "PREPARE s FROM 'SELECT 1'",
        "PREPARE s FROM 'SELEC 1'",
        "SHOW WARNINGS",
        "EXECUTE s",
        "PREPARE s FROM 'SELECT nothing FROM item'",
        "PREPARE s FROM ''",
        "PREPARE s FROM 'SELECT 1; SELECT 2'",
        "PREPARE s FROM 'EXECUTE s'",
        "PREPARE s FROM 'SELECT\\n1,\\n\\n''b'' nothing here'",
    ),
    "unknown names": (
        "EXECUTE None_Such",
        "SHOW WARNINGS",
        "DEALLOCATE PREPARE `None``Such`",
        "SELECT @@error_count",
        "SELECT ROW_COUNT()",
        "EXECUTE none_such USING @a",
        "PREPARE s FROM 'SELECT 1'",
        "DEALLOCATE PREPARE s",
        "DEALLOCATE PREPARE s",
        "EXECUTE s",
    ),
    "quotes": (
        "PREPARE s FROM \"SELECT 'it''s', \"\"x\"\", '\\\\n'\"",
        "EXECUTE s",
        "PREPARE s FROM 'SELECT ''it''''s'', \"a\\\\\\\\b\"'",
        "EXECUTE s",
        "PREPARE s FROM 'SELECT ''Grüße''\n, 2'",
        "EXECUTE s",
        "SET sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES')",
        "PREPARE s FROM 'SELECT ''a\\b'''",
        "EXECUTE s",
        "SET sql_mode = DEFAULT",
        "EXECUTE s",
        "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')",
        "PREPARE s FROM 'SELECT \"id\" FROM item WHERE 0'",
        "SET sql_mode = DEFAULT",
        "EXECUTE s",
    ),
    "the schema": (
        "PREPARE s FROM 'SELECT COUNT(*) * 0 FROM item'",
        "USE information_schema",
        "EXECUTE s",
        "USE app",
        "EXECUTE s",
    ),
    "row counts": (
        "PREPARE s FROM 'INSERT INTO item (owner) VALUES (?), (?)'",
        "SELECT ROW_COUNT()",
        "SET @a = 3",
        "EXECUTE s USING @a, @a",
        "SELECT ROW_COUNT()",
        "EXECUTE s USING @a, @a",
        "PREPARE c FROM 'SELECT ROW_COUNT(), LAST_INSERT_ID() > 0'",
        "EXECUTE c",
        "EXECUTE s USING @a, @a",
        "EXECUTE c",
        "EXECUTE c",
        "EXECUTE s USING @a, @a",
        "DEALLOCATE PREPARE s",
        "SELECT ROW_COUNT()",
        "PREPARE f FROM 'SELECT FOUND_ROWS(), ?'",
        "SELECT 1 UNION SELECT 2",
        "EXECUTE f USING @a",
    ),
    "warnings": (
        "PREPARE s FROM 'SELECT 1/0'",
        "EXECUTE s",
        "SHOW WARNINGS",
        "EXECUTE s",
        "SHOW COUNT(*) WARNINGS",
        "EXECUTE s",
        "SELECT @@warning_count",
        "PREPARE w FROM 'SHOW WARNINGS'",
        "EXECUTE s",
        "EXECUTE w",
    ),
    "an error": (
        "PREPARE s FROM 'INSERT INTO item (id) VALUES (?)'",
        "SET @a = 'no number'",
        "EXECUTE s USING @a",
        "SHOW WARNINGS",
        "SELECT ROW_COUNT()",
        "PREPARE s FROM 'SELECT nothing'",
        "SHOW WARNINGS",
    ),
    "variables of the session": (
        "SET @x = 5, @y = 'abc'",
        "PREPARE s FROM 'SELECT @x + ?, CONCAT(@y, ?), @z := 3'",
        "SET @a = 2",
        "EXECUTE s USING @a, @a",
        "SELECT @z",
        "PREPARE t FROM 'SET @y = ?'",
        "EXECUTE t USING @a",
        "SELECT @y",
        "PREPARE i FROM 'SELECT 8 INTO @z'",
        "EXECUTE i",
        "SELECT @z + 0",
    ),
    "not in ASCII": (
        "SET @q = 'SELECT ''Grüße'', ?', @a = 'é'",
        "PREPARE s FROM @q",
        "EXECUTE s USING @a",
        "EXECUTE s USING @q;",
        "PREPARE t FROM @a",
    ),
    "types": (
        "PREPARE s FROM 'SELECT ? AS x'",
        "SET @a = 1, @b = 1.5, @c = 'abc'",
        "EXECUTE s USING @c",
        "EXECUTE s USING @a",
        "EXECUTE s USING @b",
    ),
    "settings": (
        "PREPARE s FROM 'SET time_zone = ?'",
        "SET @a = '+03:00'",
        "EXECUTE s USING @a",
        "SELECT @@time_zone",
        "PREPARE n FROM 'SET NAMES latin1'",
        "EXECUTE n",
        "SELECT @@character_set_results",
    ),
    "in a transaction": (
        "PREPARE s FROM 'SELECT COUNT(*) FROM item WHERE owner = ?'",
        "SET @a = 77",
        "START TRANSACTION",
        "PREPARE i FROM 'INSERT INTO item (owner) VALUES (?)'",
        "EXECUTE i USING @a",
        "EXECUTE s USING @a",
        "DEALLOCATE PREPARE i",
        "EXECUTE i USING @a",
        "SHOW WARNINGS",
        "PREPARE r FROM 'ROLLBACK'",
        "EXECUTE r",
        "EXECUTE s USING @a",
    ),
    "client's own id": (
        "PREPARE s FROM 'SELECT CONNECTION_ID() = ?'",
        "SET @a = CONNECTION_ID()",
        "EXECUTE s USING @a",
    ),
}
MARIADB_ONLY = {
    "immediate": (
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "SET @a = 3, @q = 'SELECT ? + 1'",
        "EXECUTE IMMEDIATE @q USING @a",
        "EXECUTE IMMEDIATE 'SELEC'",
        "SHOW WARNINGS",
        "EXECUTE IMMEDIATE 'INSERT INTO item (owner) VALUES (1), (2)'",
        "SELECT ROW_COUNT()",
        "EXECUTE IMMEDIATE 'SET @b = 1'",
        "SELECT @b",
    ),
}


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def at(request: pytest.FixtureRequest) -> Target:
    name = "target" if request.param == "mariadb" else "mysql_target"
    found: Target = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="module")
def one_for_all(at: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with one connection for all its clients."""
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), at.port, at.users, pool=ONE_CONNECTION)
    daemon.start()
    with daemon.connect() as setting_up:
        run(setting_up, "CREATE TABLE IF NOT EXISTS item (id INT AUTO_INCREMENT PRIMARY KEY, owner INT)")
    yield daemon
    daemon.stop()
    daemon.check_log()


def outcome(client: Any, text: str) -> Any:
    """All that a client sees of a statement."""
    with client.cursor() as cursor:
        try:
            affected = cursor.execute(text)
        except pymysql.MySQLError as error:
            return error.args
        result = cursor._result
        columns = [(column[0], column[1]) for column in cursor.description or ()]
        status = result.server_status if "server_status" in vars(result) else None
        return affected, columns, cursor.fetchall(), result.warning_count, status


def compare(at: Target, one_for_all: ProxyDaemon, script: tuple[str, ...], *, is_tied: bool) -> None:
    with one_for_all.connect(port=at.port) as direct:
        expected = [outcome(direct, text) for text in script]
    seen = []
    with one_for_all.connect() as client, one_for_all.connect() as other:
        for turn, text in enumerate(script):
            seen.append(outcome(client, text))
            if not is_tied:
                run(other, DISTURBANCES[turn % len(DISTURBANCES)])
        run(client, "DO 0")
        assert not is_held(other)
    assert list(zip(script, seen, strict=True)) == list(zip(script, expected, strict=True))


@pytest.mark.parametrize("name", SCRIPTS)
def test_like_a_connection_of_its_own(at: Target, one_for_all: ProxyDaemon, name: str) -> None:
    compare(at, one_for_all, SCRIPTS[name], is_tied=name == "in a transaction")


@pytest.mark.parametrize("name", MARIADB_ONLY)
def test_like_a_connection_of_its_own_at_mariadb(
    target: Target, one_for_all: ProxyDaemon, at: Target, name: str
) -> None:
    if at is not target:
        pytest.skip("MariaDB's only")
    compare(at, one_for_all, MARIADB_ONLY[name], is_tied=False)


def test_many_clients_with_one_name(one_for_all: ProxyDaemon) -> None:
    clients = [one_for_all.connect() for _ in range(8)]
    for number, client in enumerate(clients):
        run(client, f"PREPARE s FROM 'SELECT {number}, ? + {number}'")
        run(client, f"SET @a = {100 * number}")
    for _ in range(3):
        for number, client in enumerate(clients):
            assert outcome(client, "EXECUTE s USING @a")[2] == ((number, 101 * number),)
    for client in clients[::2]:
        run(client, "DEALLOCATE PREPARE s")
    for number, client in enumerate(clients):
        found = outcome(client, "EXECUTE s USING @a")
        assert found[0] == UNKNOWN if not number % 2 else found[2] == ((number, 101 * number),)
        client.close()


def test_starting_over_forgets(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect() as client:
        run(client, "PREPARE s FROM 'SELECT 1'")
        client._execute_command(0x1F, "")
        client._read_ok_packet()
        assert outcome(client, "EXECUTE s") == (
            1243,
            "Unknown prepared statement handler (s) given to EXECUTE",
        )


def test_more_texts_than_a_connection_keeps(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect() as client, one_for_all.connect() as other:
        for number in range(130):
            run(client, f"PREPARE s{number} FROM 'SELECT {number}'")
        for number in (0, 129, 64, 0):
            assert one(client, f"EXECUTE s{number}") == number
            assert one(other, "SELECT 7") == 7


def test_a_text_that_hides_what_it_prepares_gets_the_real_names(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect(client_flag=CLIENT.MULTI_STATEMENTS) as client, one_for_all.connect() as other:
        run(client, "PREPARE s FROM 'SELECT 5'")
        run(other, "SELECT 1")
        run(client, "PREPARE t FROM 'SELECT 6'")
        with client.cursor() as cursor:
            cursor.execute("SET @n = 1; EXECUTE s; PREPARE t FROM 'SELECT 8'; EXECUTE t")
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
        assert ((5,),) in found
        assert ((8,),) in found
        assert one(client, "EXECUTE t") == 8
        assert one(client, "EXECUTE s") == 5
        assert is_held(other)
        client._execute_command(0x1F, "")
        client._read_ok_packet()
        assert not is_held(other)
        assert outcome(other, "EXECUTE s")[0] == UNKNOWN


def test_nobody_gets_at_a_statement_of_another(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect() as client, one_for_all.connect() as other:
        run(client, "PREPARE mine FROM 'SELECT 1'")
        assert one(client, "EXECUTE mine") == 1
        assert outcome(other, "EXECUTE mine")[0] == UNKNOWN
        assert outcome(other, "EXECUTE rds_proxy_1")[0] == UNKNOWN


def test_names_that_are_the_clients_own_end_with_the_last_one(one_for_all: ProxyDaemon) -> None:
    with one_for_all.connect() as client, one_for_all.connect() as other:
        run(client, "SET @q = CONVERT('SELECT ''é''' USING latin1)")
        run(client, "PREPARE s FROM @q")
        run(client, "PREPARE t FROM 'SELECT 4'")
        assert is_held(other)
        assert one(client, "EXECUTE t") == 4
        run(client, "DEALLOCATE PREPARE s")
        assert is_held(other)
        assert one(client, "EXECUTE t") == 4
        run(client, "DROP PREPARE t")
        assert is_shared(other)
        assert outcome(client, "EXECUTE t")[0] == UNKNOWN
        run(client, "PREPARE t FROM 'SELECT 5'")
        assert is_shared(other)
        assert one(client, "EXECUTE t") == 5


def test_a_database_that_has_no_room_for_more(one_for_all: ProxyDaemon, at: Target) -> None:
    before = at.one("SELECT @@max_prepared_stmt_count")
    with one_for_all.connect() as leaving:
        # Whoever comes next gets the connection reset, without any statement.
        run(leaving, "CREATE TEMPORARY TABLE passing (id INT)")
    at.server.execute("SET GLOBAL max_prepared_stmt_count=4")
    try:
        with one_for_all.connect() as client, one_for_all.connect() as other:
            for number in range(12):
                run(client, f"PREPARE s{number} FROM 'SELECT {number} + ?'")
            run(client, "SET @a = 100")
            for number in range(12):
                assert one(client, f"EXECUTE s{number} USING @a") == 100 + number
                run(other, "PREPARE s1 FROM 'SELECT 1'")
    finally:
        at.server.execute(f"SET GLOBAL max_prepared_stmt_count={before}")


def test_a_statement_that_the_database_has_forgotten(one_for_all: ProxyDaemon, at: Target) -> None:
    at.server.execute("SET GLOBAL log_output='TABLE'; SET GLOBAL general_log=1")
    try:
        with one_for_all.connect() as client:
            run(client, "PREPARE s FROM 'SELECT 1 AS forgotten'")
            name = at.one(
                "SELECT REGEXP_SUBSTR(CONVERT(argument USING utf8mb4), 'rds_proxy_[0-9a-f]+_[0-9]+') AS name"
                " FROM mysql.general_log WHERE argument LIKE 'PREPARE rds%' ORDER BY event_time DESC LIMIT 1"
            )
            assert name.startswith("rds_proxy_")
            run(client, f"DEALLOCATE PREPARE {name}")
            assert one(client, "EXECUTE s") == 1
    finally:
        at.server.execute("SET GLOBAL general_log=0; SET GLOBAL log_output='FILE'")
