"""PREPARE, EXECUTE and DEALLOCATE PREPARE as text."""

import pytest

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.text_prepared import renamed
from proxy.mysql.session.verdict import TextDeallocate, TextExecute, TextPrepare, TextStatement


def found_in(text: str | bytes, dialect: Dialect = Dialect.DEFAULT) -> TextStatement | None:
    return Screen().verdict(text.encode() if isinstance(text, str) else text, dialect).prepared


@pytest.mark.parametrize(
    ("text", "name", "source", "variable"),
    [
        ("PREPARE s FROM 'SELECT 1'", "s", b"SELECT 1", ""),
        ("prepare/**/`My``S` from\n'SELECT ''a'', ?' ;", "my`s", b"SELECT 'a', ?", ""),
        (r"PREPARE S FROM 'a\'b\n\%\\'", "s", b"a'b\n\\%\\", ""),
        ("PREPARE s FROM @x", "s", None, "x"),
        ("PREPARE s FROM @`X y`", "s", None, "x y"),
        ("PREPARE s FROM @a.b$1", "s", None, "a.b$1"),
        ("PREPARE s FROM 'SELECT ''é'''", "s", "SELECT 'é'".encode(), ""),
    ],
)
def test_prepares(text: str, name: str, source: bytes | None, variable: str) -> None:
    found = found_in(text)
    assert isinstance(found, TextPrepare)
    assert (found.name, found.source, found.variable, found.double_quoted) == (name, source, variable, False)


def test_a_source_in_double_quotes_is_marked() -> None:
    found = found_in('PREPARE s FROM "SELECT \'a\', ""b"""')
    assert isinstance(found, TextPrepare)
    assert (found.source, found.double_quoted) == (b"SELECT 'a', \"b\"", True)


def test_escapes_depend_on_the_mode() -> None:
    text = rb"PREPARE s FROM 'SELECT \n'"
    for dialect, source in (
        (Dialect.DEFAULT, b"SELECT \n"),
        (Dialect.NO_BACKSLASH_ESCAPES, rb"SELECT \n"),
    ):
        found = found_in(text, dialect)
        assert isinstance(found, TextPrepare)
        assert found.source == source
    assert found_in(text, Dialect.OPAQUE) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EXECUTE s", ("s", (), None, "")),
        ("execute `S` using @a , @`B`, @1", ("s", ("a", "b", "1"), None, "")),
        ("EXECUTE IMMEDIATE 'SELECT ?' USING @a", ("", ("a",), b"SELECT ?", "")),
        ("EXECUTE IMMEDIATE @q", ("", (), None, "q")),
    ],
)
def test_executes(text: str, expected: tuple[object, ...]) -> None:
    found = found_in(text)
    assert isinstance(found, TextExecute)
    assert (found.name, found.using, found.immediate, found.variable) == expected


@pytest.mark.parametrize("text", ["DEALLOCATE PREPARE S", "drop prepare `s` -- x"])
def test_deallocates(text: str) -> None:
    found = found_in(text)
    assert isinstance(found, TextDeallocate)
    assert found.name == "s"


@pytest.mark.parametrize(
    "text",
    [
        "PREPARE s FROM CONCAT('SELECT ', '1')",
        "PREPARE s FROM 'SELECT' '1'",
        "PREPARE s FROM N'SELECT 1'",
        "PREPARE s FROM _utf8'SELECT 1'",
        "PREPARE s FROM @@sql_mode",
        "PREPARE s FROM @ x",
        "PREPARE s FROM @é",
        "PREPARE é FROM 'SELECT 1'",
        "PREPARE s FROM @x, @y",
        "PREPARE s FROM",
        "PREPARE a.b FROM 'SELECT 1'",
        "PREPARE s FROM 'SELECT 1'; SELECT 1",
        "SELECT 1; PREPARE s FROM 'SELECT 1'",
        "/*!50000 PREPARE s FROM 'SELECT 1' */",
        "PREPARE /*!50000 s */ FROM 'SELECT 1'",
        "EXECUTE s USING 1",
        "EXECUTE s USING @a,",
        "EXECUTE s USING",
        "EXECUTE s s",
        "EXECUTE IMMEDIATE CONCAT('a')",
        "DEALLOCATE s",
        "DROP TABLE prepare",
        "XA PREPARE 'x'",
        "SET STATEMENT max_statement_time=1 FOR EXECUTE s",
        "BEGIN NOT ATOMIC EXECUTE s; END",
        "SELECT 'PREPARE s FROM 1'",
        "PREPARE \u212a FROM 'SELECT 1'",
    ],
)
def test_what_is_not_certain(text: str) -> None:
    assert found_in(text) is None


def test_pins_stay() -> None:
    screen = Screen()
    for text in (b"PREPARE s FROM 'SELECT 1'", b"EXECUTE s"):
        assert PinReason.TEXT_PREPARED_STATEMENT in screen.verdict(text, Dialect.DEFAULT).pins
    assert not screen.verdict(b"DEALLOCATE PREPARE s", Dialect.DEFAULT).pins


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PREPARE s FROM 's'", "PREPARE `p1` FROM 's'"),
        (" PREPARE /* s */ `s` FROM @s", " PREPARE /* s */ `p1` FROM @s"),
        ("EXECUTE s USING @s", "EXECUTE `p1` USING @s"),
        ("DROP PREPARE s", "DROP PREPARE `p1`"),
        ("EXECUTE IMMEDIATE 's'", "EXECUTE IMMEDIATE 's'"),
    ],
)
def test_renamed(text: str, expected: str) -> None:
    found = found_in(text)
    assert found is not None
    assert renamed(text.encode(), found, b"`p1`").decode() == expected


def test_sources_are_not_in_a_repr() -> None:
    assert "secret" not in repr(found_in("PREPARE s FROM 'SELECT ''secret'''"))
    assert "secret" not in repr(found_in("EXECUTE IMMEDIATE 'SELECT ''secret'''"))
