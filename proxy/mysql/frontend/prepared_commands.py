"""The commands about prepared statements, which any connection may execute.

A client's ids are the proxy's. A statement is prepared on a connection when it is executed there first; see
session/prepared.py for what can be shared, and the MySQL manual, "Prepared Statements". Three things keep a
session's connection: long data that was sent for a statement, an open cursor, and a statement whose text is
too long to be held.
"""

from typing import TYPE_CHECKING

from ...errors import ClientError, too_many_statements, unknown_statement
from ..session.need import NOTHING, Need
from ..session.pins import PinReason
from ..session.prepared import NOT_EXECUTED, OpenStatement, PreparedText, history_after
from ..session.verdict import Verdict
from ..wire.commands import Command, ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.execute_packets import (
    parameter_types,
    statement_id,
    types_insertion,
    with_statement_id,
)
from ..wire.framing import HEADER
from ..wire.shifting import ShiftedFrames
from .visible import client_mistake

if TYPE_CHECKING:
    from .statement_phase import StatementPhase

__all__ = [
    "EXECUTIONS",
    "close_statement",
    "execute",
    "fetch",
    "may_prepare",
    "need_of",
    "prepare",
    "ready_for_server",
    "reset_statement",
    "send_long_data",
]

#: MariaDB's way to say: the one prepared last.
LAST_STATEMENT = 0xFFFFFFFF

EXECUTIONS = frozenset({Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE})

#: Names of the functions that servers put into their error 1243.
_EXECUTE, _FETCH, _RESET = "mysqld_stmt_execute", "mysqld_stmt_fetch", "mysqld_stmt_reset"


def _find(phase: "StatementPhase", packet: bytes) -> OpenStatement | None:
    number = statement_id(packet)
    return phase.value.statements.get(phase.value.last_statement if number == LAST_STATEMENT else number)


def _unknown(packet: bytes, function: str) -> ClientError:
    return unknown_statement(statement_id(packet), function)


# COM_STMT_PREPARE


def may_prepare(phase: "StatementPhase", limit: int) -> bool:
    """Refuse a statement that is one too many."""
    if len(phase.value.statements) < limit:
        return True
    phase.refuse(too_many_statements(limit))
    return False


def prepare(phase: "StatementPhase", text: bytes, verdict: Verdict, *, is_whole: bool) -> None:
    """Answer from what is known of the text, or have a connection prepare it.

    Of a text that is not ``is_whole`` the rest is still to come; only its connection will have it.
    """
    value = phase.value
    if value.unsettled and phase.tenancy.connection is not None:
        # What the statement means depends on settings that are not known for sure.
        phase.when_settled(lambda: prepare(phase, text, verdict, is_whole=is_whole))
        return
    prepared: PreparedText | None = None
    if is_whole and value.has_room_for(text):
        prepared = phase.context.texts.text(phase.key, value.settings.meaning, text)
    statement = OpenStatement(phase.next_statement(), prepared, verdict, value.settings)
    if prepared is not None and prepared.response is not None and prepared.is_known(phase.seconds()):
        statement.parameters, statement.columns = prepared.parameters, prepared.columns
        value.open_statement(statement)
        phase.answer_prepared(prepared.response.with_id(statement.number))
        return
    phase.preparing = statement
    phase.run(ResponseKind.PREPARE, verdict, NOTHING)


# COM_STMT_EXECUTE, COM_STMT_BULK_EXECUTE


def execute(phase: "StatementPhase", packet: bytes) -> None:
    """Run a statement on any connection, with the types that the client has sent once."""
    statement = _find(phase, packet)
    if statement is None:
        phase.refuse(_unknown(packet, _EXECUTE))
        return
    refusal, statement.refusal = statement.refusal, None
    if isinstance(refusal, ClientError):
        phase.refuse(refusal)
        return
    try:
        types = parameter_types(packet, statement.parameters, has_attributes=phase.has_attributes)
    except MalformedPacket as problem:
        phase.refuse(client_mistake(problem))
        return
    if types is not None:
        statement.types = types
    phase.run_statement(statement, ResponseKind.RESULT, statement.verdict)


def need_of(statement: OpenStatement, *, has_history: bool) -> Need:
    """What an execution needs, and notes in the statement what it will have been executed with."""
    before = statement.history
    if has_history and statement.types is not None:
        statement.history = history_after(before, statement.types.kinds())
    # One that was never executed will do as well: it was prepared for this.
    return Need(statement.verdict.reads, statement, (statement.history, before, NOT_EXECUTED))


def ready_for_server(
    phase: "StatementPhase", statement: OpenStatement, packet: bytes, server_id: int
) -> tuple[bytes, ShiftedFrames | None]:
    """A command about a statement as the connection must get it.

    With it comes what the rest of a long one goes through. Raises MalformedPacket.
    """
    packet = with_statement_id(packet, server_id)
    if packet[HEADER] not in EXECUTIONS or statement.types is None:
        return packet, None
    if parameter_types(packet, statement.parameters, has_attributes=phase.has_attributes) is not None:
        return packet, None
    insertion = types_insertion(packet, statement.types, has_attributes=phase.has_attributes)
    if not insertion.inserted:
        return packet, None
    shifted = ShiftedFrames(insertion.at, insertion.inserted)
    return shifted.feed(insertion.beginning), shifted


# The others


def send_long_data(phase: "StatementPhase", packet: bytes) -> None:
    """Has no response; what goes wrong is told when the statement is executed."""
    statement = _find(phase, packet)
    if statement is None:
        phase.skip()
        return
    phase.run_statement(statement, ResponseKind.NONE)


def fetch(phase: "StatementPhase", packet: bytes) -> None:
    """Rows of an open cursor, which is on the connection that the session has."""
    statement = _find(phase, packet)
    if statement is None:
        phase.refuse(_unknown(packet, _FETCH))
    elif statement.server_id is None:
        phase.refuse(ClientError(1421, "HY000", f"The statement ({statement.number}) has no open cursor."))
    else:
        phase.run_statement(statement, ResponseKind.ROWS)


def reset_statement(phase: "StatementPhase", packet: bytes) -> None:
    """Close the cursor, drop the long data; without these there is nothing to be done at the database."""
    statement = _find(phase, packet)
    if statement is None:
        phase.refuse(_unknown(packet, _RESET))
        return
    statement.refusal = None
    if statement.server_id is None:
        phase.answer_ok()
    else:
        phase.run_statement(statement, ResponseKind.RESULT)


def close_statement(phase: "StatementPhase", packet: bytes) -> None:
    """No response. The database is told where the statement's cursor or long data are."""
    number = statement_id(packet)
    statement = phase.value.close_statement(
        phase.value.last_statement if number == LAST_STATEMENT else number
    )
    if statement is None or statement.server_id is None or phase.tenancy.connection is None:
        return
    for reason in (PinReason.CURSOR, PinReason.LONG_DATA, PinReason.PREPARED_STATEMENT):
        phase.value.give_up(reason, statement.number)
    phase.run_statement(statement, ResponseKind.NONE)
