"""The proxy's own questions whose answers are needed as they came: rows that a client is to get later."""

from collections.abc import Generator, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks

from ..wire.datatypes import MalformedPacket
from ..wire.results import EOF, ERR, OK, OkPacket, definitions_after, is_progress
from ..wire.status import Status
from .connection import BackendConnection
from .errors import ConnectFailed
from .own_commands import query_payload

__all__ = ["RawAnswer", "ask_all"]

_CLOSES = (bytes((EOF,)), bytes((ERR,)))
_NO_ROWS = (bytes((OK,)), *_CLOSES)


@attrs.frozen
class RawAnswer:
    """Payloads of one result set; all are empty where the statement has sent none."""

    head: bytes = b""
    columns: tuple[bytes, ...] = ()
    rows: tuple[bytes, ...] = attrs.field(default=(), repr=False)


@inlineCallbacks
def ask_all(
    connection: BackendConnection, questions: Sequence[str], max_rows: int
) -> Generator[Deferred[Any], Any, list[RawAnswer]]:
    """Send all questions at once and read their answers; fails with ConnectFailed.

    An error, or more than ``max_rows`` rows, leaves a connection that is of no use any more.
    """
    for question in questions:
        connection.send(query_payload(connection, question))
    answers = []
    try:
        for _ in questions:
            connection.expect_answer()
            answers.append((yield _read(connection, max_rows)))
            connection.unanswered -= 1
        if connection.has_unread_bytes():
            raise MalformedPacket("more answers than questions")
    except MalformedPacket as problem:
        connection.abort(f"the target broke the protocol: {problem}")
        raise ConnectFailed(f"the target broke the protocol: {problem}") from None
    connection.idle()
    return answers


@inlineCallbacks
def _read(connection: BackendConnection, max_rows: int) -> Generator[Deferred[bytes], bytes, RawAnswer]:
    head = yield connection.next_payload()
    if connection.reply_sequence != 2:
        raise MalformedPacket("the answer to something else")
    while is_progress(head):
        head = yield connection.next_payload()
    if head[:1] in _NO_ROWS:
        _take_end(connection, head)
        return RawAnswer()
    columns: list[bytes] = []
    for _ in range(definitions_after(head)):
        columns.append((yield connection.next_payload()))
    rows: list[bytes] = []
    while True:
        payload = yield connection.next_payload()
        if is_progress(payload):
            continue
        if payload[:1] in _CLOSES:
            _take_end(connection, payload)
            return RawAnswer(head, tuple(columns), tuple(rows))
        rows.append(payload)
        if len(rows) > max_rows:
            raise MalformedPacket("too many rows")


def _take_end(connection: BackendConnection, payload: bytes) -> None:
    if payload[:1] == bytes((ERR,)):
        raise MalformedPacket("an error where none can be")
    status = OkPacket.decode(payload).status
    if status & Status.MORE_RESULTS_EXISTS:
        raise MalformedPacket("more results than statements")
    connection.status = int(status & ~Status.SESSION_STATE_CHANGED)
