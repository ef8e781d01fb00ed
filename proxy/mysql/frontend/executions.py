"""What a command about a prepared statement leaves: the statement put back, or its connection kept."""

from ..backend.connection import BackendConnection
from ..backend.preparing import close_statements
from ..session.pins import PinReason
from ..session.prepared import NEW, History, OpenStatement, ServerState, classes_of, history_after
from ..session.value import SessionValue
from ..wire.commands import Command
from ..wire.error_numbers import LOST_STATEMENT
from ..wire.scanner import ResponseScanner
from ..wire.status import Status

__all__ = ["after_command", "bind", "lost", "owner", "put_back", "states_for", "will_execute"]

_CURSOR_EXISTS = int(Status.CURSOR_EXISTS)
_LAST_ROW_SENT = int(Status.LAST_ROW_SENT)
_METADATA_CHANGED = int(Status.METADATA_CHANGED)
_EXECUTES = frozenset({Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE})


def bind(connection: BackendConnection, statement: OpenStatement, states: tuple[ServerState, ...]) -> int:
    """The server's id of a statement that is about to be used; nobody else uses it until it is put back."""
    if statement.server_id is None:
        assert statement.prepared is not None
        # One that was never executed is there if none of these is: it was prepared for this.
        taken = connection.statements.take(statement.prepared, *states, NEW)
        statement.server_id, statement.server_state = taken
    return statement.server_id


def will_execute(value: SessionValue, statement: OpenStatement) -> None:
    """An execution is about to be sent, which a server with history remembers."""
    classes = classes_of(statement.types) if statement.types is not None else ()
    statement.history = history_after(statement.history, classes)
    whose, history, had_cursor = statement.server_state
    whose = whose or owner(value, statement)
    statement.server_state = (whose, history_after(history, classes), had_cursor)


def owner(value: SessionValue, statement: OpenStatement) -> object:
    """Whose the server's statement must be: anybody's (None), or its own under another meaning."""
    if statement.prepared is None or value.settings.meaning is statement.prepared.meaning:
        return None
    return statement.token


def states_for(
    whose: object, before: History, after: History, *, cursor: bool = False
) -> tuple[ServerState, ...]:
    """States of server's statements that will do for an execution, best first."""
    states: tuple[ServerState, ...] = ((whose, after, False), (whose, before, False))
    if cursor:
        states = ((whose, after, True), (whose, before, True), *states)
    # One that was never executed does as if this were the first execution: the best there is elsewhere.
    return (*states, NEW) if whose is None else states


def after_command(
    value: SessionValue,
    statement: OpenStatement,
    code: int,
    scanner: ResponseScanner,
    connection: BackendConnection,
    now: float,
) -> PinReason | None:
    """Take in the end of a command; returns the reason if it pins the session anew."""
    number = statement.number
    if code == Command.STMT_SEND_LONG_DATA:
        return PinReason.LONG_DATA if value.pin_for(PinReason.LONG_DATA, number, now) else None
    if code == Command.STMT_CLOSE:
        statement.server_id = None
        return None
    if code in _EXECUTES:
        _note_metadata(statement, scanner, now)
        if value.names:
            value.give_up(PinReason.LONG_DATA, number)
        if scanner.status & _CURSOR_EXISTS and not scanner.errno:
            if "MariaDB" not in connection.server_version:
                statement.server_state = (*statement.server_state[:2], True)
            return PinReason.CURSOR if value.pin_for(PinReason.CURSOR, number, now) else None
    elif code == Command.STMT_FETCH and not (scanner.errno or scanner.status & _LAST_ROW_SENT):
        return None
    elif code == Command.STMT_RESET:
        value.give_up(PinReason.LONG_DATA, number)
    if value.names:
        value.give_up(PinReason.CURSOR, number)
    if scanner.errno in LOST_STATEMENT:
        lost(statement, connection)
    else:
        put_back(statement, connection)
    return None


def lost(statement: OpenStatement, connection: BackendConnection) -> None:
    """The server has it no more, or cannot use it any longer: it is to be prepared again."""
    if statement.prepared is not None and statement.server_id is not None:
        close_statements(connection, [statement.server_id])
        statement.server_id = None


def _note_metadata(statement: OpenStatement, scanner: ResponseScanner, now: float) -> None:
    """Whether what the server once said of the statement's columns is still true."""
    if statement.prepared is None:
        return
    if scanner.errno or scanner.status & _METADATA_CHANGED:
        statement.prepared.doubt()
    else:
        statement.prepared.executed(now)


def put_back(statement: OpenStatement, connection: BackendConnection) -> None:
    """Whoever needs the statement next may have it."""
    if statement.prepared is None or statement.server_id is None:
        return
    former = connection.statements.put(statement.prepared, statement.server_state, statement.server_id)
    statement.server_id = None
    if former is not None:
        close_statements(connection, [former])
