"""The rules: which words of a text leave something on the connection, or read what is left there.

Theory of operation: every rule is a question to Evidence. Over tokens that can be trusted the questions are
exact about neighbours ("LOCK followed by TABLES"). Where the neighbours are not certain (loose), "followed
by" weakens to "both occur", and a rule can then only hit more often. The same rules so serve a text the lexer
cannot follow: its evidence is every known word found anywhere in the bytes, in literals and comments too.
"""

from collections.abc import Callable, Iterable, Iterator

from .lexer import Kind, Lexed
from .pins import PinReason
from .verdict import Diagnostics, Xa

__all__ = [
    "DEFINES",
    "NAMED_LOCK_FUNCTIONS",
    "ONE_SHOT_VARIABLES",
    "VOCABULARY",
    "Evidence",
    "from_bytes",
    "from_tokens",
    "pins",
    "reads",
    "releases_lock",
    "sets_global",
    "xa",
]

NAMED_LOCK_FUNCTIONS = frozenset(
    b"GET_LOCK SERVICE_GET_READ_LOCKS SERVICE_GET_WRITE_LOCKS VERSION_TOKENS_LOCK_SHARED "
    b"VERSION_TOKENS_LOCK_EXCLUSIVE".split()
)
# TIMESTAMP: its reported value does not tell a fixed clock from DEFAULT, so it cannot be set again from it.
ONE_SHOT_VARIABLES = frozenset(
    b"INSERT_ID RAND_SEED1 RAND_SEED2 GTID_NEXT GTID_SEQ_NO PSEUDO_THREAD_ID PSEUDO_SLAVE_MODE "
    b"PSEUDO_REPLICA_MODE "
    b"LAST_INSERT_ID IDENTITY TIMESTAMP".split()
)
_SESSION_TRACK = b"SESSION_TRACK_"
_SWITCHES = {b"PROFILING": PinReason.PROFILING, b"SQL_AUTO_IS_NULL": PinReason.UNTRACKED_STATE}
_ON = frozenset((b"1", b"ON", b"TRUE"))
_OFF = frozenset((b"0", b"OFF", b"FALSE"))
_ASSIGNS_COLUMNS = frozenset(b"UPDATE INSERT REPLACE LOAD WITH EXPLAIN DESCRIBE DESC ANALYZE".split())
# After any of these the row count of an earlier text is gone; a compound statement may run nothing.
_RESETS_ROW_COUNT = frozenset(
    b"SELECT INSERT UPDATE DELETE REPLACE SET USE DO COMMIT ROLLBACK TRUNCATE".split()
)
# A statement without tables (SET, SELECT 1, COMMIT) leaves the conditions of an earlier one in place on
# MariaDB.
_RESETS_CONDITIONS = frozenset(b"INSERT UPDATE DELETE REPLACE".split())
_WORDS = (
    b"SET LOCK TABLE TABLES CREATE TEMPORARY FLUSH READ EXPORT INSTANCE BINLOG BACKUP STAGE "
    b"HANDLER OPEN PREPARE FROM "
    b"EXECUTE IMMEDIATE ROLE SESSION AUTHORIZATION RESOURCE GROUP SHOW PROFILE PROFILES "
    b"OPTIMIZER_TRACE WARNINGS "
    b"ERRORS DIAGNOSTICS WARNING_COUNT ERROR_COUNT ROW_COUNT ROWCOUNT FOUND_ROWS LASTVAL "
    b"LAST_GTID RETURNING ANALYZE NEXT NEXTVAL SETVAL "
    b"PREVIOUS CURRVAL XA START BEGIN COMMIT ROLLBACK CALL @ ; "
    b"RELEASE_LOCK RELEASE_ALL_LOCKS GLOBAL PERSIST PERSIST_ONLY SAVEPOINT".split()
)
#: First words of statements that define tables, views and routines.
DEFINES = frozenset(b"CREATE ALTER DROP RENAME TRUNCATE".split())
VOCABULARY = (
    frozenset(_WORDS)
    | DEFINES
    | NAMED_LOCK_FUNCTIONS
    | ONE_SHOT_VARIABLES
    | frozenset(_SWITCHES)
    | {_SESSION_TRACK}
)

_STRING, _QUOTES = b"'", (b"`", b'"')


class Evidence:
    """A text as items: words in capitals, marks, `'` for a string, a quote and NAME for a quoted name."""

    __slots__ = ("items", "loose", "words")

    def __init__(self, items: list[bytes], loose: bool) -> None:
        self.items = items
        self.words = frozenset(items)
        self.loose = loose

    def has(self, *words: bytes) -> bool:
        """Whether all these words occur."""
        return all(word in self.words for word in words)

    def follows(self, word: bytes, *nexts: bytes) -> bool:
        """Whether one of these words comes directly after the first."""
        if word not in self.words or self.words.isdisjoint(nexts):
            return False
        return self.loose or any(self.at(at + 1) in nexts for at in self.places(word))

    def calls(self, function: bytes) -> bool:
        """Whether a function is called, quoted or not."""
        forms = (function, *(quote + function for quote in _QUOTES))
        if self.words.isdisjoint(forms):
            return False
        return self.loose or any(self.at(at + 1) == b"(" for form in forms for at in self.places(form))

    def places(self, item: bytes) -> Iterator[int]:
        """Indexes of an item."""
        return (at for at, found in enumerate(self.items) if found == item)

    def at(self, index: int) -> bytes:
        """The item there, empty outside of the text."""
        return self.items[index] if 0 <= index < len(self.items) else b""

    def statements(self) -> list["Evidence"]:
        """One for each statement that is not empty."""
        parts: list[list[bytes]] = [[]]
        for item in self.items:
            if item == b";":
                parts.append([])
            else:
                parts[-1].append(item)
        return [Evidence(part, self.loose) for part in parts if part]


def from_tokens(lexed: Lexed) -> Evidence:
    """The evidence of a text that the lexer followed."""
    return Evidence([_item(kind, text) for kind, text in lexed.tokens], lexed.variable)


def from_bytes(statement: bytes) -> Evidence:
    """The evidence of a text that the lexer cannot follow: each known word that occurs in the bytes."""
    capitals = statement.upper()
    return Evidence([word for word in VOCABULARY if word in capitals], loose=True)


def _item(kind: Kind, text: bytes) -> bytes:
    if kind is Kind.STRING:
        return _STRING
    if kind is Kind.RUN:
        return text[:1]
    if kind in (Kind.BACKQUOTED, Kind.DOUBLE_QUOTED):
        return text[:-1].upper()
    return text.upper()


def name_of(item: bytes) -> bytes:
    """The bare name of a word or a quoted name."""
    return item[1:] if item.startswith(_QUOTES) else item


def has_user_variable(e: Evidence) -> bool:
    """Whether an `@` is anything but the middle of a quoted account name."""
    # No grammar lets a variable directly follow a literal or quoted name; after a bare word one may
    # (`SELECT@x`).
    return any(e.loose or not e.at(at - 1).startswith((_STRING, *_QUOTES)) for at in e.places(b"@"))


def _binlog(e: Evidence) -> bool:
    return e.has(b"BINLOG") and (e.loose or any(_is_literal(e.at(at + 1)) for at in e.places(b"BINLOG")))


def _is_literal(item: bytes) -> bool:
    return item == b"@" or item.startswith((_STRING, *_QUOTES))


def _prepare(e: Evidence) -> bool:
    return e.has(b"PREPARE", b"FROM") and (
        e.loose or any(e.at(at + 2) == b"FROM" for at in e.places(b"PREPARE"))
    )


def _opens_table(e: Evidence) -> bool:
    # DECLARE … HANDLER FOR is another thing than HANDLER t OPEN.
    return e.has(b"HANDLER", b"OPEN") and (
        e.loose or any(e.at(at + 1) != b"FOR" for at in e.places(b"HANDLER"))
    )


def _role(e: Evidence) -> bool:
    if e.loose:
        return e.has(b"SET", b"ROLE")
    # UPDATE users SET role = …
    return any(e.at(at + 1) == b"ROLE" and e.at(at + 2) not in (b"=", b":", b".") for at in e.places(b"SET"))


_RULES: tuple[tuple[PinReason, Callable[[Evidence], bool]], ...] = (
    (PinReason.USER_VARIABLE, has_user_variable),
    (PinReason.TEMPORARY_TABLE, lambda e: e.has(b"CREATE", b"TEMPORARY")),
    (PinReason.LOCK_TABLES, lambda e: e.follows(b"LOCK", b"TABLE", b"TABLES")),
    (
        PinReason.FLUSH_TABLES_WITH_READ_LOCK,
        lambda e: e.has(b"FLUSH", b"READ", b"LOCK") or e.has(b"FLUSH", b"EXPORT"),
    ),
    (
        PinReason.BACKUP_LOCK,
        lambda e: e.follows(b"LOCK", b"INSTANCE", b"BINLOG") or e.follows(b"BACKUP", b"STAGE", b"LOCK"),
    ),
    (
        PinReason.NAMED_LOCK,
        lambda e: not e.words.isdisjoint(NAMED_LOCK_FUNCTIONS) or any(map(e.calls, NAMED_LOCK_FUNCTIONS)),
    ),
    (PinReason.HANDLER, _opens_table),
    (PinReason.TEXT_PREPARED_STATEMENT, lambda e: _prepare(e) or e.has(b"EXECUTE")),
    (PinReason.UNREADABLE, lambda e: e.follows(b"EXECUTE", b"IMMEDIATE") or _binlog(e)),
    (PinReason.ROLE, lambda e: _role(e) or e.follows(b"SESSION", b"AUTHORIZATION")),
    (PinReason.UNTRACKED_STATE, lambda e: e.has(b"SET") and e.follows(b"RESOURCE", b"GROUP")),
    (
        PinReason.PROFILING,
        lambda e: e.follows(b"SHOW", b"PROFILE", b"PROFILES") or e.has(b"OPTIMIZER_TRACE"),
    ),
)


def pins(e: Evidence) -> Iterator[PinReason]:
    """What the text may leave on the connection."""
    yield from (reason for reason, rule in _RULES if rule(e))
    if not e.has(b"SET"):
        # A table information_schema.profiling, as SHOW PROFILE reads it.
        if e.has(b"PROFILING"):
            yield PinReason.PROFILING
        return
    for name, value in _assignments(e):
        if name in ONE_SHOT_VARIABLES:
            yield PinReason.ONE_SHOT_VARIABLE
        elif name.startswith(_SESSION_TRACK) and (name != b"SESSION_TRACK_SCHEMA" or value not in _ON):
            yield PinReason.SESSION_TRACKING
        elif name in _SWITCHES and value not in _OFF:
            yield _SWITCHES[name]


def _assignments(e: Evidence) -> Iterable[tuple[bytes, bytes]]:
    """Names of system variables that may be assigned, with the first item of the value."""
    if e.loose:
        return ((name_of(item), b"") for item in e.items)
    return (
        (name_of(statement.at(at - 2 if statement.at(at - 1) == b":" else at - 1)), statement.at(at + 1))
        for statement in e.statements()
        if statement.has(b"SET") and statement.at(0) not in _ASSIGNS_COLUMNS
        for at in statement.places(b"=")
    )


def reads(e: Evidence) -> Diagnostics:
    """Diagnostics that the text may read from before it."""
    found = Diagnostics.NONE
    if e.calls(b"LAST_INSERT_ID") or _system_variable(e, b"LAST_INSERT_ID", b"IDENTITY"):
        found |= Diagnostics.LAST_INSERT_ID
    if e.calls(b"FOUND_ROWS"):
        found |= Diagnostics.FOUND_ROWS
    if e.calls(b"LASTVAL") or e.has(b"CURRVAL") or e.has(b"PREVIOUS"):
        found |= Diagnostics.SEQUENCE
    if _system_variable(e, b"LAST_GTID"):
        found |= Diagnostics.LAST_GTID
    first = e if e.loose else next(iter(e.statements()), e)
    before = first.at(0)
    if _row_count(first if before in _RESETS_ROW_COUNT else e):
        found |= Diagnostics.ROW_COUNT
    if _conditions(first if before in _RESETS_CONDITIONS else e):
        found |= Diagnostics.CONDITIONS
    return found


def _row_count(e: Evidence) -> bool:
    # SQL%ROWCOUNT is MariaDB's Oracle mode.
    return e.calls(b"ROW_COUNT") or e.has(b"ROWCOUNT")


def _conditions(e: Evidence) -> bool:
    shown = e.has(b"SHOW") and (e.has(b"WARNINGS") or e.has(b"ERRORS"))
    return shown or e.has(b"DIAGNOSTICS") or _system_variable(e, b"WARNING_COUNT", b"ERROR_COUNT")


def _system_variable(e: Evidence, *names: bytes) -> bool:
    if e.loose:
        return not e.words.isdisjoint(names)
    # @@name, @@scope.name, and as many quotes and blanks as one likes
    return any(name_of(e.at(at + step)) in names for at in e.places(b"@@") for step in (1, 3))


def xa(e: Evidence) -> Xa:
    """Whether a distributed transaction is opened or closed."""
    if e.follows(b"XA", b"START", b"BEGIN"):
        return Xa.OPEN
    return Xa.CLOSE if e.follows(b"XA", b"COMMIT", b"ROLLBACK") else Xa.NONE


def sets_global(e: Evidence) -> bool:
    """Whether a variable may be set for all sessions."""
    return e.has(b"SET") and not e.words.isdisjoint((b"GLOBAL", b"PERSIST", b"PERSIST_ONLY"))


def releases_lock(e: Evidence) -> bool:
    """Whether a named lock may be released."""
    return not e.words.isdisjoint((b"RELEASE_LOCK", b"RELEASE_ALL_LOCKS")) or any(
        map(e.calls, (b"RELEASE_LOCK", b"RELEASE_ALL_LOCKS"))
    )
