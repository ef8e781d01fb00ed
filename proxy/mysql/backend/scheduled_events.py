"""Scheduled events of a new writer: what its source has run, it runs from now on.

A replica has them switched off (MySQL manual, "Replication of Invoked Features"). Switched on they are
replicated in their turn, which switches them off on the former writer. ALTER EVENT would make whoever runs
it the definer, so that the definer is named.
"""

from collections.abc import Generator
from typing import Any, Protocol

from twisted.internet.defer import Deferred, inlineCallbacks

from .own_commands import Answer
from .replication_sql import literal

__all__ = ["enable_events"]

#: SLAVESIDE_DISABLED, since MySQL 8.4 REPLICA_SIDE_DISABLED.
_EVENTS = (
    "SELECT EVENT_SCHEMA, EVENT_NAME, DEFINER, CHARACTER_SET_CLIENT, COLLATION_CONNECTION"
    " FROM information_schema.EVENTS WHERE STATUS LIKE '%SIDE_DISABLED'"
)


class _Runs(Protocol):
    def run(self, sql: str) -> Deferred[Answer]: ...

    def note(self, sql: str, notes: list[str]) -> Deferred[None]: ...


@inlineCallbacks
def enable_events(session: _Runs, notes: list[str]) -> Generator[Deferred[Any], Any, None]:
    """Enable the events that replication has disabled, and the scheduler. Refusals become notes."""
    yield session.note("SET GLOBAL event_scheduler = ON", notes)
    answer: Answer = yield session.run(_EVENTS)
    for row in answer.rows:
        schema, name, definer, charset, collation = (value or "" for value in row)
        user, _, host = definer.rpartition("@")
        yield session.note(f"SET NAMES {literal(charset)} COLLATE {literal(collation)}", notes)
        yield session.note(
            f"ALTER DEFINER = {_quoted(user)}@{_quoted(host)} EVENT {_quoted(schema)}.{_quoted(name)} ENABLE",
            notes,
        )
    if answer.rows:
        yield session.note("SET NAMES utf8mb4", notes)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
