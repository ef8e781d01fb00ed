"""CONNECTION_ID() through the proxy: the client's own id, in columns that look as they do directly."""

import random
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

from .clients import STMT_EXECUTE, STMT_PREPARE, CommandClient, fetch, one, run
from .daemon import ProxyDaemon
from .databases import Target

SEED = 4711
GENERATED = 150
ID = "CONNECTION_ID()"

STATEMENTS = [
    f"SELECT {ID}",
    "SELECT connection_id ( ) , 1",
    f"SELECT {ID} x, {ID} AS y, {ID} `z`, {ID} AS 'v', {ID} 'w', 1",
    f"SELECT 1 + /* c */ {ID} -- end",
    f"SELECT CASE WHEN {ID} > 0 THEN 1 ELSE 0 END x, CASE {ID} WHEN 1 THEN 2 END",
    f"SELECT {ID} IS NULL, {ID} IS NULL x, {ID} IS NOT TRUE, NOT {ID}, -{ID}, ~{ID}",
    f"SELECT (SELECT {ID}) + 1, (SELECT {ID} a) b, EXISTS(SELECT {ID})",
    f"SELECT * FROM (SELECT {ID}) t",
    f"WITH x AS (SELECT {ID}), y(n) AS (SELECT {ID}) SELECT * FROM x, y WHERE n = {ID}",
    f"SELECT {ID} UNION SELECT 2 ORDER BY 1",
    f"(SELECT {ID}) UNION ALL (SELECT {ID} + 1)",
    f"/*! SELECT {ID} */",
    f"/*!40101 SELECT {ID} x */",
    f"SELECT DISTINCT {ID} FROM place GROUP BY {ID} HAVING {ID} > 0 ORDER BY {ID} LIMIT 1",
    f"SELECT {ID} = 'a' 'b', {ID} = _utf8mb4'x', {ID} = N'x', {ID} = X'41', {ID} = b'1' q",
    f"SELECT {ID} > DATE'2020-01-01', {ID} + INTERVAL 1 DAY, {ID} + INTERVAL 1 DAY day",
    f"SELECT SUM({ID}) OVER w FROM place WINDOW w AS (ORDER BY name)",
    f"SELECT CONCAT(')', {ID}, '(', \"it's\", 'a\\'b', 'it''s'), '{ID}', \"{ID}\" FROM place",
    f"SELECT CONCAT({ID}, '\u00e9'), {ID} = '\U0001f600'",
    f"SELECT {ID}{' + 1' * 100}",
    f"SELECT TRIM(LEADING '1' FROM {ID}), GROUP_CONCAT({ID} ORDER BY 1 SEPARATOR ',') FROM place",
    f"SELECT\n  {ID}\n  + 1\nFROM place LOCK IN SHARE MODE",
    f"SELECT place.*, {ID} FROM place",
    f"SELECT {ID} AS `from`, {ID} `a``b`, 'a`b' = {ID}",
]


@pytest.fixture(scope="module", params=["target", "mysql_target"])
def database(request: pytest.FixtureRequest) -> Target:
    """Each database."""
    found: Target = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def daemon(database: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy before it."""
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), database.port, database.users)
    with daemon:
        yield daemon


@pytest.fixture
def client(daemon: ProxyDaemon) -> Iterator[Any]:
    """A client of the proxy."""
    with daemon.connect(client_flag=CLIENT.MULTI_STATEMENTS) as connection:
        yield connection


@pytest.fixture
def direct(database: Target, daemon: ProxyDaemon) -> Iterator[Any]:
    """The same at the database."""
    with daemon.connect(port=database.port) as connection:
        yield connection


def look(connection: Any, sql: str) -> object:
    """The columns, as far as a client can tell them apart, and the number of rows; or the error."""
    with connection.cursor() as cursor:
        try:
            count = cursor.execute(sql)
        except pymysql.MySQLError as error:
            return error.args[0]
        fields = cursor._result.fields
        return count, [
            (each.name, each.type_code, each.flags, each.charsetnr, each.scale, each.length)
            for each in fields
        ]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_columns_look_as_they_do_directly(client: Any, direct: Any, sql: str) -> None:
    found = look(direct, sql)
    assert isinstance(found, tuple), "the database does not know the statement"
    assert look(client, sql) == found


class Generator:
    """Statements with CONNECTION_ID() wherever it may stand."""

    ALIASES = ("", "", " x", " AS y", " `z`", " AS 'v'", " 'w'", " day")
    LITERALS = ("1", "'s'", "NULL", "TRUE", "0x41", "1.5", "'a' 'b'", "DATE '2020-01-01'", ID)

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def statement(self, depth: int = 2) -> str:
        item = self._chance.choice
        listed = ", ".join(
            self.expression(depth) + item(self.ALIASES) for _ in range(self._chance.randint(1, 3))
        )
        sql = f"SELECT {item(('', '', 'DISTINCT ', 'ALL ', 'SQL_NO_CACHE '))}{listed}"
        if self._chance.random() < 0.3:
            sql += f" FROM (SELECT {self.expression(1)} AS n) AS t"
            sql += item(("", f" WHERE {self.expression(1)}", f" ORDER BY {ID}", " LIMIT 3"))
        elif self._chance.random() < 0.2:
            sql += item((" LIMIT 1", f" HAVING {ID} > 0", " LOCK IN SHARE MODE", ";", " -- end"))
        return sql

    def expression(self, depth: int) -> str:
        if depth <= 0:
            return self._chance.choice(self.LITERALS)
        one_of = self._chance.choice
        first, second = self.expression(depth - 1), self.expression(depth - 1)
        return one_of(
            (
                first,
                f"({first})",
                f"{first} {one_of(('+', '-', '*', '=', '<>', '<=>', 'AND', 'OR', 'XOR', 'DIV'))} {second}",
                f"{first} IS {one_of(('NULL', 'NOT NULL', 'TRUE', 'UNKNOWN'))}",
                f"{one_of(('COALESCE', 'CONCAT', 'LEAST'))}( {first} , {second} )",
                f"CASE {first} WHEN {second} THEN {ID} ELSE 2 END",
                f"({first}) IN ({second},{ID})",
                f"(SELECT {first})",
                f"({first}) LIKE 'x'",
                f"({first}) BETWEEN 1 AND 2",
                f"CAST({first} AS CHAR)",
            )
        )


def test_generated_statements(client: Any, direct: Any) -> None:
    generator = Generator(random.Random(SEED))
    known = 0
    for _ in range(GENERATED):
        sql = generator.statement()
        found = look(direct, sql)
        known += isinstance(found, tuple)
        assert look(client, sql) == found, sql
    assert known > GENERATED / 2


class TestTheIdIsTheClients:
    def test_in_every_place(self, client: Any) -> None:
        number = client.thread_id()
        assert fetch(client, f"SELECT {ID}, ({ID}) + 1, (SELECT {ID})") == ((number, number + 1, number),)
        assert one(client, f"SELECT COUNT(*) FROM place WHERE {ID} = {number}") == 1
        run(client, f"SET @number = {ID}")
        assert one(client, "SELECT @number") == number
        run(client, f"INSERT INTO item (owner) VALUES ({ID}) ON DUPLICATE KEY UPDATE owner = {ID}")
        run(client, f"UPDATE item SET owner = {ID} + 1 WHERE owner = {ID}")
        assert run(client, f"DELETE FROM item WHERE owner = {ID} + 1") == 1

    def test_in_several_statements(self, client: Any) -> None:
        with client.cursor() as cursor:
            cursor.execute(f"SELECT 1; SELECT {ID}; SELECT {ID} + 1")
            found = [cursor.fetchall()]
            while cursor.nextset():
                found.append(cursor.fetchall())
        number = client.thread_id()
        assert found == [((1,),), ((number,),), ((number + 1,),)]

    @pytest.mark.parametrize("mode", ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI,NO_BACKSLASH_ESCAPES"])
    def test_in_other_modes(self, client: Any, mode: str) -> None:
        run(client, f"SET sql_mode = '{mode}'")
        number = client.thread_id()
        sql = f"SELECT {ID} AS \"a b\", ')\\', {ID}, '(' FROM place"
        expected = ((number, ")\\", number, "("),)
        if "BACKSLASH" in mode:
            assert fetch(client, sql) == expected
        assert fetch(client, f'SELECT {ID} "x"') == ((number,),)

    def test_prepared(self, daemon: ProxyDaemon) -> None:
        with CommandClient(
            host="127.0.0.1",
            port=daemon.port,
            user="app",
            password=daemon.users["app"],
            autocommit=True,
            ssl_disabled=True,
        ) as client:
            raw: Any = client
            answer = client.command(STMT_PREPARE, f"SELECT {ID} + ? x, {ID}".encode())
            statement = answer.get_all_data()[1:5]
            # One parameter and two columns, each group with its EOF packet.
            names = [raw._read_packet().get_all_data() for _ in range(5)]
            assert [name in names[2 + at] for at, name in enumerate((b"\1x", ID.encode()))] == [True, True]
            head = client.command(
                STMT_EXECUTE, statement + b"\0\1\0\0\0\0\1\x08\0" + (2).to_bytes(8, "little")
            )
            assert head.get_all_data() == b"\2"
            packets = [raw._read_packet().get_all_data() for _ in range(5)]
            values = packets[3][2:]
            number = client.thread_id()
            assert int.from_bytes(values[:8], "little") == number + 2
            assert int.from_bytes(values[8:16].ljust(8, b"\0"), "little") == number

    def test_where_the_servers_ids_are_shown(self, client: Any) -> None:
        """There the database's own id is the right one."""
        sql = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {ID}"
        assert one(client, sql) == 1

    def test_nothing_is_stored(self, client: Any, direct: Any) -> None:
        run(client, f"SELECT 1; CREATE OR REPLACE VIEW who AS SELECT {ID} AS n")
        with client.cursor() as cursor:
            cursor.nextset()
        assert one(direct, "SELECT n FROM who") == direct.thread_id()
        run(direct, "DROP VIEW who")

    def test_literals_and_comments(self, client: Any) -> None:
        sql = f"SELECT '{ID}', \"{ID}\" /* {ID} */ # {ID}"
        assert fetch(client, sql) == ((ID, ID),)
