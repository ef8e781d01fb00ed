"""Texts as statements, names and strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.lexer import pieces
from proxy.mysql.session.parts import Reader, flat, statements_in, string_in


def firsts(text: str) -> list[bytes] | None:
    found = statements_in(list(flat(text.encode(), backslash_escapes=True)))
    return None if found is None else [statement.first for statement in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" ; /* ; */ ;", []),
        ("select 1; ((SELECT 2)); `Use` d", [b"SELECT", b"SELECT", b"`Use`"]),
        ("BEGIN; begin work; COMMIT", [b"BEGIN", b"BEGIN", b"COMMIT"]),
        ("SET STATEMENT a = (SELECT 1 FOR UPDATE), b = 2 FOR SELECT ';'", [b"SELECT"]),
        ("SET STATEMENT a = 1", [b"SET"]),
        ("/*! SELECT 1 */", [b"SELECT"]),
        ("BEGIN NOT ATOMIC SELECT 1; END", None),
        ("SELECT 1; IF 1 THEN SELECT 1; END IF", None),
        ("l: LOOP SELECT 1; END LOOP", None),
        ("CREATE DEFINER=a@b PROCEDURE p() SELECT 1", None),
        ("ALTER EVENT e DO SELECT 1", None),
        ("CREATE TABLE t (a INT)", [b"CREATE"]),
    ],
)
def test_statements(text: str, expected: list[bytes] | None) -> None:
    assert firsts(text) == expected


@given(st.text(alphabet="ab'\\\n\u00e9%_`\"0Zn"), st.booleans())
def test_a_string_stands_for_what_was_quoted(content: str, escapes: bool) -> None:
    quoted = content.replace("\\", "\\\\") if escapes else content
    text = "'" + quoted.replace("'", "''") + "'"
    [piece] = pieces(text.encode(), escapes)
    assert string_in(piece, escapes) == content.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"'\0\'\"\b\n\r\t\Z\\\%\_\q'", b"\0'\"\b\n\r\t\x1a\\\\%\\_q"),
        (b"'a''b\"\"'", b'a\'b""'),
        (b'"a\'\'b"""', b"a''b\""),
        (rb"'\''''", b"''"),
        (b"x", None),
        (b"`x`", None),
    ],
)
def test_strings(text: bytes, expected: bytes | None) -> None:
    [piece] = pieces(text, backslash_escapes=True)
    assert string_in(piece, backslash_escapes=True) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ("a",)),
        ("`A``b` . c.D", ("A`b", "c", "D")),
        ("'a'", ()),
        ('"a"', ()),
        ("`a.b`", ()),
        ("`é`", ()),
        ("``", ()),
        ("a.", ()),
        ("", ()),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert Reader(list(flat(text.encode(), backslash_escapes=True))).names() == names


def test_a_reader_takes_only_what_is_there() -> None:
    reader = Reader(list(flat(b"DROP `table` , x", backslash_escapes=True)))
    assert not reader.words(b"DROP", b"TABLE")
    assert reader.word(b"CREATE", b"DROP") == b"DROP"
    assert not reader.word(b"TABLE")
    assert reader.names() == ("table",)
    assert reader.mark(b",")
    assert not reader.mark(b",")
    assert not reader.at_end
    assert reader.take() is not None
    assert reader.at_end
    assert reader.take() is None
