"""What a client sends in the command phase: commands one after the other, long ones in pieces, files.

Theory of operation. ``Stage`` says what the session waits for::

    IDLE      the next command            BUSY    a connection, or a replay on it
    RUNNING   the rest of a response      FILE    the client's LOCAL INFILE packets
    REFUSING  the rest of a long command that is answered with an error
    CLOSED    nothing any more

Commands that arrive while another one runs wait in the intake; beyond client_buffer_size the client is no
longer read from.
"""

import enum
from collections.abc import Callable

from twisted.logger import Logger

from ...errors import ClientError
from ..session.value import SessionValue
from ..session.verdict import PLAIN
from ..wire.capabilities import Capability
from ..wire.commands import ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.eof_scanner import response_scanner
from ..wire.intake import CommandIntake
from ..wire.shifting import ShiftedFrames
from .channel import ClientChannel
from .context import EndpointContext
from .proxy_statements import OwnAnswer
from .screening import Screening
from .tenancy import Tenancy
from .visible import client_mistake

__all__ = ["CommandReception", "Stage"]


class Stage(enum.Enum):
    """What the session waits for."""

    IDLE = "idle"
    BUSY = "busy"
    RUNNING = "running"
    FILE = "file"
    REFUSING = "refusing"
    CLOSED = "closed"


class CommandReception:
    """Takes in bytes; the command phase says what becomes of a command and of a response's end."""

    __slots__ = (
        "_begin_command",
        "_beginning",
        "_context",
        "_draining",
        "_intake",
        "_kind",
        "_own_answer",
        "_packet",
        "_refusal",
        "_scanner",
        "_screening",
        "_seconds",
        "_shifted",
        "_silent",
        "_stage",
        "_verdict",
        "capabilities",
        "channel",
        "last_active",
        "tenancy",
        "value",
    )

    log = Logger()
    #: At most one borrowed connection.
    tenancy: Tenancy

    def __init__(
        self,
        channel: ClientChannel,
        context: EndpointContext,
        value: SessionValue,
        capabilities: Capability,
    ) -> None:
        self.channel = channel
        self.value = value
        self.capabilities = capabilities
        #: When the last command came, on the reactor's clock.
        self.last_active = context.clock.seconds()
        self._context = context
        self._seconds: Callable[[], float] = context.clock.seconds
        self._screening = Screening(
            context.screen,
            value,
            has_attributes=bool(capabilities & Capability.QUERY_ATTRIBUTES),
            charset=context.facts().character_set_client,
        )
        options = context.options
        self._intake = CommandIntake(options.max_statement_size, options.whole_command_size)
        self._scanner = response_scanner(
            deprecate_eof=bool(capabilities & Capability.DEPRECATE_EOF),
            session_track=bool(capabilities & Capability.SESSION_TRACK),
            local_files=bool(capabilities & Capability.LOCAL_FILES),
            max_closing_packet=options.closing_packet_size,
        )
        self._stage = Stage.IDLE
        self._beginning = False
        self._draining = False
        #: The present command, its kind of response, its verdict, and whether it has no response.
        self._packet = b""
        self._kind = ResponseKind.NONE
        self._verdict = PLAIN
        self._silent = False
        self._refusal: ClientError | None = None
        #: What the rest of a long command goes through.
        self._shifted: ShiftedFrames | None = None
        #: An answer of the proxy's own that is being sent in pieces.
        self._own_answer: OwnAnswer | None = None
        #: Told when work on a command begins, where the client counts compressed packets.
        self._begin_command: Callable[[], None] | None = None

    def compressed(self, begin_command: Callable[[], None]) -> None:
        """The client compresses, and so does not count the packets inside."""
        self._begin_command = begin_command
        self._intake.ignores_ids = True

    def _begin(self, packet: bytes) -> None:
        """A command is there, or the beginning of a long one."""
        raise NotImplementedError

    def _ended(self) -> None:
        """The present command has had its response, or has none and is sent."""
        raise NotImplementedError

    def _at_rest(self) -> None:
        """A command has ended without one of the ways above."""
        raise NotImplementedError

    @property
    def waits_for_client(self) -> bool:
        """Whether the next move is the client's: a command, or the rest of one."""
        return self._stage is Stage.IDLE or self._intake.uploading

    @property
    def has_unread(self) -> bool:
        """Whether the client has sent more than the present command."""
        return self._intake.buffered > 0

    @property
    def reply_sequence(self) -> int:
        """The sequence id with which to answer the present command."""
        return self._intake.sequence

    def data(self, data: bytes) -> None:
        """A chunk from the client."""
        self._intake.feed(data)
        if self._stage is Stage.IDLE:
            self._next()
        elif self._stage is not Stage.CLOSED:
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
        while self._stage is Stage.IDLE and not self.channel.full:
            try:
                packet = self._intake.take()
            except MalformedPacket as problem:
                self.broken(problem)
                return
            if packet is None or self._intake.buffered <= self._context.options.client_buffer_size:
                self.channel.resume("pipeline")
            if packet is None:
                if self._draining and not self.value.in_transaction:
                    self.channel.close()
                return
            if self._begin_command is not None:
                self._begin_command()
            self._begin(packet)

    def broken(self, problem: MalformedPacket) -> None:
        """The client does not follow the protocol: tell it, and let go."""
        self.log.info(
            "[clientConnection={client}] the client broke the protocol: {problem}",
            client=self.channel.number,
            problem=problem,
        )
        if self._stage is Stage.IDLE and self._begin_command is not None:
            self._begin_command()
        self.channel.send_error(client_mistake(problem), self._intake.sequence)
        self.channel.close()

    def drained(self) -> None:
        """The client has read what there was: go on with the commands it has sent."""
        if self._own_answer is not None:
            self._own_answer.resume()
        if self._intake.buffered or self._draining:
            self._next()

    def _continue_command(self) -> None:
        """More of a command whose beginning was sent or refused, or of a file; or the next one, early."""
        self.last_active = self._seconds()
        try:
            if self._intake.uploading:
                if self._stage is Stage.RUNNING:
                    self._upload()
                elif self._stage is Stage.FILE:
                    self._upload_file()
                elif self._stage is Stage.REFUSING:
                    self._swallow()
        except MalformedPacket as problem:
            self.broken(problem)
            return
        if self._stage is not Stage.IDLE and self._intake.buffered > self._context.options.client_buffer_size:
            self.channel.pause("pipeline")
        else:
            self.channel.resume("pipeline")

    def _upload(self) -> None:
        connection = self.tenancy.connection
        assert connection is not None
        piece = self._intake.upload()
        self._verdict = self._screening.piece(self._intake.text, self._verdict)
        self._intake.text = b""
        connection.transport.write(piece if self._shifted is None else self._shifted.feed(piece))
        if not self._intake.uploading and self._kind is ResponseKind.NONE:
            self._ended()

    def _upload_file(self) -> None:
        connection = self.tenancy.connection
        assert connection is not None
        connection.transport.write(self._intake.upload_file(self._scanner.sequence_offset))
        if not self._intake.uploading:
            self._scanner.after_infile()
            self._stage = Stage.RUNNING

    def _swallow(self) -> None:
        self._intake.skip()
        if self._intake.uploading:
            return
        self._stage = Stage.IDLE
        if self._refusal is not None:
            self.refuse(self._refusal)
        else:
            self._at_rest()
        self._next()

    # Commands that are not run

    def refuse(self, error: ClientError) -> None:
        """Answer the command with an error of the proxy, once all of it has arrived."""
        if self._stage is Stage.CLOSED:
            return
        was_idle = self._stage is Stage.IDLE
        if self._intake.uploading:
            self._refusal = error
            self._stage = Stage.REFUSING
            self._continue_command()
            return
        self._refusal = None
        self._packet = self._screening.text = b""
        self._stage = Stage.IDLE
        if self._silent:
            self._not_told(error)
        else:
            self.channel.send_error(error, self._intake.sequence)
        self._at_rest()
        if not was_idle:
            self._resume_commands()

    def _not_told(self, error: ClientError) -> None:
        """The command that is refused has no response."""
        raise NotImplementedError

    def begin_own_answer(self, answer: OwnAnswer) -> None:
        """Answer the command without the database, in as many pieces as it takes."""
        self._stage = Stage.BUSY
        self._own_answer = answer
        answer.send()

    def sends(self, answer: OwnAnswer) -> bool:
        """Whether this answer is still wanted."""
        return self._own_answer is answer and self._stage is Stage.BUSY

    def end_own_answer(self) -> None:
        """All of it is written."""
        self._own_answer = None
        self._packet = self._screening.text = b""
        self._stage = Stage.IDLE
        self._at_rest()
        self._resume_commands()

    def skip(self) -> None:
        """Drop the command, once all of it has arrived, without an answer."""
        if self._intake.uploading:
            self._stage = Stage.REFUSING
            self._continue_command()

    def _resume_commands(self) -> None:
        if self._intake.buffered or self._draining:
            self._context.clock.callLater(0, self._next)
