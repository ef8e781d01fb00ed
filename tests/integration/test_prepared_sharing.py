"""Prepared statements of several clients on one or two connections, against connections of their own.

Each scenario is run twice: with clients of a proxy that share, and with clients that have a server to
themselves. Whatever they see must be the same.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import attrs
import pytest

from proxy.mysql.wire.commands import Command

from .binary_statements import BLOB, DOUBLE, INT, LONGLONG, STRING, TINY, UNSIGNED, BinaryClient, execution
from .daemon import ProxyDaemon
from .databases import Target

Clients = Callable[[], BinaryClient]
Scenario = Callable[[list[BinaryClient]], list[object]]
LAST = 0xFFFFFFFF
TABLES = (
    "DROP TABLE IF EXISTS app.prep;"
    "CREATE TABLE app.prep (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(50));"
    "INSERT INTO app.prep (a, b) VALUES (1, 'x'), (2, 'y');"
    "DROP DATABASE IF EXISTS prep_other; CREATE DATABASE prep_other;"
    "CREATE TABLE prep_other.prep (c INT); INSERT INTO prep_other.prep VALUES (77)"
)


@attrs.frozen
class Place:
    """A server, and a proxy with few connections to it."""

    target: Target
    proxy: ProxyDaemon
    is_mariadb: bool
    connections: int

    def seen(self, scenario: Scenario, port: int, clients: int) -> list[object]:
        """What the clients of a scenario see."""
        password = self.target.users["app"]
        with ExitStack() as stack:
            return scenario([stack.enter_context(BinaryClient(port, password)) for _ in range(clients)])

    def check(self, scenario: Scenario, clients: int = 2) -> list[object]:
        """The same in both places; returns it."""
        seen = []
        for port in (self.target.port, self.proxy.port):
            self.target.server.execute(TABLES)
            seen.append(self.seen(scenario, port, clients))
        direct, shared = seen
        for at, (here, there) in enumerate(zip(shared, direct, strict=True)):
            assert here == there, f"answer {at}"
        return direct


@pytest.fixture(scope="module", params=["mariadb-1", "mariadb-2", "mysql-1", "mysql-2"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Both servers, each with one and with two connections."""
    name, _, connections = request.param.partition("-")
    target: Target = request.getfixturevalue("target" if name == "mariadb" else "mysql_target")
    limit = int(target.one("SELECT @@max_connections"))
    percent = math.ceil(int(connections) * 100 / limit)
    pool = {"max_connections_percent": percent, "connection_borrow_timeout": 5.0}
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), target.port, target.users, pool=pool)
    daemon.start()
    try:
        yield Place(target, daemon, name == "mariadb", int(connections))
        daemon.stop()
    finally:
        daemon.kill()


def prepared(clients: list[BinaryClient], text: str) -> list[tuple[BinaryClient, int]]:
    return [(client, client.prepare(text)) for client in clients]


def test_one_text_by_many(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        pairs = prepared(clients, "SELECT id, b FROM prep WHERE a = ?")
        seen: list[object] = []
        for value in (1, 2, 3):
            seen += [client.run(number, (LONGLONG, value)) for client, number in pairs]
        seen += [client.run(number, (LONGLONG, 1), types=False) for client, number in pairs]
        return seen

    place.check(scenario, clients=5)


def test_what_prepare_says(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        texts = (
            "SELECT ?",
            "SELECT * FROM prep",
            "SELECT * FROM missing",
            "SELECT FROM",
            "DO ?",
            "USE app",
            "",
        )
        return [client.try_prepare(text) for text in texts for client in clients]

    place.check(scenario)


def test_types_that_were_never_sent(place: Place) -> None:
    """A server's statement may have another client's."""

    def scenario(clients: list[BinaryClient]) -> list[object]:
        (first, one), (second, two) = prepared(clients, "SELECT ?")
        return [
            first.run(one, (LONGLONG, 5)),
            second.run(two, (LONGLONG, 5), types=False),
            second.run(two, (LONGLONG, None), types=False),
            first.run(one, (LONGLONG, 6), types=False),
            second.run(two, (STRING, "own")),
            second.run(two, (STRING, "again"), types=False),
        ]

    place.check(scenario)


@pytest.mark.parametrize(
    "texts", ["SELECT ?", "SELECT ? + 1", "SELECT COALESCE(?, 1)", "SELECT b FROM prep WHERE a = ?"]
)
def test_types_of_different_clients(place: Place, texts: str) -> None:
    """Each keeps to one kind of type; sizes of integers and NULL change."""

    def scenario(clients: list[BinaryClient]) -> list[object]:
        first, second, third, fourth = prepared(clients, texts)
        seen: list[object] = []
        for _ in range(2):
            seen.append(first[0].run(first[1], (LONGLONG, 1 << 40)))
            seen.append(second[0].run(second[1], (STRING, "2ab")))
            seen.append(third[0].run(third[1], (DOUBLE, 1.5)))
            seen.append(fourth[0].run(fourth[1], (LONGLONG | UNSIGNED, (1 << 64) - 5)))
            seen.append(first[0].run(first[1], (TINY, 2)))
            seen.append(second[0].run(second[1], (BLOB, b"\x01")))
            seen.append(second[0].run(second[1], (STRING, None)))
            seen.append(first[0].run(first[1], (INT, None)))
        return seen

    place.check(scenario, clients=4)


def test_types_that_change(place: Place) -> None:
    """MySQL makes a number of 'ab' where one was first; the next client's is its own."""
    if place.connections > 1:
        pytest.skip("on another connection such a statement begins anew")

    def scenario(clients: list[BinaryClient]) -> list[object]:
        (first, one), (second, two) = prepared(clients, "SELECT ?")
        return [
            first.run(one, (LONGLONG, 1)),
            first.run(one, (STRING, "ab")),
            second.run(two, (STRING, "ab")),
            second.run(two, (DOUBLE, 1.5)),
            first.run(one, (STRING, "7")),
            second.run(two, (LONGLONG, 3)),
            second.run(two, (STRING, "cd")),
        ]

    place.check(scenario)


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("SET sql_mode='ANSI_QUOTES'", 'SELECT "b" FROM prep', "SET sql_mode=''"),
        ("SET sql_mode=''", 'SELECT "b" FROM prep', "SET sql_mode='ANSI_QUOTES'"),
        ("SET sql_mode='NO_BACKSLASH_ESCAPES'", "SELECT 'a\\\\nb', ?", "SET sql_mode=''"),
        ("SET sql_mode=''", "SELECT 'a\\\\nb', ?", "SET sql_mode='NO_BACKSLASH_ESCAPES'"),
        ("SET sql_mode='PIPES_AS_CONCAT'", "SELECT '1' || '2'", "SET sql_mode=''"),
        ("SET sql_mode=''", "SELECT LENGTH(?), 5 DIV 0", "SET sql_mode='TRADITIONAL'"),
        ("SELECT 1", "SELECT * FROM prep", "USE prep_other"),
        ("USE prep_other", "SELECT *, DATABASE() FROM prep", "USE app"),
        ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SELECT 'a' = 'A', COLLATION('a')", "SET NAMES utf8mb4"),
        ("SET NAMES latin1", "SELECT HEX('\xe9'), ?", "SET NAMES utf8mb4"),
        ("SET time_zone='+05:00'", "SELECT FROM_UNIXTIME(?)", "SET time_zone='+00:00'"),
        ("SET sql_select_limit=1", "SELECT * FROM prep", "SET sql_select_limit=DEFAULT"),
    ],
)
def test_settings_between_prepare_and_execute(place: Place, before: str, text: str, after: str) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        first, second, third = clients
        values = [(LONGLONG, 7)] * text.count("?")
        seen: list[object] = [first.text(before)]
        one, two = first.prepare(text), second.try_prepare("SELECT 1")
        seen += [two, first.text(after)]
        for client in clients[1:]:
            seen.append(client.try_prepare(text))
            seen.append(client.run(client.prepared_last, *values))
        # Somebody else has the connection on which it was prepared.
        third.text("BEGIN")
        seen += [first.run(one, *values), first.text("SELECT DATABASE(), @@sql_mode")]
        third.text("ROLLBACK")
        seen += [first.run(one, *values), first.try_prepare(text), first.run(one, *values)]
        return [str(each) for each in seen]

    if place.connections == 1:
        pytest.skip("the third client keeps the only connection")
    place.check(scenario, clients=3)


def test_ddl_between(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        pairs = prepared(clients, "SELECT * FROM prep WHERE a > ?")
        seen: list[object] = [client.run(number, (LONGLONG, 0)) for client, number in pairs]
        ddl = [
            "ALTER TABLE prep ADD extra INT DEFAULT 5",
            "ALTER TABLE prep MODIFY a BIGINT",
            "ALTER TABLE prep DROP extra",
            "DROP TABLE prep",
            "CREATE TABLE prep (a INT)",
        ]
        for statement in ddl:
            seen.append(clients[0].text(statement))
            seen.append(clients[2].try_prepare("SELECT * FROM prep WHERE a > ?"))
            for _ in range(2):
                seen += [client.run(number, (LONGLONG, 0)) for client, number in pairs[:2]]
        return [_without_metadata_flag(each) for each in seen]

    place.check(scenario, clients=3)


def _without_metadata_flag(shown: object) -> object:
    """Whether a server says that metadata changed depends on when that statement was prepared there."""
    if isinstance(shown, list) and len(shown) == 1 and len(shown[0]) == 4:
        columns, rows, counts, flags = shown[0]
        return columns, rows, counts, flags & ~0x400
    return shown


def test_metadata_changes_are_flagged(place: Place) -> None:
    """The client that prepared before the change is told; on one connection as a server does it."""

    def scenario(clients: list[BinaryClient]) -> list[object]:
        [(client, number)] = prepared(clients, "SELECT * FROM prep")
        seen: list[object] = [client.run(number)]
        place.target.server.execute("ALTER TABLE app.prep ADD extra INT")
        seen += [client.run(number), client.run(number)]
        place.target.server.execute("ALTER TABLE app.prep DROP extra")
        return seen

    place.check(scenario, clients=1)


def test_temporary_tables_hide_others(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        first, second = clients
        text = "SELECT * FROM prep"
        seen: list[object] = [second.try_prepare(text)]
        theirs = second.prepared_last
        seen.append(first.text("CREATE TEMPORARY TABLE prep (z VARCHAR(3))"))
        seen.append(first.try_prepare(text))
        own = first.prepared_last
        seen += [first.run(own), first.text("DROP TEMPORARY TABLE prep"), first.run(own)]
        for client, number in ((first, own), (second, theirs)):
            seen += [client.try_prepare(text), client.run(number), client.run(client.prepared_last)]
        return [_without_metadata_flag(each) for each in seen]

    place.check(scenario)


def test_user_variables(place: Place) -> None:
    """MySQL fixes their types when a statement is prepared."""

    def scenario(clients: list[BinaryClient]) -> list[object]:
        first, second = clients
        seen: list[object] = [first.text("SET @x=5"), second.text("SET @x='abc'")]
        pairs = prepared(clients, "SELECT @x, COALESCE(@x, 1), ?")
        for _ in range(2):
            seen += [client.run(number, (LONGLONG, 1)) for client, number in pairs]
        seen += [first.text("SET @x='text'"), second.text("SET @x=9")]
        for _ in range(2):
            seen += [client.run(number, (LONGLONG, 1)) for client, number in pairs]
        more = prepared(clients, "SELECT @n := @n + ?, @n")
        seen += [first.text("SET @n=1"), second.text("SET @n=10")]
        more = prepared(clients, "SELECT @n := @n + ?")
        for _ in range(3):
            seen += [client.run(number, (LONGLONG, 1)) for client, number in more]
        seen += [client.text("SELECT @n, @x") for client in clients]
        return seen

    place.check(scenario)


def test_last_insert_id(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        inserts = prepared(clients, "INSERT INTO prep (a) VALUES (?)")
        reads = prepared(clients, "SELECT LAST_INSERT_ID(), LAST_INSERT_ID() + ?")
        uses = prepared(clients, "INSERT INTO prep (a, b) VALUES (LAST_INSERT_ID(), ?)")
        seen: list[object] = [clients[0].text("TRUNCATE prep")]
        for _ in range(2):
            seen += [client.run(number, (LONGLONG, 5)) for client, number in inserts]
            seen += [client.run(number, (LONGLONG, 1)) for client, number in reads]
        seen += [client.run(number, (STRING, "q")) for client, number in uses]
        seen += [client.run(number, (LONGLONG, 1)) for client, number in reads]
        return [*seen, clients[0].text("SELECT * FROM prep")]

    place.check(scenario)


def test_transactions(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        first, second = clients
        insert = first.prepare("INSERT INTO prep (a) VALUES (?)")
        seen: list[object] = [first.text("BEGIN"), first.run(insert, (LONGLONG, 10))]
        inside = first.prepare("SELECT COUNT(*) FROM prep WHERE a = ?")
        update = first.prepare("UPDATE prep SET b = ? WHERE a = ?")
        seen += [first.run(inside, (LONGLONG, 10)), first.run(update, (STRING, "u"), (LONGLONG, 10))]
        seen += [first.run(insert, (LONGLONG, 11), types=False), first.text("ROLLBACK")]
        other = second.prepare("SELECT COUNT(*) FROM prep WHERE a = ?")
        seen += [second.run(other, (LONGLONG, 10)), first.run(inside, (LONGLONG, 10), types=False)]
        seen += [first.text("START TRANSACTION"), first.run(insert, (LONGLONG, 12)), first.text("COMMIT")]
        return [*seen, second.run(other, (LONGLONG, 12)), first.run(inside, (LONGLONG, 12))]

    place.check(scenario)


def test_long_data_and_cursors(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        (first, one), (second, two) = prepared(clients, "SELECT LENGTH(?), ?")
        seen: list[object] = []
        first.long_data(one, 0, b"x" * 1000)
        first.long_data(one, 0, b"y" * 1000)
        seen.append(first.run(one, (BLOB, ...), (LONGLONG, 1)))
        seen.append(second.run(two, (BLOB, b"abc"), (LONGLONG, 1)))
        first.long_data(one, 0, b"lost")
        seen += [first.reset(one), first.run(one, (BLOB, b"after"), (LONGLONG, 2))]
        first.long_data(one, 7, b"no such parameter")
        seen += [first.run(one, (BLOB, b"a"), (LONGLONG, 2)), first.run(one, (BLOB, b"b"), (LONGLONG, 2))]
        cursor = first.prepare("SELECT a FROM prep ORDER BY a")
        seen.append(first.run(cursor, cursor=True))
        seen += [
            first.fetch(cursor, 1),
            first.fetch(cursor, 5),
            first.run(cursor, cursor=True),
        ]
        seen += [first.fetch(cursor, 1), first.reset(cursor), first.text("SELECT 1")]
        seen.append(second.run(two, (BLOB, b"end"), (LONGLONG, 1)))
        return seen

    place.check(scenario)


def test_a_cursor_leaves_others_alone(place: Place) -> None:
    """A MySQL 9 without a proxy breaks the protocol where a statement has had a cursor and is run without."""
    text = "SELECT a FROM prep ORDER BY a"
    place.target.server.execute(TABLES)

    def scenario(clients: list[BinaryClient]) -> list[object]:
        (first, one), (second, two) = prepared(clients, text)
        seen: list[object] = []
        for _ in range(2):
            first.run(one, cursor=True)
            first.fetch(one, 9)
            seen += [second.run(two), first.run(one)]
            first.run(one, cursor=True)
            seen.append(first.run(one))
        return seen

    seen = place.seen(scenario, place.proxy.port, 2)
    assert seen == [seen[0]] * len(seen)


def test_errors(place: Place) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        client = clients[0]
        number = client.prepare("SELECT 1")
        seen: list[object] = [client.run(77), client.fetch(77, 1), client.reset(77), client.fetch(number, 1)]
        client.close(number)
        seen.append(client.run(number))
        duplicate = client.prepare("INSERT INTO prep (id) VALUES (?)")
        seen += [client.run(duplicate, (LONGLONG, 1)), client.text("SHOW WARNINGS")]
        seen += [client.run(duplicate, (LONGLONG, 500)), client.run(duplicate, (LONGLONG, 500))]
        client.long_data(77, 0, b"x")
        return [*seen, client.text("SELECT 1")]

    place.check(scenario, clients=1)


def test_the_last_statement(place: Place) -> None:
    """MariaDB's -1."""

    def scenario(clients: list[BinaryClient]) -> list[object]:
        client = clients[0]
        seen: list[object] = [client.run(LAST)] if not place.is_mariadb else []
        client.prepare("INSERT INTO prep (a) VALUES (1)")
        seen += [client.try_prepare("SELECT FROM"), client.run(LAST)]
        last = client.prepare("SELECT ?")
        if place.is_mariadb:
            seen += [client.run(LAST, (LONGLONG, 5)), client.reset(LAST)]
        client.close(last)
        return [*seen, client.run(LAST), client.text("SELECT COUNT(*) FROM prep")]

    place.check(scenario, clients=1)


def test_many_statements_of_many(place: Place) -> None:
    """More than a connection keeps."""

    def scenario(clients: list[BinaryClient]) -> list[object]:
        numbers = [[client.prepare(f"SELECT {n}, ?") for n in range(130)] for client in clients]
        return [
            client.run(numbers[at][n], (LONGLONG, n))
            for n in (0, 129, 64, 1, 128, 0)
            for at, client in enumerate(clients)
        ]

    place.check(scenario)


def test_the_server_has_little_room(place: Place) -> None:
    if place.connections > 1:
        pytest.skip("the other connection may have all the room there is")
    before = place.target.one("SELECT @@max_prepared_stmt_count")
    place.target.server.execute("SET GLOBAL max_prepared_stmt_count=3")
    try:

        def scenario(client: BinaryClient) -> list[object]:
            numbers = [client.prepare(f"SELECT {n}, ?") for n in range(20)]
            return [client.run(number, (LONGLONG, at)) for at, number in enumerate(numbers * 2)]

        with BinaryClient(place.proxy.port, place.target.users["app"]) as client:
            for at, seen in enumerate(scenario(client)):
                assert isinstance(seen, list)
                assert str(at % 20).encode() in str(seen).encode()
                assert len(seen[0]) == 4, seen
    finally:
        place.target.server.execute(f"SET GLOBAL max_prepared_stmt_count={before}")


@pytest.mark.parametrize("size", [100_000, (1 << 24) - 40, (1 << 24) + 1000])
def test_long_executions_without_types(place: Place, size: int) -> None:
    def scenario(clients: list[BinaryClient]) -> list[object]:
        first, second = clients
        number = first.prepare("SELECT LENGTH(?), ?")
        seen: list[object] = [first.run(number, (BLOB, b"x"), (LONGLONG, 5))]
        second.text("BEGIN")
        second.text("ROLLBACK")
        seen.append(run_long(first, number, size))
        return [*seen, first.text("SELECT 1")]

    place.check(scenario)


def run_long(client: BinaryClient, number: int, size: int) -> object:
    """COM_STMT_EXECUTE in as many packets as it takes, without types."""
    body = bytes((Command.STMT_EXECUTE,)) + execution(
        number, [(BLOB, b"z" * size), (LONGLONG, 6)], types=False
    )
    sequence = 0
    while True:
        part, body = body[: (1 << 24) - 1], body[(1 << 24) - 1 :]
        client._connection._sock.sendall(len(part).to_bytes(3, "little") + bytes((sequence,)) + part)
        sequence += 1
        if len(part) < (1 << 24) - 1:
            return client._shown([client._result()])
