"""Constants stand for what an earlier statement has left, where that is exact."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.substitution import LONGEST_TEXT, Ask, constant, substituted
from proxy.mysql.session.verdict import Diagnostics

ROWS, FOUND, WARNINGS, ERRORS = Ask.ROW_COUNT, Ask.FOUND_ROWS, Ask.WARNING_COUNT, Ask.ERROR_COUNT
MARKS = {Ask.CONNECTION_ID: b"#C", ROWS: b"#R", FOUND: b"#F", WARNINGS: b"#W", ERRORS: b"#E"}


def asks(text: str | bytes, dialect: Dialect = Dialect.DEFAULT) -> Ask:
    return Screen().verdict(text.encode() if isinstance(text, str) else text, dialect).asks


def rewritten(text: str) -> str:
    return substituted(text.encode(), MARKS, backslash_escapes=True).decode()


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ("SELECT ROW_COUNT()", ROWS, "SELECT #R AS `ROW_COUNT()`"),
        ("select row_count ( ) r, 1", ROWS, "select #R r, 1"),
        ("SELECT FOUND_ROWS(), ROW_COUNT() r", FOUND | ROWS, "SELECT #F AS `FOUND_ROWS()`, #R r"),
        ("SELECT @@warning_count", WARNINGS, "SELECT #W AS `@@warning_count`"),
        ("SELECT @@Session.`error_count`+1 AS e", ERRORS, "SELECT #E+1 AS e"),
        ("SELECT @@local . error_count x FROM t", ERRORS, "SELECT #E x FROM t"),
        ("INSERT INTO t VALUES (ROW_COUNT(), 'ROW_COUNT()')", ROWS,
         "INSERT INTO t VALUES (#R, 'ROW_COUNT()')"),
        ("UPDATE t SET a = ROW_COUNT() WHERE b = @@error_count", ROWS | ERRORS,
         "UPDATE t SET a = #R WHERE b = #E"),
        ("SET @a = ROW_COUNT(), @b = FOUND_ROWS()", ROWS | FOUND, "SET @a = #R, @b = #F"),
        ("DO ROW_COUNT()", ROWS, "DO #R"),
        ("CALL p(ROW_COUNT())", ROWS, "CALL p(#R)"),
        ("SELECT (SELECT ROW_COUNT()) a", ROWS, "SELECT (SELECT #R AS `ROW_COUNT()`) a"),
        ("(SELECT ROW_COUNT() a)", ROWS, "(SELECT #R a)"),
        ("SELECT ROW_COUNT() a; INSERT INTO t VALUES (1); SELECT ROW_COUNT()", ROWS,
         "SELECT #R a; INSERT INTO t VALUES (1); SELECT ROW_COUNT()"),
        ("; SELECT ROW_COUNT() a; SELECT 2", ROWS, "; SELECT #R a; SELECT 2"),
        ("SELECT FOUND_ROWS() a; SELECT FOUND_ROWS() b", FOUND, "SELECT #F a; SELECT FOUND_ROWS() b"),
        ("INSERT INTO t VALUES (@@error_count); SHOW WARNINGS", ERRORS,
         "INSERT INTO t VALUES (#E); SHOW WARNINGS"),
        ("SELECT ROW_COUNT() a, CONNECTION_ID() b; SELECT CONNECTION_ID() c", ROWS | Ask.CONNECTION_ID,
         "SELECT #R a, #C b; SELECT #C c"),
        ("SELECT ROW_COUNT() a, IS_USED_LOCK('x') = CONNECTION_ID() b", ROWS,
         "SELECT #R a, IS_USED_LOCK('x') = CONNECTION_ID() b"),
        ("/*! SELECT ROW_COUNT() */", ROWS, "/*! SELECT #R AS `ROW_COUNT()` */"),
    ],
)  # fmt: skip
def test_asked_and_replaced(text: str, asked: Ask, expected: str) -> None:
    assert asks(text) == asked
    assert rewritten(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT ROW_COUNT()",
        "SHOW TABLES; SELECT ROW_COUNT()",
        "SHOW COUNT(*) WARNINGS",
        "GET DIAGNOSTICS CONDITION @@error_count @a = MESSAGE_TEXT",
        "CREATE TABLE t SELECT ROW_COUNT()",
        "CREATE VIEW v AS SELECT FOUND_ROWS()",
        "SELECT app.row_count(), ROW_COUNT(1), row_count, `found_rows`",
        "SELECT 'ROW_COUNT()', \"FOUND_ROWS()\" /* @@warning_count */ -- @@error_count",
        "SELECT @warning_count, warning_count, @@ warning_count, @@global.warning_count, @@warning_count.x",
        "SET @@warning_count = 1",
        "SET STATEMENT max_statement_time=1 FOR SELECT ROW_COUNT()",
        "BEGIN NOT ATOMIC SELECT ROW_COUNT(); END",
        "PREPARE s FROM 'SELECT ROW_COUNT()'",
        "EXPLAIN SELECT ROW_COUNT()",
        "SHOW WARNINGS; SELECT @@warning_count",
        "SELECT /*!50000 ROW_COUNT() */ 1",
        "SELECT --\xa0'\n ROW_COUNT() -- '",
    ],
)
def test_not_asked(text: str) -> None:
    assert asks(text) is Ask.NONE


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        # Another part of the statement may have set it anew.
        ("SELECT 1 UNION SELECT FOUND_ROWS()", FOUND),
        ("SELECT FOUND_ROWS() FROM v", FOUND),
        ("SELECT FOUND_ROWS(), (SELECT 1)", FOUND),
        # A later statement reads it as well.
        ("DO FOUND_ROWS(); SELECT FOUND_ROWS()", FOUND),
        ("SELECT FOUND_ROWS() INTO @a; SELECT FOUND_ROWS()", FOUND),
        ("SELECT @@warning_count; SELECT @@warning_count", WARNINGS),
        ("SELECT @@warning_count; SHOW WARNINGS", WARNINGS),
        ("CALL p(ROW_COUNT()); SELECT ROW_COUNT()", ROWS),
        # In a form that is left alone.
        ("SELECT ROW_COUNT(), \"row_count\"()", ROWS),
        ("SELECT @@error_count, @@'error_count'", Ask.NONE),
    ],
)  # fmt: skip
def test_what_would_be_half_right_is_not_promised(text: str, lacks: Ask) -> None:
    assert not asks(text) & lacks


def test_reads_stay() -> None:
    found = Screen().verdict(b"SELECT ROW_COUNT(), @@error_count", Dialect.DEFAULT)
    assert found.reads == Diagnostics.ROW_COUNT | Diagnostics.CONDITIONS
    found = Screen().verdict(b"SELECT LAST_INSERT_ID(5), LAST_INSERT_ID()", Dialect.DEFAULT)
    assert (found.reads, found.asks) == (Diagnostics.LAST_INSERT_ID, Ask.NONE)


def test_opaque_and_long_texts_ask_nothing() -> None:
    assert asks("SELECT ROW_COUNT()", Dialect.OPAQUE) is Ask.NONE
    long = "SELECT ROW_COUNT(), '" + "x" * LONGEST_TEXT + "'"
    assert asks(long) is Ask.NONE
    assert rewritten(long) == long


def test_without_a_constant_nothing_is_replaced() -> None:
    text = b"SELECT ROW_COUNT(), FOUND_ROWS() f"
    assert substituted(text, {}, backslash_escapes=True) is text
    assert substituted(text, {FOUND: b"2"}, backslash_escapes=True) == b"SELECT ROW_COUNT(), 2 f"


def test_the_end_of_a_string_depends_on_the_mode() -> None:
    text = rb"SELECT 'a\', ROW_COUNT(), ' '"
    assert asks(text) is Ask.NONE
    assert asks(text, Dialect.NO_BACKSLASH_ESCAPES) is ROWS
    new = substituted(text, MARKS, backslash_escapes=False)
    assert new == rb"SELECT 'a\', #R AS `ROW_COUNT()`, ' '"


def test_constants_keep_type_and_name() -> None:
    assert constant(ROWS, -1) == b"IF(1,-1,ROW_COUNT())"
    assert constant(WARNINGS, 3) == b"IF(1,CAST(3 AS UNSIGNED),@@warning_count)"
    assert constant(Ask.CONNECTION_ID, 7) == b"CAST(7 AS UNSIGNED)"


WORDS = "SELECT INSERT SET FROM UNION SHOW WARNINGS ( ) , ; . = a 'x' `q` /*! */ @ ? \u00e9"
ASKING = "ROW_COUNT() FOUND_ROWS() @@warning_count @@session.error_count CONNECTION_ID()"
PIECES = st.sampled_from([*WORDS.split(), *ASKING.split()])


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_nothing_but_names_and_what_is_asked_changes(text: str) -> None:
    asked = asks(text)
    new = substituted(
        text.encode(), {ask: mark for ask, mark in MARKS.items() if ask in asked}, backslash_escapes=True
    ).decode()
    assert bool(asked) == (new != text)
    shown = re.sub(r" AS `(?:[^`]|``)*`", "", new)
    for ask, original in (
        (Ask.CONNECTION_ID, "CONNECTION_ID()"),
        (ROWS, "ROW_COUNT()"),
        (FOUND, "FOUND_ROWS()"),
        (WARNINGS, "@@warning_count"),
        (ERRORS, "@@session.error_count"),
    ):
        shown = shown.replace(MARKS[ask].decode(), original)
    assert shown == text
