"""What a text does to data and to its transaction: the question that routes it, and that says what a lost
answer means (MySQL manual, "Statements That Cause an Implicit Commit").

In doubt a text is a WRITE that may commit. A statement that only reads is a READ only if that is certain,
whatever the modes of the session and whichever of its executable comments a server runs; see the module
``readings`` for what a view may hide.
"""

import enum
import re
from collections.abc import Sequence
from typing import Final

import attrs

from .effects import from_tokens, pins, reads
from .executable_comments import readings_of_comments
from .lexer import Kind, Piece, lex
from .parts import Reader, Statement, flat, statements_in
from .pins import PinReason
from .read_functions import BUILT_INS_ONLY, ReadFunctions
from .readings import Reading, reading_of
from .screen import Dialect
from .statement_shapes import shape_of
from .verdict import Diagnostics

__all__ = [
    "DEFAULT_CACHED_KINDS",
    "LONGEST_READ",
    "LONGEST_SHAPE",
    "StatementKind",
    "StatementKinds",
    "Traits",
    "ends_transaction",
    "is_rerunnable",
    "kind_of",
    "traits_of",
]

DEFAULT_CACHED_KINDS = 1000
DEFAULT_CACHED_LENGTH = 1024
#: Bytes of a query's shape, and of any text; a longer one is no READ: the work must end somewhere.
LONGEST_SHAPE = 8 * 1024
LONGEST_READ = 256 * 1024


class StatementKind(enum.Enum):
    """READ: changes nothing. WRITE: may change data. COMMIT: commits what is before it, DDL too.

    ROLLBACK: of the whole transaction. BEGIN: of a transaction; commits one that is open. OTHER: touches
    nothing but its own session. A text of several statements that are not all of one kind is a WRITE.
    """

    READ = "read"
    WRITE = "write"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    BEGIN = "begin"
    OTHER = "other"


_READ, _WRITE, _COMMIT = StatementKind.READ, StatementKind.WRITE, StatementKind.COMMIT
_ROLLBACK, _BEGIN, _OTHER = StatementKind.ROLLBACK, StatementKind.BEGIN, StatementKind.OTHER


@attrs.frozen
class Traits:
    """Of one text.

    kind: of all its statements.
    anywhere: a READ whose answer is the same on every server that has the same data, but for what is random.
    may_commit: may commit a transaction that is open before it, so that what a lost answer has left undone is
        not known.
    ends_transaction: may commit or roll back one.
    rerunnable: running it twice comes to the same as running it once, if the first time was on a connection
        that was lost, and BEGIN was not in a transaction.
    """

    kind: StatementKind
    anywhere: bool = False
    may_commit: bool = False
    ends_transaction: bool = False
    rerunnable: bool = False


def _traits(kind: StatementKind, *, anywhere: bool = False, rerunnable: bool = False) -> Traits:
    commits = kind in (_COMMIT, _BEGIN)
    return Traits(kind, anywhere, commits, commits or kind is _ROLLBACK, rerunnable)


_A_WRITE, _A_COMMIT, _SESSIONS_OWN = _traits(_WRITE), _traits(_COMMIT), _traits(_OTHER)
_FREE_READ = _traits(_READ, anywhere=True, rerunnable=True)
_BOUND_READ = _traits(_READ, rerunnable=True)
_UNKNOWN: Final = Traits(_WRITE, may_commit=True, ends_transaction=True)

_WRITES = frozenset(
    b"CHECKSUM DELETE DESC DESCRIBE DO EXPLAIN GET HANDLER HELP INSERT KILL REPLACE RESIGNAL SELECT SHOW "
    b"SIGNAL TABLE UPDATE VALUES WITH".split()
)
_COMMITS = frozenset(
    b"ALTER BACKUP CACHE CHANGE CHECK CLONE COMMIT FLUSH GRANT IMPORT INSTALL LOCK OPTIMIZE PURGE RENAME "
    b"REPAIR RESET RESTART REVOKE SHUTDOWN STOP TRUNCATE UNINSTALL UNLOCK".split()
)
#: Statements that do not commit, whatever comes behind the word, but for a semicolon.
_PLAIN_CHANGE = re.compile(rb"\s*+(?:DELETE|INSERT|REPLACE|UPDATE)\b[^;]*+;?\s*+\Z", re.IGNORECASE)
_PLAIN_QUERY = re.compile(rb"[\s(]*+SELECT\b[^;]*+;?\s*+\Z", re.IGNORECASE)
_QUERY = re.compile(rb"[\s(]*+(?:SELECT|WITH)\b", re.IGNORECASE)
_OF_START = frozenset(b"START TRANSACTION WITH CONSISTENT SNAPSHOT READ ONLY WRITE ,".split())
_OF_ROLLBACK = frozenset(b"ROLLBACK WORK AND NO CHAIN RELEASE".split())
#: Optimizer hints that set something, if only for the statement.
_HINT = re.compile(rb"/\*\+.*?(?:SET_VAR|RESOURCE_GROUP)", re.IGNORECASE | re.DOTALL)
_OFF = frozenset((b"0", b"OFF", b"FALSE"))
#: In front of the values of a SET, for which the same functions are harmless.
_AS_QUERY = Piece(Kind.WORD, 0, 0, b"SELECT")
#: Bytes that are the same character in every character set a client can have.
_SAME_EVERYWHERE = re.compile(rb"[\t\n\r -?A-Z_a-z]*")


def kind_of(
    text: bytes,
    *,
    dialect: Dialect = Dialect.DEFAULT,
    functions: ReadFunctions = BUILT_INS_ONLY,
) -> StatementKind:
    """The kind of a whole text as the client sent it; never fails. ``functions``: those that only read."""
    return traits_of(text, dialect=dialect, functions=functions).kind


def is_rerunnable(
    text: bytes,
    *,
    dialect: Dialect = Dialect.DEFAULT,
    functions: ReadFunctions = BUILT_INS_ONLY,
) -> bool:
    """Whether it may be run again when a connection was lost before its answer.

    READ, BEGIN where no transaction was open, ROLLBACK, USE. A view can make a READ write: see
    ``readings.GUARD``.
    """
    return traits_of(text, dialect=dialect, functions=functions).rerunnable


def ends_transaction(text: bytes, *, dialect: Dialect = Dialect.DEFAULT) -> bool:
    """Whether it may commit a transaction, or roll all of it back."""
    return traits_of(text, dialect=dialect).ends_transaction


def traits_of(
    text: bytes,
    *,
    dialect: Dialect = Dialect.DEFAULT,
    functions: ReadFunctions = BUILT_INS_ONLY,
) -> Traits:
    """All there is to tell of a text; never fails."""
    return _A_WRITE if _PLAIN_CHANGE.match(text) else _examined(_key(text, dialect), dialect, functions)


@attrs.define
class StatementKinds:
    """The traits of texts for one set of functions, remembered; of queries by their shape.

    cached: how many are kept for each dialect, the least recently used leaves first; 0 keeps none.
    cached_length: texts or shapes longer than this many bytes are examined anew each time.
    """

    functions: ReadFunctions = BUILT_INS_ONLY
    cached: int = DEFAULT_CACHED_KINDS
    cached_length: int = DEFAULT_CACHED_LENGTH
    _caches: dict[Dialect, dict[bytes, Traits]] = attrs.field(
        factory=lambda: {dialect: {} for dialect in Dialect}, init=False, repr=False
    )

    def traits(self, text: bytes, dialect: Dialect) -> Traits:
        """As ``traits_of``."""
        if _PLAIN_CHANGE.match(text):
            return _A_WRITE
        key = _key(text, dialect)
        if len(key) > self.cached_length or self.cached < 1:
            return _examined(key, dialect, self.functions)
        cache = self._caches[dialect]
        traits = cache.pop(key, None)
        if traits is None:
            traits = _examined(key, dialect, self.functions)
            if len(cache) >= self.cached:
                del cache[next(iter(cache))]
        cache[key] = traits
        return traits


def _key(text: bytes, dialect: Dialect) -> bytes:
    """A text that has the same traits."""
    if dialect is Dialect.OPAQUE or len(text) > LONGEST_READ or not _QUERY.match(text):
        return text
    return shape_of(text)


def _examined(text: bytes, dialect: Dialect, functions: ReadFunctions) -> Traits:
    if len(text) > LONGEST_SHAPE or (dialect is Dialect.OPAQUE and not _SAME_EVERYWHERE.fullmatch(text)):
        return _of_unread(text)
    escapes = dialect is not Dialect.NO_BACKSLASH_ESCAPES
    variants = readings_of_comments(text, escapes)
    if not variants:
        return _of_unread(text)
    found = [_of_variant(variant, escapes, functions) for variant in variants]
    return found[0] if len(set(found)) == 1 else _sum(found, _WRITE)


def _of_unread(text: bytes) -> Traits:
    """Of a text that is too long or not certain."""
    return _A_WRITE if _PLAIN_QUERY.match(text) else _UNKNOWN


def _of_variant(text: bytes, escapes: bool, functions: ReadFunctions) -> Traits:
    lexed = lex(text, escapes)
    if lexed.ambiguous or lexed.variable or not lexed.readable:
        return _of_unread(text)
    evidence = from_tokens(lexed)
    leaves_nothing = not set(pins(evidence)) - {PinReason.USER_VARIABLE}
    may_read = leaves_nothing and reads(evidence) is Diagnostics.NONE and not _HINT.search(text)
    statements = statements_in(list(flat(text, escapes)))
    if statements is None:
        return _UNKNOWN
    found = [_of_statement(statement, functions, may_read) for statement in statements]
    if len(found) == 1:
        return found[0]
    kinds = {each.kind for each in found}
    return _sum(found, kinds.pop() if len(kinds) == 1 else _WRITE) if found else _SESSIONS_OWN


def _sum(found: Sequence[Traits], kind: StatementKind) -> Traits:
    is_read = kind is _READ
    return Traits(
        kind,
        anywhere=is_read and all(each.anywhere for each in found),
        may_commit=any(each.may_commit for each in found),
        ends_transaction=any(each.ends_transaction for each in found),
        rerunnable=is_read and all(each.rerunnable for each in found),
    )


def _of_statement(statement: Statement, functions: ReadFunctions, may_read: bool) -> Traits:
    if statement.settings:
        inner = _of_statement(Statement(statement.pieces), functions, may_read=False)
        kind = _WRITE if inner.kind is _OTHER else inner.kind
        return attrs.evolve(inner, kind=kind, rerunnable=False)
    reading = reading_of(statement.pieces, functions) if may_read else Reading.NONE
    if reading is not Reading.NONE:
        return _FREE_READ if reading is Reading.FREE else _BOUND_READ
    first, reader = statement.first, Reader(statement.pieces)
    reader.take()
    if first in _WRITES:
        return _A_WRITE
    if first in _COMMITS:
        return _A_COMMIT
    if first in (b"BEGIN", b"START", b"ROLLBACK", b"SAVEPOINT", b"RELEASE", b"XA"):
        return _of_transaction(statement, first)
    if first in (b"SET", b"USE", b"PREPARE", b"DEALLOCATE"):
        return _of_session(statement, first, functions)
    if first in (b"CREATE", b"DROP"):
        return _of_definition(reader)
    if first == b"LOAD":
        return _A_COMMIT if reader.word(b"INDEX") else _A_WRITE
    if first == b"ANALYZE":
        return _A_COMMIT if reader.word(b"TABLE", b"LOCAL", b"NO_WRITE_TO_BINLOG") else _A_WRITE
    return _UNKNOWN


def _of_transaction(statement: Statement, first: bytes) -> Traits:
    words = [piece.word for piece in statement.pieces]
    if first == b"BEGIN":
        return _traits(_BEGIN, rerunnable=len(words) <= 2)
    if first == b"START":
        if words[1:2] != [b"TRANSACTION"]:
            return _A_COMMIT
        return _traits(_BEGIN, rerunnable=_OF_START.issuperset(words))
    if first == b"ROLLBACK":
        if b"TO" in words[1:3]:
            return _SESSIONS_OWN
        leaves = b"RELEASE" in words and b"NO" not in words
        return _traits(_ROLLBACK, rerunnable=_OF_ROLLBACK.issuperset(words) and not leaves)
    if first == b"XA":
        is_inside = words[1:2] in ([b"START"], [b"BEGIN"], [b"END"], [b"RECOVER"])
        return _A_WRITE if is_inside else _A_COMMIT
    return _SESSIONS_OWN


def _of_session(statement: Statement, first: bytes, functions: ReadFunctions) -> Traits:
    pieces = statement.pieces
    words = [piece.word for piece in pieces]
    if first == b"USE":
        return attrs.evolve(_SESSIONS_OWN, rerunnable=len(pieces) == 2)
    if first != b"SET":
        return _SESSIONS_OWN
    if words[1:2] == [b"PASSWORD"] or words[1:3] == [b"DEFAULT", b"ROLE"] or _turns_autocommit_on(words):
        return _A_COMMIT
    is_global = not {b"GLOBAL", b"PERSIST", b"PERSIST_ONLY"}.isdisjoint(words)
    is_quiet = reading_of([_AS_QUERY, *pieces[1:]], functions) is not Reading.NONE or b"(" not in words
    return _SESSIONS_OWN if is_quiet and not is_global and b"SELECT" not in words else _A_WRITE


def _turns_autocommit_on(words: Sequence[bytes]) -> bool:
    """Whether a SET may do so; that commits."""
    for at, word in enumerate(words):
        if word.strip(b'"') == b"AUTOCOMMIT":
            value = [each for each in words[at + 1 : at + 4] if each not in (b":", b"=")]
            if value[:1] == [] or value[0] not in _OFF:
                return True
    return False


def _of_definition(reader: Reader) -> Traits:
    """CREATE and DROP: of what is temporary they do not commit."""
    if reader.word(b"PREPARE"):
        return _SESSIONS_OWN
    reader.words(b"OR", b"REPLACE")
    return _A_WRITE if reader.word(b"TEMPORARY") else _A_COMMIT
