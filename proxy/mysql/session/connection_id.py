"""Puts the client's own connection id where a statement asks for CONNECTION_ID().

The function would tell the id of a database connection that the session has only borrowed. Each call becomes
a constant; an item of a select list that has no alias gets its own text as one, so that the column keeps its
name (column_names module). Left alone are what a CREATE or ALTER would store for later, and texts that name a
table or function which tells the server's own ids. The tokens of a text must be certain, and the
text not longer than LONGEST_TEXT.
"""

import re
from collections.abc import Iterator

from .column_names import SelectLists
from .lexer import Kind, Piece, pieces

__all__ = ["LONGEST_TEXT", "with_connection_id"]

#: Texts longer than this are left alone, in bytes: the work, and the growth of the text, must end somewhere.
LONGEST_TEXT = 16 * 1024

_FUNCTION = b"CONNECTION_ID"
_STORES = frozenset((b"CREATE", b"ALTER"))
#: Whose bodies may hold semicolons.
_WITH_BODY = frozenset((b"PROCEDURE", b"FUNCTION", b"TRIGGER", b"EVENT", b"PACKAGE"))
_THREADS = frozenset(
    b"PROCESSLIST INNODB_TRX METADATA_LOCK_INFO THREAD_POOL_QUEUES THREADS "
    b"PERFORMANCE_SCHEMA SYS IS_USED_LOCK".split()
)
#: What stands in a run of plain literals, with and without backslash escapes.
_IN_A_RUN = re.compile(rb"('(?:[^'\\]|\\.|'')*+')|[(),]|[^(),'\s]++", re.DOTALL)
_IN_A_PLAIN_RUN = re.compile(rb"('(?:[^']|'')*+')|[(),]|[^(),'\s]++", re.DOTALL)


def with_connection_id(text: bytes, number: int, *, backslash_escapes: bool) -> bytes:
    """``text`` with ``number`` in the place of each CONNECTION_ID(); the same object if there is none."""
    if len(text) > LONGEST_TEXT:
        return text
    flat = list(_flat(text, backslash_escapes))
    if any(_names_threads(flat, at) for at in range(len(flat))):
        return text
    constant = b"CAST(%d AS UNSIGNED)" % number
    out: list[bytes] = []
    at = 0
    for statement in _to_be_edited(flat):
        for start, end, new in sorted(_edits(text, statement, constant)):
            out += (text[at:start], new)
            at = end
    return b"".join((*out, text[at:])) if out else text


def _flat(text: bytes, backslash_escapes: bool) -> Iterator[Piece]:
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


def _names_threads(flat: list[Piece], at: int) -> bool:
    """Whether a piece is the name of such a table or function, and no column's new name."""
    piece = flat[at]
    if piece.kind not in (Kind.WORD, Kind.BACKQUOTED) or piece.word not in _THREADS:
        return False
    return not (at and (flat[at - 1].word == b"AS" or flat[at - 1].text == b")"))


def _to_be_edited(flat: list[Piece]) -> Iterator[list[Piece]]:
    """The statements of a text that store nothing."""
    start = 0
    ends = [at for at, piece in enumerate(flat) if piece.text == b";"]
    for end in (*ends, len(flat)):
        statement = flat[start : end + 1]
        words = {piece.word for piece in statement if piece.kind is Kind.WORD}
        if _STORES.isdisjoint(words) and statement[:1] and statement[0].word != b"PREPARE":
            yield statement
        elif not _WITH_BODY.isdisjoint(words):
            return
        start = end + 1


def _edits(text: bytes, statement: list[Piece], constant: bytes) -> list[tuple[int, int, bytes]]:
    edits: list[tuple[int, int, bytes]] = []
    lists = SelectLists(text)
    for at, piece in enumerate(statement):
        is_call = _is_call(statement, at)
        lists.take(piece, is_replaced=is_call)
        if is_call:
            edits.append((piece.start, statement[at + 2].end, constant))
    return [*edits, *((end, end, alias) for end, alias in lists.aliases())]


def _is_call(flat: list[Piece], at: int) -> bool:
    piece = flat[at]
    if at + 2 >= len(flat) or flat[at + 1].text != b"(" or flat[at + 2].text != b")":
        return False
    if at and flat[at - 1].text == b".":
        # A function of somebody's schema that has this name.
        return False
    return piece.kind in (Kind.WORD, Kind.BACKQUOTED) and piece.word == _FUNCTION
