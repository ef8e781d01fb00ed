"""The commands about prepared statements, which any connection may execute.

A client's ids are the proxy's. A statement is prepared on a connection when it is executed there first; see
session/prepared.py for what can be shared, and the MySQL manual, "Prepared Statements". Three things keep a
session's connection: long data that was sent for a statement, an open cursor, and a statement whose text is
too long to be held.
"""

from typing import TYPE_CHECKING

import attrs

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
    string_parameters,
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
    value, held = phase.value, phase.value.variables.values
    if value.must_ask and phase.tenancy.connection is not None:
        # What the statement means depends on settings that are not known for sure.
        phase.when_settled(lambda: prepare(phase, text, verdict, is_whole=is_whole))
        return
    prepared: PreparedText | None = None
    names = sorted(verdict.variables.mentioned) if verdict.variables is not None else []
    mentioned = {name: held[name] for name in names if name in held}
    if is_whole and value.has_room_for(text):
        types = (
            tuple((name, v.kind, v.collation) for name, v in mentioned.items()) if phase.has_history else ()
        )
        prepared = phase.context.texts.text(phase.key, value.settings.meaning, text, types)
    statement = OpenStatement(phase.next_statement(), prepared, verdict)
    statement.variables = mentioned
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
    elif statement.parameters and statement.types is None:
        # A connection may know the types that another client has sent.
        phase.refuse(ClientError(1210, "HY000", f"Incorrect arguments to {_EXECUTE}"))
        return
    phase.run_statement(statement, ResponseKind.RESULT, _with_lock_names(phase, packet, statement))


def _with_lock_names(phase: "StatementPhase", packet: bytes, statement: OpenStatement) -> Verdict:
    """The statement's verdict with the names of locks that are its parameters."""
    verdict = statement.verdict
    if not verdict.lock_parameters or statement.types is None:
        return verdict
    found = string_parameters(
        packet, statement.types, verdict.lock_parameters, has_attributes=phase.has_attributes
    )
    names = set(verdict.names.get(PinReason.NAMED_LOCK, ()))
    for name in found:
        if name is None or not name.isascii():
            return verdict
        names.add(name.decode("ascii").lower())
    return attrs.evolve(verdict, names={**verdict.names, PinReason.NAMED_LOCK: frozenset(names)})


def need_of(statement: OpenStatement, *, has_history: bool) -> Need:
    """What an execution needs, and notes in the statement what it will have been executed with."""
    before = statement.history
    if has_history and statement.types is not None:
        statement.history = history_after(before, statement.types.kinds())
    # One that was never executed will do as well: it was prepared for this.
    plain = need_of_text(statement.verdict)
    return attrs.evolve(plain, statement=statement, histories=(statement.history, before, NOT_EXECUTED))


def need_of_text(verdict: Verdict) -> Need:
    """What running a text needs."""
    use = verdict.variables
    if use is None or not use.mentioned:
        return Need(verdict.reads) if verdict.reads else NOTHING
    return Need(verdict.reads, variables=use.mentioned.difference(use.literals))


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
