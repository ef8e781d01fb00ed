"""Whether a command leaves the conditions of an earlier statement in place.

MySQL manual, "How the Diagnostics Area is Cleared and Populated"; MariaDB knowledge base, "SHOW WARNINGS".

As MySQL 9 and MariaDB 10.11 do it. MySQL: each statement clears them, but for those that show them. MariaDB:
only one with tables does, before it runs, and views, derived tables, most SHOW statements and stored
functions with tables are such; so is preparing one. On both a statement with conditions of its own replaces
them, with a few exceptions that add theirs (`adds`). Commands that are no statement leave them.
"""

import enum

from ..wire.commands import Command
from .effects import Evidence, from_tokens
from .functions import BUILT_INS
from .lexer import lex
from .parts import flat, statements_in
from .text_prepared import text_prepared
from .verdict_parts import TextPrepare

__all__ = ["Keep", "adds", "is_statement", "keeps", "keeps_text"]

#: Texts longer than this, in bytes, are not read for this.
_LONGEST_TEXT = 16 * 1024

_STATEMENTS = frozenset(
    (Command.QUERY, Command.STMT_PREPARE, Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE)
)
_CLEARING = frozenset((Command.RESET_CONNECTION, Command.CHANGE_USER))
_SHOWN = frozenset((b"WARNINGS", b"ERRORS", b"COUNT"))

# MariaDB, by first word.
_WITHOUT_TABLES = frozenset(
    b"USE BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE UNLOCK XA KILL DEALLOCATE GET SIGNAL HELP".split()
)
_WITH_TABLES = frozenset(
    b"INSERT UPDATE DELETE REPLACE LOAD TRUNCATE LOCK HANDLER CHECK OPTIMIZE REPAIR CHECKSUM".split()
)
_OF_TABLES = frozenset(b"ALTER RENAME ANALYZE".split())
_QUERIES = frozenset(b"SELECT SET DO WITH ( EXPLAIN DESCRIBE DESC VALUES".split())
_SHOWS_WITHOUT_TABLES = frozenset(b"PROCESSLIST GRANTS PROFILES CONTRIBUTORS AUTHORS PRIVILEGES".split())
_SHOWS_WITH_TABLES = frozenset(
    b"TABLES STATUS VARIABLES COLUMNS FIELDS INDEX INDEXES KEYS ENGINES COLLATION DATABASES SCHEMAS TRIGGERS "
    b"EVENTS PLUGINS TABLE".split()
)
_NO_VARIABLES = frozenset(b"STATEMENT PASSWORD DEFAULT ROLE".split())
_SCHEMAS = frozenset((b"DATABASE", b"SCHEMA"))
_OBJECTS_WITHOUT_TABLES = _SCHEMAS | {b"PROCEDURE", b"FUNCTION"}
_OBJECTS_WITH_TABLES = frozenset((b"TABLE", b"VIEW", b"TEMPORARY", b"INDEX", b"UNIQUE"))
#: Functions and operators in front of a parenthesis that read no table; any other may be a stored function.
_KNOWN_CALLS = frozenset(
    b"SELECT SET DO AS IN AND OR NOT IF IFNULL NULLIF COALESCE CAST CONVERT CONCAT CONCAT_WS LOWER UPPER "
    b"LENGTH CHAR_LENGTH ABS ROUND FLOOR CEIL CEILING MOD RAND SLEEP BENCHMARK NOW CURRENT_TIMESTAMP CURDATE "
    b"CURTIME UTC_TIMESTAMP UNIX_TIMESTAMP FROM_UNIXTIME DATE_FORMAT VERSION USER CURRENT_USER DATABASE "
    b"SCHEMA CONNECTION_ID LAST_INSERT_ID FOUND_ROWS ROW_COUNT GET_LOCK RELEASE_LOCK IS_FREE_LOCK "
    b"IS_USED_LOCK UUID MD5 SHA1 SHA2 HEX UNHEX GREATEST LEAST REPEAT REPLACE VALUES".split()
)
#: FROM need not begin a list of tables behind these.
_HAVE_A_FROM = frozenset(b"EXTRACT TRIM SUBSTRING SUBSTR MID".split())
_MARKS_BEFORE_CALLS = frozenset((b"(", b"=", b",", b"+", b"-", b"*", b"/", b"<", b">", b"|", b"&", b"!", b""))


class Keep(enum.Enum):
    """What a command does to older conditions; UNKNOWN: only its connection can tell, if it had them."""

    CLEARS = "clears"
    KEEPS = "keeps"
    UNKNOWN = "unknown"


def keeps(command: int, text: bytes, *, is_mariadb: bool, warned: bool = False) -> Keep:
    """What a command does that has succeeded, at its end without conditions of its own.

    text: of the statement, also where it was prepared before; empty for commands that are none.
    warned: one of several statements in the text, but not the last one, had conditions.
    """
    if command in _STATEMENTS:
        return keeps_text(text, is_mariadb=is_mariadb, warned=warned)
    if command in _CLEARING:
        return Keep.CLEARS
    # MySQL's answer to a FIELD_LIST leaves a warning that it does not count.
    return Keep.UNKNOWN if command == Command.FIELD_LIST and not is_mariadb else Keep.KEEPS


def adds(command: int, text: bytes, errno: int, *, is_mariadb: bool) -> bool:
    """Whether the conditions of a command that has failed come behind the older ones, rather than instead.

    errno: 0 for a GET DIAGNOSTICS that has succeeded with one warning (1758, for a condition there is not).
    """
    if command not in _STATEMENTS:
        return not is_mariadb
    if command == Command.STMT_EXECUTE and errno == 1243:
        return not is_mariadb
    first = text[:256].split(None, 1)[:1]
    return bool(first) and (first[0].upper() == b"RESIGNAL" or (first[0].upper() == b"GET" and not errno))


def is_statement(command: int) -> bool:
    """Whether a command runs or prepares a statement."""
    return command in _STATEMENTS


def keeps_text(text: bytes, *, is_mariadb: bool, warned: bool = False) -> Keep:
    """What a statement does that has succeeded, at its end without conditions of its own.

    The answer is also the one to what `@@warning_count` in its text means: where MariaDB's clears, 0.
    """
    if len(text) > _LONGEST_TEXT:
        return Keep.UNKNOWN if is_mariadb else Keep.CLEARS
    lexed = lex(text, backslash_escapes=True)
    if lexed.ambiguous or (lexed.variable and (b"(" in text or b"/*" in text)):
        # Letters beyond ASCII are those of names, which matter in front of a parenthesis only.
        return Keep.UNKNOWN
    prepared = _source(text) if is_mariadb else None
    if prepared is not None:
        return keeps_text(prepared, is_mariadb=True)
    statements = from_tokens(lexed).statements()
    if not statements:
        return Keep.KEEPS if is_mariadb else Keep.CLEARS
    each = [_on_mariadb(e) if is_mariadb else _on_mysql(e) for e in statements]
    if each[-1] is Keep.CLEARS or (Keep.CLEARS in each and not warned):
        return Keep.CLEARS
    return Keep.UNKNOWN if warned or Keep.UNKNOWN in each else Keep.KEEPS


def _source(text: bytes) -> bytes | None:
    """What a text prepares, where it says so; MariaDB does with the tables as where it runs."""
    if text.lstrip()[:7].upper() != b"PREPARE":
        return None
    statements = statements_in(tuple(flat(text, backslash_escapes=True)))
    found = text_prepared(statements or (), backslash_escapes=True)
    return found.source if isinstance(found, TextPrepare) else None


def _on_mysql(e: Evidence) -> Keep:
    shows = (e.at(0) == b"SHOW" and e.at(1) in _SHOWN) or (e.at(0) == b"GET" and e.has(b"DIAGNOSTICS"))
    return Keep.KEEPS if shows else Keep.CLEARS


def _on_mariadb(e: Evidence) -> Keep:
    first = e.at(0)
    if first in _WITHOUT_TABLES:
        return Keep.UNKNOWN if first == b"BEGIN" and len(e.items) > 2 else Keep.KEEPS
    if first in _WITH_TABLES:
        return Keep.CLEARS
    if first in _OF_TABLES:
        return Keep.CLEARS if e.at(1) == b"TABLE" else Keep.UNKNOWN
    if first == b"SHOW":
        return _show(e)
    if first in _QUERIES and not (first == b"SET" and e.at(1) in _NO_VARIABLES):
        return _query(e)
    if first in (b"CREATE", b"DROP"):
        return _by_words(e, _OBJECTS_WITHOUT_TABLES, _OBJECTS_WITH_TABLES)
    # CALL, EXECUTE, PREPARE: what they run is not in the text.
    return Keep.UNKNOWN


def _show(e: Evidence) -> Keep:
    if e.at(1) in _SHOWN:
        return Keep.KEEPS
    if e.at(1) == b"CREATE":
        return _by_words(e, _SCHEMAS, _OBJECTS_WITH_TABLES, at=2)
    at = 2 if e.at(1) in (b"FULL", b"SESSION", b"GLOBAL", b"LOCAL", b"EXTENDED", b"OPEN") else 1
    return _by_words(e, _SHOWS_WITHOUT_TABLES, _SHOWS_WITH_TABLES, at=at)


def _by_words(e: Evidence, without: frozenset[bytes], with_tables: frozenset[bytes], at: int = 1) -> Keep:
    if e.at(at) in with_tables:
        return Keep.CLEARS
    return Keep.KEEPS if e.at(at) in without else Keep.UNKNOWN


def _query(e: Evidence) -> Keep:
    """SELECT, SET and the like: clears if there is a table in it."""
    tables = any(e.at(at + 1) != b"DUAL" for at in e.places(b"FROM"))
    if tables:
        return Keep.UNKNOWN if not _HAVE_A_FROM.isdisjoint(e.words) else Keep.CLEARS
    if e.at(0) in (b"DESCRIBE", b"DESC", b"EXPLAIN") and not e.has(b"SELECT"):
        return Keep.UNKNOWN if e.at(0) == b"EXPLAIN" else Keep.CLEARS
    known = all(_is_known_call(e, at) for at in e.places(b"("))
    sequences = e.has(b"NEXT") or e.has(b"PREVIOUS")
    return Keep.KEEPS if known and not sequences else Keep.UNKNOWN


def _is_known_call(e: Evidence, at: int) -> bool:
    before = e.at(at - 1)
    if before in _MARKS_BEFORE_CALLS:
        return True
    return (before in _KNOWN_CALLS or before in BUILT_INS) and e.at(at - 2) != b"."
