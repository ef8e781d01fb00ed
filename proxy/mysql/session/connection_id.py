"""Puts the client's own connection id where a statement asks for CONNECTION_ID().

The function would tell the id of a database connection that the session has only borrowed. Each call becomes
a constant; an item of a select list that has no alias gets its own text as one, so that the column keeps its
name. Left alone are texts whose tokens are not certain, what a CREATE or ALTER would store for later, and
statements that name a table or function which tells the server's own ids.
"""

import re
from collections.abc import Iterator

from .lexer import Kind, Piece, pieces

__all__ = ["with_connection_id"]

_FUNCTION = b"CONNECTION_ID"
_STORES = frozenset((b"CREATE", b"ALTER", b"PREPARE"))
_THREADS = frozenset(
    b"PROCESSLIST INNODB_TRX METADATA_LOCK_INFO THREAD_POOL_QUEUES THREADS "
    b"PERFORMANCE_SCHEMA SYS IS_USED_LOCK".split()
)
_MODIFIERS = frozenset(
    b"ALL DISTINCT DISTINCTROW HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT "
    b"SQL_BUFFER_RESULT SQL_CACHE SQL_NO_CACHE SQL_CALC_FOUND_ROWS".split()
)
_END_OF_LIST = frozenset(
    b"FROM INTO WHERE GROUP HAVING ORDER LIMIT UNION EXCEPT INTERSECT PROCEDURE FOR LOCK WINDOW ;".split()
)
#: Words that an alias cannot be, or behind which none stands.
_OPERATORS = frozenset(
    b"AND BETWEEN BINARY CASE COLLATE DIV ELSE END ESCAPE IN INTERVAL IS LIKE MOD NOT NULL OR REGEXP RLIKE "
    b"SOUNDS THEN TRUE FALSE UNKNOWN WHEN XOR".split()
)
_NAMES = (Kind.WORD, Kind.BACKQUOTED, Kind.STRING, Kind.DOUBLE_QUOTED)
#: The server's own limit for an alias is 256 characters.
_LONGEST_NAME = 256
_IN_A_RUN = re.compile(rb"'(?:[^'\\]|\\.|'')*'|[(),]|[^(),'\s]+", re.DOTALL)

_Edit = tuple[int, int, bytes]


class _Item:
    """One item of a select list, from its first piece on."""

    __slots__ = ("calls", "depth", "pieces")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.pieces: list[Piece] = []
        self.calls = False

    @property
    def needs_name(self) -> bool:
        """Whether the column would be named after a text that is replaced."""
        if not self.calls or not self.pieces:
            return False
        if len(self.pieces) < 2 or self.pieces[-1].kind not in _NAMES:
            return True
        last, before = self.pieces[-1].word, self.pieces[-2]
        if before.word == b"AS":
            return False
        # `a b` is a name; `a IS NULL`, `a + b`, `a.b` are not.
        ends_operand = before.text == b")" or before.kind in (*_NAMES, Kind.NUMBER)
        return not ends_operand or last in _OPERATORS or before.word in _OPERATORS


def with_connection_id(text: bytes, number: int, *, backslash_escapes: bool) -> bytes:
    """``text`` with ``number`` in the place of each CONNECTION_ID(); the same object if there is none."""
    flat = list(_flat(text, backslash_escapes))
    words = {piece.word for piece in flat if piece.kind in (Kind.WORD, Kind.BACKQUOTED)}
    if not flat or flat[0].word in _STORES or not _THREADS.isdisjoint(words):
        return text
    edits = _edits(text, flat, b"CAST(%d AS UNSIGNED)" % number)
    if not edits:
        return text
    out: list[bytes] = []
    at = 0
    for start, end, new in sorted(edits):
        out += (text[at:start], new)
        at = end
    return b"".join((*out, text[at:]))


def _flat(text: bytes, backslash_escapes: bool) -> Iterator[Piece]:
    """The pieces that mean something; each parenthesis and comma is one of its own."""
    for piece in pieces(text, backslash_escapes):
        if piece.kind in (Kind.BLANK, Kind.COMMENT):
            continue
        if piece.kind is not Kind.RUN:
            yield piece
            continue
        for found in _IN_A_RUN.finditer(text, piece.start, piece.end):
            kind = Kind.MARK if found.group() in (b"(", b")", b",") else Kind.NUMBER
            yield Piece(kind, found.start(), found.end(), found.group())


def _edits(text: bytes, flat: list[Piece], constant: bytes) -> list[_Edit]:
    edits: list[_Edit] = []
    lists: list[_Item] = []
    depth = 0
    for at, piece in enumerate(flat):
        mark = piece.word if piece.kind is Kind.WORD else piece.text
        is_end = bool(lists) and lists[-1].depth == depth and (mark in _END_OF_LIST or mark == b")")
        if is_end:
            _close(text, lists.pop(), edits)
        elif lists and lists[-1].depth == depth and mark == b",":
            _close(text, lists.pop(), edits)
            lists.append(_Item(depth))
            continue
        depth += (mark == b"(") - (mark == b")")
        if piece.kind is Kind.WORD and mark == b"SELECT":
            lists.append(_Item(depth))
        elif lists and not (mark in _MODIFIERS and not lists[-1].pieces):
            _note(lists, piece, depth)
        if _is_call(flat, at):
            edits.append((piece.start, flat[at + 2].end, constant))
            for item in lists:
                item.calls = True
    for item in reversed(lists):
        _close(text, item, edits)
    return edits


def _note(lists: list[_Item], piece: Piece, depth: int) -> None:
    """Every list that is open has this piece in its present item, an inner one's parenthesis included."""
    for item in lists:
        if item.depth <= depth or piece.text == b")":
            item.pieces.append(piece)


def _is_call(flat: list[Piece], at: int) -> bool:
    if flat[at].kind is not Kind.WORD or flat[at].word != _FUNCTION or at + 2 >= len(flat):
        return False
    if at and flat[at - 1].text == b".":
        # A function of somebody's schema that has this name.
        return False
    return flat[at + 1].text == b"(" and flat[at + 2].text == b")"


def _close(text: bytes, item: _Item, edits: list[_Edit]) -> None:
    if not item.needs_name:
        return
    start, end = item.pieces[0].start, item.pieces[-1].end
    if end - start <= _LONGEST_NAME:
        edits.append((end, end, b" AS `" + text[start:end].replace(b"`", b"``") + b"`"))
