"""How pins begin and end with the texts that a session runs.

A pin whose causes have names (tables, locks) ends with the last of them; one with a cause whose name is not
known ends only when all of its kind are given up, or when the session starts over.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from .pins import PinReason, Reason
from .verdict import Verdict

__all__ = ["ENDING", "UNNAMED", "PinBoard", "apply"]

#: The name of a cause whose name is not known.
UNNAMED: Final = None

#: Pins that may end while the session goes on.
ENDING: Final = frozenset(
    {
        PinReason.BACKUP_LOCK,
        PinReason.CURSOR,
        PinReason.FLUSH_TABLES_WITH_READ_LOCK,
        PinReason.HANDLER,
        PinReason.LOCK_TABLES,
        PinReason.LONG_DATA,
        PinReason.NAMED_LOCK,
        PinReason.PREPARED_STATEMENT,
        PinReason.PROFILING,
        PinReason.TEMPORARY_TABLE,
        PinReason.TEXT_PREPARED_STATEMENT,
        PinReason.USER_VARIABLE,
    }
)

#: What a single statement that fails has not opened.
_NOT_OPENED: Final = frozenset({PinReason.TEMPORARY_TABLE, PinReason.HANDLER})
#: Whose names are tables'.
_TABLES: Final = frozenset({PinReason.TEMPORARY_TABLE})


class PinBoard(Protocol):
    """A session's pins with their names."""

    pins: dict[Reason, float]

    def pin_for(self, reason: PinReason, name: object, now: float) -> bool:
        """Pin until this name is given up; whether the reason is new."""

    def give_up(self, reason: PinReason, name: object) -> None:
        """The pin ends with its last name."""

    def unpin(self, reason: PinReason) -> None:
        """The pin ends."""


def apply(
    board: PinBoard, verdict: Verdict, reasons: Iterable[PinReason], schema: str, *, failed: bool, now: float
) -> list[PinReason]:
    """Take in that a text was run; returns the reasons that are new.

    ``reasons``: of the verdict, those that count. ``schema``: the session's before the text.
    """
    if not failed:
        _end(board, verdict, schema)
    if verdict.renames_tables and PinReason.TEMPORARY_TABLE in board.pins:
        board.pin_for(PinReason.TEMPORARY_TABLE, UNNAMED, now)
    new = []
    for reason in reasons:
        if failed and reason in _NOT_OPENED and reason in verdict.names and not verdict.multiple:
            continue
        if not failed and verdict.names.get(reason) == frozenset():
            # What it has opened it has closed itself.
            continue
        before = reason in board.pins
        for name in _names(verdict, reason, schema, failed=failed):
            board.pin_for(reason, name, now)
        if not before:
            new.append(reason)
    return new


def _names(verdict: Verdict, reason: PinReason, schema: str, *, failed: bool) -> Iterable[object]:
    names = verdict.names.get(reason)
    if not names or (failed and verdict.multiple):
        return (UNNAMED,)
    return [_qualified(reason, name, schema) for name in names]


def _end(board: PinBoard, verdict: Verdict, schema: str) -> None:
    for end in verdict.ends:
        if end.names is None:
            board.unpin(end.reason)
        else:
            for name in end.names:
                board.give_up(end.reason, _qualified(end.reason, name, schema))


def _qualified(reason: PinReason, name: str, schema: str) -> str:
    return f"{schema}.{name}" if reason in _TABLES and "." not in name else name
