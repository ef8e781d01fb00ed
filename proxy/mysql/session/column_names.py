"""Which columns of a statement are named after their own text, and what that name is.

A server names a column without an alias after the bytes of its expression, up to 255 of them (MySQL manual,
"Problems with Column Aliases", "Identifier Length Limits"). Where such a text is replaced by another, an
alias keeps the name.
"""

import codecs

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


#: What follows these is a name, whatever word it is.
_BEFORE_NAMES = frozenset((b".", b"@", b"@@"))


class SelectLists:
    """Told each piece of one statement, finds the items of its select lists; RETURNING has one, too."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._pieces: list[Piece] = []
        #: Of each list that is open, the outermost first: how deep it is, where its present item begins.
        self._open: list[tuple[int, int]] = []
        self._aliases: list[tuple[int, bytes]] = []
        self._depth = 0
        self._last_replaced = -1

    def take(self, piece: Piece, *, is_replaced: bool) -> None:
        """The next piece; ``is_replaced`` if something else will stand there."""
        mark = self._mark(piece)
        if self._in_list and (mark in _END_OF_LIST or mark in (b")", b",")):
            self._close()
            if mark == b",":
                self._open.append((self._depth, len(self._pieces) + 1))
        self._depth += (mark == b"(") - (mark == b")")
        if mark in (b"SELECT", b"RETURNING"):
            self._open.append((self._depth, len(self._pieces) + 1))
        elif mark in _MODIFIERS and self._in_list and self._open[-1][1] == len(self._pieces):
            self._open[-1] = (self._depth, len(self._pieces) + 1)
        if is_replaced:
            self._last_replaced = len(self._pieces)
        self._pieces.append(piece)

    def aliases(self) -> list[tuple[int, bytes]]:
        """After the last piece: what to insert where, so that the columns keep their names."""
        while self._open:
            self._close()
        return self._aliases

    @property
    def _in_list(self) -> bool:
        return bool(self._open) and self._open[-1][0] == self._depth

    def _mark(self, piece: Piece) -> bytes:
        """What a piece means for the lists: keywords in capitals, but none where a name stands."""
        before = self._pieces[-1] if self._pieces else None
        if piece.kind is not Kind.WORD:
            return piece.text
        if before is not None and before.text in _BEFORE_NAMES:
            return b""
        if piece.word == b"FOR" and before is not None and before.word == b"VALUE":
            # MariaDB's NEXT VALUE FOR a sequence.
            return b""
        return piece.word

    def _close(self) -> None:
        """The present item of the innermost list has ended."""
        _, first = self._open.pop()
        if first <= self._last_replaced and not self._has_alias(first):
            start, end = self._pieces[first].start, self._pieces[-1].end
            name = _shown(self._text[start : min(end, start + _LONGEST_NAME)])
            self._aliases.append((end, b" AS `" + name.replace(b"`", b"``") + b"`"))

    def _has_alias(self, first: int) -> bool:
        """Whether the last piece names the column."""
        if len(self._pieces) - first < 2 or self._pieces[-1].kind not in _NAMES:
            return False
        before, last = self._pieces[-2:]
        if before.kind is Kind.WORD and before.word == b"AS":
            return True
        if last.kind is Kind.WORD and (last.word in _OPERATORS or last.word in _OPERANDS):
            return False
        return self._ends_operand(before, last) and not self._is_unit(first)

    def _ends_operand(self, before: Piece, last: Piece) -> bool:
        if before.kind in _STRINGS:
            # Strings that stand side by side are one.
            return last.kind not in _STRINGS
        if before.kind is not Kind.WORD:
            return before.kind in (Kind.NUMBER, Kind.BACKQUOTED) or before.text in (b")", b"?")
        if self._pieces[-3].text in _BEFORE_NAMES:
            return True
        if last.kind in _STRINGS:
            is_glued = before.end == last.start and before.word in _GLUED_TO_STRINGS
            if is_glued or before.word in _BEFORE_STRINGS or before.text.startswith(b"_"):
                return False
        return before.word not in _OPERATORS

    def _is_unit(self, first: int) -> bool:
        """Whether the last piece is the unit of an INTERVAL."""
        last = self._pieces[-1]
        if last.kind is not Kind.WORD or last.word not in _UNITS:
            return False
        for at in range(len(self._pieces) - 2, first - 1, -1):
            piece = self._pieces[at]
            if piece.kind is Kind.WORD and (piece.word in _UNITS or piece.word == b"INTERVAL"):
                return piece.word == b"INTERVAL"
        return False


def _shown(text: bytes) -> bytes:
    """The name that a server shows: cut, and without characters that its names cannot hold."""
    name = _Decoder("replace").decode(text)
    return "".join(char if char < "\U00010000" and char != "\ufffd" else "?" for char in name).encode()
