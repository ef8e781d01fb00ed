"""What statements return is what the database says, in both protocols and in any size."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.integration.clients import CommandClient, fetch, one, run, seen
from tests.integration.daemon import ProxyDaemon

from .servers import Server

BIG = 20 * 1024 * 1024
PIECE = 1024 * 1024

STATEMENTS = [
    "SELECT 1, NULL, 'text', 1.50, DATE '2024-02-29', TIME '11:22:33', X'00FF'",
    "SELECT CAST('2024-02-29 01:02:03.456789' AS DATETIME(6)), 1e100, -9223372036854775808",
    "SELECT '\U0001f600 déjà vu', _latin1 X'E9', JSON_OBJECT('a', 1)",
    "SELECT 1 WHERE 1 = 0",
    "SELECT nothing",
    "SELECT 1 +",
    "SELECT * FROM item WHERE id = 'x'",
    "SELECT 1/0",
    "SHOW VARIABLES LIKE 'version%'",
    "CALL three_results()",
    "CALL nothing()",
    "INSERT INTO item (id, note) VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    "INSERT INTO item (id, note) VALUES (1, 'again')",
    "INSERT IGNORE INTO item (id, note) VALUES (1, 'ignored'), (4, 'four')",
    "UPDATE item SET note = CONCAT(note, '!') WHERE id > 2",
    "INSERT INTO item (note) VALUES (REPEAT('x', 101))",
    "DELETE FROM item",
    "ALTER TABLE item AUTO_INCREMENT = 1",
    "DROP TABLE missing",
]


def binary(host: str, port: int, password: str) -> CommandClient:
    """A client that can send the commands of the binary protocol."""
    options: dict[str, Any] = {"database": "app", "autocommit": True, "ssl_disabled": True}
    return CommandClient(host=host, port=port, user="app", password=password, **options)


def test_text_protocol(client: Any, direct: Any) -> None:
    through, around = [[seen(each, statement) for statement in STATEMENTS] for each in (client, direct)]
    for statement, ours, theirs in zip(STATEMENTS, through, around, strict=True):
        assert ours == theirs, statement


def test_multi_results(client: Any) -> None:
    with client.cursor() as cursor:
        cursor.execute("CALL three_results()")
        results = [cursor.fetchall()]
        while cursor.nextset():
            results.append(cursor.fetchall())
    assert results[:3] == [((1,),), ((2, "two"),), ()]


def test_binary_protocol(proxy: ProxyDaemon, server: Server) -> None:
    password = server.users["app"]
    answers = []
    for host, port in (("127.0.0.1", proxy.port), (server.host, server.port)):
        with binary(host, port, password) as client:
            statement, columns, parameters = client.prepare("SELECT CONCAT(?, '-', ?), ?")
            rows = [
                client.execute_prepared(statement, *values)
                for values in (("a", "b", None), ("\U0001f600", "d", "é"))
            ]
            client.send_long_data(statement, 0, b"long ")
            client.send_long_data(statement, 0, b"data")
            client.reset_prepared(statement)
            rows.append(client.execute_prepared(statement, "e", "f", "g"))
            client.close_prepared(statement)
            with pytest.raises(pymysql.MySQLError) as caught:
                client.execute_prepared(statement, "a", "b", "c")
            answers.append((columns, parameters, rows, caught.value.args[0]))
    assert answers[0] == answers[1]
    assert answers[0][2][0] == [("a-b", None)]


def test_values_of_20_mb(client: Any) -> None:
    content = os.urandom(BIG // 2).hex().encode()
    run(client, "INSERT INTO big (content) VALUES (_binary %s)", (content,))
    found, length = fetch(client, "SELECT content, LENGTH(content) FROM big")[0]
    run(client, "DELETE FROM big")
    assert length == len(content) == BIG
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()


def test_20_mb_of_long_data(proxy: ProxyDaemon, server: Server) -> None:
    with binary("127.0.0.1", proxy.port, server.users["app"]) as client:
        statement, _, _ = client.prepare("INSERT INTO big (content) VALUES (?)")
        for number in range(BIG // PIECE):
            client.send_long_data(statement, 0, bytes((65 + number,)) * PIECE)
        client.execute_prepared(statement, "", sent=True)
        assert one(client, "SELECT LENGTH(content) FROM big") == BIG
        expected = hashlib.sha256(b"".join(bytes((65 + each,)) * PIECE for each in range(BIG // PIECE)))
        assert one(client, "SELECT SHA2(content, 256) FROM big") == expected.hexdigest()
        run(client, "DELETE FROM big")


def test_local_infile(proxy: ProxyDaemon, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("".join(f"{number},note {number}\n" for number in range(1, 50_001)))
    load = f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE item FIELDS TERMINATED BY ','"
    with proxy.connect(local_infile=True) as client:
        assert run(client, load) == 50_000
        assert one(client, "SELECT note FROM item WHERE id = 49999") == "note 49999"
        run(client, "DELETE FROM item")
        rows.unlink()
        with pytest.raises(pymysql.MySQLError):
            run(client, load)
    with proxy.connect() as client:
        assert one(client, "SELECT COUNT(*) FROM item") == 0


def test_local_infile_that_the_client_did_not_offer(client: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("1,one\n")
    with pytest.raises(pymysql.MySQLError):
        run(client, f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE item FIELDS TERMINATED BY ','")
    assert one(client, "SELECT COUNT(*) FROM item") == 0
