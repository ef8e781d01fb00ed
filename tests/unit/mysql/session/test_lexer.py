"""The lexer: where tokens end, and which texts it must not be trusted with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.lexer import MAX_PIECES, Kind, lex


def texts(statement: bytes, backslash_escapes: bool = True) -> list[bytes]:
    return [token.text for token in lex(statement, backslash_escapes).tokens]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (b"", []),
        (b" \t\r\n\v\f", []),
        (b"SELECT a FROM t", [b"SELECT", b"a", b"FROM", b"t"]),
        (b"'a''b' 'c'", [b"'a''b'", b"'c'"]),
        (rb"'a\'b' c", [rb"'a\'b'", b"c"]),
        (rb"'a\\' c", [rb"'a\\'", b"c"]),
        (b'"a""b" c', [b'"a""b"', b"c"]),
        (b"`a``b`.`c`", [b"`a``b`", b".", b"`c`"]),
        (rb"`a\` b", [rb"`a\`", b"b"]),
        (b"a -- b\nc", [b"a", b"c"]),
        (b"a --\x01b\nc", [b"a", b"c"]),
        (b"a --", [b"a"]),
        (b"5--3", [b"5", b"-", b"-", b"3"]),
        (b"a # b\nc", [b"a", b"c"]),
        (b"a /* b */ c", [b"a", b"c"]),
        (b"a /*/ b */ c", [b"a", b"c"]),
        (b"a /**/ c", [b"a", b"c"]),
        (b"a /* b /* c */ d", [b"a", b"d"]),
        (b"1*/*c*/2", [b"1", b"*", b"2"]),
        (b"a /*+ SET_VAR(x=1) */ b", [b"a", b"b"]),
        (b"a /*! b */ c", [b"a", b"b", b"c"]),
        (b"a /*!50110b */ c", [b"a", b"b", b"c"]),
        (b"a /*M!100100 b */ c", [b"a", b"b", b"c"]),
        (b"a /*! b /* x */ c */ d", [b"a", b"b", b"c", b"d"]),
        (b"@x @@y @@session.z", [b"@", b"x", b"@@", b"y", b"@@", b"session", b".", b"z"]),
        (b"1e5abc 1.5e-3x .5e3y", [b"1e5", b"abc", b"1.5e-3", b"x", b".5e3", b"y"]),
        (b"0x1F 0b01 5abc a$b", [b"0x1F", b"0b01", b"5abc", b"a$b"]),
        (b"N'a' _utf8mb4'b' X'0f'", [b"N", b"'a'", b"_utf8mb4", b"'b'", b"X", b"'0f'"]),
        (b"VALUES (1, 'a'), (2, 'b')", [b"VALUES", b"(1, 'a'), (2, 'b')"]),
        (b"f('a' @x)", [b"f", b"(", b"'a'", b"@", b"x", b")"]),
        (rb"a IS \N", [b"a", b"IS", b"\\", b"N"]),
        (b"a\xa0b", [b"a", b"b"]),
    ],
)
def test_tokens(statement: bytes, expected: list[bytes]) -> None:
    lexed = lex(statement, backslash_escapes=True)
    assert [token.text for token in lexed.tokens] == expected
    assert lexed.readable
    assert not lexed.ambiguous


def test_a_backslash_is_a_letter_without_backslash_escapes() -> None:
    assert texts(rb"'a\' b", backslash_escapes=False) == [rb"'a\'", b"b"]
    assert not lex(rb"'a\' b", backslash_escapes=True).readable


@pytest.mark.parametrize(
    "statement",
    [
        b"'a",
        b'"a',
        b"`a",
        b"/* a",
        b"/*",
        b"/*/",
        b"/*! a",
        b"/*! 'a */",
        rb"'a\'",
        b"a \x00 b",
        b"`a\x00`",
        b'"a\x00"',
        b"# \x00",
        rb"\' a",
        b"a\\",
    ],
)
def test_unreadable(statement: bytes) -> None:
    lexed = lex(statement, backslash_escapes=True)
    assert not lexed.readable
    assert lexed.ambiguous


@pytest.mark.parametrize(
    "statement",
    [
        rb'"a\" b"',
        b"a --\xa0b",
        b"[a'b]",
        b"AS $$ it's $$",
        b"AS $js$ x $js$",
        b"/*! '*/' */",
        b"/*! # */\n*/",
        b"/*! `*/` */",
        b"/*! ('*/') */",
        b"/*! a /*! b */ */",
        b"/*+ INDEX(`t`) */",
        b"/*+ x(') */",
    ],
)
def test_ambiguous(statement: bytes) -> None:
    assert lex(statement, backslash_escapes=True).ambiguous


@pytest.mark.parametrize(
    ("statement", "variable"),
    [
        (b"/*!40101 SET NAMES utf8 */", False),
        (b" /* a */ /*!40101 SET NAMES utf8 */ ; ", False),
        (b"SELECT /*! 1 */", True),
        (b"/*! SELECT */ 1", True),
        (b"/*! SELECT */ /*! 1 */", True),
        (b"SELECT\xa01", True),
        (b"SELECT 'caf\xc3\xa9'", False),
    ],
)
def test_a_text_whose_tokens_the_server_may_skip_is_variable(statement: bytes, variable: bool) -> None:
    assert lex(statement, backslash_escapes=True).variable is variable


@given(st.binary(), st.booleans())
def test_arbitrary_bytes_never_fail_and_tokens_stand_in_the_text_in_order(text: bytes, escapes: bool) -> None:
    at = 0
    for token in lex(text, escapes).tokens:
        found = text.find(token.text, at)
        assert found >= at
        at = found + len(token.text)


@given(st.text(alphabet="ab'\\\" `/*-#@", max_size=30))
def test_a_string_is_one_token_whatever_is_in_it(content: str) -> None:
    literal = "'" + content.replace("\\", "\\\\").replace("'", "''") + "'"
    tokens = lex(f"a {literal} b".encode(), backslash_escapes=True).tokens
    assert tokens[1:] == [(Kind.STRING, literal.encode()), (Kind.WORD, b"b")]


def test_a_text_of_too_many_tokens_is_ambiguous() -> None:
    assert not lex(b"+" * MAX_PIECES, backslash_escapes=True).ambiguous
    assert lex(b"+" * (MAX_PIECES + 1), backslash_escapes=True).ambiguous
    assert not lex(b"VALUES " + b"(1, 'a', NULL), " * MAX_PIECES, backslash_escapes=True).ambiguous


@pytest.mark.parametrize(
    "piece",
    [
        b"'",
        b'"',
        b"`",
        b"\\",
        b"\\'",
        b"'\\",
        b"/*",
        b"/*!",
        b"*/",
        b"--",
        b"-- ",
        b"#",
        b"(",
        b",'",
        b"('a' ",
        b"@",
        b"1e",
        b"1.",
        b"$",
        b"$a",
        b"\xff",
        b"\x00",
        b"''",
        b"/*!'",
        b"/*+",
    ],
)
def test_a_megabyte_of_one_piece_returns(piece: bytes) -> None:
    for statement in (piece * (1_000_000 // len(piece)), b"SELECT '" + piece * (500_000 // len(piece))):
        for escapes in (True, False):
            assert lex(statement, escapes) is not None
