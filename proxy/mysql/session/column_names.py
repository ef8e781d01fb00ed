"""Which columns of a statement are named after their own text, and what that name is.

A server names a column without an alias after the bytes of its expression, up to 255 of them (MySQL manual,
"Problems with Column Aliases", "Identifier Length Limits"). Where such a text is replaced by another, an
alias keeps the name.
"""

import codecs
from collections.abc import Iterator

from .lexer import Kind, Piece

__all__ = ["SelectLists"]

_MODIFIERS = frozenset(
    b"ALL DISTINCT DISTINCTROW HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT "
    b"SQL_BUFFER_RESULT SQL_CACHE SQL_NO_CACHE SQL_CALC_FOUND_ROWS".split()
)
_END_OF_LIST = frozenset(
    b"FROM INTO WHERE GROUP HAVING ORDER LIMIT FETCH UNION EXCEPT INTERSECT PROCEDURE FOR LOCK WINDOW "
    b"QUALIFY ON RETURNING ;".split()
)
#: Words that are no alias; behind the first ones an operand is still to come.
_OPERATORS = frozenset(
    b"AND BETWEEN BINARY CASE COLLATE DIV ELSE ESCAPE FOR IN INTERVAL IS LIKE MOD NOT OR OVER REGEXP RLIKE "
    b"SOUNDS THEN WHEN XOR".split()
)
_OPERANDS = frozenset(b"END NULL TRUE FALSE UNKNOWN".split())
#: Words that make one literal with the string behind them; the second ones only without a blank in between.
_BEFORE_STRINGS = frozenset(b"DATE TIME TIMESTAMP".split())
_GLUED_TO_STRINGS = frozenset(b"N X B".split())
_UNITS = frozenset(
    b"MICROSECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR SECOND_MICROSECOND MINUTE_MICROSECOND "
    b"MINUTE_SECOND HOUR_MICROSECOND HOUR_SECOND HOUR_MINUTE DAY_MICROSECOND DAY_SECOND DAY_MINUTE DAY_HOUR "
    b"YEAR_MONTH".split()
)
_STRINGS = (Kind.STRING, Kind.DOUBLE_QUOTED)
_NAMES = (Kind.WORD, Kind.BACKQUOTED, *_STRINGS)
_LONGEST_NAME = 255
_Decoder = codecs.getincrementaldecoder("utf-8")


class _Item:
    """One item of a select list, from its first piece on."""

    __slots__ = ("depth", "is_changed", "pieces")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.pieces: list[Piece] = []
        self.is_changed = False

    @property
    def has_alias(self) -> bool:
        """Whether the last piece names the column."""
        if len(self.pieces) < 2 or self.pieces[-1].kind not in _NAMES:
            return False
        before, last = self.pieces[-2:]
        if before.kind is Kind.WORD and before.word == b"AS":
            return True
        if last.kind is Kind.WORD and (last.word in _OPERATORS or last.word in _OPERANDS):
            return False
        return self._ends_operand(before, last) and not self._is_unit(last)

    def _ends_operand(self, before: Piece, last: Piece) -> bool:
        if before.kind in _STRINGS:
            # Strings that stand side by side are one.
            return last.kind not in _STRINGS
        if before.kind is not Kind.WORD:
            return before.kind in (Kind.NUMBER, Kind.BACKQUOTED) or before.text in (b")", b"?")
        if len(self.pieces) > 2 and self.pieces[-3].text in _BEFORE_NAMES:
            return True
        if last.kind in _STRINGS:
            is_glued = before.end == last.start and before.word in _GLUED_TO_STRINGS
            if is_glued or before.word in _BEFORE_STRINGS or before.text.startswith(b"_"):
                return False
        return before.word not in _OPERATORS

    def _is_unit(self, last: Piece) -> bool:
        """Whether the last piece is the unit of an INTERVAL."""
        if last.kind is not Kind.WORD or last.word not in _UNITS:
            return False
        words = [piece.word for piece in self.pieces[:-1] if piece.kind is Kind.WORD]
        if b"INTERVAL" not in words:
            return False
        return _UNITS.isdisjoint(words[len(words) - words[::-1].index(b"INTERVAL") :])


#: What follows these is a name, whatever word it is.
_BEFORE_NAMES = frozenset((b".", b"@", b"@@"))


class SelectLists:
    """Told each piece of one statement, finds the items of its select lists; RETURNING has one, too."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._lists: list[_Item] = []
        self._aliases: list[tuple[int, bytes]] = []
        self._depth = 0
        self._before: Piece | None = None

    def take(self, piece: Piece, *, is_replaced: bool) -> None:
        """The next piece; ``is_replaced`` if something else will stand there."""
        mark = self._mark(piece)
        self._before = piece
        if self._in_list and (mark in _END_OF_LIST or mark in (b")", b",")):
            self._close(self._lists.pop())
            if mark == b",":
                self._lists.append(_Item(self._depth))
                return
        self._depth += (mark == b"(") - (mark == b")")
        if mark in (b"SELECT", b"RETURNING"):
            self._lists.append(_Item(self._depth))
        elif self._lists and not (mark in _MODIFIERS and not self._lists[-1].pieces):
            for item in self._lists:
                item.pieces.append(piece)
        if is_replaced:
            for item in self._lists:
                item.is_changed = True

    def aliases(self) -> Iterator[tuple[int, bytes]]:
        """After the last piece: what to insert where, so that the columns keep their names."""
        while self._lists:
            self._close(self._lists.pop())
        yield from self._aliases

    @property
    def _in_list(self) -> bool:
        return bool(self._lists) and self._lists[-1].depth == self._depth

    def _mark(self, piece: Piece) -> bytes:
        """What a piece means for the lists: keywords in capitals, but none where a name stands."""
        before = self._before
        if piece.kind is not Kind.WORD:
            return piece.text
        if before is not None and before.text in _BEFORE_NAMES:
            return b""
        if piece.word == b"FOR" and before is not None and before.word == b"VALUE":
            # MariaDB's NEXT VALUE FOR a sequence.
            return b""
        return piece.word

    def _close(self, item: _Item) -> None:
        if item.is_changed and item.pieces and not item.has_alias:
            name = _shown(self._text[item.pieces[0].start : item.pieces[-1].end])
            self._aliases.append((item.pieces[-1].end, b" AS `" + name.replace(b"`", b"``") + b"`"))


def _shown(text: bytes) -> bytes:
    """The name that a server shows: cut, and without characters that its names cannot hold."""
    name = _Decoder("replace").decode(text[:_LONGEST_NAME])
    return "".join(char if char < "\U00010000" and char != "\ufffd" else "?" for char in name).encode()
