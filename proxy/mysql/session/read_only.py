"""What a session that may only read is let do (a tenant's or a secret's ``read_only``).

A list of what is known to be harmless: what is not certain to be on it is refused. The server is told as
well, by transaction_read_only, which stops writes that views and functions hide; but a procedure, START
TRANSACTION READ WRITE and SET lift that, so these are not on the list. Nor is what holds up those who write:
locks on rows, tables and names. MySQL manual, "START TRANSACTION, COMMIT, and ROLLBACK Statements".
"""

from collections.abc import Sequence
from typing import Final

import attrs

from .lexer import Kind, Piece
from .parts import Statement
from .read_functions import ReadFunctions
from .readings import Reading, reading_of
from .screen import Dialect
from .set_statements import Assignment, Scope
from .statement_kind import LONGEST_READ, StatementKind, StatementKinds
from .whole_statements import assignments_in, folded, readings

__all__ = ["READ_ONLY_NAMES", "ReadOnlyScreen"]

#: The variable's names; which one a server has depends on its vendor and version.
READ_ONLY_NAMES: Final = frozenset({"transaction_read_only", "tx_read_only"})

#: They make the server log otherwise, or hide from the proxy what it is told of.
_NOT_TO_BE_SET: Final = READ_ONLY_NAMES | {
    "session_track_system_variables",
    "session_track_transaction_info",
    "sql_log_bin",
    "server_id",
}
_NOT_TO_BE_SET_PREFIXES: Final = ("gtid_", "pseudo_")

_SELECT: Final = Piece(Kind.WORD, 0, 0, b"SELECT")
#: Beyond those that read they tell what an earlier statement has left, or set it for the session.
_OF_THE_SESSION: Final = frozenset((b"FOUND_ROWS", b"LAST_INSERT_ID", b"ROW_COUNT"))
_TRANSACTION_WORDS: Final = frozenset(
    b"BEGIN START TRANSACTION WITH CONSISTENT SNAPSHOT READ ONLY WORK COMMIT ROLLBACK AND NO CHAIN RELEASE "
    b", TO SAVEPOINT".split()
)
_NAMES_TABLES: Final = frozenset((b"FROM", b"TABLE", b"DESC", b"DESCRIBE", b"EXPLAIN", b"JOIN"))


@attrs.define
class ReadOnlyScreen:
    """Knows what is permitted, and remembers it of texts that had to be read closely.

    ``cached``: of how many texts; those longer than ``cached_length`` bytes are read each time.
    """

    kinds: StatementKinds
    cached: int = 1000
    cached_length: int = 1024
    _cache: dict[tuple[bytes, Dialect], bool] = attrs.field(factory=dict, init=False, repr=False)

    def permits(self, text: bytes, dialect: Dialect) -> bool:
        """Whether a whole text is certain to change nothing but its own session, which goes on reading."""
        if len(text) > LONGEST_READ:
            return False
        is_single = b";" not in text.rstrip(b"; \t\r\n")
        if is_single and self.kinds.traits(text, dialect).kind is StatementKind.READ:
            return True
        if len(text) > self.cached_length:
            return self._examine(text, dialect)
        key = (text, dialect)
        permitted = self._cache.pop(key, None)
        if permitted is None:
            permitted = self._examine(text, dialect)
            if len(self._cache) >= self.cached:
                del self._cache[next(iter(self._cache))]
        self._cache[key] = permitted
        return permitted

    def _examine(self, text: bytes, dialect: Dialect) -> bool:
        found = readings(folded(text), dialect)
        if found is None:
            return False
        functions = self.kinds.functions
        functions = attrs.evolve(functions, built_in=functions.built_in | _OF_THE_SESSION)
        return all(_all_permitted(statements, functions) for statements in found)


def _all_permitted(statements: Sequence[Statement], functions: ReadFunctions) -> bool:
    # A view may call a function that lifts the server's rule, for the statements behind it.
    with_tables = [each for each in statements if not _NAMES_TABLES.isdisjoint(each.words())]
    return len(with_tables) <= 1 and all(_is_permitted(each, functions) for each in statements)


def _is_permitted(statement: Statement, functions: ReadFunctions) -> bool:
    if statement.settings and not _may_set(statement, statement.settings, functions):
        return False
    pieces, first = statement.pieces, statement.first
    words = [piece.word if piece.kind is Kind.WORD else piece.text for piece in pieces]
    if first == b"SET":
        return _is_permitted_set(statement, words, functions)
    if first == b"USE":
        return len(pieces) == 2
    if first in (b"SHOW", b"DO"):
        return _reads(statement, functions) or _is_value([_SELECT, *pieces[1:]], functions)
    if first in (b"BEGIN", b"START", b"COMMIT"):
        return _TRANSACTION_WORDS.issuperset(words) and (first != b"START" or words[1:2] == [b"TRANSACTION"])
    if first in (b"ROLLBACK", b"SAVEPOINT", b"RELEASE"):
        # A savepoint's name may be any word.
        return b"(" not in words
    if words == [b"UNLOCK", b"TABLES"]:
        return True
    if first == b"GET":
        return b"DIAGNOSTICS" in words[1:3] and b"(" not in words
    return _reads(statement, functions)


def _reads(statement: Statement, functions: ReadFunctions) -> bool:
    # It tells how many rows there would be, and no more.
    pieces = [piece for piece in statement.pieces if piece.word != b"SQL_CALC_FOUND_ROWS"]
    return reading_of(pieces, functions) is not Reading.NONE


def _is_value(pieces: Sequence[Piece], functions: ReadFunctions) -> bool:
    return reading_of(pieces, functions) is not Reading.NONE


def _is_permitted_set(statement: Statement, words: Sequence[bytes], functions: ReadFunctions) -> bool:
    if words[1:2] == [b"ROLE"]:
        return b"(" not in words
    if b"TRANSACTION" in words[1:3] and (b"=" not in words):
        # SET [SESSION] TRANSACTION: GLOBAL and READ WRITE are the two that matter.
        return b"WRITE" not in words and b"GLOBAL" not in words
    return _may_set(statement, statement.pieces[1:], functions)


def _may_set(statement: Statement, pieces: Sequence[Piece], functions: ReadFunctions) -> bool:
    """Whether a SET's list, which is in these pieces, assigns what it may, and runs nothing unknown."""
    assigned = assignments_in(statement)
    if assigned is None or not all(map(_may_assign, assigned)):
        return False
    values = [piece for at, piece in enumerate(pieces) if not _is_colon_of_assignment(pieces, at)]
    return _is_value([_SELECT, *values], functions)


def _may_assign(assignment: Assignment) -> bool:
    if assignment.scope is Scope.GLOBAL:
        return False
    if assignment.scope is Scope.USER:
        return True
    name = assignment.name.rpartition(".")[2]
    return name not in _NOT_TO_BE_SET and not name.startswith(_NOT_TO_BE_SET_PREFIXES)


def _is_colon_of_assignment(pieces: Sequence[Piece], at: int) -> bool:
    following = pieces[at + 1].text if at + 1 < len(pieces) else b""
    return pieces[at].text == b":" and following == b"="
