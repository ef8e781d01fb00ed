"""What becomes of a command whose database connection was lost while it ran, or whose target is leaving.

As long as nothing of its response has gone to the client:

- a command that changes nothing is run again, on whichever target serves by then;
- inside a transaction the client is told that it was rolled back, unless the transaction can be replayed;
- a COMMIT, or a write that commits by itself, is in doubt: it is never sent again. What has become of it is
  asked of the target that serves now.

An error that says that the target takes no writes any more (it was demoted) or is shutting down counts as
such a loss, but for a write of which it says that it was not run: that is run on the new primary.
"""

import enum
import re
from typing import Any, Final

import attrs
from twisted.python.failure import Failure

from ...errors import ClientError, connection_lost, interrupted, rolled_back
from ..backend.connection import BackendConnection
from ..session.causal import NOT_TOLD
from ..session.fate import Fate, may_be_found
from ..session.need import JUST_A_READ, NOTHING, Need
from ..session.readings import REFUSED
from ..session.statement_kind import StatementKind, Traits, traits_of
from ..session.value import Tie
from ..wire.commands import Command, ResponseKind
from ..wire.error_numbers import LEAVING, OPTION_PREVENTS, READ_ONLY_TRANSACTION, SHUTDOWN
from ..wire.execute_packets import cursor_flags
from ..wire.framing import HEADER
from ..wire.status import Status
from .command_reception import Stage
from .losses import fate_error, loss_error, loss_of
from .pin_watch import PinWatch
from .prepared_commands import EXECUTIONS
from .read_split import is_for_readers
from .replay_phase import ReplayPhase
from .transaction_ends import is_definition, is_distributed, only_commits, only_rolls_back

__all__ = ["MAX_RERUNS", "MAX_SENT_RERUNS", "RecoveryPhase"]

#: How often one command is run again after its connection was lost, or its target took no writes.
MAX_RERUNS: Final = 5

#: The same where it was lost on the way: it may be the cause, and somebody may have ended it on purpose.
MAX_SENT_RERUNS: Final = 2

_AUTOCOMMIT: Final = int(Status.AUTOCOMMIT)

#: ER_CONNECTION_KILLED, and the state of an error after which a transaction may be tried again.
CONNECTION_KILLED: Final = "1927"
_ROLLED_BACK: Final = "40001"
#: The options that make a whole server read only, in the text of ER_OPTION_PREVENTS_STATEMENT.
_READ_ONLY_OPTION: Final = re.compile(rb"--[a-z-]*read[-_]only")
_IN_READ_ONLY_TRANSACTION: Final = int(Status.IN_TRANS_READONLY)
_QUERY: Final = int(Command.QUERY)

#: Of the commands without a text, those that change nothing at the target.
_NOTHING: Final = Traits(StatementKind.READ, rerunnable=True)
_ANYTHING: Final = Traits(StatementKind.WRITE, may_commit=True, ends_transaction=True)
_HARMLESS: Final = frozenset(
    {Command.PING, Command.INIT_DB, Command.STMT_PREPARE, Command.FIELD_LIST, Command.STATISTICS}
)
#: Those that change something, but no data.
_OTHERS: Final = dict.fromkeys(
    (int(Command.SET_OPTION), int(Command.STMT_RESET), int(Command.STMT_FETCH)), Traits(StatementKind.OTHER)
)


class _Course(enum.Enum):
    """What is to be done about a command without an answer."""

    RERUN = "run it again"
    DONE = "the loss itself has done it"
    TELL = "tell what was lost"
    DOUBT = "it may have been committed"


class RecoveryPhase(ReplayPhase):
    """The part of the command phase that outlives its database connections."""

    __slots__ = (
        "_answer_began",
        "_is_killed",
        "_loss",
        "_replays_next",
        "_reruns",
        "_sent_at",
        "pin_watch",
    )

    pin_watch: PinWatch

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        #: Something of the present response has gone to the client.
        self._answer_began = False
        #: What the session lost with its connection while the client was silent.
        self._loss: ClientError | None = None
        #: The transaction that was lost is replayed when the next command comes.
        self._replays_next = False
        #: How often the present command was run again.
        self._reruns = 0
        #: When it was sent, on the reactor's clock.
        self._sent_at = 0.0
        #: Somebody has killed the connection of the present command on purpose.
        self._is_killed = False

    def _retain(self) -> None:
        """Keep the command that is about to be sent; a longer one is gone piece by piece."""
        self._sent_at = self._seconds()
        self._retained = b""
        if not self._intake.uploading:
            self._retained = self._packet
            self._scanner.heals = LEAVING
        if self._transcript is not None:
            self._record()

    def _tell_loss(self, loss: ClientError, packet: bytes) -> None:
        """The first command after a loss is answered with it; a ROLLBACK has got what it wants."""
        replays, self._replays_next = self._replays_next, False
        if loss.sqlstate == _ROLLED_BACK and packet[HEADER] == _QUERY and self._only_rolls_back(packet):
            self._transcript_ends()
            self._answer_rollback()
        elif replays:
            self._packet = packet
            self._replay(lambda _: self._begin_after_replay(packet))
        else:
            self._transcript_ends()
            self.refuse(loss)

    def _only_rolls_back(self, packet: bytes) -> bool:
        """Whether it is a ROLLBACK after which there is no transaction."""
        return not self._intake.uploading and only_rolls_back(packet, self.value.settings)

    def _answer_rollback(self) -> None:
        self.value.diagnostics.after(Command.QUERY, b"ROLLBACK")
        self.answer_ok()

    def _begin_after_replay(self, packet: bytes) -> None:
        """The transaction is where it was before the command that is to be begun."""
        self._stage = Stage.IDLE
        self._begin(packet)
        if self._stage is Stage.IDLE:
            # The proxy has answered it by itself.
            self._at_rest()
            self._resume_commands()

    def backend_lost(self, reason: str) -> None:
        """The connection is gone: an error for the command in progress, or for the next one."""
        connection = self.tenancy.connection
        self.log.info(
            "[clientConnection={client}] lost [dbConnection={number}]: {reason}",
            client=self.channel.number,
            number=connection.thread_id if connection is not None else 0,
            reason=reason,
        )
        is_running = self._stage in (Stage.RUNNING, Stage.FILE)
        began = self._answer_began or self._resumes
        if is_running and not (self._silent or began or self._intake.uploading):
            self._recover(connection, reason)
            return
        loss, error = loss_of(self.value), loss_error(self.value)
        may_replay = self._may_replay()
        self._replays_next = not is_running and may_replay
        # A second time nobody knows how much of which response the client has.
        resumes = may_replay and began and not self._resumes and self._may_resume() and self._may_rerun()
        self._keep_transaction()
        self._lose()
        if self._stage is Stage.CLOSED:
            return
        if not is_running:
            # No statement runs on it: whatever the session waits for is something else.
            self._loss = loss
        elif self._silent:
            self._loss = loss
            self._forget_command(error)
            self._stage = Stage.IDLE
            self.skip()
            self._resume_commands()
        elif resumes:
            self._resume(self._send_again)
        elif began:
            # Part of a response is out: only closing tells the client that the rest will not come.
            self.channel.close()
        else:
            self.refuse(error)

    def _lose(self) -> None:
        """The session has no connection any more."""
        self.tenancy.lost()
        if self.pin_watch.is_open:
            self.pin_watch.follow()
        self._scanner.begin(ResponseKind.NONE)
        self.channel.resume("target")

    def _as_read(self, need: Need) -> Need:
        """Let a reader run the present command, if it only reads and the session has nothing open."""
        if self._context.kinds is None or need.reads or need.real or self._intake.uploading:
            return need
        if not is_for_readers(self._context, self.value, self._packet, self._screening):
            return need
        return JUST_A_READ if need is NOTHING else attrs.evolve(need, is_read=True)

    def _recover(self, connection: BackendConnection | None, reason: str) -> None:
        """The connection of the present command is gone; the client has seen nothing of an answer."""
        course = self._course()
        replays = self._may_replay() and self._may_rerun()
        self._keep_transaction()
        error = self._lost_error()
        was_in_transaction = self.value.in_transaction
        # There may be several transactions in it, or one with a GTID that its server does not give by itself.
        is_one = not (self._verdict.calls or self._verdict.multiple or is_distributed(self._screening.text))
        is_findable = is_one and may_be_found(self.value)
        if course is _Course.DOUBT and self._context.writes:
            self.value.last_gtid = NOT_TOLD
        lost, was_pinned = self._what_is_lost(), bool(self.value.pins)
        self._lose()
        if course is _Course.RERUN:
            self._rerun(reason, is_sent=self._traits().kind is StatementKind.READ)
        elif course is _Course.DONE:
            self._stage = Stage.BUSY
            self._transcript_ends()
            self._answer_rollback()
        elif course is _Course.DOUBT and connection is not None and is_findable:
            self._doubt(connection, lost, was_in_transaction, was_pinned=was_pinned, replays=replays)
        elif course is _Course.DOUBT and connection is not None:
            self.refuse(fate_error(Fate.UNKNOWN, lost, in_transaction=was_in_transaction))
        elif replays:
            self._replay(self._send_again)
        else:
            self._transcript_ends()
            self.refuse(error)

    def _what_is_lost(self) -> str:
        return self.value.what_is_lost() if self.value.pins else "the database connection was lost"

    def _lost_error(self) -> ClientError:
        value = self.value
        if not value.status & _AUTOCOMMIT and value.tie() is Tie.NONE and not value.is_doubtful:
            # What it did is part of a transaction that it would have begun.
            return rolled_back("the database connection was lost, what the statement did is rolled back")
        return loss_error(value)

    def _take_up_again(self) -> None:
        """The present command is as it was before it was sent."""
        self._packet = self._retained
        if self._copy is not None:
            self._copy = type(self._copy)()
        self._shifted = self._lowered = None

    def _send_again(self, connection: BackendConnection) -> None:
        """The transaction is where it was before the present command."""
        self._take_up_again()
        self._send(connection)

    def _course(self) -> _Course:
        value, tie = self.value, self.value.tie()
        traits = self._traits()
        if tie is Tie.PINNED:
            return _Course.DOUBT if self._may_have_committed(traits) else _Course.TELL
        if tie is Tie.TRANSACTION:
            if self._code == _QUERY and self._retained and self._only_rolls_back(self._retained):
                return _Course.DONE
            return _Course.DOUBT if traits.may_commit else _Course.TELL
        # What a statement has done to its own session is gone with the connection.
        is_safe = traits.rerunnable or traits.kind is StatementKind.OTHER
        is_safe = is_safe and not (self._opens_cursor() or value.is_doubtful)
        if is_safe and self._may_rerun(MAX_SENT_RERUNS):
            return _Course.RERUN
        return _Course.DOUBT if self._may_have_committed(traits) else _Course.TELL

    def _opens_cursor(self) -> bool:
        """Whether the session would keep the connection, on which what is run again must not write."""
        return self._code in EXECUTIONS and cursor_flags(self._retained) > 0

    def _may_rerun(self, limit: int = MAX_RERUNS) -> bool:
        is_wanted = not (self._interrupted or self._is_killed)
        return is_wanted and bool(self._retained) and self._reruns < limit

    def _traits(self) -> Traits:
        """What the present command does; one that is not known whole is a write."""
        code = self._code
        if code != Command.QUERY and code not in EXECUTIONS:
            return _NOTHING if code in _HARMLESS else _OTHERS.get(code, _ANYTHING)
        if not self._retained or not self._screening.text:
            return _ANYTHING
        kinds, dialect = self._context.kinds, self._screening.dialect()
        if kinds is not None:
            return kinds.traits(self._screening.text, dialect)
        return traits_of(self._screening.text, dialect=dialect)

    def _may_have_committed(self, traits: Traits) -> bool:
        """Whether the command may have committed something, its own work included."""
        if not self.value.status & _AUTOCOMMIT or self.value.in_transaction:
            return traits.may_commit
        return traits.kind in (StatementKind.WRITE, StatementKind.COMMIT)

    @property
    def _has_text(self) -> bool:
        return self._code == _QUERY or self._code in EXECUTIONS

    def _rerun(self, reason: str, *, is_sent: bool) -> None:
        """Send the command once more, as soon as there is a connection; ``is_sent``: it may have been run."""
        self._reruns += 1
        self.log.info(
            "[clientConnection={client}] a command without an answer is run again: {reason}",
            client=self.channel.number,
            reason=reason,
        )
        self._take_up_again()
        self._stage = Stage.BUSY
        if is_sent and self.value.status & _AUTOCOMMIT and self._has_text:
            # It may have been run once already, and a view may call what writes.
            self._need = attrs.evolve(self._need, guarded=True)
        # Not on the stack of what has failed: all that has failed with it is to be noticed first.
        self._context.clock.callLater(0, self._acquire_again)

    def _acquire_again(self) -> None:
        if self._stage is not Stage.BUSY:
            return
        if self._interrupted:
            self.refuse(interrupted())
            return
        self.tenancy.acquire(self._need, self._send, self.refuse)

    # What a write has come to

    def _doubt(
        self,
        connection: BackendConnection,
        lost: str,
        was_in_transaction: bool,
        *,
        was_pinned: bool,
        replays: bool,
    ) -> None:
        """Ask what has become of a write, then tell the client."""
        is_all = self._tells_no_more(was_in_transaction=was_in_transaction)
        self._stage = Stage.BUSY
        self._packet = b""

        def found(fate: Fate) -> None:
            if self._stage is not Stage.BUSY:
                return
            self.log.warn(
                "[clientConnection={client}] a write had no answer on [dbConnection={number}]: {fate}",
                client=self.channel.number,
                number=connection.thread_id,
                fate=fate.value,
            )
            if fate is Fate.NOT_COMMITTED and replays:
                self._replay(self._send_again)
                return
            self._transcript_ends()
            if fate is Fate.COMMITTED and is_all:
                self.answer_ok()
            else:
                self.refuse(fate_error(fate, lost, in_transaction=was_in_transaction, was_pinned=was_pinned))

        def failed(failure: Failure) -> None:
            self.log.failure("what has become of a write could not be found out", failure)
            found(Fate.UNKNOWN)

        asking = self._context.failover.fate(connection, self._sent_at)
        asking.addErrback(failed).addCallback(lambda fate: None if fate is None else found(fate))
        asking.addErrback(lambda failure: self.log.failure("unforeseen failure", failure))

    def _tells_no_more(self, *, was_in_transaction: bool) -> bool:
        """Whether an OK for the present command says no more than that something was committed."""
        if self._code == _QUERY and self._retained and only_commits(self._retained, self.value.settings):
            return True
        # In a transaction it may be that one alone which was committed, before the command itself was run.
        is_alone = not was_in_transaction and is_definition(self._screening.text)
        return is_alone and self._traits().kind is StatementKind.COMMIT

    # What the target says of itself

    def _is_run_again(self, connection: BackendConnection) -> bool:
        """Whether the command is not over, although an error has come; else the client gets that."""
        if self._answer_began or self._resumes:
            return False
        if self._scanner.errno not in LEAVING:
            self._heal(connection)
            return True
        if self._need.guarded and self._scanner.errno == REFUSED:
            connection.unanswered -= 1
            self._lose()
            self.refuse(connection_lost("the database connection was lost"))
            return True
        if not connection.is_guarded and self._is_leaving():
            self._target_leaves(connection)
            return True
        self._answer_began = True
        self.channel.write(self._scanner.withheld)
        return False

    def _is_leaving(self) -> bool:
        """Whether the error that was held back is about the target."""
        scanner = self._scanner
        if self._interrupted or self._reruns >= MAX_RERUNS:
            return False
        if scanner.errno == SHUTDOWN or not self._context.writes or self.key.is_read_only:
            return scanner.errno == SHUTDOWN
        if scanner.errno == OPTION_PREVENTS:
            return _READ_ONLY_OPTION.search(scanner.withheld) is not None
        return scanner.errno != READ_ONLY_TRANSACTION or not self._is_read_only_by_itself()

    def _is_read_only_by_itself(self) -> bool:
        value = self.value
        if value.status & _IN_READ_ONLY_TRANSACTION or "READ ONLY" in value.characteristics.upper():
            return True
        variables = value.settings.variables
        return any(variables.get(name) == "ON" for name in ("tx_read_only", "transaction_read_only"))

    def _target_leaves(self, connection: BackendConnection) -> None:
        """Its error packet is not shown: what has not run is run elsewhere."""
        errno = self._scanner.errno
        connection.unanswered -= 1
        self._context.failover.target_leaves(connection)
        if errno == SHUTDOWN:
            connection.abort("the server is shutting down")
            return
        is_free = self.value.tie() is Tie.NONE
        replays = self._may_replay()
        self._keep_transaction()
        error = loss_error(self.value)
        if self._verdict.calls or self._verdict.multiple:
            # What a procedure has done before it met the error may be committed.
            is_free = replays = False
            self.value.last_gtid = NOT_TOLD
            error = fate_error(Fate.UNKNOWN, self._what_is_lost(), in_transaction=self.value.in_transaction)
        self._lose()
        if self._need.is_read:
            # What a reader does not take for a read is the writer's.
            self._need = attrs.evolve(self._need, is_read=False, from_writer=True)
        if is_free and self._may_rerun():
            self._rerun("the target takes no writes any more", is_sent=False)
        elif replays and self._may_rerun():
            self._replay(self._send_again)
        else:
            self._transcript_ends()
            self.refuse(error)
