"""Transactions that are kept so that they can be had again (transaction_replay = "safe").

Statements are kept from the first one of a transaction on, with a checksum of each response. What cannot be
run again with the same meaning ends that for the rest of the transaction: stored procedures, several
statements in one text, cursors, long data, settings that change on the way, an error that may have ended the
transaction.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from ...errors import ClientError, rolled_back
from ..backend.connection import BackendConnection, Borrower
from ..session.need import NOTHING
from ..session.statement_kind import traits_of
from ..session.transcript import Abandoned, Comparison, Transcript
from ..session.value import Tie
from ..session.verdict import Verdict
from ..wire.capabilities import Capability
from ..wire.commands import Command
from ..wire.eof_scanner import response_scanner
from ..wire.scanner import ResponseScanner
from ..wire.status import Status
from .command_reception import Stage
from .diagnostic_phase import DiagnosticPhase
from .prepared_commands import EXECUTIONS
from .transaction_replay import Replay, Step

__all__ = ["MAX_REPLAYS", "ReplayPhase"]

#: How often one transaction is replayed.
MAX_REPLAYS: Final = 3

#: They do nothing in a transaction.
_HARMLESS: Final = frozenset({Command.PING, Command.STMT_PREPARE, Command.STMT_CLOSE, Command.STMT_RESET})

#: ER_CHECKREAD, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_TABLE_FULL: with these a server may roll back, and with all
#: whose state is of this class.
_MAY_ROLL_BACK: Final = frozenset({1020, 1205, 1206})
_ROLLBACK_CLASS: Final = b"40"
_IN_TRANSACTION: Final = int(Status.IN_TRANS | Status.IN_TRANS_READONLY)


class ReplayPhase(DiagnosticPhase):
    """The part of the command phase that keeps transactions."""

    __slots__ = (
        "_comparison",
        "_ends",
        "_is_recording",
        "_replaying",
        "_replays",
        "_resumes",
        "_settings",
        "_status",
        "_timeout",
        "_transcript",
        "borrower",
    )

    #: Who gets what the connection has to say: the whole command phase.
    borrower: Borrower

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        options = self._context.options
        is_safe = options.transaction_replay == "safe" and options.pinning != "rds"
        self._transcript: Transcript[Step] | None = None
        if is_safe:
            self._transcript = Transcript(options.transaction_replay_max_size)
        #: The response to the present command is part of the transcript.
        self._is_recording = False
        #: With which settings the transaction has begun.
        self._settings: tuple[Any, Any] = (None, None)
        #: The present command ends the transaction, whether or not it begins another one.
        self._ends = False
        #: Flags of the transaction that was lost, what was said of it before it began, whether it was.
        self._status: tuple[int, str, bool] = (0, "", False)
        self._timeout: Any = None
        self._replaying: Deferred[None] | None = None
        #: Part of the response was with the client when its connection was lost; what comes again of it.
        self._resumes = False
        self._comparison: Comparison | None = None
        self._replays = 0

    # Keeping

    def _record(self) -> None:
        """The present command is about to be sent."""
        transcript, value = self._transcript, self.value
        assert transcript is not None
        self._is_recording = False
        code = self._packet_code()
        if not value.in_transaction:
            transcript = self._another_transcript()
            self._settings = (value.settings, value.variables.values)
            self._replays = 0
        self._ends = bool(value.status & _IN_TRANSACTION) and self._ends_transaction()
        if code in _HARMLESS:
            return
        if (
            (code != Command.QUERY and code not in EXECUTIONS)
            or self._intake.uploading
            or _is_opaque(self._verdict)
            or self._need.real
            or self._need.given
        ):
            transcript.abandon(Abandoned.NOT_REPEATABLE)
        else:
            step = Step(self._kind, code, self._retained, self._need, self._verdict)
            transcript.ask(step, len(self._retained))
            self._is_recording = transcript.abandoned is None

    def _ends_transaction(self) -> bool:
        text = self._screening.text
        if self._packet_code() in _HARMLESS:
            return False
        return not text or traits_of(text, dialect=self._screening.dialect()).ends_transaction

    def _packet_code(self) -> int:
        return self._retained[4] if self._retained else 0

    def _recorded(self) -> None:
        """The present command has ended, and the session's value has taken it in."""
        transcript, value, scanner = self._transcript, self.value, self._scanner
        assert transcript is not None
        comparison, self._comparison = self._comparison, None
        self._resumes = False
        if comparison is not None and not comparison.ends():
            self.channel.close()
        if not value.in_transaction:
            self._another_transcript()
        elif value.tie() is not Tie.TRANSACTION:
            # When the pin ends the transaction goes on, of which not all is known.
            transcript.abandon(Abandoned.LEFT_ALONE)
        elif scanner.infile_sequence:
            # The client would be asked for its file once more.
            transcript.abandon(Abandoned.NOT_REPEATABLE)
        elif (value.settings, value.variables.values) != self._settings or value.is_doubtful:
            transcript.abandon(Abandoned.LEFT_ALONE)
        elif self._may_be_another():
            transcript.abandon(Abandoned.NOT_REPEATABLE)
        elif self._is_recording:
            transcript.answered()
        self._is_recording = False

    def _may_be_another(self) -> bool:
        """Whether the transaction that is open now is perhaps another one, and what was kept has ended."""
        scanner = self._scanner
        if scanner.errno in _MAY_ROLL_BACK or scanner.sqlstate[:2] == _ROLLBACK_CLASS:
            return True
        return self._ends

    def _transcript_ends(self) -> None:
        """The transaction is given up."""
        if self._transcript is not None:
            self._another_transcript()

    def _another_transcript(self) -> Transcript[Step]:
        self._transcript = Transcript(self._context.options.transaction_replay_max_size)
        return self._transcript

    # Having it again

    def _may_replay(self) -> bool:
        """Whether the session's transaction, which is about to be lost, can be had again."""
        transcript = self._transcript
        if transcript is None or self.value.tie() is not Tie.TRANSACTION or self.value.is_doubtful:
            return False
        return transcript.abandoned is None and self._replays < MAX_REPLAYS

    def _may_resume(self) -> bool:
        """Whether the present response may begin once more."""
        return self._is_recording and not (self._ends or self._scanner.infile_sequence)

    def _keep_transaction(self) -> None:
        """To be called before the session forgets its connection."""
        self._status = (self.value.status, self.value.characteristics, self.value.savepoint)

    def _have_transaction(self) -> None:
        value = self.value
        value.status, value.characteristics, value.savepoint = self._status

    def _replay(self, then: Callable[[BackendConnection], None]) -> None:
        """Run the transaction on another connection, then go on there."""
        self._replays += 1
        self._stage = Stage.BUSY
        self._timeout = self._context.clock.callLater(
            self._context.options.transaction_replay_timeout, self._replay_takes_too_long
        )

        def refused(error: ClientError) -> None:
            self._stop_timeout()
            self.log.info(
                "[clientConnection={client}] a transaction was not replayed: {error}",
                client=self.channel.number,
                error=error,
            )
            self._not_replayed()

        def granted(connection: BackendConnection) -> None:
            self._stop_timeout()
            self._run_replay(connection, then)

        self.tenancy.acquire(NOTHING, granted, refused)

    def _run_replay(self, connection: BackendConnection, then: Callable[[BackendConnection], None]) -> None:
        assert self._transcript is not None
        if self._stage is not Stage.BUSY:
            return
        self._have_transaction()
        complete = [entry for entry in self._transcript.entries if entry.is_complete]
        replay = Replay(self, connection, self._another_scanner(), complete)
        self._replaying = running = maybeDeferred(replay.run)
        running.addTimeout(self._context.options.transaction_replay_timeout, self._context.clock)

        def done(_: None) -> None:
            self._replaying = None
            if self._stage is not Stage.BUSY:
                self.tenancy.cut("its client is gone")
                return
            self._have_transaction()
            connection.lend(self.borrower)
            self.log.info(
                "[clientConnection={client}] the transaction was replayed on [dbConnection={number}]",
                client=self.channel.number,
                number=connection.thread_id,
            )
            then(connection)

        def failed(failure: Failure) -> None:
            self._replaying = None
            self.log.info(
                "[clientConnection={client}] a transaction could not be replayed: {problem}",
                client=self.channel.number,
                problem=failure.getErrorMessage(),
            )
            connection.abort("a transaction could not be replayed on it")
            self.tenancy.lost()
            if self._stage is Stage.BUSY:
                self._not_replayed()

        running.addCallbacks(done, failed)
        running.addErrback(lambda failure: self.log.failure("unforeseen failure", failure))

    def _resume(self, send_again: Callable[[BackendConnection], None]) -> None:
        """Part of a response is with the client: have the rest of it follow, if its beginning comes again."""
        assert self._transcript is not None
        entry = self._transcript.entries[-1]
        self._resumes = True

        def replayed(connection: BackendConnection) -> None:
            if self._interrupted:
                self._not_replayed()
                return
            send_again(connection)
            self._comparison = Comparison(entry)

        self._replay(replayed)

    def _news(self, data: bytes) -> bytes:
        """What of a response that comes for the second time the client has not had yet."""
        comparison = self._comparison
        if comparison is None:
            return data
        data = comparison.take(data)
        if comparison.differs:
            self.channel.close()
            self.tenancy.cut("a result was not the same as before")
        return data

    def _replay_takes_too_long(self) -> None:
        self._timeout = None
        self.tenancy.stop_waiting()

    def _stop_timeout(self) -> None:
        timeout, self._timeout = self._timeout, None
        if timeout is not None:
            timeout.cancel()

    def _not_replayed(self) -> None:
        self._transcript_ends()
        if self._resumes:
            # Part of a response is out: only closing tells the client that the rest will not come.
            self.channel.close()
            return
        self.refuse(
            rolled_back(
                "the database connection was lost, the transaction is rolled back and could not be replayed"
            )
        )

    def _another_scanner(self) -> ResponseScanner:
        capabilities = self.capabilities
        return response_scanner(
            deprecate_eof=bool(capabilities & Capability.DEPRECATE_EOF),
            session_track=bool(capabilities & Capability.SESSION_TRACK),
            local_files=False,
            max_closing_packet=self._context.options.closing_packet_size,
        )

    def stop(self) -> None:
        """What the client sends from now on is no command."""
        super().stop()
        self._stop_timeout()
        if self._replaying is not None:
            self.tenancy.cut("its client is gone")


def _is_opaque(verdict: Verdict) -> bool:
    """Whether what a statement does is more than its response tells."""
    if verdict.kill is not None or verdict.sets_global:
        return True
    return bool(verdict.calls or verdict.multiple or verdict.runs_code or verdict.pins or verdict.reads)
