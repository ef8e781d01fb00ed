"""What AWS RDS Proxy pins a session for (RDS User Guide, "Avoiding pinning an RDS Proxy", MySQL and MariaDB).

AWS documents conditions, not a grammar. Where the page leaves a choice, this is the choice made here:

- ROW_COUNT() and FOUND_ROWS() pin "sometimes" there; here each call does. LAST_INSERT_ID() does not.
- A user variable is *set* by SET, `:=`, SELECT … INTO, LOAD DATA and GET DIAGNOSTICS; reading one, and an
  argument of CALL, does not pin, since what a stored procedure does is not looked at.
- SET GLOBAL, PERSIST and LOCAL do not pin; SET ROLE, SET RESOURCE GROUP and SET STATEMENT count as settings
  that are not tracked.
- The definition of a stored program pins for nothing that stands in it.
- An executable comment is not read, so that nothing in it counts but the comment itself.
- EXCLUDE_VARIABLE_SETS lets every SET pass, of variables of both kinds and of the next transaction; a named
  lock or a row count in its values still pins.

The rules are about text only: they are no judgement on what is safe to share, which is the screen's.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise

from .lexer import Kind, pieces
from .rds_messages import PIN_MESSAGE, RDS_PREPARED, RDS_TOO_LONG, RdsPin, RdsReason, pin_message

__all__ = [
    "LONGEST_UNPINNED_TEXT",
    "PIN_MESSAGE",
    "RDS_PREPARED",
    "RDS_TOO_LONG",
    "RdsPin",
    "RdsReason",
    "pin_message",
    "rds_pins",
]

#: Bytes of the longest statement that RDS Proxy reads; a longer one pins.
LONGEST_UNPINNED_TEXT = 16_384

#: Texts up to this many bytes have their pins remembered, this many texts at most.
_REMEMBERED_LENGTH = 1024
_REMEMBERED_TEXTS = 2000

_PINS = {reason: RdsPin(reason) for reason in RdsReason}


def rds_pins(text: bytes, *, exclude_variable_sets: bool, backslash_escapes: bool) -> tuple[RdsPin, ...]:
    """What RDS Proxy pins for when a client sends this text in COM_QUERY; never fails.

    ``backslash_escapes``: the session's sql_mode does not have NO_BACKSLASH_ESCAPES.
    """
    if len(text) > LONGEST_UNPINNED_TEXT:
        # RDS Proxy does not read such a text, so nothing else of it can count.
        return (RDS_TOO_LONG,)
    if not _matters(text):
        return ()
    look = _remembered if len(text) <= _REMEMBERED_LENGTH else _look
    return look(text, exclude_variable_sets, backslash_escapes)


# Each rule needs one of these words, an `@`, an executable comment, or a statement that begins with SET.
_TRIGGERS = frozenset(b"execute flush found_rows get_lock lock prepare row_count temporary".split())
_LETTERS = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and chr(byte).isalpha() else byte if byte in b"_$" else 0x20
    for byte in range(256)
)
_AT, _BANG, _SEMICOLON = b"@!;"


def _matters(text: bytes) -> bool:
    words = text.translate(_LETTERS).split()
    if not _TRIGGERS.isdisjoint(words) or _AT in text or (_BANG in text and b"/*" in text):
        return True
    if not words:
        return False
    return words[0] == b"set" or ((_SEMICOLON in text or not text[:1].isalpha()) and b"set" in words)


def _look(text: bytes, exclude_variable_sets: bool, backslash_escapes: bool) -> tuple[RdsPin, ...]:
    found: dict[RdsReason, None] = {}
    for statement in _statements(text, backslash_escapes):
        if statement == [_OPENER]:
            return (_PINS[RdsReason.EXECUTABLE_COMMENT],)
        if _DEFINITION.match(b" ".join(statement[:_LONGEST_HEAD])):
            # What follows a semicolon belongs to its body.
            break
        excluded = exclude_variable_sets and statement[0] == b"SET"
        if statement[0] == b"SET" and not excluded:
            found.update(dict.fromkeys(_of_set(statement)))
        found.update(
            (reason, None)
            for reason in _of_any(statement)
            if not (excluded and reason is RdsReason.USER_VARIABLE)
        )
    return tuple(_PINS[reason] for reason in found)


_remembered = lru_cache(_REMEMBERED_TEXTS)(_look)

# A statement's items: words in capitals, names without their quotes, marks; a string is one quote.
_OPENER = b"/*!"
_STRING = b"'"
# By whether a backslash escapes, as the lexer has read the run.
_RUN_MARKS = {
    True: re.compile(rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|[(),]|[^'(),\s]++", re.DOTALL),
    False: re.compile(rb"'[^']*+(?:''[^']*+)*+'|[(),]|[^'(),\s]++"),
}
_LONGEST_HEAD = 24
_DEFINITION = re.compile(
    rb"(?:CREATE|ALTER)(?: OR REPLACE)?(?: DEFINER = \S+(?: @ \S+)?(?: \( \))?)?(?: SQL SECURITY \w+)?"
    rb"(?: AGGREGATE)? (?:PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE)\b"
)


def _statements(text: bytes, backslash_escapes: bool) -> Iterator[list[bytes]]:
    """The statements of a text as items, without empty ones; with an executable comment, that mark alone."""
    found: list[list[bytes]] = [[]]
    marks = _RUN_MARKS[backslash_escapes]
    for kind, _, _, piece in pieces(text, backslash_escapes):
        if kind is Kind.OPENER:
            yield [_OPENER]
            return
        if kind is Kind.MARK and piece == b";":
            found.append([])
        elif kind is Kind.RUN:
            found[-1].extend(mark if mark in b"(,)" else _STRING for mark in marks.findall(piece))
        elif kind in (Kind.STRING, Kind.DOUBLE_QUOTED):
            found[-1].append(_STRING)
        elif kind is Kind.BACKQUOTED:
            found[-1].append(piece[1:-1].upper())
        elif kind not in (Kind.BLANK, Kind.COMMENT):
            found[-1].append(piece.upper())
    yield from (statement for statement in found if statement)


# SET

_TRACKED = frozenset(
    b"AUTOCOMMIT AUTO_INCREMENT_INCREMENT CHARACTER_SET_CLIENT CHARACTER_SET_DATABASE "
    b"CHARACTER_SET_FILESYSTEM CHARACTER_SET_CONNECTION CHARACTER_SET_RESULTS CHARACTER_SET_SERVER "
    b"COLLATION_CONNECTION COLLATION_DATABASE COLLATION_SERVER INTERACTIVE_TIMEOUT NET_WRITE_TIMEOUT "
    b"QUERY_CACHE_TYPE SESSION_TRACK_SCHEMA SQL_MODE TIME_ZONE TRANSACTION_ISOLATION TX_ISOLATION "
    b"TRANSACTION_READ_ONLY TX_READ_ONLY WAIT_TIMEOUT".split()
)
_OF_TRANSACTIONS = frozenset(b"TRANSACTION_ISOLATION TX_ISOLATION TRANSACTION_READ_ONLY TX_READ_ONLY".split())
_SCOPES = frozenset(b"GLOBAL PERSIST PERSIST_ONLY SESSION LOCAL".split())
_NOT_PINNING_SCOPES = _SCOPES - {b"SESSION"}
_NAMES = frozenset(b"NAMES CHARACTER CHAR CHARSET".split())
_NO_ASSIGNMENTS = {
    b"PASSWORD": None,
    b"DEFAULT": None,
    b"ROLE": RdsReason.SESSION_SETTINGS,
    b"RESOURCE": RdsReason.SESSION_SETTINGS,
    b"STATEMENT": RdsReason.SESSION_SETTINGS,
    # Without a scope it is for the next transaction only.
    b"TRANSACTION": RdsReason.NEXT_TRANSACTION,
}


def _of_set(statement: list[bytes]) -> Iterator[RdsReason]:
    """What SET sets; ``statement`` begins with that word."""
    items = statement[1:]
    if items[:1] and items[0] in _NO_ASSIGNMENTS and not _is_name(items, 0):
        reason = _NO_ASSIGNMENTS[items[0]]
        yield from [] if reason is None else [reason]
        return
    if items[1:2] == [b"TRANSACTION"] and items[0] in _SCOPES:
        return
    scope = b"SESSION"
    for item in _assignments(items):
        given = item[0] in _SCOPES and len(item) > 1 and not _is_name(item, 0)
        if given:
            # It goes on to the assignments behind it.
            scope = item[0]
        yield from _of_assignment(item[1:] if given else item, scope)


def _is_name(items: list[bytes], at: int) -> bool:
    """Whether what stands there gets a value."""
    return items[at + 1 : at + 2] in ([b"="], [b":"])


def _assignments(items: list[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    depth = 0
    for item in items:
        depth += (item == b"(") - (item == b")")
        if item == b"," and depth <= 0:
            yield from [part] if part else []
            part = []
        else:
            part.append(item)
    yield from [part] if part else []


def _of_assignment(item: list[bytes], scope: bytes) -> Iterator[RdsReason]:
    if item[0] == b"@":
        yield RdsReason.USER_VARIABLE
    elif item[0] == b"@@":
        has_scope = item[1:2] != [] and item[1] in _SCOPES and item[2:3] == [b"."]
        name = (item[3:4] if has_scope else item[1:2]) or [b""]
        yield from _of_variable(name[0], item[1] if has_scope else b"SESSION", for_next=not has_scope)
    elif item[0] not in _NAMES or _is_name(item, 0):
        yield from _of_variable(item[0], scope, for_next=False)


def _of_variable(name: bytes, scope: bytes, *, for_next: bool) -> Iterator[RdsReason]:
    if scope in _NOT_PINNING_SCOPES:
        return
    if name in _OF_TRANSACTIONS and for_next:
        # SET @@transaction_isolation without a scope is for the next transaction only.
        yield RdsReason.NEXT_TRANSACTION
    elif name not in _TRACKED:
        yield RdsReason.SESSION_SETTINGS


# Any statement


def _of_any(statement: list[bytes]) -> Iterator[RdsReason]:
    yield from (reason for reason, rule in _RULES if rule(statement))


def _sets_user_variable(items: list[bytes]) -> bool:
    """Whether a variable is set otherwise than by SET."""
    return any(
        items[at - 1] == b"INTO" or items[at + 2 : at + 4] == [b":", b"="] or _is_target(items, at)
        for at, item in enumerate(items)
        if item == b"@"
    )


def _is_target(items: list[bytes], at: int) -> bool:
    """Whether a variable stands where LOAD DATA or GET DIAGNOSTICS write, or is not the first after INTO."""
    if items[0] == b"LOAD":
        return True
    if items[0] == b"GET":
        return items[at + 2 : at + 3] == [b"="]
    return False


def _calls(*functions: bytes) -> Callable[[list[bytes]], bool]:
    wanted = frozenset(functions)
    return lambda items: any(a in wanted and b == b"(" for a, b in pairwise(items))


def _creates_temporary_table(items: list[bytes]) -> bool:
    head = items[:6]
    return items[0] == b"CREATE" and b"TEMPORARY" in head and b"TABLE" in head


def _locks_tables(items: list[bytes]) -> bool:
    if items[0] == b"LOCK":
        return items[1:2] in ([b"TABLE"], [b"TABLES"])
    return items[0] == b"FLUSH" and any(
        items[at : at + 3] == [b"WITH", b"READ", b"LOCK"] for at in range(1, len(items))
    )


_RULES: tuple[tuple[RdsReason, Callable[[list[bytes]], bool]], ...] = (
    (RdsReason.PREPARED_STATEMENT, lambda items: items[0] in (b"PREPARE", b"EXECUTE")),
    (RdsReason.USER_VARIABLE, _sets_user_variable),
    (RdsReason.TEMPORARY_TABLE, _creates_temporary_table),
    (RdsReason.TABLE_LOCK, _locks_tables),
    (RdsReason.NAMED_LOCK, _calls(b"GET_LOCK")),
    (RdsReason.DIAGNOSTICS, _calls(b"ROW_COUNT", b"FOUND_ROWS")),
)
