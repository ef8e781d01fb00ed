"""The commands about prepared statements, which any connection may execute.

A client's ids are the proxy's. A statement is prepared on a connection when it is executed there first; see
session/prepared.py for what can be shared, and the MySQL manual, "Prepared Statements". Three things keep a
session's connection: long data that was sent for a statement, an open cursor, and a statement whose text is
too long to be held.
"""

from typing import TYPE_CHECKING

import attrs

from ...errors import ClientError, connection_lost, too_many_statements, unknown_statement
from ..session.need import NOTHING, Need
from ..session.pins import PinReason
from ..session.prepared import NEW, OpenStatement, PreparedText, classes_of, history_after
from ..session.verdict import PLAIN, Verdict
from ..wire.commands import Command, ResponseKind
from ..wire.datatypes import MalformedPacket, Reader
from ..wire.execute_packets import (
    ParameterTypes,
    cursor_flags,
    fitted,
    parameter_types,
    statement_id,
    string_parameters,
    types_insertion,
    with_statement_id,
)
from ..wire.framing import HEADER
from ..wire.shifting import ShiftedFrames
from .executions import lost, owner, states_for
from .visible import client_mistake

if TYPE_CHECKING:
    from .statement_phase import StatementPhase

__all__ = [
    "EXECUTIONS",
    "close_statement",
    "drop_long_data",
    "execute",
    "fetch",
    "may_prepare",
    "must_execute",
    "need_of",
    "prepare",
    "ready_for_server",
    "reset_statement",
    "send_long_data",
    "told_of_loss",
]

#: MariaDB's way to say: the one prepared last.
LAST_STATEMENT = 0xFFFFFFFF

#: MYSQL_TYPE_NULL.
_TYPE_NULL = b"\x06\0"

#: Where a command's statement id ends.
_ID_END = HEADER + 5

#: Bytes of COM_STMT_EXECUTE in front of the parameters: command, id, flags, number of executions.
_EXECUTE_FIELDS = 10

_NEW_ONLY = (NEW,)

EXECUTIONS = frozenset({Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE})

#: ER_WRONG_ARGUMENTS, ER_STMT_HAS_NO_OPEN_CURSOR.
_WRONG_ARGUMENTS, _NO_CURSOR = 1210, 1421

#: Names of the functions that MariaDB puts into its error 1243, and MySQL's for all of them.
_EXECUTE, _FETCH, _RESET = "mysqld_stmt_execute", "mysqld_stmt_fetch", "mysqld_stmt_reset"
_MYSQL_FUNCTION = "mysql_stmt_precheck"


def _find(phase: "StatementPhase", packet: bytes) -> OpenStatement | None:
    number = statement_id(packet)
    return phase.value.statements.get(phase.value.last_statement if number == LAST_STATEMENT else number)


def _unknown(phase: "StatementPhase", packet: bytes, function: str) -> ClientError:
    return unknown_statement(statement_id(packet), _MYSQL_FUNCTION if phase.is_mysql else function)


# COM_STMT_PREPARE


def may_prepare(phase: "StatementPhase", limit: int) -> bool:
    """Refuse a statement that is one too many."""
    # MariaDB's -1 means none if the last one could not be prepared.
    phase.value.last_statement = 0
    if len(phase.value.statements) < limit:
        return True
    phase.refuse(too_many_statements(limit))
    return False


def prepare(phase: "StatementPhase", text: bytes, verdict: Verdict, *, is_whole: bool) -> None:
    """Answer from what is known of the text, or have a connection prepare it.

    Of a text that is not ``is_whole`` the rest is still to come; only its connection will have it.
    """
    value, held = phase.value, phase.value.variables.values
    if value.is_doubtful and phase.tenancy.connection is not None:
        # What the statement means depends on settings that are not known for sure.
        phase.when_settled(lambda: prepare(phase, text, verdict, is_whole=is_whole))
        return
    prepared: PreparedText | None = None
    use = verdict.variables
    names = sorted(use.mentioned) if use is not None and phase.is_mysql else []
    mentioned = {name: held[name] for name in names if name in held}
    if is_whole and value.has_room_for(text):
        types = tuple((name, v.kind, v.collation) for name, v in mentioned.items())
        prepared = phase.context.texts.text(phase.key, value.settings.meaning, text, types)
    statement = OpenStatement(phase.next_statement(), prepared, verdict)
    statement.variables = mentioned
    statement.unset = frozenset(names).difference(mentioned)
    # MariaDB tells the types that variables have by now, which the key is without.
    is_fixed = phase.is_mysql or use is None or not use.mentioned
    known = prepared if prepared is not None and is_fixed else None
    if known is not None and known.response is not None and _may_be_told(phase, known):
        statement.parameters, statement.columns = known.parameters, known.columns
        value.open_statement(statement)
        phase.answer_prepared(known.response.with_id(statement.number))
        return
    phase.preparing = statement
    phase.version = phase.context.texts.version
    phase.run(ResponseKind.PREPARE, verdict, NOTHING if use is None else Need(variables=use.mentioned))


def _may_be_told(phase: "StatementPhase", prepared: PreparedText) -> bool:
    """A session with pins may have a temporary table, a role, or locks that give a text another meaning."""
    if phase.value.pins or phase.context.options.pinning == "rds":
        return False
    return prepared.is_known(phase.seconds())


# COM_STMT_EXECUTE, COM_STMT_BULK_EXECUTE


def execute(phase: "StatementPhase", packet: bytes) -> None:
    """Run a statement on any connection, with the types that the client has sent once."""
    statement = _find(phase, packet)
    if statement is None:
        phase.refuse(_unknown(phase, packet, _EXECUTE))
        return
    if statement.refusal is not None or statement.lost_data:
        refusal = _long_data_problem(statement)
        if refusal is not None:
            # Parts of it may have arrived.
            drop_long_data(phase, packet)
            phase.refuse(refusal)
            return
    try:
        types = parameter_types(packet, statement.parameters, has_attributes=phase.has_attributes)
    except MalformedPacket as problem:
        phase.refuse(client_mistake(problem))
        return
    if types is not None:
        statement.types = types
    elif statement.types is None and _needs_types(packet, statement, has_attributes=phase.has_attributes):
        # A server's statement may have the types that another client has sent.
        phase.refuse(ClientError(_WRONG_ARGUMENTS, "HY000", f"Incorrect arguments to {_EXECUTE}"))
        return
    if phase.is_mysql and not cursor_flags(packet):
        _leave_cursor(phase, statement)
    phase.run_statement(statement, ResponseKind.RESULT, _with_lock_names(phase, packet, statement))


def _leave_cursor(phase: "StatementPhase", statement: OpenStatement) -> None:
    """What has a cursor cannot be executed without one there: another will do, unless it holds long data."""
    value, connection = phase.value, phase.tenancy.connection
    has_data = statement.number in value.names.get(PinReason.LONG_DATA, ())
    if connection is None or has_data or statement.number not in value.names.get(PinReason.CURSOR, ()):
        return
    if statement.prepared is not None:
        value.give_up(PinReason.CURSOR, statement.number)
        lost(statement, connection)


def _long_data_problem(statement: OpenStatement) -> ClientError | None:
    """Why an execution would lack long data that the client has sent; to be told once."""
    refusal, was_lost = statement.refusal, statement.lost_data
    statement.refusal, statement.lost_data = None, False
    if isinstance(refusal, ClientError):
        return refusal
    return connection_lost("the database connection was lost, and with it long data") if was_lost else None


def _with_lock_names(phase: "StatementPhase", packet: bytes, statement: OpenStatement) -> Verdict:
    """The statement's verdict with the names of locks that are its parameters."""
    verdict = statement.verdict
    if verdict is PLAIN or not verdict.lock_parameters or statement.types is None:
        return verdict
    found = string_parameters(
        packet, statement.types, verdict.lock_parameters, has_attributes=phase.has_attributes
    )
    names = set(verdict.names.get(PinReason.NAMED_LOCK, ()))
    for name in found:
        if name is None or not name.isascii():
            return verdict
        names.add(name.decode("ascii"))
    return attrs.evolve(verdict, names={**verdict.names, PinReason.NAMED_LOCK: frozenset(names)})


def _needs_types(packet: bytes, statement: OpenStatement, *, has_attributes: bool) -> bool:
    """Whether an execution without types, before which none were sent, has parameters that are not NULL."""
    if not statement.parameters:
        return False
    if packet[HEADER] == Command.STMT_BULK_EXECUTE:
        return True
    position = HEADER + _EXECUTE_FIELDS
    count = statement.parameters
    if has_attributes:
        reader = Reader(packet, position)
        count = reader.lenenc_int()
        position = reader.position
    nulls = int.from_bytes(packet[position : position + (count + 7) // 8], "little")
    every = (1 << statement.parameters) - 1
    return nulls & every != every


def need_of(phase: "StatementPhase", statement: OpenStatement, verdict: Verdict, packet: bytes) -> Need:
    """What a command about a statement needs."""
    plain = need_of_text(verdict)
    if not phase.is_mysql or statement.bound:
        return attrs.evolve(plain, statement=statement, states=_NEW_ONLY)
    executes = packet[HEADER] in EXECUTIONS
    after = before = statement.history
    if executes and statement.types is not None:
        after = history_after(before, classes_of(statement.types))
    cursor = executes and cursor_flags(packet) > 0
    states = states_for(owner(phase.value, statement), before, after, cursor=cursor)
    return attrs.evolve(plain, statement=statement, states=states)


def need_of_text(verdict: Verdict) -> Need:
    """What running a text needs."""
    if verdict is PLAIN:
        return NOTHING
    use, calls, alone = verdict.variables, verdict.calls, verdict.runs_code and not verdict.is_ddl
    if use is None or not use.mentioned:
        return Need(verdict.reads, calls=calls, alone=alone) if verdict.reads or calls or alone else NOTHING
    names = use.mentioned.difference(use.literals)
    return Need(verdict.reads, variables=names, calls=calls, alone=alone)


def ready_for_server(
    phase: "StatementPhase", statement: OpenStatement, packet: bytes, server_id: int
) -> tuple[bytes, ShiftedFrames | None]:
    """A command about a statement as the connection must get it.

    With it comes what the rest of a long one goes through. Raises MalformedPacket.
    """
    if statement.types is not None:
        quick = fitted(packet, server_id, statement.types, has_attributes=phase.has_attributes)
        if quick is not None:
            return quick, None
    packet = with_statement_id(packet, server_id)
    if packet[HEADER] not in EXECUTIONS or not statement.parameters:
        return packet, None
    if parameter_types(packet, statement.parameters, has_attributes=phase.has_attributes) is not None:
        return packet, None
    # A client that has sent none sends nothing but NULL; the server's statement may have another client's.
    types = statement.types or ParameterTypes(_TYPE_NULL * statement.parameters)
    insertion = types_insertion(packet, types, has_attributes=phase.has_attributes)
    if not insertion.inserted:
        return packet, None
    shifted = ShiftedFrames(insertion.at, insertion.inserted)
    return shifted.feed(insertion.beginning), shifted


def told_of_loss(phase: "StatementPhase", packet: bytes) -> None:
    """The execution was answered with the loss of the connection: that needs not be said again."""
    if packet[HEADER] in EXECUTIONS and len(packet) >= _ID_END:
        statement = _find(phase, packet)
        if statement is not None:
            _long_data_problem(statement)


def drop_long_data(phase: "StatementPhase", packet: bytes) -> None:
    """An execution is refused: what was sent for it must not be joined with what is sent for the next one.

    Servers forget it with each execution, so drivers send it again.
    """
    statement = _find(phase, packet) if len(packet) >= _ID_END else None
    if statement is None:
        return
    _long_data_problem(statement)
    connection, value = phase.tenancy.connection, phase.value
    if connection is None or statement.number not in value.names.get(PinReason.LONG_DATA, ()):
        return
    if statement.prepared is not None:
        for reason in (PinReason.CURSOR, PinReason.LONG_DATA):
            value.give_up(reason, statement.number)
        lost(statement, connection)


def must_execute(phase: "StatementPhase", packet: bytes) -> bool:
    """Whether there is long data for an execution that `drop_long_data` cannot drop."""
    statement = _find(phase, packet) if len(packet) >= _ID_END else None
    if statement is None or statement.prepared is not None:
        return False
    return statement.number in phase.value.names.get(PinReason.LONG_DATA, ())


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
        phase.refuse(_unknown(phase, packet, _FETCH))
    elif statement.number not in phase.value.names.get(PinReason.CURSOR, ()):
        stop = "." if phase.is_mysql else ""
        number = statement_id(packet)
        phase.refuse(ClientError(_NO_CURSOR, "HY000", f"The statement ({number}) has no open cursor{stop}"))
    else:
        phase.run_statement(statement, ResponseKind.ROWS)


def reset_statement(phase: "StatementPhase", packet: bytes) -> None:
    """Close the cursor, drop the long data; without these there is nothing to be done at the database."""
    statement = _find(phase, packet)
    if statement is None:
        phase.refuse(_unknown(phase, packet, _RESET))
        return
    _long_data_problem(statement)
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
