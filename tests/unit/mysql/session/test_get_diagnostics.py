"""GET DIAGNOSTICS is read, and becomes a SET; tests/integration has the servers judge that one."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.conditions import QUESTIONS, Conditions, Details
from proxy.mysql.session.get_diagnostics import (
    DETAILS,
    MAX_DETAILED,
    GetDiagnostics,
    as_set,
    details_in,
    forget,
    parse_get,
    questions,
)

from .test_conditions import DIVISION, LATIN1, UNKNOWN, captured, row

HELD = attrs.evolve(captured(DIVISION, UNKNOWN), errno=1054, sqlstate="42S22")


def string(text: str) -> str:
    """How a string is written."""
    return f"CONCAT(LEFT(USER(),0),_utf8mb4 x'{text.encode().hex()}')"


def translated(text: str, held: Conditions = HELD, row_count: int = -1) -> str | None:
    """The SET in the place of a text."""
    asked = parse_get(text.encode())
    assert asked is not None
    new = as_set(asked, held, row_count)
    return None if new is None else new.decode()


def test_items_of_the_statement() -> None:
    text = "GET DIAGNOSTICS @n = NUMBER, @`my count` = row_count;"
    assert parse_get(text.encode()) == GetDiagnostics(
        None, ((b"@n", "NUMBER"), (b"@`my count`", "ROW_COUNT"))
    )
    assert translated(text) == "SET @n=CAST(2 AS UNSIGNED),@`my count`=CAST(-1 AS SIGNED)"


def test_items_of_a_condition() -> None:
    assert translated("get current /**/ diagnostics condition 1 @a=mysql_errno, @b=MESSAGE_TEXT") == (
        f"SET @a=CAST(1365 AS UNSIGNED),@b={string('Division by 0')}"
    )
    assert translated("GET DIAGNOSTICS CONDITION 2 @b=MESSAGE_TEXT") == (
        f"SET @b={string(chr(85) + 'nknown column ' + chr(39) + 'é' + chr(39))}"
    )


def test_the_error_packet_s_own_state() -> None:
    assert translated("GET DIAGNOSTICS CONDITION 2 @s=RETURNED_SQLSTATE") == f"SET @s={string('42S22')}"
    assert translated("GET DIAGNOSTICS CONDITION 1 @s=RETURNED_SQLSTATE") is None


def test_details_that_were_read() -> None:
    details = Details((("RETURNED_SQLSTATE", b"22012"), ("CLASS_ORIGIN", b"ISO 9075"), ("TABLE_NAME", b"")))
    held = attrs.evolve(HELD, details=(details,))
    assert translated("GET DIAGNOSTICS CONDITION 1 @a=RETURNED_SQLSTATE,@b=TABLE_NAME", held) == (
        f"SET @a={string('22012')},@b={string('')}"
    )
    assert translated("GET DIAGNOSTICS CONDITION 1 @a=SCHEMA_NAME", held) is None
    assert translated("GET DIAGNOSTICS CONDITION 2 @a=CLASS_ORIGIN", held) is None


def test_what_is_not_known_is_not_answered() -> None:
    assert translated("GET DIAGNOSTICS CONDITION 3 @a=MYSQL_ERRNO") is None
    assert translated("GET DIAGNOSTICS CONDITION 0 @a=MYSQL_ERRNO") is None
    assert translated("GET DIAGNOSTICS @n=NUMBER", captured(*[DIVISION] * 1025)) is None
    lost = captured(row("Note", 1, b"caf?"), columns=LATIN1)
    assert translated("GET DIAGNOSTICS CONDITION 1 @a=MESSAGE_TEXT", lost) is None
    read = attrs.evolve(lost, details=(Details((("MESSAGE_TEXT", "café".encode()),)),))
    assert translated("GET DIAGNOSTICS CONDITION 1 @a=MESSAGE_TEXT", read) == f"SET @a={string('café')}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET",
        "GET DIAGNOSTICS",
        "SELECT 1",
        "GET STACKED DIAGNOSTICS @a = NUMBER",
        "GET DIAGNOSTICS @a = MYSQL_ERRNO",
        "GET DIAGNOSTICS @a = NUMBER, ",
        "GET DIAGNOSTICS @a = NUMBER; SELECT 1",
        "GET DIAGNOSTICS @a := NUMBER",
        "GET DIAGNOSTICS a = NUMBER",
        "GET DIAGNOSTICS @ a = NUMBER",
        "GET DIAGNOSTICS @'a' = NUMBER",
        "GET DIAGNOSTICS @@a = NUMBER",
        "GET DIAGNOSTICS CONDITION @i @a = MYSQL_ERRNO",
        "GET DIAGNOSTICS CONDITION '1' @a = MYSQL_ERRNO",
        "GET DIAGNOSTICS CONDITION 1 @a = NUMBER",
        "GET DIAGNOSTICS CONDITION 1 @a = ROW_NUMBER",
        "GET DIAGNOSTICS CONDITION 1",
        "GET DIAGNOSTICS /*! CONDITION 1 */ @a = NUMBER",
        "GET DIAGNOSTICS @a = NUMBER" + " " * 5000,
    ],
)
def test_left_to_the_server(text: str) -> None:
    assert parse_get(text.encode()) is None


@given(st.binary(max_size=64))
def test_any_bytes_can_be_read(text: bytes) -> None:
    parse_get(b"GET DIAGNOSTICS " + text)
    parse_get(b"GET DIAGNOSTICS CONDITION 1 @a = " + text)


def test_questions() -> None:
    assert questions(0) == QUESTIONS
    first, one, two, last = questions(2)
    assert first == QUESTIONS[0]
    assert one.startswith("GET DIAGNOSTICS CONDITION 1 @")
    assert two.startswith("GET DIAGNOSTICS CONDITION 2 @")
    assert last.startswith("SELECT @@warning_count, @@error_count,HEX(@")
    assert last.count("HEX(") == 2 * len(DETAILS) == forget(2).count("=NULL")
    assert len(questions(1000)) == MAX_DETAILED + 2


def test_answers() -> None:
    read = {"MESSAGE_TEXT": "é".encode().hex().upper(), "RETURNED_SQLSTATE": "3432533232", "TABLE_NAME": None}
    row_ = ["1", "0", *(read.get(name, "") for name in DETAILS), *("\x003\x001" for _ in DETAILS)]
    first, second = details_in(row_)
    assert first.get("MESSAGE_TEXT") == "é".encode()
    assert first.get("RETURNED_SQLSTATE") == b"42S22"
    assert first.get("TABLE_NAME") is None
    assert first.get("CLASS_ORIGIN") == b""
    assert second.get("MESSAGE_TEXT") == b"1"
    assert details_in(["1", "0", "odd"])[0].get("MESSAGE_TEXT") is None
    assert "42S22" not in repr(first)
