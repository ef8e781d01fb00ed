"""The command phase of one client: a command in, a connection borrowed, its response passed on.

A connection is borrowed at the first statement and returned at the end of a response after which the session
value has no tie to it. A statement whose verdict is PLAIN, on an idle connection that has the session's
settings, goes from socket to socket without a Deferred.
"""

from typing import Any

import attrs
from twisted.logger import Logger

from ...errors import (
    internal_error,
    interrupted,
    malformed,
    refused_command,
    unknown_command,
    unpreparable,
)
from ..backend.connection import BackendConnection
from ..prompt_write import write_now
from ..session.calls import calls_in
from ..session.need import NOTHING, Need
from ..session.pins import PinReason
from ..session.value import SessionValue, Tie
from ..session.verdict import PLAIN, Diagnostics, Verdict
from ..wire.capabilities import Capability
from ..wire.commands import REFUSED, RESPONSES, Command, ResponseKind
from ..wire.datatypes import MalformedPacket
from ..wire.framing import HEADER
from ..wire.results import farewell_text
from ..wire.scanner_states import Farewell
from .channel import ClientChannel
from .command_reception import Stage
from .context import EndpointContext
from .limit_phase import LimitPhase
from .local_commands import LOCAL_COMMANDS
from .losses import loss_of
from .outcomes import Outcomes
from .pin_watch import PinWatch
from .prepared_commands import EXECUTIONS, may_prepare, need_of_text, prepare, told_of_loss
from .proxy_statements import answer_proxy_statement
from .rds_pinning import RdsPinning
from .recovery_phase import CONNECTION_KILLED
from .registry import FIRST_CLIENT_NUMBER
from .tenancy import Tenancy
from .text_commands import run_text_command, with_real_names
from .visible import client_mistake

__all__ = ["CommandPhase"]

_QUERY = int(Command.QUERY)
_MAY_BE_LONG = EXECUTIONS | {Command.STMT_SEND_LONG_DATA}
# As plain names, since looking up a member of an enum costs more.
_RESULT, _NO_RESPONSE = ResponseKind.RESULT, ResponseKind.NONE
_IDLE, _BUSY, _RUNNING, _FILE, _CLOSED = Stage.IDLE, Stage.BUSY, Stage.RUNNING, Stage.FILE, Stage.CLOSED
_CONDITIONS, _NO_READS = Diagnostics.CONDITIONS, Diagnostics.NONE
_UNTIED = Tie.NONE
_EXECUTE = int(Command.STMT_EXECUTE)
_LONG_DATA = int(Command.STMT_SEND_LONG_DATA)
_WITHOUT_RESPONSE = frozenset({int(Command.STMT_CLOSE), int(Command.STMT_SEND_LONG_DATA), int(Command.QUIT)})


class CommandPhase(LimitPhase):
    """One client after its log-in; borrows on its behalf."""

    __slots__ = ("_rds", "said_goodbye", "username")

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
        super().__init__(channel, context, key, value, capabilities)
        self.username = key.username
        self.tenancy = Tenancy(context, key, value, self, program, channel.number)
        self.pin_watch = PinWatch(context.pins, value, channel.number, self.username, self._seconds)
        self.borrower = self
        self._outcomes = Outcomes(context, value, channel.number, self.pin_watch)
        self._rds = self._rds_pinning()
        self.said_goodbye = False

    def _rds_pinning(self) -> RdsPinning | None:
        """For a session that begins in this mode."""
        options = self._context.options
        if options.pinning != "rds":
            return None
        return RdsPinning(
            self.value,
            self._screening,
            self.pin_watch,
            self.channel.number,
            self._seconds,
            exclude_variable_sets=options.exclude_variable_sets,
        )

    def _begin(self, packet: bytes) -> None:
        self.last_active = self._seconds()
        self.statement_count += 1
        code = packet[HEADER]
        self._packet = packet
        self._silent = code in _WITHOUT_RESPONSE
        if self._tenant is not None and self._tenant.limits is not self._limits:
            self._take_limits()
        if self._loss is not None and code == Command.STMT_SEND_LONG_DATA:
            # The first command that has a response is told what the session has lost, this too.
            self._replays_next = False
            self.skip_long_data(packet, self._loss)
        elif self._loss is not None and not self._silent:
            lost, self._loss = self._loss, None
            told_of_loss(self, packet)
            self._tell_loss(lost, packet)
        elif self._gate is not None and not self._silent and self._is_refused(packet):
            return
        elif code == _QUERY:
            self._query(packet)
        elif code in LOCAL_COMMANDS and self._intake.uploading and code not in _MAY_BE_LONG:
            self.refuse(malformed("the command is too long"))
        elif code in LOCAL_COMMANDS:
            LOCAL_COMMANDS[code](self, packet)
        elif code in RESPONSES:
            self._run_command(code, packet)
        elif code in REFUSED:
            self.refuse(refused_command(REFUSED[code]))
        else:
            self.refuse(unknown_command())

    def _query(self, packet: bytes) -> None:
        try:
            verdict = self._screening.statement(packet, self._intake.uploading)
        except MalformedPacket as problem:
            self.refuse(client_mistake(problem))
            return
        if verdict is PLAIN:
            self.run(_RESULT)
            return
        if verdict.kill is not None and verdict.kill.is_for_client(FIRST_CLIENT_NUMBER):
            self.kill(verdict.kill)
            return
        if verdict.shows_proxy:
            answer_proxy_statement(self, self._context, self._screening.text)
            return
        if verdict.prepared is not None:
            run_text_command(self, packet, verdict)
        elif verdict.reads or verdict.asks_connection_id:
            self._run_reader(packet, verdict)
        elif not (verdict.constant_set and self._knows_set()):
            self.run(ResponseKind.RESULT, verdict)

    def _run_command(self, code: int, packet: bytes) -> None:
        verdict = self._screening.command(code, packet, self._intake.uploading)
        if code == Command.STMT_PREPARE:
            self._prepare(packet, verdict)
        else:
            self.run(RESPONSES[code], verdict)

    def _prepare(self, packet: bytes, verdict: Verdict) -> None:
        if verdict.shows_proxy:
            self.refuse(unpreparable())
        elif may_prepare(self, self._context.options.max_prepared_statements_per_client):
            places = self.places(verdict)
            if places:
                packet = self._packet = self._screening.with_constants(packet, places)
            prepare(self, packet[HEADER + 1 :], verdict, is_whole=not self._intake.uploading)

    # Running a command on a connection

    def run(self, kind: ResponseKind, verdict: Verdict = PLAIN, need: Need | None = None) -> None:
        """Send the present command on a connection, borrowed if need be."""
        self._kind = kind
        self._verdict = verdict
        self._stage = _BUSY
        self._interrupted = self._was_healed = self._is_killed = False
        self._reruns = 0
        if need is None:
            need = NOTHING if verdict is PLAIN else need_of_text(verdict)
        if self.value.texts.shared:
            need = with_real_names(self.value, verdict, need)
        if need.reads is not _NO_READS and need.reads & _CONDITIONS and not self.value.diagnostics.unread:
            if self._is_answered(need):
                return
            need = attrs.evolve(need, reads=need.reads & ~Diagnostics.CONDITIONS)
        if self._context.kinds is not None and self.tenancy.connection is None:
            need = self._as_read(need)
        self._need = need
        self.tenancy.acquire(need, self._send, self.refuse)

    def _send(self, connection: BackendConnection) -> None:
        if self._interrupted:
            if self.value.tie() is Tie.NONE:
                self.tenancy.release()
            self.refuse(interrupted())
            return
        scanner, value = self._scanner, self.value
        if not scanner.done:
            # Never to be seen; nobody could tell two answers on one connection apart.
            self.log.error("[clientConnection={client}] two commands at once", client=self.channel.number)
            self.tenancy.cut("a response is outstanding")
            self.refuse(internal_error())
            return
        code = self._packet[HEADER]
        if self.pin_watch.is_open:
            self.pin_watch.begins()
        scanner.begin(self._kind)
        self._retain()
        if (self._need.statement is not None or self.preparing is not None) and not self._fit(connection):
            return
        verdict = self._verdict
        if verdict is not PLAIN:
            scanner.out_parameters = verdict.calls and code == _EXECUTE
            if scanner.makes_eof and (verdict.calls or verdict.multiple):
                scanner.statements = calls_in(self._screening.text)
        scanner.shown = value.shown
        scanner.shows_all = bool(value.pins) and PinReason.SESSION_TRACKING in value.pins
        # An error packet has no status flags: until others come, those known stand.
        scanner.status = value.status
        self._stage = _RUNNING
        connection.unanswered += self._kind is not _NO_RESPONSE
        connection.in_doubt = connection.in_doubt or code == _LONG_DATA
        self._code = code
        self._answer_began = False
        if self._execution is not None:
            self._execution_begins()
        if self.channel.full:
            connection.transport.pauseProducing()
        if connection.begin_command is not None:
            connection.begin_command()
        packet, self._packet = self._packet, b""
        write_now(connection.transport, packet)
        del packet
        if self._intake.uploading:
            self._continue_command()
        elif self._kind is _NO_RESPONSE:
            self._ended()

    # What the database sends (Borrower)

    def backend_data(self, data: bytes) -> None:
        """A chunk of the response: on to the client."""
        scanner = self._scanner
        is_awaited = self._stage is _RUNNING or self._stage is _FILE
        if not is_awaited:
            self.tenancy.cut(f"the target ended the connection: {farewell_text(data)}")
            return
        if not scanner.started and not self._intake.uploading:
            scanner.first_sequence = self._intake.sequence
        if self._copy is not None:
            self._copy.feed(data)
        elif self._shifted is not None:
            data = self._numbered(data)
        try:
            out = scanner.feed(data)
        except Farewell as problem:
            self._is_killed = str(problem) == CONNECTION_KILLED
            self.tenancy.cut(f"the target ended the connection: {problem}")
            return
        except MalformedPacket as problem:
            self.tenancy.cut(f"the target broke the protocol: {problem}")
            return
        if out:
            self._answer_began = True
            if self._is_recording and self._transcript is not None:
                self._transcript.answer(out)
                out = self._news(out)
            self.channel.write(out)
            if self._execution is not None and self.channel.full:
                self._execution.pause()
        if scanner.done:
            self._ended()
        elif scanner.infile and self._stage is _RUNNING:
            if self._execution is not None:
                self._execution.pause()
            self._stage = _FILE
            self._intake.begin_file(scanner.infile_sequence)
            self._continue_command()

    def backend_full(self) -> None:
        """The target reads slower than the client writes."""
        self.channel.pause("target")

    def backend_drained(self) -> None:
        """The target has read what there was."""
        self.channel.resume("target")

    # The end of a response

    def _ended(self) -> None:
        if self._execution is not None:
            self._execution.end()
        if self._intake.uploading:
            self._answered_early()
            return
        connection = self.tenancy.connection
        assert connection is not None
        if self._scanner.withheld and self._is_run_again(connection):
            return
        self._packet = self._retained = b""
        self._screening.text, text = b"", self._screening.text
        if self._kind is not _NO_RESPONSE:
            connection.unanswered -= 1
            connection.in_doubt = False
        verdict = self._verdict
        if self._rds is not None:
            verdict = self._rds.take_in(self._code, verdict, text, connection)
        self._outcomes.take_in(self._kind, self._code, verdict, text, self._scanner, connection)
        if self._transcript is not None:
            self._recorded()
        need = self._need
        if self.preparing is not None or (need is not NOTHING and (need.statement is not None or need.real)):
            self._take_statement(text, connection)
        elif self._copy is not None:
            self._set_ended(text)
        if connection.is_being_killed:
            # The KILL would hit whatever runs next.
            self._stage = Stage.BUSY
            connection.when_not_killed(self._part)
        else:
            self._part()

    def _part(self) -> None:
        """Return the connection if nothing ties the session to it, and go on with the next command."""
        if self._stage is _CLOSED:
            return
        self._stage = _IDLE
        if self.pin_watch.is_open:
            self.pin_watch.rests()
        if self._idle_limit:
            self._rests()
        connection = self.tenancy.connection
        if connection is not None and connection.lost is not None:
            # Cut while its KILL was unanswered, and not yet reported as closed.
            self._loss = loss_of(self.value)
            self.tenancy.lost()
            connection = None
        if connection is None:
            self._next()
            return
        if self.value.tie() is _UNTIED:
            if (self._scanner.errno or self._scanner.warnings) and self.tenancy.may_hold:
                self.tenancy.hold(self._hold_over)
            else:
                self._let_go()
        elif self.value.may_unpin:
            self._let_go()
        if self._intake.buffered or self._draining:
            self._next()

    def _hold_over(self) -> None:
        """Nobody has asked for the diagnostics of the last statement."""
        if self._stage is Stage.IDLE:
            self._at_rest()
        elif self._stage in (Stage.BUSY, Stage.REFUSING) and not self.value.is_doubtful:
            # A KILL is unanswered, or a client is slow to send what is refused: neither needs it.
            self.value.diagnostics.forget_connection()
            self.tenancy.release()

    def _at_rest(self) -> None:
        """Return a connection that nothing ties the session to, and that is held no longer."""
        if self.pin_watch.is_open and self._stage is Stage.IDLE:
            self.pin_watch.rests()
        if self._stage is not Stage.IDLE or self.tenancy.connection is None or self.tenancy.is_holding:
            return
        if self.value.tie() is Tie.NONE:
            self._let_go()

    def _let_go(self) -> None:
        """Return the connection, after it was asked for what is in doubt."""
        if self._stage is _CLOSED:
            return
        if self.value.must_ask:
            self._stage = _BUSY
            self.tenancy.settle(self._settled)
        else:
            self.tenancy.release()

    def _answered_early(self) -> None:
        """Answered before the command was all there: its rest goes nowhere, the connection neither."""
        self._loss = loss_of(self.value)
        self.tenancy.lost()
        self._forget_command(None)
        self.channel.resume("target")
        self._stage = Stage.REFUSING
        self._continue_command()

    def _settled(self) -> None:
        if self._idle_limit:
            self._rests()
        self._outcomes.settled(self.tenancy.connection)
        self._learn_set()
        self._loss, self.tenancy.loss = self.tenancy.loss, None
        if self._stage is Stage.CLOSED:
            return
        if self.pin_watch.is_open:
            self.pin_watch.rests()
        self._stage = Stage.IDLE
        if self.tenancy.connection is not None and self.value.tie() is Tie.NONE:
            self.tenancy.release()
        self._next()

    @property
    def is_at_ease(self) -> bool:
        """Whether the session runs nothing and has no transaction."""
        return self._stage is _IDLE and not self.value.in_transaction

    # The end

    def quit(self) -> None:
        """COM_QUIT."""
        self.said_goodbye = True
        self.channel.close()

    def drain(self) -> None:
        """Close as soon as no transaction and no command is in progress."""
        self._draining = True
        if self._stage is Stage.IDLE and not self.value.in_transaction:
            self.channel.close()

    def start_over(self) -> None:
        """Forget the session (COM_RESET_CONNECTION, COM_CHANGE_USER)."""
        self.tenancy.start_over()
        self.value.reset()
        self.pin_watch.follow()
        self._loss = None

    def client_lost(self) -> None:
        """The client's connection is gone."""
        self.stop()
        self.pin_watch.ended()
        self.tenancy.end(running=self._was_running, vanished=not self.said_goodbye)
        self._packet = b""
