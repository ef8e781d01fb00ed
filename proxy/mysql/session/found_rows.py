"""What a statement makes of FOUND_ROWS(), as far as its text tells (MySQL manual, "FOUND_ROWS()").

As MySQL 9 and MariaDB 10.11 do it: a SELECT makes it the number of its rows, with those that an offset has
skipped. Only the server knows it after SQL_CALC_FOUND_ROWS, a UNION with a LIMIT, statements that read tables
and send no rows, an UPDATE on MySQL (the rows matched), a SELECT that failed. Most other statements leave it,
those that do not run a SELECT in a trigger or function included.
"""

import enum
import re
from collections.abc import Sequence
from functools import lru_cache

import attrs

from .effects import Evidence, from_tokens
from .lexer import Kind, Token, lex

__all__ = ["LONGEST_TEXT", "Found", "FoundRows", "found_rows_of"]

#: Texts longer than this, in bytes, are not read for this.
LONGEST_TEXT = 4 * 1024
_CACHED = 512
_LONGEST_CACHED = 512


class Found(enum.Enum):
    """What a statement makes of it."""

    ROWS = "the rows it sends"
    UNCHANGED = "nothing"
    UNKNOWN = "only the server knows"


@attrs.frozen
class FoundRows:
    """``offset``: rows that were skipped in front of those sent, which count where there are any."""

    found: Found
    offset: int = 0


_ROWS = FoundRows(Found.ROWS)
_UNCHANGED = FoundRows(Found.UNCHANGED)
_UNKNOWN = FoundRows(Found.UNKNOWN)

_WORDS_ONLY = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and (chr(byte).isalnum() or byte in b"_$") else 0x20
    for byte in range(256)
)
#: A SELECT with none of these sends as many rows as it has found; in literals they count as well.
_ODD_IN_SELECT = frozenset(
    b"limit offset fetch into procedure sql_calc_found_rows union except intersect".split()
)
_ODD_ELSEWHERE = frozenset(b"select join using returning with table values".split())
_ODD_IN_INSERT = _ODD_ELSEWHERE - {b"values"}
_PLAIN_LIMIT = re.compile(rb".*\slimit\s+(?:[0-9]+|\?)\s*", re.IGNORECASE | re.DOTALL)
_PLAIN_OFFSET = re.compile(rb".*\slimit\s+([0-9]{1,20})\s*,\s*[0-9]+\s*", re.IGNORECASE | re.DOTALL)
_PLAIN_UPDATE = re.compile(rb"update\s+[\w$.`]+\s+set\s", re.IGNORECASE)
_NUMBER = re.compile(rb"[0-9]{1,20}")
#: In a run of plain literals.
_LITERAL = re.compile(rb"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_COMMENTS = (b"--", b"#", b"/*")
_LIMIT = frozenset((b"limit",))
_COMBINING = frozenset(b"UNION EXCEPT INTERSECT".split())

_SELECTS = frozenset((b"SELECT", b"(", b"WITH"))
_SHOWS_THAT_COUNT = frozenset(
    b"TABLES DATABASES SCHEMAS STATUS VARIABLES COLUMNS FIELDS INDEX INDEXES KEYS ENGINES COLLATION "
    b"COUNT".split()
)
_SHOWS_THAT_DO_NOT = frozenset(b"WARNINGS ERRORS CREATE GRANTS PROCESSLIST".split())
_LEAVE_IT = frozenset(
    b"SET USE BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE UNLOCK LOCK TRUNCATE ALTER DROP CREATE INSERT "
    b"REPLACE DELETE GET ANALYZE CHECK OPTIMIZE PREPARE DEALLOCATE FLUSH SIGNAL KILL".split()
)
_READ_TABLES = frozenset(b"SELECT JOIN USING STATEMENT RETURNING WITH".split())
_ONLY_THE_SERVER_KNOWS = frozenset(b"SQL_CALC_FOUND_ROWS INTO PROCEDURE".split())
_LIMITING = frozenset(b"LIMIT FETCH OFFSET".split())


def found_rows_of(text: bytes, *, is_mariadb: bool) -> FoundRows:
    """What a statement that succeeds makes of it; UNKNOWN where that cannot be read."""
    if len(text) > LONGEST_TEXT:
        return _UNKNOWN
    rule = _at_a_glance(text, text.translate(_WORDS_ONLY).split(), is_mariadb)
    if rule is not None:
        return rule
    return _cached(text, is_mariadb) if len(text) <= _LONGEST_CACHED else _read(text, is_mariadb)


def _at_a_glance(text: bytes, words: list[bytes], is_mariadb: bool) -> FoundRows | None:
    """The common cases, without cutting the text into tokens; they must hold whatever a literal says."""
    if not text[:1].isalpha() or b";" in text or b"/*!" in text or b"/*M!" in text:
        return None
    first = words[0]
    if first == b"select":
        return _select_at_a_glance(text, words)
    if first == b"update":
        if not is_mariadb:
            return _UNKNOWN
        return _UNCHANGED if _ODD_ELSEWHERE.isdisjoint(words) and _PLAIN_UPDATE.match(text) else None
    if first in (b"insert", b"replace"):
        return _UNCHANGED if _ODD_IN_INSERT.isdisjoint(words) else None
    if first == b"delete":
        return _UNCHANGED if words[1:2] == [b"from"] and _ODD_ELSEWHERE.isdisjoint(words) else None
    return None


def _select_at_a_glance(text: bytes, words: list[bytes]) -> FoundRows | None:
    odd = _ODD_IN_SELECT.intersection(words)
    if not odd:
        return _ROWS
    if odd != _LIMIT or words.count(b"limit") != 1 or any(mark in text for mark in _COMMENTS):
        return None
    if _PLAIN_LIMIT.fullmatch(text):
        return _ROWS
    offset = _PLAIN_OFFSET.fullmatch(text)
    return FoundRows(Found.ROWS, int(offset[1])) if offset else None


@lru_cache(_CACHED)
def _cached(text: bytes, is_mariadb: bool) -> FoundRows:
    return _read(text, is_mariadb)


def _read(text: bytes, is_mariadb: bool) -> FoundRows:
    lexed = lex(text, backslash_escapes=True)
    if lexed.ambiguous or lexed.variable or b"\\" in text:
        # The ends of literals depend on a mode that is not known here.
        return _UNKNOWN
    e = from_tokens(lexed)
    statements = e.statements()
    if len(statements) != 1:
        return _UNKNOWN if statements else _UNCHANGED
    first = e.at(0)
    if first in _SELECTS:
        return _select(e, _of_outermost_query(lexed.tokens), is_mariadb)
    if first == b"SHOW":
        return _show(e)
    if first == b"UPDATE":
        return _UNCHANGED if is_mariadb and _is_of_one_table(e) else _UNKNOWN
    if first in _LEAVE_IT and _READ_TABLES.isdisjoint(e.words):
        return _UNKNOWN if _may_find_rows(e) else _UNCHANGED
    return _UNKNOWN


def _show(e: Evidence) -> FoundRows:
    at = 2 if e.at(1) in (b"FULL", b"SESSION", b"GLOBAL", b"LOCAL") else 1
    if e.at(at) in _SHOWS_THAT_COUNT:
        return _ROWS
    return _UNCHANGED if e.at(at) in _SHOWS_THAT_DO_NOT else _UNKNOWN


def _may_find_rows(e: Evidence) -> bool:
    """Statements of several tables, MariaDB's ANALYZE UPDATE and blocks, MySQL's INSERT … TABLE t."""
    first, second = e.at(0), e.at(1)
    if first == b"DELETE":
        return second != b"FROM"
    if first == b"ANALYZE":
        return second != b"TABLE"
    if first == b"BEGIN":
        return second == b"NOT"
    return first in (b"INSERT", b"REPLACE") and e.has(b"TABLE")


def _is_of_one_table(e: Evidence) -> bool:
    if not _READ_TABLES.isdisjoint(e.words) or not e.has(b"SET"):
        return False
    return b"," not in e.items[: e.items.index(b"SET")]


def _of_outermost_query(tokens: Sequence[Token]) -> list[bytes]:
    """What stands in no parentheses, in capitals; all of a text that begins with one."""
    found: list[bytes] = []
    if tokens[0].text[:1] == b"(":
        return [token.text.upper() for token in tokens]
    depth = 0
    for token in tokens:
        if token.kind in (Kind.MARK, Kind.RUN):
            marks = _LITERAL.sub(b"", token.text)
            depth += marks.count(b"(") - marks.count(b")")
        if not depth and token.text != b";":
            found.append(token.text.upper())
    return found


def _select(e: Evidence, outermost: list[bytes], is_mariadb: bool) -> FoundRows:
    if not _ONLY_THE_SERVER_KNOWS.isdisjoint(e.words):
        return _UNKNOWN
    is_limited = not _LIMITING.isdisjoint(outermost)
    if not _COMBINING.isdisjoint(outermost):
        # MariaDB counts beyond sql_select_limit, too.
        return _UNKNOWN if is_mariadb or is_limited else _ROWS
    if not is_limited:
        return _ROWS
    if outermost.count(b"LIMIT") != 1:
        return _UNKNOWN if b"OFFSET" in outermost or b"LIMIT" in outermost else _ROWS
    at = outermost.index(b"LIMIT")
    return _limited(b" ".join(outermost[at + 1 :]).replace(b",", b" , ").split())


def _limited(tail: list[bytes]) -> FoundRows:
    """What stands behind the one LIMIT; an offset is known where the text ends with it."""
    if len(tail) == 1 or (b"," not in tail and b"OFFSET" not in tail):
        return _ROWS
    if len(tail) != 3:
        return _UNKNOWN
    offset = tail[0] if tail[1] == b"," else tail[2]
    return FoundRows(Found.ROWS, int(offset)) if _NUMBER.fullmatch(offset) else _UNKNOWN
