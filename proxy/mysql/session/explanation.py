"""Whether a text's verdict tells all that can have made the session tracker signal a changed state.

Servers signal it for user variables, temporary tables, prepared statements of the text protocol, settings and
the schema (MySQL manual, "session_track_state_change"). A text explains the signal if nothing else than what
its verdict names can have caused it. Code behind a table or view, a trigger or a function, is not to be seen
in a text: ``Explanation`` tells whether there may be any.
"""

import enum
from collections.abc import Sequence

from .lexer import Kind
from .openings import Openings
from .parts import Reader, Statement
from .pins import PinReason
from .set_statements import read_set

__all__ = ["Explanation", "definitions_in", "explanation_of", "names_tables"]


class Explanation(enum.Enum):
    """How far a text explains a changed state; IF_NO_CODE_HIDES: but for what its tables may run."""

    NONE = "none"
    IF_NO_CODE_HIDES = "if_no_code_hides"
    FULL = "full"


#: Statements whose expressions tell what they do, if they call nothing but built-in functions.
_EXPRESSIONS = frozenset(b"SELECT WITH INSERT REPLACE UPDATE DELETE DO VALUES".split())
#: These change nothing that is signalled, or are told in full.
_QUIET = frozenset(b"USE BEGIN COMMIT ROLLBACK SAVEPOINT RELEASE UNLOCK LOCK".split())
_TABLE_WORDS = frozenset(
    b"FROM JOIN TABLE TABLES INSERT REPLACE UPDATE DELETE LOAD CALL WITH TRUNCATE ALTER CREATE DROP "
    b"RENAME HANDLER SHOW DESCRIBE DESC EXPLAIN ANALYZE CHECK OPTIMIZE REPAIR CHECKSUM LOCK EXECUTE".split()
)
_QUERIES = (b"SELECT", b"WITH", b"VALUES", b"TABLE")
_PREPARED = ((b"PREPARE",), (b"DEALLOCATE", b"PREPARE"), (b"DROP", b"PREPARE"))


def names_tables(words: frozenset[bytes]) -> bool:
    """Whether a text with these words may read or write tables."""
    return not _TABLE_WORDS.isdisjoint(words)


def definitions_in(statement: Statement) -> tuple[int, int] | None:
    """Where a CREATE TABLE defines columns, parentheses included; no server takes a stored function there."""
    reader = Reader(statement.pieces)
    if not reader.words(b"CREATE"):
        return None
    reader.words(b"OR", b"REPLACE")
    reader.word(b"TEMPORARY")
    if not reader.words(b"TABLE"):
        return None
    reader.words(b"IF", b"NOT", b"EXISTS")
    opened = reader.next if reader.names() else None
    if opened is None or not reader.mark(b"(") or reader.word(*_QUERIES) or reader.mark(b"("):
        return None
    depth = 1
    while (piece := reader.take()) is not None:
        depth += (piece.text == b"(") - (piece.text == b")")
        if not depth:
            return opened.start, piece.end
    return None


def explanation_of(
    statements: Sequence[Statement],
    openings: Openings,
    *,
    knows_variables: bool,
    knows_prepared: bool,
    runs_only_built_ins: bool,
) -> Explanation:
    """How far the text explains a signal.

    ``knows_variables``: which user variables it assigns is known; ``knows_prepared``: what it does as the
    one statement that prepares or drops a prepared statement.
    """
    if not runs_only_built_ins or not knows_variables or not statements:
        return Explanation.NONE
    if PinReason.TEMPORARY_TABLE in openings.unknown:
        return Explanation.NONE
    found = [_of_statement(statement, openings, knows_prepared) for statement in statements]
    if Explanation.NONE in found:
        return Explanation.NONE
    is_full = all(each is Explanation.FULL for each in found)
    return Explanation.FULL if is_full else Explanation.IF_NO_CODE_HIDES


def _of_statement(statement: Statement, openings: Openings, knows_prepared: bool) -> Explanation:
    first, words = statement.first, statement.words()
    if any(Reader(statement.pieces).words(*form) for form in _PREPARED):
        return Explanation.FULL if knows_prepared else Explanation.NONE
    if first == b"SET":
        return _of_set(statement)
    if first in _EXPRESSIONS:
        return _hidden(names_tables(words))
    if first == b"CREATE" and b"TEMPORARY" in words and openings.names.get(PinReason.TEMPORARY_TABLE):
        return _hidden(not words.isdisjoint((b"SELECT", b"VALUES", b"WITH")))
    if first == b"DROP":
        return Explanation.FULL if _drops_named_tables(statement, openings) else Explanation.NONE
    if first == b"START" and b"TRANSACTION" in words:
        return Explanation.FULL
    return Explanation.FULL if first in _QUIET else Explanation.NONE


def _hidden(may_run_code: bool) -> Explanation:
    return Explanation.IF_NO_CODE_HIDES if may_run_code else Explanation.FULL


def _of_set(statement: Statement) -> Explanation:
    if read_set(statement) is None:
        return Explanation.NONE
    words = statement.words()
    return _hidden(b"SELECT" in words and names_tables(words))


def _drops_named_tables(statement: Statement, openings: Openings) -> bool:
    ended = [end.names or () for end in openings.ends if end.reason is PinReason.TEMPORARY_TABLE]
    commas = sum(piece.kind is Kind.MARK and piece.text == b"," for piece in statement.pieces)
    return sum(map(len, ended)) > commas
