"""What the proxy knows of a statement beyond its verdict."""

import re
from collections.abc import Sequence

import attrs

from ..session.pins import PinReason
from ..session.screen import may_leave_state
from ..session.settings import Settings
from ..session.verdict import PLAIN, Diagnostics, Verdict
from ..wire.results import SessionChanges
from .recent import Recent

__all__ = [
    "LARGE",
    "NAMES_ONLY",
    "UNKNOWN_STATEMENT",
    "named",
    "remember_collation",
    "verdict_of_piece",
    "with_known_collation",
]

#: COM_INIT_DB changes the schema and nothing else.
NAMES_ONLY: Verdict = attrs.evolve(PLAIN, names_only_variables=True)

#: A statement too long to be read before it is sent: it may read LAST_INSERT_ID().
LARGE: Verdict = attrs.evolve(PLAIN, reads=Diagnostics.LAST_INSERT_ID)

#: A prepared statement the session has no record of: nobody knows what it does.
UNKNOWN_STATEMENT: Verdict = attrs.evolve(PLAIN, pins=frozenset({PinReason.UNREADABLE}))

# Possessive throughout, so that a text of blanks is not tried in every possible way.
_SET_NAMES = re.compile(
    rb"\s*+set\s++names\s++'?+\w++'?+(?:\s++collate\s++'?+\w++'?+)?+\s*+;?+\s*+\Z", re.IGNORECASE
)


def verdict_of_piece(piece: bytes, so_far: Verdict) -> Verdict:
    """The verdict on a long statement, of which ``piece`` is the next part, with the end of the one before.

    The lexer does not read it; any word that could leave something behind pins.
    """
    if so_far.pins or not may_leave_state(piece):
        return so_far
    return attrs.evolve(so_far, pins=frozenset({PinReason.UNREADABLE}))


#: Settings under which SET NAMES chooses a collation of its own.
_COLLATION_SETTINGS = frozenset({"default_collation_for_utf8mb4", "character_set_collations"})


def _is_plain_set_names(text: bytes, current: Settings) -> bool:
    return _SET_NAMES.match(text) is not None and _COLLATION_SETTINGS.isdisjoint(current.variables)


def with_known_collation(
    text: bytes, changes: Sequence[SessionChanges], current: Settings, known: Recent
) -> Sequence[SessionChanges]:
    """Add the collation that SET NAMES chose, which servers do not report, where it is known already."""
    if len(changes) != 1 or not _is_plain_set_names(text, current):
        return changes
    collation = known.get(text)
    if collation is None:
        return changes
    variables = (*changes[0].variables, ("collation_connection", collation))
    return [attrs.evolve(changes[0], variables=variables)]


def remember_collation(text: bytes, current: Settings, known: Recent) -> None:
    """Keep what a SET NAMES was found to have chosen."""
    collation = current.variables.get("collation_connection")
    if collation is not None and _is_plain_set_names(text, current):
        known.put(text, collation)


def named(reads: Diagnostics) -> str:
    """The diagnostics a statement reads, for an error text."""
    names = []
    if reads & Diagnostics.ROW_COUNT:
        names.append("ROW_COUNT()")
    if reads & Diagnostics.FOUND_ROWS:
        names.append("FOUND_ROWS()")
    if reads & Diagnostics.CONDITIONS:
        names.append("warnings and errors")
    if reads & Diagnostics.SEQUENCE:
        names.append("the last value of a sequence")
    if reads & Diagnostics.LAST_GTID:
        names.append("@@last_gtid")
    return ", ".join(names)
