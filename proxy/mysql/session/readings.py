"""Whether a single statement certainly only reads (MySQL manual, "SELECT Statement", "SHOW Statements").

Works by exclusion of everything that is not known: the statement is of a kind that reads, has none of the
words by which such a statement writes, locks or assigns, and each name in front of a parenthesis is a
function that reads, or no function. The statement must be one whose pieces are certain.

What a view does is not to be seen: its definition may call a stored function that writes. Both vendors refuse
that (error REFUSED) while the session's transactions are read only, for transactional tables and all others;
so a statement that must under no circumstances write, a repeated one above all, is run between GUARD and
UNGUARD. The form without SESSION would stay in force after statements that open no transaction.
"""

import enum
import re
from collections.abc import Sequence
from typing import Final

from .lexer import Kind, Piece
from .parts import Reader
from .read_functions import BOUND_TO_SERVER, ReadFunctions

__all__ = ["GUARD", "REFUSED", "UNGUARD", "Reading", "reading_of"]

GUARD: Final = b"SET SESSION TRANSACTION READ ONLY"
UNGUARD: Final = b"SET SESSION TRANSACTION READ WRITE"
REFUSED: Final = 1792
"""ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: the statement has changed nothing."""


class Reading(enum.Enum):
    """NONE: may do something else. BOUND: reads, but each server may answer otherwise. FREE: neither."""

    NONE = "none"
    BOUND = "bound"
    FREE = "free"


#: No name, wherever it stands.
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_QUERIES = frozenset(b"SELECT WITH VALUES TABLE".split())
_EXPLAINS = (b"EXPLAIN", b"DESCRIBE", b"DESC")
#: No query has one of these as a bare word and only reads; most of them are reserved.
_NOT_IN_READS = frozenset(
    b"ALTER CALL CREATE CURRVAL DELETE DROP DUMPFILE EXECUTE GRANT INTO LASTVAL LOAD LOCK NEXTVAL OUTFILE "
    b"PROCEDURE RENAME REVOKE SETVAL SQL_CALC_FOUND_ROWS UPDATE".split()
)
#: Quoted, too: in Oracle mode a column of this name is a sequence's.
_OF_SEQUENCES = frozenset(b"CURRVAL LASTVAL NEXTVAL SETVAL".split())
_ONLY_AS_FUNCTIONS = frozenset(b"INSERT REPLACE TRUNCATE".split())
_PAIRS = frozenset(((b"FOR", b"SHARE"), (b"NEXT", b"VALUE"), (b"PREVIOUS", b"VALUE"), (b":", b"=")))
_SERVERS_OWN = frozenset(b"INFORMATION_SCHEMA MYSQL PERFORMANCE_SCHEMA SYS".split())

_SHOW_MODIFIERS = (b"EXTENDED", b"FULL", b"GLOBAL", b"LOCAL", b"SESSION")
_SHOW_FREE = frozenset(
    b"CHARACTER CHARSET COLLATION COLUMNS CREATE DATABASES FIELDS FUNCTION INDEX INDEXES KEYS PACKAGE "
    b"PROCEDURE SCHEMAS TABLES TRIGGERS".split()
)
_SHOW_BOUND = frozenset(
    b"ALL BINARY BINLOG ENGINE ENGINES EVENTS GRANTS MASTER OPEN PLUGINS PRIVILEGES PROCESSLIST RELAYLOG "
    b"REPLICA REPLICAS SLAVE STATUS STORAGE TABLE VARIABLES".split()
)
#: How DESCRIBE may have a column's name.
_COLUMNS = (Kind.WORD, Kind.STRING, Kind.BACKQUOTED, Kind.DOUBLE_QUOTED)
#: What SHOW CREATE and the like may name.
_SHOWN = frozenset(b"CREATE PROCEDURE".split())


def reading_of(pieces: Sequence[Piece], functions: ReadFunctions) -> Reading:
    """How far the statement is a read; ``pieces`` as ``parts.flat`` gives them, without a semicolon."""
    first = _first(pieces)
    if first in _QUERIES:
        return _of_words(pieces, functions)
    if first == b"SHOW":
        return _of_show(pieces, functions)
    if first in _EXPLAINS:
        return _of_explain(pieces, functions)
    if first == b"ANALYZE":
        reader = Reader(pieces)
        reader.word(b"ANALYZE")
        _format(reader)
        # ANALYZE TABLE is another statement, which writes.
        return Reading.NONE if reader.word(b"TABLE") else _of_query(pieces, reader, functions)
    return Reading.NONE


def _first(pieces: Sequence[Piece]) -> bytes:
    for piece in pieces:
        if piece.text != b"(":
            return piece.word if piece.kind is Kind.WORD else b""
    return b""


def _of_show(pieces: Sequence[Piece], functions: ReadFunctions) -> Reading:
    reader = Reader(pieces)
    reader.word(b"SHOW")
    while reader.word(*_SHOW_MODIFIERS):
        pass
    what = reader.take()
    if what is None or what.kind is not Kind.WORD or what.word not in _SHOW_FREE | _SHOW_BOUND:
        return Reading.NONE
    found = _of_words(pieces, functions, allowed=_SHOWN)
    return Reading.BOUND if found is Reading.FREE and what.word in _SHOW_BOUND else found


def _of_explain(pieces: Sequence[Piece], functions: ReadFunctions) -> Reading:
    reader = Reader(pieces)
    reader.word(*_EXPLAINS)
    while reader.word(b"ANALYZE", b"EXTENDED", b"PARTITIONS") or _format(reader):
        pass
    if reader.words(b"FOR", b"CONNECTION"):
        return Reading.BOUND if reader.take() is not None and reader.at_end else Reading.NONE
    if reader.word(b"FOR") and not (reader.word(b"SCHEMA", b"DATABASE") and reader.names()):
        return Reading.NONE
    found = _of_query(pieces, reader, functions)
    return _of_words(pieces, functions) if found is Reading.NONE and _is_description(pieces) else found


def _is_description(pieces: Sequence[Piece]) -> bool:
    """DESCRIBE table [column]"""
    reader = Reader(pieces[1:])
    if not reader.names():
        return False
    column = reader.take()
    return column is None or (column.kind in _COLUMNS and reader.at_end)


def _format(reader: Reader) -> bool:
    if not reader.word(b"FORMAT"):
        return False
    reader.mark(b"=")
    reader.take()
    return True


def _of_query(pieces: Sequence[Piece], reader: Reader, functions: ReadFunctions) -> Reading:
    """Of the query that the reader has come to."""
    while reader.mark(b"("):
        pass
    return _of_words(pieces, functions) if reader.word(*_QUERIES) else Reading.NONE


def _of_words(
    pieces: Sequence[Piece], functions: ReadFunctions, allowed: frozenset[bytes] = frozenset()
) -> Reading:
    found = Reading.FREE
    words = [_word(piece) for piece in pieces]
    for at, (piece, word) in enumerate(zip(pieces, words, strict=True)):
        following = words[at + 1] if at + 1 < len(words) else b""
        if (word in _NOT_IN_READS and word not in allowed) or (word, following) in _PAIRS:
            return Reading.NONE
        if piece.text[:1] in (b"`", b'"') and piece.text[1:-1].upper() in _OF_SEQUENCES:
            return Reading.NONE
        if word in _ONLY_AS_FUNCTIONS and following != b"(":
            return Reading.NONE
        if word == b"(" and at:
            called = _called(pieces, words, at - 1, functions)
            if called is Reading.NONE:
                return Reading.NONE
            found = called if called is Reading.BOUND else found
        elif word in (b"@", b"@@") or word in _SERVERS_OWN or _bare(piece) in _SERVERS_OWN:
            found = Reading.BOUND
    return found


def _word(piece: Piece) -> bytes:
    """A keyword in capitals or a mark; nothing for a quoted name or a literal."""
    if piece.kind is Kind.WORD:
        return piece.word
    return piece.text if piece.kind in (Kind.MARK, Kind.SYSTEM_VARIABLE) else b""


def _bare(piece: Piece) -> bytes:
    """A name in capitals, without its quotes."""
    if piece.kind in (Kind.BACKQUOTED, Kind.DOUBLE_QUOTED):
        quote = piece.text[:1]
        return piece.text[1:-1].replace(quote * 2, quote).upper()
    return piece.word if piece.kind is Kind.WORD else b""


def _called(pieces: Sequence[Piece], words: Sequence[bytes], at: int, functions: ReadFunctions) -> Reading:
    """What a call is, if there is one, of the name at this place, in front of a parenthesis."""
    piece = pieces[at]
    if piece.kind not in (Kind.WORD, Kind.BACKQUOTED, Kind.DOUBLE_QUOTED) or _is_literal(piece):
        return Reading.FREE
    if at and words[at - 1] == b"@":
        # @x (: no grammar has that, nor a system variable with a list behind it.
        return Reading.NONE
    if at >= 1 and words[at - 1] == b".":
        schema = _bare(pieces[at - 2]) if at >= 2 else b""
        is_longer = at >= 3 and words[at - 3] == b"."
        known = not is_longer and functions.has_stored(schema, _bare(piece))
        return Reading.FREE if known else Reading.NONE
    if _is_no_call(pieces, words, at):
        return Reading.FREE
    if piece.kind is not Kind.WORD:
        return Reading.FREE if functions.has_stored(b"", _bare(piece)) else Reading.NONE
    if not functions.has(piece.word, is_glued=piece.end == pieces[at + 1].start):
        return Reading.NONE
    return Reading.BOUND if piece.word in BOUND_TO_SERVER else Reading.FREE


def _is_literal(piece: Piece) -> bool:
    return piece.kind is Kind.STRING or _NUMBER.fullmatch(piece.text) is not None


def _is_no_call(pieces: Sequence[Piece], words: Sequence[bytes], at: int) -> bool:
    before = words[at - 1] if at else b""
    # Behind a literal or a list no operand stands, but a word of the grammar or an alias; behind AS an alias.
    if before in (b"AS", b")") or (at and _is_literal(pieces[at - 1])):
        return True
    # An argument that is a query has parentheses of its own: ANY (SELECT …), LATERAL (SELECT …).
    if words[at + 2 : at + 3] == [b"SELECT"]:
        return True
    return before in (b"WITH", b"RECURSIVE", b",") and _names_columns(words, at + 1)


def _names_columns(words: Sequence[bytes], opened: int) -> bool:
    """Whether the list is that of a WITH's columns: … (a, b) AS (SELECT"""
    try:
        closed = words.index(b")", opened)
    except ValueError:
        return False
    return b"(" not in words[opened + 1 : closed] and list(words[closed + 1 : closed + 3]) == [b"AS", b"("]
