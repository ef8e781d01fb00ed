r"""Splits a text into SQL tokens as MySQL's and MariaDB's parsers would (MySQL manual, "Language Structure").

The two servers and their modes disagree about some texts. Where the place of a token's end depends on
something not known here, the result is marked ambiguous and must not be trusted alone; where neither server
can follow the text, it is marked unreadable. The cases: a backslash before `"` (an escape unless
ANSI_QUOTES), `--` before a byte that is a space in some character sets, `[` (quotes a name in MSSQL mode),
`$tag$` (quotes a text since MySQL 9), `*/` inside a quoted text or a line comment of an executable comment,
quotes in an optimizer hint, a NUL byte, more than MAX_PIECES tokens.

An executable comment (`/*! */`, `/*!50110 */`, `/*M! */`) counts as text whatever its version. Since the
server may also skip it, such a text is "variable": tokens that are neighbours here need not be neighbours
there.
"""

import enum
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import attrs

__all__ = ["MAX_PIECES", "Kind", "Lexed", "Piece", "Token", "lex", "pieces", "split_statements"]

# Tokens, blanks and comments; about 50 ms. A list of values counts as one, so only odd texts come near it.
MAX_PIECES = 50_000


class Kind(enum.IntEnum):
    """What a token is. The values are the group numbers of the pattern."""

    BLANK = 1
    DOUBTFUL = 2
    NUMBER = 3
    WORD = 4
    STRING = 5
    DOUBLE_QUOTED = 6
    BACKQUOTED = 7
    OPENER = 8
    COMMENT = 9
    SYSTEM_VARIABLE = 10
    RUN = 11
    MARK = 12


class Token(NamedTuple):
    """A token as it stands in the text. A RUN is a parenthesis or comma and the plain literals behind it."""

    kind: Kind
    text: bytes


class Piece(NamedTuple):
    """A token, blank or comment with its place in the text."""

    kind: Kind
    start: int
    end: int
    text: bytes

    @property
    def word(self) -> bytes:
        """In capitals, without the quotes of a quoted name."""
        text = self.text[1:-1] if self.kind is Kind.BACKQUOTED else self.text
        return text.upper()


@attrs.define
class Lexed:
    """The tokens without blanks and comments, and how far they can be trusted."""

    tokens: list[Token] = attrs.field(factory=list, repr=False)
    readable: bool = True
    ambiguous: bool = False
    variable: bool = False


_SPACE = rb"[ \t\n\r\v\f]"
_ESCAPED = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'"
_UNESCAPED = rb"'[^']*+(?:''[^']*+)*+'"
_NUMBER = rb"(?:[0-9]++\.[0-9]*+|\.[0-9]++|[0-9]++(?=[eE][+-]?[0-9]))(?:[eE][+-]?[0-9]++)?+"


def _compile(string: bytes) -> Callable[[bytes, int], re.Match[bytes] | None]:
    # Possessive throughout: a quote that never closes costs one pass, not one pass for each character.
    plain = rb"(?:[ \t\n\r,()]++|%b(?=%b*+[,)])|(?:-?[0-9]++(?:\.[0-9]++)?+|NULL)(?=[ \t\n\r,)]))" % (
        string,
        _SPACE,
    )
    groups = (
        _SPACE + rb"++",
        rb"--(?=[\x80-\xff])|\[|\$[\w\x80-\xff]*+\$",
        _NUMBER,
        rb"[\w$\x80-\xff]++",
        string,
        string.replace(b"'", b'"'),
        rb"`[^`]*+(?:``[^`]*+)*+`",
        rb"/\*M?+![0-9]{0,6}+",
        rb"/\*.*?\*/|\#[^\n]*+|--(?=[\x00-\x20\x7f]|\Z)[^\n]*+",
        rb"@@",
        rb"[(),]%b*+" % plain,
        rb".",
    )
    return re.compile(b"|".join(b"(" + group + b")" for group in groups), re.DOTALL).match


_WITH_ESCAPES = _compile(_ESCAPED)
_WITHOUT_ESCAPES = _compile(_UNESCAPED)
_ASCII_WORDS = re.compile(rb"[\w$]+")
_QUOTED = frozenset((Kind.DOUBLE_QUOTED, Kind.BACKQUOTED))
_MAY_HIDE_AN_END = frozenset((Kind.STRING, Kind.DOUBLE_QUOTED, Kind.BACKQUOTED, Kind.RUN, Kind.COMMENT))


def lex(statement: bytes, backslash_escapes: bool) -> Lexed:
    """Split a text; never fails. Where an end is missing the rest is left out and the text is unreadable."""
    return _Lexer(statement, backslash_escapes).run()


def split_statements(text: bytes) -> list[bytes]:
    """The statements of a text, cut at semicolons outside of literals and comments, without empty ones."""
    statements = []
    start = 0
    for piece in pieces(text, backslash_escapes=True):
        if piece.kind is Kind.MARK and piece.text == b";":
            statements.append(text[start : piece.start])
            start = piece.end
    statements.append(text[start:])
    return [statement.strip() for statement in statements if statement.strip()]


def pieces(text: bytes, backslash_escapes: bool) -> Iterator[Piece]:
    """All of a text cut into pieces, without a judgement on how far they can be trusted."""
    match = _WITH_ESCAPES if backslash_escapes else _WITHOUT_ESCAPES
    at = 0
    while at < len(text):
        found = match(text, at)
        assert found is not None
        yield Piece(Kind(found.lastindex or Kind.MARK), at, found.end(), found.group())
        at = found.end()


class _Lexer:
    __slots__ = ("_escapes", "_lexed", "_match", "_open", "_openers", "_text", "_wrapped")

    def __init__(self, text: bytes, escapes: bool) -> None:
        self._text = text
        self._escapes = escapes
        self._match = _WITH_ESCAPES if escapes else _WITHOUT_ESCAPES
        self._lexed = Lexed()
        self._open = False
        self._openers = 0
        self._wrapped = True

    def run(self) -> Lexed:
        at, end, left = 0, len(self._text), MAX_PIECES
        while 0 <= at < end:
            left -= 1
            if left < 0:
                self._lexed.ambiguous = True
                break
            found = self._match(self._text, at)
            assert found is not None
            kind = found.lastindex or Kind.MARK
            if kind == Kind.BLANK:
                at = found.end()
            else:
                at = self._take(Kind(kind), found.group(), found.end())
        if self._open:
            self._unreadable()
        if self._openers and not (self._wrapped and self._openers == 1):
            self._lexed.variable = True
        return self._lexed

    def _take(self, kind: Kind, token: bytes, end: int) -> int:
        """Account for one token; answers where the next one starts, -1 to stop."""
        if kind is Kind.MARK:
            return self._mark(token, end)
        if kind is Kind.OPENER:
            return self._opener(end)
        if self._open and kind in _MAY_HIDE_AN_END:
            # A plain comment ends with the mark itself; anything before that is hidden from a server that
            # skips.
            self._lexed.ambiguous |= b"*/" in (token[:-2] if token.startswith(b"/*") else token)
        if kind is Kind.COMMENT:
            self._comment(token)
        elif kind is Kind.WORD and not token.isascii():
            self._wide(token)
        else:
            self._quoted(kind, token)
            self._add(kind, token)
        return end

    def _add(self, kind: Kind, token: bytes) -> None:
        if not self._open and token != b";":
            self._wrapped = False
        self._lexed.tokens.append(Token(kind, token))

    def _mark(self, token: bytes, end: int) -> int:
        following = self._text[end : end + 1]
        if token == b"*" and following == b"/" and self._open:
            self._open = False
            return end + 1
        if (
            token in b"'\"`\x00"
            or (token == b"/" and following == b"*")
            or (token == b"\\" and following != b"N")
        ):
            self._unreadable()
            return -1
        self._add(Kind.MARK, token)
        return end

    def _opener(self, end: int) -> int:
        # A server that skips this comment lets comments nest in it; one that runs it does not.
        self._lexed.ambiguous |= self._open
        self._open = True
        self._openers += 1
        return end

    def _comment(self, token: bytes) -> None:
        if b"\x00" in token:
            self._unreadable()
        if token.startswith(b"/*+") and any(quote in token for quote in (b"'", b'"', b"`")):
            self._lexed.ambiguous = True

    def _wide(self, token: bytes) -> None:
        # Bytes from 0x80 up are letters in most character sets but a space in some (0xA0 in latin1).
        self._lexed.variable = True
        self._wrapped = False
        for word in _ASCII_WORDS.findall(token) or (b"",):
            self._lexed.tokens.append(Token(Kind.WORD, word))

    def _quoted(self, kind: Kind, token: bytes) -> None:
        if kind is Kind.DOUBTFUL:
            self._lexed.ambiguous = True
        elif kind in _QUOTED and b"\x00" in token:
            self._unreadable()
        elif kind is Kind.DOUBLE_QUOTED and self._escapes and b'\\"' in token:
            self._lexed.ambiguous = True

    def _unreadable(self) -> None:
        self._lexed.readable = False
        self._lexed.ambiguous = True
