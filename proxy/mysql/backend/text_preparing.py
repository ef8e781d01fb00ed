"""Prepares a session's text PREPARE on a connection that lacks it, by a name of the proxy's own.

Their numbers are negative where those of COM_STMT_PREPARE are positive, so that both kinds have one memory.
Nothing but a statement with an answer takes a name from a server, so one that is no longer needed is left to
the next PREPARE on the connection, which replaces what has it.
"""

import secrets
from collections.abc import Generator, Mapping
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ..session.prepared import NEW, OpenStatement, PreparedText
from ..session.settings import Settings
from ..session.user_variables import Variable
from ..session.value import SessionValue
from .connection import BackendConnection
from .errors import TargetError
from .own_commands import query
from .preparing import StatementRefused, become_as_prepared, close_statements

__all__ = ["name_of", "prepare_real", "prepare_source", "take_name"]

_TOO_MANY = 1461  # ER_MAX_PREPARED_STMT_COUNT_REACHED

#: Nobody's by chance: a stored procedure may prepare statements as well.
_PREFIX = f"rds_proxy_{secrets.token_hex(8)}_".encode()


def name_of(number: int) -> bytes:
    """The name of the statement that has this number on its connection."""
    return _PREFIX + str(-number).encode()


def take_name(connection: BackendConnection) -> int:
    """The number of one that is about to be prepared."""
    close_statements(connection, connection.statements.surplus(room=1))
    return connection.statements.free_name()


@inlineCallbacks
def prepare_real(
    connection: BackendConnection, value: SessionValue, statement: OpenStatement
) -> Generator[Deferred[Any], Any, None]:
    """Prepare a session's statement by the client's own name; raises what ``prepare_text`` does."""
    if statement.prepared is None:
        return
    variables = statement.variables_to_prepare(value.variables.values)
    yield become_as_prepared(connection, statement.prepared, value.settings, variables)
    # Nobody else must find it there.
    connection.leave_traces(value)
    name = statement.name.replace("`", "``")
    text = f"PREPARE `{name}` FROM ".encode() + statement.prepared.text
    try:
        yield query(connection, text.decode("utf-8", "surrogateescape"))
    except TargetError as refusal:
        raise StatementRefused(refusal.packet) from None


@inlineCallbacks
def prepare_source(
    connection: BackendConnection,
    prepared: PreparedText,
    settings: Settings,
    variables: Mapping[str, Variable],
) -> Generator[Deferred[Any], Any, None]:
    """Prepare what stands behind FROM; as ``prepare_text`` does."""
    yield become_as_prepared(connection, prepared, settings, variables)
    while True:
        number = take_name(connection)
        text = b"PREPARE " + name_of(number) + b" FROM " + prepared.text
        connection.count_prepare()
        try:
            yield query(connection, text.decode("utf-8", "surrogateescape"))
        except TargetError as refusal:
            if refusal.packet.errno != _TOO_MANY or not len(connection.statements):
                raise StatementRefused(refusal.packet) from None
            close_statements(connection, connection.statements.halve())
        else:
            connection.statements.put(prepared, NEW, number)
            return
