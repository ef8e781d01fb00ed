"""Runs the statements of a lost transaction again, and compares every result with what the client was given.

Only what has not ended is run again, on a connection that has the session's settings. Equal results prove
that the transaction sees and does the same there; at the first difference the replay fails, and with it what
it has done so far.
"""

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from ..backend.connection import BackendConnection
from ..session.need import Need
from ..session.transcript import Comparison, Entry
from ..session.value import SessionValue
from ..session.verdict import Verdict
from ..wire.commands import ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.scanner import ResponseScanner
from .executions import bind, put_back, will_execute
from .prepared_commands import EXECUTIONS, ready_for_server
from .transfer import bring, lacks_statement

if TYPE_CHECKING:
    from .statement_phase import StatementPhase

__all__ = ["Replay", "ReplayFailed", "Step"]


class ReplayFailed(Exception):
    """The transaction cannot be had again; says why."""


@attrs.frozen
class Step:
    """A command of a transaction as it came from the client, and what it needs."""

    kind: ResponseKind
    code: int
    packet: bytes = attrs.field(repr=False)
    need: Need
    verdict: Verdict


class Replay:
    """One replay on one connection, to which it listens meanwhile."""

    log = Logger()

    def __init__(
        self,
        phase: "StatementPhase",
        connection: BackendConnection,
        scanner: ResponseScanner,
        entries: Sequence[Entry[Step]],
    ) -> None:
        """``scanner``: another one of the same kind as the session's own."""
        self._phase = phase
        self._value: SessionValue = phase.value
        self._connection = connection
        self._scanner = scanner
        self._entries = entries
        self._comparison: Comparison | None = None
        self._answered: Deferred[None] | None = None

    @inlineCallbacks
    def run(self) -> Generator[Deferred[Any], Any, None]:
        """Fails with ReplayFailed, or with what kept the connection from being used."""
        connection = self._connection
        connection.take_back()
        for entry in self._entries:
            step = entry.payload
            if lacks_statement(connection, step.need):
                yield connection.limited(bring(connection, self._value, step.need, self._phase.seconds))
            comparison = self._comparison = Comparison(entry)
            yield self._run(step)
            if not comparison.ends():
                raise ReplayFailed("a result was not the same as before")
        connection.leave_residue(self._value)
        connection.leave_traces(self._value)

    def _run(self, step: Step) -> Deferred[None]:
        connection, scanner = self._connection, self._scanner
        packet = self._fitted(step)
        scanner.begin(step.kind)
        scanner.shown = self._value.shown
        scanner.status = connection.status
        answered: Deferred[None] = Deferred()
        self._answered = answered
        connection.lend(self)
        connection.unanswered += 1
        if connection.begin_command is not None:
            connection.begin_command()
        connection.transport.write(packet)
        return answered.addCallback(lambda _: self._ended(step))

    def _fitted(self, step: Step) -> bytes:
        statement = step.need.statement
        if statement is None:
            return step.packet
        server_id = bind(self._connection, statement, step.need.states)
        try:
            packet, _ = ready_for_server(self._phase, statement, step.packet, server_id)
        except MalformedPacket as problem:
            raise ReplayFailed(str(problem)) from None
        if self._phase.is_mysql and step.code in EXECUTIONS:
            will_execute(self._value, statement)
        return packet

    def _ended(self, step: Step) -> None:
        connection = self._connection
        connection.take_back()
        connection.unanswered -= 1
        connection.status = self._scanner.status
        if step.need.statement is not None:
            put_back(step.need.statement, connection)
        if self._scanner.last_insert_id:
            connection.keep_insert_id(self._value, exact=True)

    # Borrower

    def backend_data(self, data: bytes) -> None:
        """A chunk of a response, which the client has had before."""
        try:
            again = self._scanner.feed(data)
        except MalformedPacket as problem:
            self._fail(f"the target broke the protocol: {problem}")
            return
        if self._comparison is not None:
            self._comparison.take(again)
        if self._scanner.infile:
            self._fail("the target asked for a file")
        elif self._scanner.done and self._answered is not None:
            answered, self._answered = self._answered, None
            answered.callback(None)

    def _fail(self, why: str) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.errback(ReplayFailed(why))
        self._connection.abort(why)

    def backend_lost(self, reason: str) -> None:
        """The connection is gone."""
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.errback(ReplayFailed(f"the database connection was lost again: {reason}"))

    def backend_full(self) -> None:
        """Statements are short."""

    def backend_drained(self) -> None:
        """Nothing waits for it."""
