"""The names of text PREPARE statements, and what executing one does."""

import pytest

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.prepared import NOT_EXECUTED, OpenStatement, PreparedTexts
from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.text_statements import (
    TextStatements,
    classes_of_variables,
    executed,
    history_after_using,
    literal_of,
    with_lock_names,
)
from proxy.mysql.session.user_variables import Kind, Variable
from proxy.mysql.session.verdict import PLAIN, Verdict

ONE = Variable(Kind.SIGNED, b"1")
WORD = Variable(Kind.STRING, b"abc")
DIGITS = Variable(Kind.STRING, b"12")
HALF = Variable(Kind.DECIMAL, b"0.5")
NOTHING = Variable(Kind.DECIMAL, None)
HELD = {"one": ONE, "word": WORD, "digits": DIGITS, "half": HALF, "nothing": NOTHING}


def verdict(text: str) -> Verdict:
    return Screen().verdict(text.encode(), Dialect.DEFAULT)


def shared(name: str, text: bytes) -> OpenStatement:
    prepared = PreparedTexts().text("key", FRESH, text)
    return OpenStatement(0, prepared, PLAIN, name=name, source=text)


def real(name: str) -> OpenStatement:
    return OpenStatement(0, None, PLAIN, name=name)


def test_a_name_belongs_to_the_last_statement_that_got_it() -> None:
    texts = TextStatements()
    texts.open(shared("s", b"'SELECT 1'"))
    texts.open(real("s"))
    assert (set(texts.shared), set(texts.real), texts.size) == (set(), {"s"}, 0)
    again = shared("s", b"'SELECT 2'")
    texts.open(again)
    assert (texts.shared, texts.real, texts.size) == ({"s": again}, {}, 10)
    texts.close("s")
    assert (len(texts), texts.size) == (0, 0)


def test_real_ones_go_with_their_connection() -> None:
    texts = TextStatements()
    kept = shared("s", b"'SELECT 1'")
    kept.server_id = -1
    texts.open(kept)
    texts.open(real("t"))
    texts.forget_connection()
    assert (texts.shared, texts.real, kept.server_id) == ({"s": kept}, {}, None)


def test_those_that_got_their_own_names_are_shared_no_more() -> None:
    texts = TextStatements()
    former, now = shared("s", b"'SELECT 1'"), shared("s", b"'SELECT 2'")
    texts.open(now)
    texts.make_real([former])
    assert texts.shared == {"s": now}
    texts.make_real([now])
    assert (texts.shared, set(texts.real), texts.size) == ({}, {"s"}, 0)


def test_there_is_an_end_of_room() -> None:
    texts = TextStatements()
    assert texts.has_room_for(b"x" * (8 << 20))
    texts.open(shared("s", b"''"))
    assert not texts.has_room_for(b"x" * (8 << 20))


@pytest.mark.parametrize(
    ("source", "double", "escapes", "expected"),
    [
        (b"SELECT 1", False, True, b"'SELECT 1'"),
        (b"SELECT 'a'", False, True, b"'SELECT ''a'''"),
        (b"SELECT 'a\\n'", False, True, b"'SELECT ''a\\\\n'''"),
        (b"SELECT 'a\\n'", False, False, b"'SELECT ''a\\n'''"),
        (b"SELECT 'a', \"b\"", True, True, b'"SELECT \'a\', ""b"""'),
    ],
)
def test_a_literal_stands_for_its_text(source: bytes, double: bool, escapes: bool, expected: bytes) -> None:
    assert literal_of(source, double_quoted=double, backslash_escapes=escapes) == expected


def test_parameters_are_variables_that_are_read() -> None:
    plain = executed(PLAIN, ("a", "b"))
    assert plain.variables is not None
    assert (plain.variables.mentioned, plain.variables.assigned) == ({"a", "b"}, frozenset())
    assert executed(PLAIN, ()) is PLAIN


def test_a_procedure_may_assign_its_parameters() -> None:
    called = executed(verdict("CALL p(?, @x)"), ("a",))
    assert called.variables is not None
    assert {"a", "x"} <= called.variables.assigned


def test_a_lock_has_the_name_that_is_its_parameter() -> None:
    source = verdict("SELECT GET_LOCK(?, 1)")
    assert with_lock_names(source, ("word",), HELD).names[PinReason.NAMED_LOCK] == {"abc"}
    assert with_lock_names(source, ("one",), HELD) is source
    assert with_lock_names(source, (), HELD) is source


def test_a_server_remembers_numbers_but_not_strings() -> None:
    assert history_after_using(NOT_EXECUTED, ()) == NOT_EXECUTED
    first = history_after_using(NOT_EXECUTED, classes_of_variables(("one", "word"), HELD, frozenset()))
    assert first == ((8, None),)
    assert history_after_using(first, classes_of_variables(("digits", "nothing"), HELD, frozenset())) == first
    assert history_after_using(first, classes_of_variables(("never", "word"), HELD, frozenset())) == first


def test_nobody_shares_what_an_unknown_type_has_done() -> None:
    unknown = classes_of_variables(("one", "far"), HELD, frozenset({"far"}))
    assert unknown is None
    assert history_after_using(NOT_EXECUTED, unknown) != history_after_using(NOT_EXECUTED, unknown)


def test_nobody_shares_what_a_string_has_done_to_a_number() -> None:
    number = history_after_using(NOT_EXECUTED, classes_of_variables(("one",), HELD, frozenset()))
    word = classes_of_variables(("word",), HELD, frozenset())
    assert history_after_using(number, word) != history_after_using(number, word)
