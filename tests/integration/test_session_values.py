"""Sessions that share one connection keep their own values: each case once failed, or nearly did.

Every case runs on MariaDB and MySQL. What a client sees through the proxy is compared with what it sees when
it has a connection to itself; another client runs its statements in between.
"""

import math
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from .clients import run
from .daemon import ProxyDaemon
from .databases import Target
from .sharing import ONE_CONNECTION

SERVERS = ("target", "mysql_target")
#: What another client does between any two statements of the first.
MEDDLING = (
    "SELECT 1",
    "SET @a = 'of another', @b = NULL, @c = 2.5",
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET time_zone = '+03:00', sql_mode = 'ANSI'",
    "INSERT INTO item (owner) VALUES (7), (8)",
    "SELECT SQL_CALC_FOUND_ROWS id FROM item LIMIT 1",
    "DROP TABLE IF EXISTS another_missing_table",
    "SELECT GET_LOCK('of another', 0)",
    "SELECT RELEASE_LOCK('of another')",
)

#: Statements of one session; each is run alone and with another client in between.
CASES = {
    "the charset number of a column is the session's": [
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SELECT 'x'",
    ],
    "a SET with a bare @@": ["SET @@time_zone = '+05:00'", "SELECT @@time_zone"],
    "a bare @@ among others": [
        "SET @a = 1, @@time_zone = '+05:00', sql_mode = 'ANSI_QUOTES'",
        "SELECT @a, @@time_zone, @@sql_mode",
    ],
    "autocommit with a bare @@": ["SET @@autocommit = 0", "SELECT @@autocommit", "ROLLBACK"],
    "a SET that fails sets nothing": [
        "SET @@time_zone = '+05:00'",
        "SET @@time_zone = '+06:00', @@no_such_variable = 1",
        "SELECT @@time_zone",
    ],
    "a user variable": ["SET @a = 'größe'", "SELECT @a, COLLATION(@a), COERCIBILITY(@a)"],
    "a user variable that was never set": ["SELECT @a, COLLATION(@a), @b + 1, COALESCE(@c, 1)"],
    "a variable set to NULL": ["SET @a = 5", "SET @a = NULL", "SELECT @a, COALESCE(@a, 7) + 1"],
    "types of variables": [
        "SET @a = 18446744073709551615, @b = 1.500, @c = 1e3, @d = x'ff00', @e = TRUE, @f = -7",
        "SELECT @a, @b, @c, HEX(@d), @e, @f, @a - 1, @b * 1.10, @c / 7, @e + @f",
    ],
    "variables of an expression": ["SELECT @a := CONCAT('x', NOW() IS NULL), @b := 7 DIV 2", "SELECT @a, @b"],
    "variables of INTO": ["SELECT 1, 'zwei', NULL INTO @a, @b, @c", "SELECT @a, @b, @c"],
    "a variable in a later SET": ["SET @a = 4", "SET @b = @a * 2, @a = @b", "SELECT @a, @b"],
    "a variable in a statement with others": ["SET @a = 3", "SELECT id FROM place WHERE id < @a ORDER BY id"],
    "a variable's name ignores case": ["SET @Größe = 1, @A = 2", "SELECT @größe, @a"],
    "a text that is prepared under one sql_mode": [
        "SET sql_mode = ''",
        """PREPARE plan FROM 'SELECT "text"'""",
        "SET sql_mode = 'ANSI_QUOTES'",
        "EXECUTE plan",
        "DEALLOCATE PREPARE plan",
        "EXECUTE plan",
    ],
    "parameters of a text": [
        "SET @a = 'x', @b = 2",
        "PREPARE s FROM 'SELECT ?, ? + 1'",
        "EXECUTE s USING @a, @b",
    ],
    "ROW_COUNT() of an UPDATE": ["UPDATE place SET name = name", "SELECT ROW_COUNT()", "SELECT ROW_COUNT()"],
    "ROW_COUNT() in a later statement": [
        "INSERT INTO item (owner) VALUES (1), (1)",
        "SELECT ROW_COUNT() + 1, LAST_INSERT_ID() > 0",
    ],
    "FOUND_ROWS() of a limited SELECT": [
        "SELECT SQL_CALC_FOUND_ROWS 1 FROM place LIMIT 1",
        "SELECT FOUND_ROWS() + 1",
    ],
    "FOUND_ROWS() of what assigns": ["SELECT @a := 1 UNION SELECT 2 UNION SELECT 3", "SELECT FOUND_ROWS()"],
    "warnings": ["DROP TABLE IF EXISTS my_missing_table", "SHOW WARNINGS", "SHOW COUNT(*) WARNINGS"],
    "warnings outlive a SET": ["DROP TABLE IF EXISTS my_missing_table", "SET @a = 1", "SHOW WARNINGS"],
    "errors": ["SELECT * FROM my_missing_table", "SHOW ERRORS"],
    "GET DIAGNOSTICS": [
        "DROP TABLE IF EXISTS my_missing_table",
        "GET DIAGNOSTICS CONDITION 1 @a = MYSQL_ERRNO, @b = MESSAGE_TEXT",
        "SELECT @a, @b",
    ],
    "a savepoint before the transaction": [
        "SET autocommit = 0",
        "SAVEPOINT a",
        "SELECT COUNT(*) > 0 FROM place",
        "ROLLBACK TO SAVEPOINT a",
        "COMMIT",
    ],
    "a savepoint and nothing else": [
        "SET autocommit = 0",
        "SAVEPOINT a",
        "ROLLBACK TO SAVEPOINT a",
        "ROLLBACK",
    ],
    "a temporary table": [
        "CREATE TEMPORARY TABLE fleeting (id INT)",
        "INSERT INTO fleeting VALUES (1)",
        "SELECT * FROM fleeting",
        "DROP TEMPORARY TABLE fleeting",
        "SELECT * FROM fleeting",
    ],
    "named locks": [
        "SELECT GET_LOCK('My lock', 0)",
        "SELECT IS_USED_LOCK('My lock') = CONNECTION_ID()",
        "SELECT RELEASE_LOCK('My lock')",
        "SELECT IS_FREE_LOCK('My lock')",
    ],
    "the last insert id": [
        "INSERT INTO item (owner) VALUES (1)",
        "SELECT LAST_INSERT_ID() = MAX(id) FROM item WHERE owner = 1",
        "SELECT @@identity = LAST_INSERT_ID()",
    ],
}
#: Cases whose other client cannot get in: the session keeps the connection.
TIES = ("savepoint", "temporary", "locks", "autocommit")


@pytest.fixture(scope="module", params=SERVERS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ProxyDaemon, Target]]:
    """A proxy with one connection, and its target."""
    target: Target = request.getfixturevalue(request.param)
    percent = math.ceil(100 / int(target.one("SELECT @@max_connections")))
    pool = {**ONE_CONNECTION, "max_connections_percent": percent}
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), target.port, target.users, pool=pool)
    daemon.start()
    yield daemon, target
    daemon.stop()
    daemon.kill()


def answer(client: Any, sql: str) -> Any:
    """All that a client sees of one statement: rows, columns' types and charsets, counts, or the error."""
    with client.cursor() as cursor:
        try:
            cursor.execute(sql)
        except pymysql.MySQLError as error:
            return error.args
        result = cursor._result
        columns = [
            (each.name, each.type_code, each.charsetnr) for each in getattr(result, "fields", None) or ()
        ]
        return cursor.fetchall(), columns, cursor.rowcount, result.warning_count


def between(daemon: ProxyDaemon, sql: str) -> None:
    """Another client's turn; where the first keeps the connection it waits in vain."""
    with daemon.connect() as other:
        try:
            run(other, sql)
        except pymysql.MySQLError as error:
            if error.args[0] != 9501:
                raise


@pytest.mark.parametrize("meddling", [MEDDLING[:3], MEDDLING[3:6], MEDDLING[6:]], ids="abc")
@pytest.mark.parametrize("name", CASES)
def test_as_if_alone(place: tuple[ProxyDaemon, Target], name: str, meddling: tuple[str, ...]) -> None:
    daemon, target = place
    statements = CASES[name]
    options = {"autocommit": True, "charset": "utf8mb4"}
    with daemon.connect(port=target.port, **options) as direct:
        alone = [answer(direct, sql) for sql in statements]
    with daemon.connect(**options) as client:
        shared = []
        for at, sql in enumerate(statements):
            shared.append(answer(client, sql))
            if at + 1 < len(statements):
                for each in meddling[:1] if any(word in name for word in TIES) else meddling:
                    between(daemon, each)
    assert shared == alone
