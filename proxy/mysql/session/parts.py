"""A text as its statements, and these as pieces that can be read one after the other.

For what must be known exactly: only a text whose tokens are certain may be given to it.
"""

import re
from collections.abc import Iterator, Sequence

import attrs

from .lexer import Kind, Piece, pieces

__all__ = ["BODIES", "LONGEST_TEXT", "Reader", "Statement", "flat", "statements_in", "string_in"]

#: Texts longer than this are not read so closely, in bytes: the work must end somewhere.
LONGEST_TEXT = 16 * 1024

#: What stands in a run of plain literals, with and without backslash escapes.
_IN_A_RUN = re.compile(rb"('(?:[^'\\]|\\.|'')*+')|[(),]|[^(),'\s]++", re.DOTALL)
_IN_A_PLAIN_RUN = re.compile(rb"('(?:[^']|'')*+')|[(),]|[^(),'\s]++", re.DOTALL)
#: Objects whose definitions hold statements, with semicolons perhaps.
BODIES = frozenset(b"PROCEDURE FUNCTION TRIGGER EVENT PACKAGE".split())
_COMPOUND = frozenset(
    b"IF CASE LOOP WHILE REPEAT FOR DECLARE ELSE ELSEIF END UNTIL WHEN LEAVE ITERATE RETURN OPEN FETCH "
    b"CLOSE".split()
)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}


def flat(text: bytes, backslash_escapes: bool) -> Iterator[Piece]:
    """The pieces that mean something; each parenthesis and comma is one of its own.

    The marks of an executable comment are left out, its content is not.
    """
    in_a_run = _IN_A_RUN if backslash_escapes else _IN_A_PLAIN_RUN
    closed_at = opened = 0
    for piece in pieces(text, backslash_escapes):
        if piece.kind in (Kind.BLANK, Kind.COMMENT) or piece.start < closed_at:
            continue
        if piece.kind is Kind.OPENER:
            opened += 1
        elif opened and text.startswith(b"*/", piece.start):
            opened -= 1
            closed_at = piece.start + 2
        elif piece.kind is Kind.RUN:
            for found in in_a_run.finditer(text, piece.start, piece.end):
                word = found.group()
                kind = Kind.STRING if found[1] else Kind.MARK if word in (b"(", b")", b",") else Kind.NUMBER
                yield Piece(kind, found.start(), found.end(), word)
        else:
            yield piece


@attrs.frozen
class Statement:
    """One statement's pieces. ``settings``: those of a SET STATEMENT … FOR in front of it."""

    pieces: Sequence[Piece]
    settings: Sequence[Piece] = ()

    def words(self) -> frozenset[bytes]:
        """All its bare words, those of the settings too, in capitals."""
        return frozenset(piece.word for piece in (*self.pieces, *self.settings) if piece.kind is Kind.WORD)

    @property
    def first(self) -> bytes:
        """The first word, in capitals; of a statement in parentheses what is in them."""
        for piece in self.pieces:
            if piece.text != b"(":
                return piece.word if piece.kind is Kind.WORD else piece.text
        return b""


def statements_in(flat_pieces: Sequence[Piece]) -> list[Statement] | None:
    """The statements that are not empty; None where one of them is or may be a compound statement."""
    parts: list[list[Piece]] = [[]]
    for piece in flat_pieces:
        if piece.text == b";":
            parts.append([])
        else:
            parts[-1].append(piece)
    found = [_without_settings(part) for part in parts if part]
    return None if any(map(_may_be_compound, found)) else found


def _without_settings(part: Sequence[Piece]) -> Statement:
    if [piece.word for piece in part[:2]] != [b"SET", b"STATEMENT"]:
        return Statement(part)
    depth = 0
    for at, piece in enumerate(part):
        depth += (piece.text == b"(") - (piece.text == b")")
        if not depth and piece.kind is Kind.WORD and piece.word == b"FOR":
            return Statement(part[at + 1 :], part[2:at])
    return Statement(part)


def _may_be_compound(statement: Statement) -> bool:
    first, second = statement.first, statement.pieces[1].text if len(statement.pieces) > 1 else b""
    if first == b"BEGIN":
        return second.upper() not in (b"", b"WORK")
    if first in _COMPOUND or second == b":":
        return True
    return first in (b"CREATE", b"ALTER") and not BODIES.isdisjoint(statement.words())


class Reader:
    """Takes what a grammar allows at each place from a statement's pieces."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._pieces)

    @property
    def next(self) -> Piece | None:
        """The piece to come."""
        return None if self.at_end else self._pieces[self._at]

    def take(self) -> Piece | None:
        """The next piece, whatever it is."""
        piece = self.next
        self._at += piece is not None
        return piece

    def word(self, *words: bytes) -> bytes:
        """One of these keywords, or nothing."""
        piece = self.next
        if piece is None or piece.kind is not Kind.WORD or piece.word not in words:
            return b""
        self._at += 1
        return piece.word

    def words(self, *words: bytes) -> bool:
        """All of these keywords in this order, or none of them."""
        here = self._pieces[self._at : self._at + len(words)]
        if [piece.word if piece.kind is Kind.WORD else b"" for piece in here] != list(words):
            return False
        self._at += len(words)
        return True

    def mark(self, mark: bytes) -> bool:
        """This mark."""
        piece = self.next
        if piece is None or piece.kind is not Kind.MARK or piece.text != mark:
            return False
        self._at += 1
        return True

    def names(self) -> tuple[str, ...]:
        """A name and its qualifiers, without quotes; nothing where it is not certain, and nothing taken."""
        found: list[str] = []
        start = self._at
        while True:
            name = _name(self.take())
            if name is None:
                self._at = start
                return ()
            found.append(name)
            if not self.mark(b"."):
                return tuple(found)


def _name(piece: Piece | None) -> str | None:
    if piece is None or not piece.text.isascii():
        return None
    if piece.kind is Kind.WORD:
        return piece.text.decode()
    if piece.kind is not Kind.BACKQUOTED or b"." in piece.text:
        return None
    return piece.text[1:-1].replace(b"``", b"`").decode() or None


def string_in(piece: Piece, backslash_escapes: bool) -> bytes | None:
    """What a quoted string stands for; None for any other piece.

    `\\%` and `\\_` are two characters (MySQL manual, "Special Character Escape Sequences").
    """
    if piece.kind not in (Kind.STRING, Kind.DOUBLE_QUOTED):
        return None
    quote = piece.text[:1]
    content = piece.text[1:-1]
    if not backslash_escapes or b"\\" not in content:
        return content.replace(quote * 2, quote)
    # A quote behind a backslash is not half of a pair.
    parts = re.split(rb"(\\.)", content, flags=re.DOTALL)
    return b"".join(
        _ESCAPE.sub(_unescaped, part) if at % 2 else part.replace(quote * 2, quote)
        for at, part in enumerate(parts)
    )


def _unescaped(found: re.Match[bytes]) -> bytes:
    if found[1] in (b"%", b"_"):
        return found[0]
    return _ESCAPED.get(found[1], found[1])
