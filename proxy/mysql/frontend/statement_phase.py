"""Prepared statements in the command phase: made to fit the connection, put back, prepared once more.

A database that has forgotten a statement it had prepared (Aurora does when it restarts without cutting
connections) says so with error 1243 before it has done anything; the statement is prepared and sent once more
where the session had no transaction, which would be lost as well.
"""

import re
from collections.abc import Callable
from typing import Any

from ...errors import ClientError
from ..backend.connection import BackendConnection
from ..backend.preparing import close_statements
from ..session.need import NOTHING, Need
from ..session.pins import PinReason
from ..session.prepared import OpenStatement
from ..session.settings import Settings
from ..session.value import SessionValue, Tie
from ..session.verdict import PLAIN, Verdict
from ..wire.capabilities import Capability
from ..wire.commands import Command, ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.error_numbers import LEAVING, LOST_STATEMENT, TOO_MANY_STATEMENTS, UNKNOWN_STATEMENT
from ..wire.execute_packets import statement_id
from ..wire.framing import HEADER
from ..wire.prepare_response import ResponseCopy
from ..wire.renumbering import LoweredIds
from ..wire.shifting import ShiftedFrames
from .channel import ClientChannel
from .command_reception import Stage
from .context import EndpointContext
from .executions import bind, lost, put_back, will_execute
from .kill_phase import KillPhase
from .known_sets import SetOutcome
from .outcomes import Outcomes
from .prepared_commands import EXECUTIONS, need_of, ready_for_server
from .text_commands import TextCommand, named_for_server, prepare_named, text_prepare_ended
from .visible import client_mistake

__all__ = ["LAST_NUMBER", "StatementPhase"]

_CHARACTER_SET = re.compile(rb"\bchar(?:acter\s+set|set)\b", re.IGNORECASE)

#: The highest id of a statement; MariaDB's clients have a meaning for the one above.
LAST_NUMBER = 0xFFFFFFFE


class StatementPhase(KillPhase):
    """The part of the command phase that is about prepared statements."""

    __slots__ = (
        "_code",
        "_copy",
        "_last_statement_number",
        "_learning",
        "_lowered",
        "_need",
        "_outcomes",
        "_retained",
        "_set",
        "_stand_in",
        "_was_healed",
        "context",
        "has_attributes",
        "is_mysql",
        "key",
        "preparing",
        "seconds",
        "text_command",
        "version",
    )

    _outcomes: Outcomes

    def __init__(
        self,
        channel: ClientChannel,
        context: EndpointContext,
        key: Any,
        value: SessionValue,
        capabilities: Capability,
    ) -> None:
        super().__init__(channel, context, value, capabilities)
        self.context = context
        self.key = key
        self.seconds = self._seconds
        self.has_attributes = bool(capabilities & Capability.QUERY_ATTRIBUTES)
        #: The target's statements keep something of their executions (session/prepared.py).
        self.is_mysql = not context.facts().is_mariadb
        value.diagnostics.counts.is_mariadb = context.facts().is_mariadb
        #: What the present command needs on its connection.
        self._need = NOTHING
        #: The statement that is being prepared, and the database's answer to that.
        self.preparing: OpenStatement | None = None
        self._copy: ResponseCopy | None = None
        #: The present command, if it is about a statement of the text protocol that goes by another name.
        self.text_command: TextCommand | None = None
        #: Of all tables, when that was asked.
        self.version = 0
        self._last_statement_number = 0
        #: A SET whose outcome is to be remembered: settings before it, its text, at last the answer.
        self._set: tuple[Settings, bytes] | None = None
        self._learning: tuple[Settings, bytes, bytes] | None = None
        #: A command that may have to be sent again, to a database that has forgotten a statement.
        self._retained = b""
        #: What the rest of a long command goes through.
        self._shifted: ShiftedFrames | None = None
        self._lowered: LoweredIds | None = None
        self._was_healed = False
        #: The SET that is sent in the place of a GET DIAGNOSTICS.
        self._stand_in = b""
        #: The present command's first byte.
        self._code = 0

    def run(self, kind: ResponseKind, verdict: Verdict = PLAIN, need: Need | None = None) -> None:
        """Send the present command on a connection, borrowed if need be."""
        raise NotImplementedError

    def _send(self, connection: BackendConnection) -> None:
        raise NotImplementedError

    def run_statement(self, statement: OpenStatement, kind: ResponseKind, verdict: Verdict = PLAIN) -> None:
        """Send the present command, which is about this statement, where the statement is prepared."""
        if statement.prepared is not None:
            self._screening.text = statement.prepared.text
        executes = self._packet[HEADER] in EXECUTIONS
        need = need_of(self, statement, verdict, self._packet)
        if executes and verdict.asks:
            need = self.with_numbers(verdict, need)
        self.run(kind, verdict, need)

    def with_numbers(self, verdict: Verdict, need: Need) -> Need:
        """What the present command needs to execute a statement that asks for what others have left."""
        raise NotImplementedError

    @property
    def command_text(self) -> bytes:
        """The text of the present command."""
        return self._screening.text

    @property
    def backslash_escapes(self) -> bool:
        """Whether a backslash in a string is an escape."""
        return self._screening.backslash_escapes()

    def screened(self, text: bytes) -> Verdict:
        """The verdict on a text that the present command runs."""
        return self._screening.verdict_of(text)

    def rename_command(self, name: bytes) -> None:
        """The connection has the statement that the present command is about by this name."""
        if self.text_command is not None:
            self._packet = self.text_command.with_name(self._packet, name)

    def run_source(self, source: bytes, verdict: Verdict, need: Need) -> None:
        """Send the present command, which runs this text."""
        self._screening.text = source
        if verdict.asks and need.statement is not None:
            need = self.with_numbers(verdict, need)
        self.run(ResponseKind.RESULT, verdict, need)

    def _fit(self, connection: BackendConnection) -> bool:
        """Make a command about a prepared statement one that this connection understands."""
        is_safe = self.value.tie() is Tie.NONE and not self._intake.uploading
        statement = self._need.statement
        if self.preparing is not None:
            if not self.preparing.name:
                close_statements(connection, connection.statements.surplus(room=1))
            self._scanner.own_statement_id = self.preparing.number
            self._copy = ResponseCopy()
            if not self._intake.uploading and len(connection.statements):
                self._scanner.heals = TOO_MANY_STATEMENTS | LEAVING
            if self.preparing.name:
                prepare_named(self, self.preparing, connection)
        elif statement is not None:
            if (
                is_safe
                and not self._was_healed
                and statement.server_id is None
                and self._kind is ResponseKind.RESULT
            ):
                self._scanner.heals = LOST_STATEMENT | LEAVING
            return self._fit_statement(statement, connection)
        return True

    def _fit_statement(self, statement: OpenStatement, connection: BackendConnection) -> bool:
        was_free = statement.server_id is None
        code = self._packet[HEADER]
        server_id = bind(connection, statement, self._need.states)
        if statement.name:
            named_for_server(self, statement, server_id)
            return True
        try:
            self._packet, self._shifted = ready_for_server(self, statement, self._packet, server_id)
        except MalformedPacket as problem:
            if was_free:
                put_back(statement, connection)
            self.refuse(client_mistake(problem))
            return False
        if self.is_mysql and code in EXECUTIONS:
            will_execute(self.value, statement)
        return True

    def _numbered(self, data: bytes) -> bytes:
        """What comes in answer to a command that was sent in other packets, as its client counts."""
        if self._lowered is None:
            by = 0 if self._shifted is None else self._shifted.more_packets
            if not by:
                return data
            self._lowered = LoweredIds(by)
        return self._lowered.received(data)

    def _heal(self, connection: BackendConnection) -> None:
        """The database has forgotten a statement, or has no room for another: send the command once more."""
        connection.unanswered -= 1
        self._packet, self._retained = self._retained, b""
        self._was_healed = True
        statement = self._need.statement
        if self.preparing is not None:
            close_statements(connection, connection.statements.halve())
        elif statement is not None:
            lost(statement, connection)
            if self._scanner.errno == UNKNOWN_STATEMENT:
                # It has forgotten them all; should it not, they must not stay there.
                close_statements(connection, connection.statements.all())
                connection.statements.clear()
        self._stage = Stage.BUSY
        self.tenancy.acquire(self._need, self._send, self.refuse)

    def _take_statement(self, text: bytes, connection: BackendConnection) -> None:
        preparing, self.preparing = self.preparing, None
        copy, self._copy = self._copy, None
        statement, real, self._need = self._need.statement, self._need.real, NOTHING
        self._shifted = self._lowered = self.text_command = None
        if real:
            for each in real:
                self.value.pin_for(PinReason.TEXT_PREPARED_STATEMENT, each.name, self._seconds())
            self.value.texts.make_real(real)
        if preparing is not None and preparing.name:
            text_prepare_ended(self.value, preparing, self._scanner, connection)
        elif preparing is not None and copy is not None:
            self._outcomes.take_prepared(preparing, copy, self.version, text, self._scanner, connection)
        elif statement is not None:
            self._outcomes.take_executed(statement, self._code, text, self._scanner, connection)

    # SET statements of which the outcome is known

    def _knows_set(self) -> bool:
        """Answer a SET as the database has answered it before, or get ready to learn."""
        value, text = self.value, self._screening.text
        self._set = None
        if self.tenancy.connection is not None or value.must_ask or self._context.options.pinning == "rds":
            return False
        if _CHARACTER_SET.search(text):
            # It goes by the schema's collation, which may change.
            return False
        known = self._context.known_sets.find(self.key, value.settings, text)
        if known is None:
            self._set = (value.settings, text)
            self._copy = ResponseCopy()
            return False
        value.settings = known.settings
        value.status = known.status
        value.diagnostics.after(Command.QUERY, text)
        self._scanner.begin(ResponseKind.RESULT)
        self.channel.write(self._scanner.feed(known.response))
        self._answered()
        return True

    def _set_ended(self, text: bytes) -> None:
        copy, self._copy = self._copy, None
        learning, self._set = self._set, None
        scanner = self._scanner
        is_plain = not (scanner.errno or scanner.warnings or self.value.in_transaction or self.value.pins)
        if learning is not None and copy is not None and is_plain and learning[1] == text:
            self._learning = (*learning, copy.raw())
            if not self.value.must_ask:
                self._learn_set()

    def _learn_set(self) -> None:
        """The settings that a SET has led to are known for sure now."""
        learning, self._learning = self._learning, None
        if learning is not None and self.tenancy.connection is not None and not self.value.is_doubtful:
            before, text, response = learning
            outcome = SetOutcome(self.value.settings, self.value.status, response)
            self._context.known_sets.learn(self.key, before, text, outcome)

    def when_settled(self, callback: Callable[[], None]) -> None:
        """Ask the connection for the values in effect before a command is looked at."""

        def settled() -> None:
            self._outcomes.settled(self.tenancy.connection)
            loss, self.tenancy.loss = self.tenancy.loss, None
            if self._stage is not Stage.BUSY:
                return
            if loss is not None:
                self.refuse(loss)
            else:
                callback()

        self._stage = Stage.BUSY
        self.tenancy.settle(settled)

    def answer_prepared(self, response: bytes) -> None:
        """Tell the client what a database has said of the same text."""
        self.value.diagnostics.after(Command.STMT_PREPARE, self._screening.text)
        self._scanner.begin(ResponseKind.PREPARE)
        self._scanner.status = self.value.status
        self.channel.write(self._scanner.feed(response))
        self._answered()

    def answer_ok(self) -> None:
        """Answer the command without the database."""
        self.channel.send_ok(self.value.status, self.reply_sequence)
        self._answered()

    def _answered(self) -> None:
        self._packet = self._screening.text = b""
        if self._stage is Stage.BUSY:
            self._stage = Stage.IDLE
            self._at_rest()
            self._resume_commands()

    def next_statement(self) -> int:
        """An id for a statement of this client."""
        number = self._last_statement_number
        while True:
            number = number % LAST_NUMBER + 1
            if number not in self.value.statements:
                self._last_statement_number = number
                return number

    def refuse(self, error: ClientError) -> None:
        """Answer the command with an error of the proxy, once all of it has arrived."""
        if not self._intake.uploading:
            self._forget_command(error)
            if not self._silent:
                self.value.diagnostics.refused(error.errno)
        super().refuse(error)

    def skip_long_data(self, packet: bytes, error: ClientError) -> None:
        """The statement that this is for tells why it was dropped, when it is executed."""
        if len(packet) >= HEADER + 5:
            statement = self.value.statements.get(statement_id(packet))
            if statement is not None:
                statement.refusal = error
        self.skip()

    def _forget_command(self, error: ClientError | None) -> None:
        """The present command has not run to its end, so nothing of it counts."""
        statement = self._need.statement
        if self._silent and statement is not None and error is not None:
            statement.refusal = error
        self.preparing = self._copy = self._shifted = self._lowered = self.text_command = None
        self._need = NOTHING
        self._retained = b""

    def _not_told(self, error: ClientError) -> None:
        """The statement tells it when it is executed."""
