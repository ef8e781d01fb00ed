"""What a command about a prepared statement leaves: the statement put back, or its connection kept."""

from ..backend.connection import BackendConnection
from ..backend.preparing import close_statements
from ..session.pins import PinReason
from ..session.prepared import OpenStatement
from ..session.value import SessionValue
from ..wire.commands import Command
from ..wire.scanner import ResponseScanner
from ..wire.status import Status

__all__ = ["after_command", "bind", "put_back"]

_CURSOR_EXISTS = int(Status.CURSOR_EXISTS)
_LAST_ROW_SENT = int(Status.LAST_ROW_SENT)
_METADATA_CHANGED = int(Status.METADATA_CHANGED)
_EXECUTES = frozenset({Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE})


def bind(
    connection: BackendConnection, statement: OpenStatement, histories: tuple[tuple[object, ...], ...]
) -> int:
    """The server's id of a statement that is about to be used; nobody else uses it until it is put back."""
    if statement.server_id is None:
        assert statement.prepared is not None
        statement.server_id = connection.statements.take(statement.prepared, *histories)
    return statement.server_id


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
        value.give_up(PinReason.LONG_DATA, number)
        if scanner.status & _CURSOR_EXISTS and not scanner.errno:
            return PinReason.CURSOR if value.pin_for(PinReason.CURSOR, number, now) else None
    elif code == Command.STMT_FETCH and not (scanner.errno or scanner.status & _LAST_ROW_SENT):
        return None
    elif code == Command.STMT_RESET:
        value.give_up(PinReason.LONG_DATA, number)
    value.give_up(PinReason.CURSOR, number)
    put_back(statement, connection)
    return None


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
    former = connection.statements.put(statement.prepared, statement.history, statement.server_id)
    statement.server_id = None
    close_statements(connection, [] if former is None else [former])
