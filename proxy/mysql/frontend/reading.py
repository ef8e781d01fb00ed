"""Asks a connection for its session's warnings, errors and FOUND_ROWS() before anybody else can have it.

All questions go out at once, first of all those that the proxy asks at this time: what else it asks would
clear them. Afterwards the connection has no conditions any more.
"""

from collections.abc import Generator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from ..backend.connection import BackendConnection
from ..backend.errors import ConnectFailed
from ..backend.own_commands import text_row
from ..backend.raw_answers import RawAnswer, ask_all
from ..session.conditions import MAX_CONDITIONS, Conditions, counts_in
from ..session.get_diagnostics import details_in, forget, questions
from ..session.value import SessionValue
from ..wire.datatypes import MalformedPacket

__all__ = ["ask_diagnostics"]

_ASK_FOUND_ROWS = "SELECT FOUND_ROWS() LIMIT 1"
#: A statement with a table clears the conditions on MariaDB, any statement does on MySQL.
_CLEAR = "SELECT 1 FROM (SELECT 1) AS cleared LIMIT 1"


@inlineCallbacks
def ask_diagnostics(
    connection: BackendConnection, value: SessionValue
) -> Generator[Deferred[Any], list[RawAnswer], None]:
    """Hold as values what the last statement has left on the connection; fails with ConnectFailed."""
    held = value.diagnostics
    asked: list[str] = []
    detailed = 0
    if held.unread:
        detailed = held.detailed
        asked += questions(detailed)
    if held.asks_found_rows:
        asked.insert(1 if held.unread else 0, _ASK_FOUND_ROWS)
    if detailed:
        asked.append(forget(detailed))
    answers = yield ask_all(connection, (*asked, _CLEAR), MAX_CONDITIONS + 1)
    try:
        _take_answers(value, dict(zip(asked, answers, strict=False)), detailed)
    except MalformedPacket as problem:
        connection.abort(f"the target broke the protocol: {problem}")
        raise ConnectFailed(f"the target broke the protocol: {problem}") from None
    held.counts.elsewhere()
    if connection.residue_of is value and value.insert_id_at is not connection:
        connection.residue_gone()


def _take_answers(value: SessionValue, answers: dict[str, RawAnswer], detailed: int) -> None:
    held = value.diagnostics
    found = answers.get(_ASK_FOUND_ROWS)
    if found is not None:
        digits = (_row(found)[0] or "").replace("\0", "")
        held.know_found_rows(int(digits) if digits.isdecimal() else 0)
    if not held.unread:
        return
    first, *_, last = questions(detailed)
    row = _row(answers[last])
    conditions = Conditions.captured(
        answers[first].head,
        answers[first].columns,
        answers[first].rows,
        counts_in(row),
        charset=value.settings.variables.get("character_set_results", ""),
        error=held.error,
    )
    if found is not None:
        # MySQL counts only the warning about FOUND_ROWS().
        errors = sum(map(conditions.is_error, conditions.rows))
        conditions = attrs.evolve(conditions, total=len(conditions.rows), errors=errors)
    if detailed:
        conditions = attrs.evolve(conditions, details=details_in(row))
    held.answered(conditions)


def _row(answer: RawAnswer) -> tuple[str | None, ...]:
    if len(answer.rows) != 1:
        raise MalformedPacket("not the answer to what was asked")
    return text_row(answer.rows[0])
