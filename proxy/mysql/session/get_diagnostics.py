"""Answers GET DIAGNOSTICS from conditions that are held: as a SET of the same user variables.

MySQL manual, "GET DIAGNOSTICS Statement". `SET @a = …` gives the variables the types, character set,
collation and coercibility that GET DIAGNOSTICS gives them on MySQL 9 and MariaDB 10.11 (strings are
utf8mb3_general_ci; its introducer is deprecated, the server's own USER() is not), and has the same OK packet.
Only conditions that exist, named by a literal number, are answered. The ``DETAILS`` that SHOW WARNINGS does
not tell are read with ``questions`` before the connection is lost, where a session is known to ask.
"""

import re
from collections.abc import Sequence

import attrs

from .conditions import QUESTIONS, Condition, Conditions, Details
from .lexer import Kind, Piece, pieces

__all__ = [
    "DETAILS",
    "LONGEST_GET",
    "MAX_DETAILED",
    "GetDiagnostics",
    "as_set",
    "details_in",
    "forget",
    "parse_get",
    "questions",
]

#: Texts longer than this, in bytes, are not read.
LONGEST_GET = 4 * 1024
#: Conditions of which a session's details are read and held.
MAX_DETAILED = 8

#: The items that SHOW WARNINGS does not tell, and the one that it tells in the character set of the results.
DETAILS = (
    "MESSAGE_TEXT",
    "RETURNED_SQLSTATE",
    "CLASS_ORIGIN",
    "SUBCLASS_ORIGIN",
    "CONSTRAINT_CATALOG",
    "CONSTRAINT_SCHEMA",
    "CONSTRAINT_NAME",
    "CATALOG_NAME",
    "SCHEMA_NAME",
    "TABLE_NAME",
    "COLUMN_NAME",
    "CURSOR_NAME",
)
_OF_STATEMENT = frozenset(("NUMBER", "ROW_COUNT"))
_OF_CONDITION = frozenset((*DETAILS, "MYSQL_ERRNO"))

_PREFIX = "@rds_proxy_condition_"
_HEX = re.compile(r"(?:[0-9A-F]{2})*\Z")


@attrs.frozen
class GetDiagnostics:
    """condition: its number from 1, None for items of the statement. items: targets with `@`, names."""

    condition: int | None
    items: tuple[tuple[bytes, str], ...]


def parse_get(text: bytes, *, backslash_escapes: bool = True) -> GetDiagnostics | None:
    """What the text asks for; None if it is anything else, or nothing that ``as_set`` could answer."""
    if len(text) > LONGEST_GET:
        return None
    found = [
        piece for piece in pieces(text, backslash_escapes) if piece.kind not in (Kind.BLANK, Kind.COMMENT)
    ]
    if found and found[-1].text == b";":
        found.pop()
    words = [piece.text.upper() for piece in found[:5]]
    if words[:1] != [b"GET"]:
        return None
    at = 2 if words[1:2] == [b"CURRENT"] else 1
    if words[at : at + 1] != [b"DIAGNOSTICS"]:
        return None
    at += 1
    if words[at : at + 1] != [b"CONDITION"]:
        items, number = _items(found[at:], _OF_STATEMENT), None
    elif words[at + 1 : at + 2] and words[at + 1].isdigit():
        items, number = _items(found[at + 2 :], _OF_CONDITION), int(words[at + 1])
    else:
        return None
    return None if items is None else GetDiagnostics(number, items)


def _items(found: Sequence[Piece], allowed: frozenset[str]) -> tuple[tuple[bytes, str], ...] | None:
    """The pieces `@ name = item , …`; None if anything else stands there."""
    items = []
    for start in range(0, len(found), 5):
        parts = list(found[start : start + 5])
        if len(parts) > 4 and parts.pop().text.strip() != b",":
            return None
        if len(parts) < 4 or not _is_target(parts[0], parts[1]) or parts[2].text != b"=":
            return None
        item = parts[3].text.decode("ascii", "replace").upper()
        if item not in allowed:
            return None
        items.append((b"@" + parts[1].text, item))
    return tuple(items) if items and len(found) % 5 == 4 else None


def _is_target(at: Piece, name: Piece) -> bool:
    if at.text != b"@" or at.end != name.start:
        return False
    return name.kind is Kind.BACKQUOTED or (name.kind is Kind.WORD and name.text.isascii())


def as_set(asked: GetDiagnostics, held: Conditions, row_count: int) -> bytes | None:
    """A SET with the same effect, None if only the connection that is gone could tell.

    row_count: the session's ROW_COUNT(). The conditions, ROW_COUNT() and FOUND_ROWS() stay as they are, which
    is not so for a SET.
    """
    if held.is_cut:
        return None
    if asked.condition is None:
        numbers = {"NUMBER": len(held.rows), "ROW_COUNT": row_count}
        values: list[bytes | None] = [_number(numbers[item], item == "NUMBER") for _, item in asked.items]
    elif 1 <= asked.condition <= len(held.rows):
        condition = held.decoded()[asked.condition - 1]
        details = held.details[asked.condition - 1] if asked.condition <= len(held.details) else Details()
        values = [_value(held, condition, details, item) for _, item in asked.items]
    else:
        return None
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    targets = (target for target, _ in asked.items)
    return b"SET " + b",".join(target + b"=" + value for target, value in zip(targets, known, strict=True))


def _value(held: Conditions, condition: Condition, details: Details, item: str) -> bytes | None:
    if item == "MYSQL_ERRNO":
        return _number(condition.errno, True)
    value = details.get(item)
    if value is None and item == "MESSAGE_TEXT" and condition.message is not None:
        value = condition.message.encode()
    if value is None and item == "RETURNED_SQLSTATE":
        is_last = condition.is_error and condition.errno == held.errno
        value = held.sqlstate.encode() if is_last else None
    return None if value is None else _string(value)


def _number(value: int, is_unsigned: bool) -> bytes:
    return b"CAST(%d AS %s)" % (value, b"UNSIGNED" if is_unsigned else b"SIGNED")


def _string(utf8: bytes) -> bytes:
    return b"CONCAT(LEFT(USER(),0),_utf8mb4 x'" + utf8.hex().encode() + b"')"


def questions(count: int) -> tuple[str, ...]:
    """``conditions.QUESTIONS``, and between them those for the details of so many conditions.

    There must be so many: asking for one that does not exist adds a condition. The row that answers the last
    question has the details behind the two counts.
    """
    count = min(count, MAX_DETAILED)
    if not count:
        return QUESTIONS
    first, last = QUESTIONS
    gets = (
        f"GET DIAGNOSTICS CONDITION {number} "
        + ",".join(f"{_PREFIX}{number}_{at}={item}" for at, item in enumerate(DETAILS))
        for number in range(1, count + 1)
    )
    wanted = ",".join(f"HEX({name})" for name in _names(count))
    return (first, *gets, last.replace(" LIMIT", f",{wanted} LIMIT"))


def forget(count: int) -> str:
    """What to run once the row is there: nobody else may find it on the connection."""
    return "SET " + ",".join(f"{name}=NULL" for name in _names(min(count, MAX_DETAILED)))


def _names(count: int) -> list[str]:
    return [f"{_PREFIX}{number}_{at}" for number in range(1, count + 1) for at in range(len(DETAILS))]


def details_in(row: Sequence[str | None]) -> tuple[Details, ...]:
    """The details behind the counts in the answer to the last of ``questions``; odd values are left out."""
    values = [value.replace("\0", "") if value is not None else None for value in row[2:]]
    size = len(DETAILS)
    return tuple(
        Details(
            tuple(
                (name, bytes.fromhex(value))
                for name, value in zip(DETAILS, values[start : start + size], strict=False)
                if value is not None and _HEX.match(value)
            )
        )
        for start in range(0, len(values), size)
    )
