"""Prepares a session's statement on a connection that lacks it (MySQL manual, "COM_STMT_PREPARE")."""

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ..session.prepared import NEW, PreparedText
from ..session.settings import Settings
from ..session.user_variables import Variable
from ..wire.commands import Command
from ..wire.datatypes import MalformedPacket
from ..wire.framing import frame
from ..wire.prepare_response import MAX_KEPT_RESPONSE, PrepareResponse
from ..wire.results import ERR, ErrorPacket, is_progress
from .connection import BackendConnection
from .errors import ConnectFailed, TargetError
from .own_commands import become

__all__ = ["StatementRefused", "become_as_prepared", "close_statements", "prepare_text"]

_TOO_MANY = 1461  # ER_MAX_PREPARED_STMT_COUNT_REACHED


class StatementRefused(TargetError):
    """The target can no longer prepare a statement that it once could: a table is gone, a right revoked."""


@inlineCallbacks
def prepare_text(
    connection: BackendConnection,
    prepared: PreparedText,
    settings: Settings,
    variables: Mapping[str, Variable],
    seconds: Callable[[], float],
    *,
    keeps_answer: bool = True,
) -> Generator[Deferred[Any], Any, None]:
    """Prepare a text under the settings that give it its meaning; ``settings`` are those of the session.

    ``variables``: the session's user variables, with the types they had when it prepared the text;
    ``keeps_answer``: others may be told what the target says. The connection may not have the session's
    settings and variables afterwards. Raises StatementRefused, and what ``become`` raises.
    """
    yield become_as_prepared(connection, prepared, settings, variables)
    version = prepared.version
    close_statements(connection, connection.statements.surplus(room=1))
    response: PrepareResponse | None = None
    while response is None:
        try:
            response = yield _prepare(connection, prepared.text)
        except TargetError as refusal:
            if refusal.packet.errno != _TOO_MANY or not len(connection.statements):
                raise StatementRefused(refusal.packet) from None
            close_statements(connection, connection.statements.halve())
    if keeps_answer:
        is_short = len(response.raw) <= MAX_KEPT_RESPONSE
        prepared.prepared(response if is_short else None, version, seconds())
    former = connection.statements.put(prepared, NEW, response.statement_id)
    close_statements(connection, [] if former is None else [former])


@inlineCallbacks
def become_as_prepared(
    connection: BackendConnection,
    prepared: PreparedText,
    settings: Settings,
    variables: Mapping[str, Variable],
) -> Generator[Deferred[Any], Any, None]:
    """Give a connection what a text was prepared under; raises what ``prepare_text`` does."""
    wanted = settings.with_meaning(prepared.meaning)
    if not wanted.schema:
        # A connection cannot go back to none; a text that was prepared without one names its schemas.
        wanted = wanted.changed(schema=connection.settings.schema)
    try:
        yield become(connection, wanted, variables)
    except TargetError as refusal:
        if not connection.is_clean:
            raise
        raise StatementRefused(refusal.packet) from None


def close_statements(connection: BackendConnection, server_ids: Iterable[int]) -> None:
    """Close statements at the target; there is no answer. Names of text statements are kept for others."""
    for server_id in server_ids:
        if server_id < 0:
            connection.statements.spare_name(server_id)
            continue
        connection.send_silently(bytes((Command.STMT_CLOSE,)) + server_id.to_bytes(4, "little"))


@inlineCallbacks
def _prepare(connection: BackendConnection, text: bytes) -> Generator[Deferred[Any], Any, PrepareResponse]:
    connection.send(bytes((Command.STMT_PREPARE,)) + text)
    try:
        response: PrepareResponse = yield _read_response(connection)
        if connection.has_unread_bytes():
            raise MalformedPacket("more than one answer")
    except MalformedPacket as problem:
        connection.abort(f"the target broke the protocol: {problem}")
        raise ConnectFailed(f"the target broke the protocol: {problem}") from None
    finally:
        connection.unanswered -= 1
    connection.idle()
    return response


@inlineCallbacks
def _read_response(connection: BackendConnection) -> Generator[Deferred[bytes], bytes, PrepareResponse]:
    first = yield from _payload(connection)
    if connection.reply_sequence != 2:
        raise MalformedPacket("the answer to something else")
    if first[:1] == bytes((ERR,)):
        connection.idle()
        raise TargetError(ErrorPacket.decode(first))
    payloads = [first]
    for _ in range(PrepareResponse.definitions_in(first)):
        payloads.append((yield from _payload(connection)))
    raw = b"".join(frame(payload, at + 1) for at, payload in enumerate(payloads))
    return PrepareResponse.decode(raw)


def _payload(connection: BackendConnection) -> Generator[Deferred[bytes], bytes, bytes]:
    while True:
        payload = yield connection.next_payload()
        if not is_progress(payload):
            return payload
