"""Values of every type, size and character set come through as they are."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.constants import FIELD_TYPE

from .clients import fetch, one, run, seen
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target

BIG = 20 * 1024 * 1024
"""Bytes; more than one packet of the protocol can hold."""

COLUMNS = {
    "TINYINT": "-128",
    "TINYINT UNSIGNED": "255",
    "BOOL": "TRUE",
    "SMALLINT": "-32768",
    "MEDIUMINT": "8388607",
    "INT": "-2147483648",
    "BIGINT UNSIGNED": "18446744073709551615",
    "DECIMAL(30,10)": "-12345678901234567890.0123456789",
    "FLOAT": "1.5",
    "DOUBLE": "-2.5e-300",
    "BIT(12)": "b'101010101010'",
    "DATE": "'2024-02-29'",
    "TIME(6)": "'-838:59:58.999999'",
    "DATETIME(6)": "'9999-12-31 23:59:59.999999'",
    "TIMESTAMP(3)": "'2001-02-03 04:05:06.789'",
    "YEAR": "2155",
    "CHAR(10)": "'Grüße'",
    "VARCHAR(50)": "'emoji 😀🏳️‍🌈 and \\\\ and \\' and \\0 and \\n'",
    "BINARY(4)": "x'00FF00FF'",
    "VARBINARY(300)": "x'80FE00'",
    "TINYTEXT": "''",
    "TEXT": "REPEAT('text ', 1000)",
    "MEDIUMTEXT": "REPEAT('m', 70000)",
    "LONGTEXT": "REPEAT('l', 300000)",
    "TINYBLOB": "x''",
    "BLOB": "REPEAT(x'00', 251)",
    "MEDIUMBLOB": "REPEAT(x'FF', 65536)",
    "LONGBLOB": "REPEAT(x'FB', 16777216)",
    "ENUM('a','ö')": "'ö'",
    "SET('x','y','z')": "'x,z'",
    "JSON": '\'{"a": [1, null, "😀"]}\'',
    "GEOMETRY": "ST_GeomFromText('POINT(1 2)')",
    "UUID": "'123e4567-e89b-12d3-a456-426655440000'",
    "INET6": "'2001:db8::1'",
}


@pytest.fixture
def client(proxy: ProxyDaemon) -> Iterator[Any]:
    with proxy.connect() as connection:
        yield connection


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_value_of_every_type_and_null(direct: Any, client: Any, kind: str) -> None:
    for connection in (direct, client):
        run(connection, "DROP TABLE IF EXISTS kinds")
        run(connection, f"CREATE TABLE kinds (id INT, v {kind} NULL) CHARACTER SET utf8mb4")
        run(connection, f"INSERT INTO kinds VALUES (1, {COLUMNS[kind]}), (2, NULL)")
        written = seen(connection, "SELECT v FROM kinds ORDER BY id")
        assert written[0][0][0] is not None
        assert written[0][1][0] is None
        assert seen(direct, "SELECT v FROM kinds ORDER BY id") == written
        assert seen(client, "SELECT v FROM kinds ORDER BY id") == written


def test_values_of_20_mb_in_both_directions(client: Any) -> None:
    content = os.urandom(BIG)
    run(client, "INSERT INTO big (content) VALUES (_binary %s)", (content,))
    found, length = fetch(client, "SELECT content, LENGTH(content) FROM big ORDER BY id DESC LIMIT 1")[0]
    assert length == BIG
    assert found == content
    run(client, "DELETE FROM big")


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_a_statement_that_just_fills_a_packet(client: Any, excess: int) -> None:
    limit = 0xFFFFFF
    head, tail = "SELECT LENGTH('", "')"
    filler = limit + excess - 1 - len(head) - len(tail)
    assert one(client, head + "x" * filler + tail) == filler


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_a_row_that_just_fills_a_packet(client: Any, excess: int) -> None:
    # The column's length takes four bytes of the packet.
    length = 0xFFFFFF + excess - 4
    assert one(client, f"SELECT REPEAT('y', {length})") == "y" * length
    assert one(client, "SELECT 1") == 1


def test_a_statement_beyond_the_limit_is_refused_and_the_session_ends_cleanly(
    start_proxy: StartProxy, target: Target
) -> None:
    daemon = start_proxy(target, proxy={"max_statement_size": 100_000})
    connection = daemon.connect()
    with pytest.raises(pymysql.MySQLError) as caught:
        run(connection, "SELECT '" + "x" * 200_000 + "'")
    assert caught.value.args[0] in (1153, 2013, 2006)
    with daemon.connect() as another:
        assert one(another, "SELECT 1") == 1


def test_local_infile(proxy: ProxyDaemon, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"{number},{'x' * 90}" for number in range(20_000)]
    file.write_text("\n".join(lines) + "\n")
    with proxy.connect(local_infile=True) as client:
        run(client, "CREATE TABLE loaded (id INT, note VARCHAR(100))")
        load = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded FIELDS TERMINATED BY ','"
        assert run(client, load) == 20_000
        assert fetch(client, "SELECT COUNT(*), SUM(id) FROM loaded") == ((20_000, 199_990_000),)
        with pytest.raises(pymysql.MySQLError):
            run(client, load.replace("rows.csv", "missing.csv"))
    with proxy.connect() as another:
        assert one(another, "SELECT COUNT(*) FROM loaded") == 20_000
        run(another, "DROP TABLE loaded")


def test_an_unbuffered_cursor(client: Any) -> None:
    with client.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_10000")
        assert sum(row[0] for row in cursor) == 50_005_000
    assert one(client, "SELECT 1") == 1


@pytest.mark.parametrize("charset", ["utf8mb4", "utf8mb3", "latin1", "gbk", "cp1251", "ascii"])
def test_character_sets_of_the_client(target: Target, proxy: ProxyDaemon, charset: str) -> None:
    sql = (
        "SELECT @@character_set_client, @@character_set_connection, @@character_set_results,"
        " @@collation_connection"
    )
    with proxy.connect(charset=charset) as client, proxy.connect(charset=charset, port=target.port) as direct:
        assert fetch(client, sql) == fetch(direct, sql)
        for text in {"latin1": "Grüße", "gbk": "漢字", "cp1251": "Привет"}.get(charset, "plain"), "it's":
            assert one(client, "SELECT %s", (text,)) == text


def test_column_types_survive(client: Any) -> None:
    with client.cursor() as cursor:
        cursor.execute("SELECT 1, 1.5, 'a', NOW(), NULL")
        types = [column[1] for column in cursor.description]
    assert types[0] in (FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG)
    assert types[1:] == [FIELD_TYPE.NEWDECIMAL, FIELD_TYPE.VAR_STRING, FIELD_TYPE.DATETIME, FIELD_TYPE.NULL]
