"""What a client gets through the proxy is what the database gives it directly."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

from .clients import mariadb, one, run, seen
from .daemon import ProxyDaemon
from .databases import Target

REFUSED = (
    "SELECT * FROM missing_table",
    "SELECT missing_column FROM item",
    "SELEC 1",
    "INSERT INTO item (id) VALUES ('no number')",
    "CREATE DATABASE not_allowed",
    "SELECT 'unterminated",
    "CALL missing_procedure()",
    "SELECT 1 FROM item GROUP BY nothing",
    "SET NAMES nonsense",
    "SET sql_mode = 'NONSENSE'",
    "SET SESSION nonsense = 1",
    "KILL 4294967290",
    "USE missing_schema",
    "DROP TABLE missing_table",
    "SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'größer 😀', MYSQL_ERRNO = 4711",
    "",
    ";",
)


@pytest.fixture
def client(proxy: ProxyDaemon) -> Iterator[Any]:
    with proxy.connect() as connection:
        yield connection


@pytest.mark.parametrize("sql", REFUSED)
def test_errors_come_unchanged(direct: Any, client: Any, sql: str) -> None:
    expected = seen(direct, sql)
    assert issubclass(expected[0], pymysql.MySQLError)
    assert seen(client, sql) == expected
    assert one(client, "SELECT 1") == 1


def test_the_sql_state_comes_unchanged(target: Target, proxy: ProxyDaemon) -> None:
    sql = "SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'text', MYSQL_ERRNO = 4711"
    outputs = [
        mariadb(port, "app", target.users["app"], sql, "app", check=False).stderr
        for port in (target.port, proxy.port)
    ]
    assert "ERROR 4711 (45001) at line 1: text" in outputs[0]
    assert outputs[0] == outputs[1]


def test_a_duplicate_key(client: Any) -> None:
    run(client, "INSERT INTO item (note) VALUES ('only once ö')")
    with pytest.raises(pymysql.IntegrityError) as caught:
        run(client, "INSERT INTO item (note) VALUES ('only once ö')")
    assert caught.value.args == (1062, "Duplicate entry 'only once ö' for key 'note'")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1, 'a' AS b, NULL",
        "SELECT * FROM item WHERE 0",
        "SELECT CAST('12x' AS INT)",
        "DO 1",
        "SET @@session.sort_buffer_size = 1",
        "UPDATE place SET name = 'app'",
        "INSERT IGNORE INTO place SELECT 1 FROM place WHERE 0",
        "SHOW TABLES",
        "SHOW VARIABLES LIKE 'max_allowed_packet'",
        "DESCRIBE item",
        "EXPLAIN SELECT * FROM item",
        "ANALYZE TABLE place",
        "DROP TABLE IF EXISTS missing_table",
        "SELECT /* 😀 */ 'grün'",
        "SELECT '" + "long " * 10_000 + "'",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
        " SELECT i, REPEAT('x', i) FROM n",
    ],
)
def test_results_come_unchanged(direct: Any, client: Any, sql: str) -> None:
    assert seen(client, sql) == seen(direct, sql)


def test_several_results_of_a_procedure(client: Any) -> None:
    with client.cursor() as cursor:
        cursor.execute("CALL three_results()")
        found = [cursor.fetchall()]
        while cursor.nextset():
            found.append(cursor.fetchall())
    assert [tuple(rows) for rows in found] == [((1,),), ((2, "two"),), (), ()]


def test_an_error_after_a_result(client: Any) -> None:
    with client.cursor() as cursor:
        cursor.execute("CALL fails_late()")
        assert cursor.fetchall() == ((1,),)
        with pytest.raises(pymysql.MySQLError, match="late"):
            cursor.nextset()
    assert one(client, "SELECT 2") == 2


def test_multi_statements(proxy: ProxyDaemon) -> None:
    with proxy.connect(client_flag=CLIENT.MULTI_STATEMENTS) as client, client.cursor() as cursor:
        cursor.execute("SELECT 1; UPDATE place SET name = name; SELECT 'three'; SELECT missing")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.nextset()
        assert cursor.fetchall() == (("three",),)
        with pytest.raises(pymysql.OperationalError, match="missing"):
            cursor.nextset()
        cursor.execute("SELECT 4")
        assert cursor.fetchone() == (4,)


def test_multi_statements_only_for_those_who_asked(proxy: ProxyDaemon, client: Any) -> None:
    with proxy.connect(client_flag=CLIENT.MULTI_STATEMENTS) as other, other.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT 2")
        while cursor.nextset():
            pass
    with pytest.raises(pymysql.ProgrammingError, match="1064"):
        run(client, "SELECT 1; SELECT 2")


def test_found_rows_flag_changes_the_count_of_its_client_only(proxy: ProxyDaemon, client: Any) -> None:
    with proxy.connect(client_flag=CLIENT.FOUND_ROWS) as other:
        assert run(other, "UPDATE place SET name = 'app'") == 1
        assert run(client, "UPDATE place SET name = 'app'") == 0
        assert run(other, "UPDATE place SET name = 'app'") == 1


def test_the_mariadb_client(target: Target, proxy: ProxyDaemon) -> None:
    sql = (
        "SELECT 1 AS one, NULL AS nothing, 'é😀' AS text; USE other; SELECT name FROM place;"
        "CALL app.three_results(); SELECT DATABASE(); SHOW DATABASES; SELECT CURRENT_USER();\n"
        "DELIMITER //\nSELECT 'x;y' //\n"
    )
    outputs = [
        mariadb(port, "app", target.users["app"], sql, "app").stdout for port in (target.port, proxy.port)
    ]
    assert "é😀" in outputs[0]
    assert outputs[0] == outputs[1]


def test_the_mariadb_client_completes_names(target: Target, proxy: ProxyDaemon) -> None:
    """Rehashing asks for the fields of every table."""
    outputs = [
        mariadb(port, "app", target.users["app"], "SELECT 1;", "--auto-rehash", "app").stdout
        for port in (target.port, proxy.port)
    ]
    assert outputs == ["1\n1\n", "1\n1\n"]
