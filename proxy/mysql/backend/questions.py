"""Several questions of the proxy sent at once, in one round trip, and their answers by the columns' names."""

from collections.abc import Generator, Sequence
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ..topology.kind import Question, Refusal, Row
from ..wire.datatypes import MalformedPacket, Reader
from ..wire.results import EOF, ERR, OK, ErrorPacket, definitions_after, is_progress
from .connection import BackendConnection
from .errors import ConnectFailed, TargetError
from .own_commands import query_payload, text_row

__all__ = ["ASK_AGAIN_AFTER", "MAX_ROWS", "Interview"]

#: How many rounds a refused question is left out: rights may be granted, but servers count refusals.
ASK_AGAIN_AFTER = 60

#: Rows that one question may be answered with.
MAX_ROWS = 1000

_ENDS = (bytes((OK,)), bytes((ERR,)), bytes((EOF,)))

#: Catalog, schema, table and original table stand before the name of a column ("ColumnDefinition41").
_BEFORE_NAME = 4


class Interview:
    """Questions over one connection that nobody else uses; after a failure it is of no use any more."""

    def __init__(self, connection: BackendConnection) -> None:
        self._connection = connection
        self._refused: dict[Question, tuple[Refusal, int]] = {}
        self._round = 0

    @inlineCallbacks
    def ask(
        self, questions: Sequence[Question]
    ) -> Generator[Deferred[Any], Any, dict[str, tuple[Row, ...] | Refusal]]:
        """The answers by the questions' names; fails with TargetError or ConnectFailed."""
        self._round += 1
        answers: dict[str, tuple[Row, ...] | Refusal] = {}
        asked = []
        for question in questions:
            refusal, again = self._refused.get(question, (None, 0))
            if refusal is not None and self._round < again:
                answers[question.name] = refusal
            else:
                asked.append(question)
                self._connection.send(query_payload(self._connection, question.sql))
        try:
            for question in asked:
                answers[question.name] = yield self._answer(question)
            if self._connection.has_unread_bytes():
                raise MalformedPacket("more than one answer")
        except MalformedPacket as problem:
            self._connection.abort(f"the target broke the protocol: {problem}")
            raise ConnectFailed(f"the target broke the protocol: {problem}") from None
        self._connection.idle()
        return answers

    @inlineCallbacks
    def _answer(self, question: Question) -> Generator[Deferred[Any], Any, tuple[Row, ...] | Refusal]:
        try:
            rows: tuple[Row, ...] = yield _read_rows(self._connection)
        except TargetError as error:
            self._connection.unanswered -= 1
            if not question.optional:
                raise
            refusal = Refusal(error.packet.errno)
            self._refused[question] = (refusal, self._round + ASK_AGAIN_AFTER)
            return refusal
        self._connection.unanswered -= 1
        self._refused.pop(question, None)
        return rows


@inlineCallbacks
def _read_rows(
    connection: BackendConnection,
) -> Generator[Deferred[bytes], bytes, tuple[Row, ...]]:
    """Read the response to a statement with one result set, or none."""
    payload = yield from _next(connection)
    if connection.reply_sequence != 2:
        raise MalformedPacket("the answer to something else")
    names: list[str] = []
    if payload[:1] not in _ENDS:
        for _ in range(definitions_after(payload)):
            names.append(_name((yield connection.next_payload())))
        payload = yield from _next(connection)
    rows: list[Row] = []
    while payload[:1] not in (bytes((EOF,)), bytes((ERR,))) and names:
        values = text_row(payload)
        if len(values) != len(names) or len(rows) == MAX_ROWS:
            raise MalformedPacket("not the rows that were announced")
        rows.append(dict(zip(names, values, strict=True)))
        payload = yield from _next(connection)
    if payload[:1] == bytes((ERR,)):
        raise TargetError(ErrorPacket.decode(payload))
    return tuple(rows)


def _next(connection: BackendConnection) -> Generator[Deferred[bytes], bytes, bytes]:
    """The next packet that is not a report of progress."""
    while is_progress(payload := (yield connection.next_payload())):
        pass
    return payload


def _name(definition: bytes) -> str:
    """The column's name, in lower case. Raises MalformedPacket."""
    reader = Reader(definition)
    for _ in range(_BEFORE_NAME):
        reader.lenenc_bytes()
    return reader.lenenc_bytes().decode("utf-8", "replace").lower()
