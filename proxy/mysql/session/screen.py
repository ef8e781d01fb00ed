"""The statement screen: what a text may do to its session that the protocol does not report by value.

Two stages. A look at the words in the bytes, wherever they stand, decides whether the text can matter; nearly
every statement ends there as PLAIN, an unterminated one too, since no reading of it could find a trigger. The
rest is lexed and judged by the rules of the effects module; those verdicts are kept by text.

The first stage, over a point select of 75 bytes: one IGNORECASE alternation 19 times, lower() with an `in`
for each word 8 times, lower() with a case-sensitive alternation 3 times the cost of translate, split and a
set (0.4 µs; 0.8 µs with all of the first stage).
"""

import enum

import attrs

from .details import with_details
from .effects import (
    DEFINES,
    Evidence,
    from_bytes,
    from_tokens,
    has_user_variable,
    pins,
    reads,
    releases_lock,
    sets_global,
    xa,
)
from .kill import kill_in
from .lexer import Lexed, lex
from .pins import PinReason
from .verdict import PLAIN, Diagnostics, Verdict

__all__ = [
    "DEFAULT_CACHED_LENGTH",
    "DEFAULT_CACHED_VERDICTS",
    "LONGEST_TRIGGER",
    "Dialect",
    "Screen",
    "dialect_of",
    "may_leave_state",
]

DEFAULT_CACHED_VERDICTS = 1000
DEFAULT_CACHED_LENGTH = 1024


class Dialect(enum.Enum):
    """How a client's bytes are to be read."""

    DEFAULT = "default"
    NO_BACKSLASH_ESCAPES = "no_backslash_escapes"
    # A character may contain the bytes of a quote or backslash, so the ends of literals are not known.
    OPAQUE = "opaque"


_OPAQUE = Dialect.OPAQUE
_TRANSPARENT_CHARSETS = frozenset(
    b"ascii armscii8 binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 eucjpms euckr gb2312 "
    b"geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman tis620 "
    b"ujis utf8 utf8mb3 utf8mb4".split()
)


def dialect_of(character_set_client: str, no_backslash_escapes: bool) -> Dialect:
    """The dialect for a character set, by the server's name of it, and the status flag of the other name."""
    if character_set_client.lower().encode() not in _TRANSPARENT_CHARSETS:
        return Dialect.OPAQUE
    return Dialect.NO_BACKSLASH_ESCAPES if no_backslash_escapes else Dialect.DEFAULT


# Each rule has at least one of these as a necessary word, except that `@`, an executable comment, and words
# that matter only in a SET or after another statement are looked for apart.
_TRIGGERS = frozenset(
    b"authorization backup binlog call connection_id currval diagnostics errors execute flush found_rows "
    b"get_lock handler kill last_insert_id lastval lock next nextval optimizer_trace prepare previous "
    b"profile profiles profiling "
    b"returning analyze setval role row_count rowcount "
    b"service_get_read_locks service_get_write_locks temporary "
    b"version_tokens_lock_exclusive "
    b"version_tokens_lock_shared warnings xa".split()
)
#: Bytes by which the pieces of a long text must overlap.
LONGEST_TRIGGER = 3 * max(map(len, _TRIGGERS)) + 1
# As numbers, since a byte is found in bytes six times sooner than a bytes object of length 1.
_AT, _BANG, _SEMICOLON = b"@!;"
_FIRST = frozenset((b"set", b"use"))
# By these alone nothing stays on the connection, but there is something to tell.
_TOLD = _TRIGGERS | frozenset(b"proxy release_all_locks release_lock unlock".split())
_TOLD_FIRST = _FIRST | frozenset(b"alter begin create drop rename savepoint start truncate".split())
# Digits part words here (`/*!50000get_lock`, `1e5lock`); so do all bytes from 0x80 up, which may be spaces.
_WORDS_ONLY = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and chr(byte).isalpha() else byte if byte in b"_$" else 0x20
    for byte in range(256)
)
# The letters outside of ASCII whose lower case is an ASCII letter: the Kelvin sign, and I with a dot above.
_KELVIN, _DOTTED_I = b"\xe2\x84\xaa", b"\xc4\xb0"


def _matters(statement: bytes, triggers: frozenset[bytes], first: frozenset[bytes]) -> bool:
    """Whether the text has any of these in it, or any other thing that a rule could hit."""
    words = statement.translate(_WORDS_ONLY).split()
    if not triggers.isdisjoint(words) or _AT in statement:
        return True
    if not statement[:1].isalpha():
        if not first.isdisjoint(words):
            return True
    elif words[0] in first:
        return True
    if _BANG in statement and (b"/*!" in statement or b"/*M!" in statement):
        return True
    return _SEMICOLON in statement and statement.find(b";") + 1 < len(statement.rstrip())


def _folded(statement: bytes) -> bytes:
    return statement if statement.isascii() else statement.replace(_KELVIN, b"k").replace(_DOTTED_I, b"i")


def may_leave_state(piece: bytes) -> bool:
    """Whether a piece of a text too long to be read whole has anything in it that a rule could hit.

    A trigger that is cut in two by the end of a piece is not seen: callers overlap their pieces by
    LONGEST_TRIGGER bytes.
    """
    return _matters(_folded(piece), _TRIGGERS, _FIRST)


# Built-in functions seen in the values of SET. Any other may be a stored one, which can do anything.
_PURE = frozenset(
    b"CAST COALESCE CONCAT CONCAT_WS CONVERT GREATEST IF IFNULL LEAST LOWER NULLIF REPLACE TRIM UPPER".split()
)
_NOT_VARIABLES = frozenset(b"AUTHORIZATION DEFAULT PASSWORD RESOURCE ROLE STATEMENT".split())


def _is_variable_set(e: Evidence) -> bool:
    """Whether a statement is a SET of system variables that runs nothing else."""
    if e.at(0) != b"SET" or e.at(1) in _NOT_VARIABLES or e.has(b"AUTHORIZATION") or e.has(b"SELECT"):
        return False
    if e.has(b"@"):
        return False
    return all(_is_harmless_call(e, at) for at in e.places(b"("))


def _is_harmless_call(e: Evidence, at: int) -> bool:
    before = e.at(at - 1)
    if before in _PURE:
        return e.at(at - 2) != b"."
    return before in (b"=", b",", b"(", b"+", b"-", b"*", b"/", b"|", b"&")


def _only_sets_user_variables(statements: list[Evidence]) -> bool:
    using = [e for e in statements if e.has(b"@")]
    return all(e.at(0) == b"SET" and e.at(1) != b"STATEMENT" and has_user_variable(e) for e in using)


def _judge(e: Evidence, lexed: Lexed) -> Verdict:
    """The verdict over a text that the lexer could follow, or, with loose evidence, over its words."""
    found = frozenset(pins(e)) | (frozenset() if lexed.readable else {PinReason.UNREADABLE})
    certain = not (e.loose or lexed.ambiguous)
    statements = e.statements()
    return Verdict(
        pins=found,
        reads=reads(e),
        names_only_variables=certain
        and bool(statements)
        and all(s.at(0) == b"USE" or _is_variable_set(s) for s in statements),
        user_variable_sets_only=certain
        and found == {PinReason.USER_VARIABLE}
        and _only_sets_user_variables(statements),
        xa=xa(e),
        returns_insert_id=e.has(b"RETURNING") or e.has(b"ANALYZE"),
        uses_sequence=e.has(b"NEXTVAL") or e.has(b"SETVAL") or e.has(b"NEXT"),
        calls=e.has(b"CALL") or e.has(b"EXECUTE"),
        kill=kill_in(e) if certain else None,
        asks_connection_id=certain and e.calls(b"CONNECTION_ID"),
        shows_proxy=certain and bool(statements) and _is_for_proxy(statements[0]),
        is_ddl=not e.words.isdisjoint(DEFINES),
        sets_global=sets_global(e),
        releases_lock=releases_lock(e),
        renames_tables=e.has(b"RENAME"),
        savepoint=e.has(b"SAVEPOINT"),
        runs_code=True,
        multiple=e.has(b";") if lexed.ambiguous else len(statements) > 1,
    )


_SHOW_PROXY, _PROXY = [b"SHOW", b"PROXY"], [b"PROXY"]


def _is_for_proxy(statement: Evidence) -> bool:
    items = statement.items[:2]
    # A colon makes it the label of a compound statement.
    return items == _SHOW_PROXY or (items[:1] == _PROXY and items[1:] != [b":"])


def _examine(text: bytes, dialect: Dialect) -> Verdict:
    verdict = _examined(text, dialect)
    if (verdict.pins or verdict.reads) and dialect is not _OPAQUE and not may_leave_state(text):
        # Not readable, but no reading could find anything in it.
        verdict = attrs.evolve(verdict, pins=frozenset(), reads=Diagnostics.NONE)
    return PLAIN if _is_quiet(verdict) else verdict


def _is_quiet(verdict: Verdict) -> bool:
    """Whether all it tells is what a statement of its own would not be looked at for."""
    return (
        attrs.evolve(
            verdict, names_tables=False, explains_change=False, explains_visible_change=False, runs_code=False
        )
        == PLAIN
    )


def _examined(text: bytes, dialect: Dialect) -> Verdict:
    statement = _folded(text)
    if dialect is _OPAQUE and not (statement.isascii() and b"\\" not in statement):
        # An end that seems to be missing says nothing here, and all the words count anyway.
        lexed = Lexed(ambiguous=True)
    else:
        lexed = lex(statement, backslash_escapes=dialect is not Dialect.NO_BACKSLASH_ESCAPES)
    e = from_bytes(statement) if lexed.ambiguous else from_tokens(lexed)
    verdict = _judge(e, lexed)
    if dialect is not _OPAQUE and statement is text and lexed.readable and not lexed.ambiguous:
        return with_details(
            verdict,
            text,
            lexed,
            e.at(0),
            e.words,
            backslash_escapes=dialect is not Dialect.NO_BACKSLASH_ESCAPES,
        )
    if dialect is not _OPAQUE or lexed.ambiguous:
        return verdict
    # Readable in every character set there is, but the set may be one not known here: its words count as
    # well.
    words = from_bytes(statement)
    found = verdict.pins | frozenset(pins(words))
    return attrs.evolve(
        verdict,
        pins=found,
        reads=verdict.reads | reads(words),
        user_variable_sets_only=verdict.user_variable_sets_only and found == verdict.pins,
    )


@attrs.define
class Screen:
    """Judges statements, and remembers the verdicts of those that had to be lexed.

    cached_verdicts: how many are kept for each dialect, the least recently used leaves first; 0 keeps none.
    cached_length: texts longer than this many bytes are judged anew each time.
    """

    cached_verdicts: int = DEFAULT_CACHED_VERDICTS
    cached_length: int = DEFAULT_CACHED_LENGTH
    _caches: dict[Dialect, dict[bytes, Verdict]] = attrs.field(
        factory=lambda: {dialect: {} for dialect in Dialect}, init=False, repr=False
    )

    def verdict(self, statement: bytes, dialect: Dialect) -> Verdict:
        """The effects of a text as it came in COM_QUERY or COM_STMT_PREPARE; never fails."""
        if dialect is not _OPAQUE and not _matters(_folded(statement), _TOLD, _TOLD_FIRST):
            return PLAIN
        if len(statement) > self.cached_length or self.cached_verdicts < 1:
            return _examine(statement, dialect)
        cache = self._caches[dialect]
        verdict = cache.pop(statement, None)
        if verdict is None:
            verdict = _examine(statement, dialect)
            if len(cache) >= self.cached_verdicts:
                del cache[next(iter(cache))]
        cache[statement] = verdict
        return verdict
