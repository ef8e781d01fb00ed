"""The command phase of one client: a command in, a connection borrowed, its response passed on.

Theory of operation. ``_Stage`` says what the session waits for::

    IDLE      the next command            BUSY    a connection, or a replay on it
    RUNNING   the rest of a response      FILE    the client's LOCAL INFILE packets
    REFUSING  the rest of a long command that is answered with an error
    CLOSED    nothing any more

A connection is borrowed at the first statement and returned at the end of a response after which the session
value has no tie to it. A statement whose verdict is PLAIN, on an idle connection that has the session's
settings, goes from socket to socket without a Deferred.
"""

import enum
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from ...errors import (
    ClientError,
    connection_lost,
    malformed,
    refused_command,
    unknown_command,
)
from ..backend.connection import BackendConnection
from ..prompt_write import write_now
from ..session.pins import PinReason
from ..session.value import SessionValue, Tie
from ..session.verdict import PLAIN, Verdict
from ..wire.capabilities import Capability
from ..wire.commands import REFUSED, RESPONSES, Command, ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.framing import HEADER
from ..wire.intake import CommandIntake
from ..wire.results import farewell_text
from ..wire.scanner import ResponseScanner
from .channel import ClientChannel
from .context import EndpointContext
from .local_commands import LOCAL_COMMANDS
from .outcomes import Outcomes
from .screening import Screening
from .tenancy import Tenancy
from .visible import client_mistake

__all__ = ["CommandPhase"]

_QUERY = int(Command.QUERY)
_WITHOUT_RESPONSE = frozenset({int(Command.STMT_CLOSE), int(Command.STMT_SEND_LONG_DATA), int(Command.QUIT)})


class _Stage(enum.Enum):
    IDLE = "idle"
    BUSY = "busy"
    RUNNING = "running"
    FILE = "file"
    REFUSING = "refusing"
    CLOSED = "closed"


class CommandPhase:
    """One client after its log-in; borrows on its behalf."""

    log = Logger()

    def __init__(
        self,
        channel: ClientChannel,
        context: EndpointContext,
        key: Any,
        value: SessionValue,
        capabilities: Capability,
        program: str,
    ) -> None:
        self.channel = channel
        self.value = value
        #: When the last command came, on the reactor's clock.
        self.last_active = context.clock.seconds()
        self.tenancy = Tenancy(context, key, value, self, program, channel.number)
        self._screening = Screening(context.screen, value)
        self._outcomes = Outcomes(context, value, channel.number)
        self._context = context
        self._seconds: Callable[[], float] = context.clock.seconds
        self._intake = CommandIntake(context.options.max_statement_size)
        self._scanner = ResponseScanner(
            deprecate_eof=bool(capabilities & Capability.DEPRECATE_EOF),
            session_track=bool(capabilities & Capability.SESSION_TRACK),
        )
        self._stage = _Stage.IDLE
        self._was_running = False
        self._beginning = False
        self._draining = False
        self.said_goodbye = False
        self._packet = b""
        self._kind = ResponseKind.NONE
        self._verdict = PLAIN
        #: The present command has no response.
        self._silent = False
        self._refusal: ClientError | None = None
        #: What the session lost with its connection while the client was silent.
        self._loss: str | None = None

    @property
    def waits_for_client(self) -> bool:
        """Whether the next move is the client's: a command, or the rest of one."""
        return self._stage is _Stage.IDLE or self._intake.uploading

    # What the client sends

    def data(self, data: bytes) -> None:
        """A chunk from the client."""
        self._intake.feed(data)
        if self._stage is _Stage.IDLE:
            self._next()
        elif self._stage is not _Stage.CLOSED:
            self._continue_command()

    def _next(self) -> None:
        """Begin the commands that are there, until one has to wait."""
        if self._beginning:
            # Called from below: the loop that is running goes on, however many commands there are.
            return
        self._beginning = True
        try:
            self._begin_commands()
        finally:
            self._beginning = False

    def _begin_commands(self) -> None:
        while self._stage is _Stage.IDLE and not self.channel.full:
            try:
                packet = self._intake.take()
            except MalformedPacket as problem:
                self._broken(problem)
                return
            if packet is None or self._intake.buffered <= self._context.options.client_buffer_size:
                self.channel.resume("pipeline")
            if packet is None:
                if self._draining and not self.value.in_transaction:
                    self.channel.close()
                return
            self._begin(packet)

    def _begin(self, packet: bytes) -> None:
        self.last_active = self._seconds()
        code = packet[HEADER]
        self._packet = packet
        self._silent = code in _WITHOUT_RESPONSE
        if self._loss is not None and self._silent and code != Command.QUIT:
            # The first command that has a response is told what the session has lost.
            self.skip()
        elif self._loss is not None and code != Command.QUIT:
            lost, self._loss = self._loss, None
            self.refuse(connection_lost(lost))
        elif code == _QUERY:
            self.run(ResponseKind.RESULT, self._screening.statement(packet, self._intake.uploading))
        elif code in LOCAL_COMMANDS and self._intake.uploading and code != Command.STMT_SEND_LONG_DATA:
            self.refuse(malformed("the command is too long"))
        elif code in LOCAL_COMMANDS:
            LOCAL_COMMANDS[Command(code)](self, packet)
        elif code in RESPONSES:
            self.run(RESPONSES[code], self._screening.command(code, packet, self._intake.uploading))
        elif code in REFUSED:
            self.refuse(refused_command(REFUSED[code]))
        else:
            self.refuse(unknown_command())

    def _broken(self, problem: MalformedPacket) -> None:
        """The client does not follow the protocol: tell it, and let go."""
        self.log.info(
            "[clientConnection={client}] the client broke the protocol: {problem}",
            client=self.channel.number,
            problem=problem,
        )
        self.channel.send_error(client_mistake(problem), self._intake.sequence)
        self.channel.close()

    def drained(self) -> None:
        """The client has read what there was: go on with the commands it has sent."""
        if self._intake.buffered or self._draining:
            self._next()

    # Running a command on a connection

    def run(self, kind: ResponseKind, verdict: Verdict = PLAIN) -> None:
        """Send the present command on a connection, borrowed if need be."""
        self._kind = kind
        self._verdict = verdict
        self._stage = _Stage.BUSY
        self.tenancy.acquire(verdict.reads, self._send, self.refuse)

    def _send(self, connection: BackendConnection) -> None:
        self._scanner.begin(self._kind)
        self._scanner.shows_all = PinReason.SESSION_TRACKING in self.value.pins
        # An error packet has no status flags: until others come, those known stand.
        self._scanner.status = self.value.status
        self._stage = _Stage.RUNNING
        if self.channel.full:
            connection.transport.pauseProducing()
        write_now(connection.transport, self._packet)
        if self._intake.uploading:
            self._continue_command()
        elif self._kind is ResponseKind.NONE:
            self._ended()

    def _continue_command(self) -> None:
        """More of a command whose beginning was sent or refused, or of a file; or the next one, early."""
        self.last_active = self._seconds()
        try:
            if self._intake.uploading:
                if self._stage is _Stage.RUNNING:
                    self._upload()
                elif self._stage is _Stage.FILE:
                    self._upload_file()
                elif self._stage is _Stage.REFUSING:
                    self._swallow()
        except MalformedPacket as problem:
            self._broken(problem)
            return
        if (
            self._stage is not _Stage.IDLE
            and self._intake.buffered > self._context.options.client_buffer_size
        ):
            self.channel.pause("pipeline")
        else:
            self.channel.resume("pipeline")

    def _upload(self) -> None:
        connection = self.tenancy.connection
        assert connection is not None
        piece = self._intake.upload()
        self._verdict = self._screening.piece(self._intake.text, self._verdict)
        connection.transport.write(piece)
        if not self._intake.uploading and self._kind is ResponseKind.NONE:
            self._ended()

    def _upload_file(self) -> None:
        connection = self.tenancy.connection
        assert connection is not None
        connection.transport.write(self._intake.upload_file(self._scanner.sequence_offset))
        if not self._intake.uploading:
            self._scanner.after_infile()
            self._stage = _Stage.RUNNING

    def _swallow(self) -> None:
        self._intake.skip()
        if self._intake.uploading:
            return
        self._stage = _Stage.IDLE
        if self._refusal is not None:
            self.refuse(self._refusal)
        self._next()

    def refuse(self, error: ClientError) -> None:
        """Answer the command with an error of the proxy, once all of it has arrived."""
        if self._stage is _Stage.CLOSED:
            return
        was_idle = self._stage is _Stage.IDLE
        if self._intake.uploading:
            self._refusal = error
            self._stage = _Stage.REFUSING
            self._continue_command()
            return
        self._refusal = None
        self._packet = b""
        self._stage = _Stage.IDLE
        if not self._silent:
            self.channel.send_error(error, self._intake.sequence)
        if not was_idle:
            self._resume_commands()

    def skip(self) -> None:
        """Drop the command, once all of it has arrived, without an answer."""
        if self._intake.uploading:
            self._stage = _Stage.REFUSING
            self._continue_command()

    @property
    def reply_sequence(self) -> int:
        """The sequence id with which to answer the present command."""
        return self._intake.sequence

    def _resume_commands(self) -> None:
        if self._intake.buffered or self._draining:
            self._context.clock.callLater(0, self._next)

    # What the database sends (Borrower)

    def backend_data(self, data: bytes) -> None:
        """A chunk of the response: on to the client."""
        scanner = self._scanner
        is_awaited = self._stage is _Stage.RUNNING or self._stage is _Stage.FILE
        if not is_awaited or (not scanner.started and len(data) > 3 and not data[3]):
            # A response begins with 1; with 0 a server speaks that has not read the command.
            self.tenancy.cut(f"the target ended the connection: {farewell_text(data)}")
            return
        try:
            out = scanner.feed(data)
        except MalformedPacket as problem:
            self.tenancy.cut(f"the target broke the protocol: {problem}")
            return
        if out:
            self.channel.write(out)
        if scanner.done:
            self._ended()
        elif scanner.infile and self._stage is _Stage.RUNNING:
            self._stage = _Stage.FILE
            self._intake.begin_file()
            self._continue_command()

    def backend_full(self) -> None:
        """The target reads slower than the client writes."""
        self.channel.pause("target")

    def backend_drained(self) -> None:
        """The target has read what there was."""
        self.channel.resume("target")

    def backend_lost(self, reason: str) -> None:
        """The connection is gone: an error for the command in progress, or for the next one."""
        connection = self.tenancy.connection
        lost = self.value.what_is_lost()
        tied = self.value.tie() is not Tie.NONE
        self.tenancy.lost()
        self.channel.resume("target")
        self.log.info(
            "[clientConnection={client}] lost [dbConnection={number}]: {reason}",
            client=self.channel.number,
            number=connection.thread_id if connection is not None else 0,
            reason=reason,
        )
        if self._stage is _Stage.IDLE:
            self._loss = lost if tied else None
        elif self._stage is _Stage.CLOSED:
            return
        elif self._silent:
            self._loss = lost if tied else None
            self._stage = _Stage.IDLE
            self.skip()
            self._resume_commands()
        elif self._scanner.started:
            # Part of a response is out: only closing tells the client that the rest will not come.
            self.channel.close()
        else:
            self.refuse(connection_lost(lost))

    # The end of a response

    def _ended(self) -> None:
        if self._intake.uploading:
            self._answered_early()
            return
        self._packet, packet = b"", self._packet
        connection = self.tenancy.connection
        assert connection is not None
        self._outcomes.take_in(self._kind, self._verdict, packet, self._scanner, connection)
        self._stage = _Stage.IDLE
        if self.value.tie() is Tie.NONE:
            if (self._scanner.errno or self._scanner.warnings) and self.tenancy.may_hold:
                self.tenancy.hold(self._let_go)
            else:
                self._let_go()
        if self._intake.buffered or self._draining:
            self._next()

    def _let_go(self) -> None:
        """Return the connection, after it was asked for what is in doubt."""
        if self._stage is _Stage.CLOSED:
            return
        if self.value.unsettled:
            self._stage = _Stage.BUSY
            self.tenancy.settle(self._settled)
        else:
            self.tenancy.release()

    def _answered_early(self) -> None:
        """Answered before the command was all there: its rest goes nowhere, the connection neither."""
        self._loss = self.value.what_is_lost() if self.value.tie() is not Tie.NONE else None
        self.tenancy.lost()
        self.channel.resume("target")
        self._stage = _Stage.REFUSING
        self._continue_command()

    def _settled(self) -> None:
        self._outcomes.settled()
        if self._stage is _Stage.CLOSED:
            return
        self._stage = _Stage.IDLE
        if self.tenancy.connection is not None and self.value.tie() is Tie.NONE:
            self.tenancy.release()
        self._next()

    # Prepared statements, which pin as long as one is open

    def close_statement(self, packet: bytes) -> None:
        """COM_STMT_CLOSE: no response; the last one open ends the pin."""
        self.value.statements.pop(self._screening.statement_id(packet), None)
        if self.tenancy.connection is None:
            return
        if not self.value.statements:
            self.value.unpin(PinReason.PREPARED_STATEMENT)
        self.run(ResponseKind.NONE)

    # The end

    def quit(self) -> None:
        """COM_QUIT."""
        self.said_goodbye = True
        self.channel.close()

    def drain(self) -> None:
        """Close as soon as no transaction and no command is in progress."""
        self._draining = True
        if self._stage is _Stage.IDLE and not self.value.in_transaction:
            self.channel.close()

    def stop(self) -> None:
        """What the client sends from now on is no command: it is being closed, or changes its user."""
        if self._stage is not _Stage.CLOSED:
            self._was_running = self._stage in (_Stage.RUNNING, _Stage.FILE)
            self._stage = _Stage.CLOSED

    def start_over(self) -> None:
        """Forget the session (COM_RESET_CONNECTION, COM_CHANGE_USER)."""
        self.tenancy.start_over()
        self.value.reset()
        self._loss = None

    def client_lost(self) -> None:
        """The client's connection is gone."""
        self.stop()
        self.tenancy.end(running=self._was_running, vanished=not self.said_goodbye)
        self._packet = b""
