"""Values of user variables, read from one connection and given to another, on both servers."""

import math
import random
import struct
from collections.abc import Iterator
from typing import Any

import attrs
import pymysql
import pytest
from pymysql.connections import FieldDescriptorPacket

from proxy.mysql.session.functions import BUILT_INS, BUILT_INS_WITHOUT_BLANK
from proxy.mysql.session.settings import settings
from proxy.mysql.session.user_variables import Kind, NotHeld, Variable, answered, assignment, question
from proxy.mysql.session.variable_literals import BareNull, TextLiteral, resolved
from proxy.mysql.session.variable_use import variable_use

from .clients import fetch, one, run
from .databases import Target

QUERY = 3
#: What a statement may see of @x: value, bytes, collation, and the types that expressions get from it.
OBSERVED = "SELECT @x, HEX(@x), COLLATION(@x), COERCIBILITY(@x), COALESCE(@x, 1), @x * 1, CONCAT(@x, 'a')"
NO_FUNCTION = (1305, 1630)

EXPRESSIONS = [
    *(
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
    ),
    *("CAST(7 AS UNSIGNED)", "TRUE", "1 = 1", "1.50", "-1.5", "5.", "CAST(5 AS DECIMAL(10,0))", "0.00000"),
    *("99999999999999999999999999999999999999999999999999999999999999999", "1/3", "1e0", "-1e300", "1e17"),
    *("1.2345678901234567e-300", "123456.789e0", "0e0 * -1", "PI()", "CAST(1.5 AS FLOAT)", "NULL"),
    *("CAST(NULL AS SIGNED)", "NULLIF(1e0, 1e0)", "NULLIF(1.5, 1.5)", "NULLIF(_latin1'a', _latin1'a')"),
    *(
        "'abc'",
        "''",
        "'Grüße 😀'",
        "x''",
        "x'00FF275C'",
        "b'101'",
        "VERSION()",
        "@@sql_mode",
        "NOW()",
        "UUID()",
    ),
    *("_latin1 x'E9' COLLATE latin1_german1_ci", "_utf8mb3 x'E282AC' COLLATE utf8mb3_bin", "_sjis x'8260'"),
    *("_ucs2 x'0041263A' COLLATE ucs2_bin", "_utf16 x'D83DDE00'", "_utf32 x'0001F600'", "_gbk x'B0A1'"),
    *("_utf16le x'4100'", "_utf8mb4'x' COLLATE utf8mb4_bin", "REPEAT('long', 10000)", "JSON_OBJECT('a', 1)"),
]
SESSIONS = [
    "SET NAMES latin1",
    "SET NAMES gbk",
    "SET character_set_results = NULL",
    "SET character_set_results = ucs2",
    "SET character_set_results = utf16le, collation_connection = utf16le_bin",
    "SET collation_connection = utf32_bin, character_set_results = utf32",
    "SET collation_connection = ucs2_general_ci",
    "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE'",
    "SET sql_mode = 'TRADITIONAL,HIGH_NOT_PRECEDENCE'",
    "SET sql_select_limit = 0, sql_big_selects = 0, max_join_size = 1",
]
ORACLE = "SET sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL'"

LITERALS = [
    *("1", "-1", "- 5", "+3", "007", "-0", "TRUE", "false", "9223372036854775807", "9223372036854775808"),
    *("-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616"),
    *(
        "1.50",
        "-01.50",
        ".5",
        "5.",
        "-0.0",
        "1e3",
        "-1.5E-300",
        "1e17",
        "123e0",
        "0x4142",
        "0x142",
        "x'4142'",
    ),
    *(
        "X''",
        "b'101000001'",
        "0b101",
        "'abc'",
        '"abc"',
        "''",
        "'it''s'",
        r"'\n\t\0\Z\\\'\"\x\%\_'",
        "'é😀'",
        "NULL",
    ),
    *(
        "0.123456789012345678901234567890",
        "99999999999999999999999999999999999999999999999999999999999999999",
    ),
]


@attrs.frozen
class Facts:
    type: int
    flags: int


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def server(request: pytest.FixtureRequest) -> Target:
    found: Target = request.getfixturevalue("target" if request.param == "mariadb" else "mysql_target")
    return found


def connect(server: Target) -> Any:
    return pymysql.connect(
        host="127.0.0.1",
        port=server.port,
        user="app",
        password=server.users["app"],
        database="app",
        charset="utf8mb4",
        autocommit=True,
    )


@pytest.fixture
def first(server: Target) -> Iterator[Any]:
    with connect(server) as connection:
        yield connection


@pytest.fixture
def second(server: Target) -> Iterator[Any]:
    with connect(server) as connection:
        yield connection


def ask(connection: Any, *names: str, limit: int = 65536) -> dict[str, Variable | NotHeld]:
    """Put the question as the proxy does: names of columns and cells are in the session's character set."""
    connection._execute_command(QUERY, question(names, limit))
    count = connection._read_packet().read_length_encoded_integer()
    encoding, connection.encoding = connection.encoding, "latin1"
    columns = [connection._read_packet(FieldDescriptorPacket) for _ in range(count)]
    connection.encoding = encoding
    connection._read_packet()
    packet = connection._read_packet()
    cells = [packet.read_length_coded_string() for _ in range(count)]
    end = connection._read_packet()
    assert end.is_eof_packet()
    assert end.get_all_data()[1:3] == b"\0\0", "the question warns"
    row = [None if cell is None else cell.decode("utf-8", "replace") for cell in cells]
    return answered(names, [Facts(column.type_code, column.flags) for column in columns], row)


def observed(connection: Any) -> list[object]:
    """What statements see, with the types of their columns; lengths do not count."""
    with connection.cursor() as cursor:
        cursor.execute(OBSERVED)
        columns = [(field.type_code, field.charsetnr) for field in cursor._result.fields]
        return [columns, [repr(cell) for cell in cursor.fetchone()]]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_value_goes_from_one_connection_to_another(first: Any, second: Any, expression: str) -> None:
    run(first, f"SET @x = {expression}")
    found = ask(first, "x")["x"]
    assert isinstance(found, Variable)
    run(second, f"SET {assignment({'x': found})}")
    assert observed(second) == observed(first)
    assert ask(second, "x") == {"x": found}


@pytest.mark.parametrize("before", ["1", "CAST(1 AS UNSIGNED)", "1.5", "1e0", "_latin1'a'", "x'41'"])
def test_null_keeps_the_type_there_was(first: Any, second: Any, before: str) -> None:
    run(first, f"SET @x = {before}")
    run(first, "SET @x = NULL")
    found = ask(first, "x")["x"]
    assert isinstance(found, Variable)
    run(second, "SET @x = 'another type'")
    run(second, f"SET {assignment({'x': found})}")
    assert observed(second) == observed(first)


@pytest.mark.parametrize("session", [*SESSIONS, ORACLE])
def test_the_sessions_settings_do_not_matter(first: Any, second: Any, session: str) -> None:
    if session == ORACLE and "MariaDB" not in one(first, "SELECT VERSION()"):
        pytest.skip("only MariaDB has this mode")
    run(second, session)
    for expression in EXPRESSIONS:
        run(first, f"SET @x = {expression}")
        expected = ask(first, "x")
        held = {name: found for name, found in expected.items() if isinstance(found, Variable)}
        assert held
        run(second, f"SET {assignment(held)}")
        assert ask(second, "x") == expected


def test_every_collation(first: Any) -> None:
    column = "FULL_COLLATION_NAME" if "MariaDB" in one(first, "SELECT VERSION()") else "COLLATION_NAME"
    rows = fetch(first, f"SELECT {column} FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY")
    for (collation,) in rows:
        found = text(collation)
        run(first, f"SET {assignment({'x': found})}")
        assert ask(first, "x") == {"x": found}
        null = attrs.evolve(found, value=None)
        run(first, f"SET {assignment({'x': null})}")
        assert ask(first, "x") == {"x": null}


def text(collation: str, value: bytes = b"\0\0\0A") -> Variable:
    """A string whose bytes are characters in every set."""
    return Variable(Kind.STRING, value, collation)


def test_doubles_keep_every_digit(first: Any) -> None:
    chance = random.Random(4)
    numbers = [struct.unpack("d", chance.randbytes(8))[0] for _ in range(300)]
    numbers += [chance.uniform(-1e6, 1e6) for _ in range(100)] + [float(chance.randint(-(10**18), 10**18))]
    for number in (n for n in numbers if math.isfinite(n)):
        digits = repr(number)
        run(first, f"SET @x = {digits if 'e' in digits else digits + 'e0'}")
        found = ask(first, "x")["x"]
        assert isinstance(found, Variable)
        assert float(found.value or b"0") == number


def test_what_was_never_set_is_told_where_it_matters(first: Any) -> None:
    run(first, "SET @n = NULL")
    found = ask(first, "n", "never")
    assert "n" in found
    assert ("never" in found) == ("MariaDB" in one(first, "SELECT VERSION()"))


def test_long_values_are_not_sent(first: Any) -> None:
    run(first, "SET @x = REPEAT('a', 70000), @y = REPEAT('b', 40000), @z = 1")
    found = ask(first, "x", "y", "z")
    assert found["x"] == NotHeld(70000)
    assert found["y"] == NotHeld(40000)
    assert isinstance(found["z"], Variable)
    assert isinstance(ask(first, "y")["y"], Variable)


def test_odd_names(first: Any, second: Any) -> None:
    names = ["a b", "a`b", "it's", 'a"b', "a.b", "$x_1", "1", "a\tb", "%s"]
    values = {name: text("latin1_bin", name.encode()) for name in names}
    run(first, "SET @`A B` = 1, @`a``b` = 2, @'it''s' = 3")
    assert len(ask(first, "a b", "a`b", "it's")) == 3
    with second.cursor() as cursor:
        cursor.execute(f"SET {assignment(values)}")
    assert ask(second, *names) == values


@pytest.mark.parametrize("value", LITERALS)
def test_a_literal_is_what_the_text_says(first: Any, value: str) -> None:
    statement = f"SET @x = {value}".encode()
    use = variable_use(statement, backslash_escapes=True)
    assert use is not None
    literal = use.literals["x"]
    assert isinstance(literal, Variable | TextLiteral | BareNull)
    session = settings(
        "",
        {
            "character_set_client": "utf8mb4",
            "collation_connection": one(first, "SELECT @@collation_connection"),
            "sql_mode": one(first, "SELECT @@sql_mode"),
        },
    )
    with first.cursor() as cursor:
        cursor.execute(statement.decode())
    assert ask(first, "x") == {"x": resolved(literal, session, None)}


@pytest.mark.parametrize("blank", ["", " "])
def test_built_in_functions_are_built_in(first: Any, blank: str) -> None:
    missing = []
    names = BUILT_INS if blank else BUILT_INS | BUILT_INS_WITHOUT_BLANK
    for name in sorted(names - {b"SLEEP", b"BENCHMARK"}):
        for arguments in ("", "1", "1, 1", "1, 1, 1"):
            try:
                fetch(first, f"SELECT {name.decode()}{blank}({arguments})")
            except pymysql.MySQLError as error:
                if error.args[0] in NO_FUNCTION:
                    missing.append(name)
    assert not missing
