"""Puts constants where a statement asks for something that only the session's own connection could tell.

These are CONNECTION_ID(), and what an earlier text of the session has left: ROW_COUNT(), FOUND_ROWS(),
@@warning_count, @@error_count (MySQL manual, "Information Functions"). An item of a select list that has no
alias gets its own text as one, so that the column keeps its name (column_names module).

Left alone are what a CREATE or ALTER would store for later, and for CONNECTION_ID() texts that name a table
or function which tells the server's own ids. All but CONNECTION_ID() is replaced in the first statement of a
text only, since later ones read what that has left. The tokens of a text must be certain, and the text not
longer than LONGEST_TEXT.
"""

from collections.abc import Iterator, Mapping, Sequence

from .column_names import SelectLists
from .lexer import Kind, Piece
from .parts import BODIES, LONGEST_TEXT, Statement, flat, statements_in
from .verdict_parts import Ask

__all__ = ["ASKED", "LONGEST_TEXT", "Ask", "asks_in", "constant", "sets_found_rows", "substituted"]

_FUNCTIONS = {
    b"CONNECTION_ID": Ask.CONNECTION_ID,
    b"ROW_COUNT": Ask.ROW_COUNT,
    b"FOUND_ROWS": Ask.FOUND_ROWS,
}
_VARIABLES = {b"WARNING_COUNT": Ask.WARNING_COUNT, b"ERROR_COUNT": Ask.ERROR_COUNT}
#: Without one of these words a text asks for nothing.
ASKED = frozenset((*_FUNCTIONS, *_VARIABLES))
_SCOPES = (b"SESSION", b"LOCAL")
_CONSTANTS = {
    Ask.CONNECTION_ID: b"CAST(%d AS UNSIGNED)",
    Ask.ROW_COUNT: b"IF(1,%d,ROW_COUNT())",
    Ask.FOUND_ROWS: b"IF(1,%d,FOUND_ROWS())",
    Ask.WARNING_COUNT: b"IF(1,CAST(%d AS UNSIGNED),@@warning_count)",
    Ask.ERROR_COUNT: b"IF(1,CAST(%d AS UNSIGNED),@@error_count)",
}
_COUNTS = Ask.WARNING_COUNT | Ask.ERROR_COUNT
#: Statements in which an expression stands wherever one of these may stand.
_EXPRESSIONS = frozenset(b"SELECT WITH INSERT REPLACE UPDATE DELETE DO SET CALL VALUES".split())
#: With one of these a statement has parts that may find rows; VALUES (…) of an INSERT is none.
_QUERIES = frozenset(b"FROM UNION TABLE VALUES".split())
_INSERTS = frozenset(b"INSERT REPLACE".split())
#: After any of these a row count is the text's own; after the second ones so are the conditions.
_SETS_ROW_COUNT = frozenset(
    b"SELECT INSERT UPDATE DELETE REPLACE SET USE DO COMMIT ROLLBACK TRUNCATE".split()
)
_SETS_CONDITIONS = frozenset(b"INSERT UPDATE DELETE REPLACE".split())
_STORES = frozenset((b"CREATE", b"ALTER"))
_THREADS = frozenset(
    b"PROCESSLIST INNODB_TRX METADATA_LOCK_INFO THREAD_POOL_QUEUES THREADS "
    b"PERFORMANCE_SCHEMA SYS IS_USED_LOCK".split()
)
_SHOWS_CONDITIONS = frozenset(b"WARNINGS ERRORS DIAGNOSTICS".split())

#: A place in a statement: the first piece, one past the last, and what is asked for.
_Place = tuple[int, int, Ask]


def constant(ask: Ask, number: int) -> bytes:
    """An expression with this value.

    All else is as with the function or variable: type, warnings, and whether it may be prepared.
    """
    return _CONSTANTS[ask] % number


def substituted(text: bytes, constants: Mapping[Ask, bytes], *, backslash_escapes: bool) -> bytes:
    """``text`` with the constants in their places; the same object if there is none for them."""
    if len(text) > LONGEST_TEXT:
        return text
    pieces = list(flat(text, backslash_escapes))
    without = Ask.CONNECTION_ID if _tells_threads(pieces) else Ask.NONE
    out: list[bytes] = []
    at = 0
    for is_first, statement in _to_be_edited(pieces):
        places = [
            place
            for place in _places(statement)
            if place[2] in constants
            and not place[2] & without
            and (place[2] is Ask.CONNECTION_ID or (is_first and _takes_expressions(statement)))
        ]
        for start, end, new in sorted(_edits(text, statement, places, constants)):
            out += (text[at:start], new)
            at = end
    return b"".join((*out, text[at:])) if out else text


def asks_in(pieces: Sequence[Piece]) -> Ask:
    """What ``substituted`` can put all of into a text of these flat pieces, so that it reads none of it."""
    found = Ask.NONE
    if not _tells_threads(pieces):
        for _, statement in _to_be_edited(pieces):
            found |= _asked(statement) & Ask.CONNECTION_ID
    statements = statements_in(pieces)
    if not statements:
        return found
    first, *others = statements
    if first.settings or _stores(first.pieces) or not _takes_expressions(first.pieces):
        return found
    asked = _asked(first.pieces) & ~Ask.CONNECTION_ID
    if Ask.FOUND_ROWS in asked and not _reads_found_rows_before_others(first):
        asked &= ~Ask.FOUND_ROWS
    return found | (asked & ~_read_from_before(first, others))


def _read_from_before(first: Statement, others: Sequence[Statement]) -> Ask:
    """What the text may read of an earlier one although its first statement has constants."""
    found = _left_over(first.pieces)
    behind = Ask.NONE
    for other in others:
        behind |= _asked(other.pieces) | _left_over(other.pieces)
    if first.first not in _SETS_ROW_COUNT:
        found |= behind & Ask.ROW_COUNT
    if not sets_found_rows(first):
        found |= behind & Ask.FOUND_ROWS
    shown = any(not _SHOWS_CONDITIONS.isdisjoint(other.words()) for other in others)
    if first.first not in _SETS_CONDITIONS and (behind & _COUNTS or shown):
        found |= _COUNTS
    return found


def sets_found_rows(statement: Statement) -> bool:
    """Whether FOUND_ROWS() of the next statement is certainly this one's."""
    return statement.first == b"SELECT" and b"INTO" not in statement.words()


def _left_over(pieces: Sequence[Piece]) -> Ask:
    """What the pieces may ask for in a form that is not replaced."""
    found = Ask.NONE
    at_places = {at for start, end, _ in _places(pieces) for at in range(start, end)}
    for at, piece in enumerate(pieces):
        name = piece.text[1:-1].upper() if piece.kind is Kind.DOUBLE_QUOTED else piece.word
        if at in at_places:
            continue
        if name in _FUNCTIONS and [each.text for each in pieces[at + 1 : at + 2]] == [b"("]:
            found |= _FUNCTIONS[name]
        elif name in _VARIABLES and any(each.kind is Kind.SYSTEM_VARIABLE for each in pieces[:at][-3:]):
            found |= _VARIABLES[name]
    return found


def _reads_found_rows_before_others(statement: Statement) -> bool:
    """Whether no part of the statement can have set FOUND_ROWS() anew when it is read."""
    words = [piece.word for piece in statement.pieces if piece.kind is Kind.WORD]
    others = _QUERIES - {b"VALUES"} if statement.first in _INSERTS else _QUERIES
    return words.count(b"SELECT") <= 1 and others.isdisjoint(words)


def _asked(pieces: Sequence[Piece]) -> Ask:
    found = Ask.NONE
    for _, _, ask in _places(pieces):
        found |= ask
    return found


def _tells_threads(pieces: Sequence[Piece]) -> bool:
    return any(_names_threads(pieces, at) for at in range(len(pieces)))


def _names_threads(pieces: Sequence[Piece], at: int) -> bool:
    """Whether a piece is the name of such a table or function, and no column's new name."""
    piece = pieces[at]
    if piece.kind not in (Kind.WORD, Kind.BACKQUOTED) or piece.word not in _THREADS:
        return False
    return not (at and (pieces[at - 1].word == b"AS" or pieces[at - 1].text == b")"))


def _to_be_edited(pieces: Sequence[Piece]) -> Iterator[tuple[bool, Sequence[Piece]]]:
    """The statements of a text that store nothing, and whether each is the first."""
    start = 0
    is_first = True
    ends = [at for at, piece in enumerate(pieces) if piece.text == b";"]
    for end in (*ends, len(pieces)):
        statement = pieces[start : end + 1]
        if statement[:1] and statement[0].word != b"PREPARE" and not _stores(statement):
            yield is_first, statement
        elif _stores(statement) and not BODIES.isdisjoint(_words(statement)):
            return
        is_first = is_first and (not statement or statement[0].text == b";")
        start = end + 1


def _words(statement: Sequence[Piece]) -> frozenset[bytes]:
    return frozenset(piece.word for piece in statement if piece.kind is Kind.WORD)


def _stores(statement: Sequence[Piece]) -> bool:
    return not _STORES.isdisjoint(_words(statement))


def _takes_expressions(statement: Sequence[Piece]) -> bool:
    return Statement(statement).first in _EXPRESSIONS


def _edits(
    text: bytes, statement: Sequence[Piece], places: Sequence[_Place], constants: Mapping[Ask, bytes]
) -> list[tuple[int, int, bytes]]:
    if not places:
        return []
    lists = SelectLists(text)
    starts = {start for start, _, _ in places}
    for at, piece in enumerate(statement):
        lists.take(piece, is_replaced=at in starts)
    edits = [(statement[start].start, statement[end - 1].end, constants[ask]) for start, end, ask in places]
    return [*edits, *((end, end, alias) for end, alias in lists.aliases())]


def _places(statement: Sequence[Piece]) -> list[_Place]:
    """Where the statement asks, and for what."""
    found: list[_Place] = []
    for at, piece in enumerate(statement):
        if piece.kind is Kind.SYSTEM_VARIABLE:
            place = _variable(statement, at)
        elif piece.kind in (Kind.WORD, Kind.BACKQUOTED) and piece.word in _FUNCTIONS:
            place = _call(statement, at)
        else:
            continue
        if place is not None:
            found.append(place)
    return found


def _call(statement: Sequence[Piece], at: int) -> _Place | None:
    if [piece.text for piece in statement[at + 1 : at + 3]] != [b"(", b")"]:
        return None
    if at and statement[at - 1].text == b".":
        # A function of somebody's schema that has this name.
        return None
    return at, at + 3, _FUNCTIONS[statement[at].word]


def _variable(statement: Sequence[Piece], at: int) -> _Place | None:
    start, at = at, at + 1
    if statement[at : at + 1] and statement[at].start != statement[start].end:
        return None
    if [piece.word for piece in statement[at : at + 2]] in ([scope, b"."] for scope in _SCOPES):
        at += 2
    if at >= len(statement) or statement[at].kind not in (Kind.WORD, Kind.BACKQUOTED):
        return None
    ask = _VARIABLES.get(statement[at].word)
    following = statement[at + 1].text if at + 1 < len(statement) else b""
    is_target = following in (b"=", b":") and statement[start - 1].word in (b"SET", b",")
    return None if ask is None or following == b"." or is_target else (start, at + 1, ask)
