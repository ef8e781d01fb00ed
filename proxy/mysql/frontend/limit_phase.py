"""A tenant's limits in the command phase: what may run, for how long, how long a client may be idle.

A statement that takes too long is ended by KILL QUERY. Only if the database then says that it was interrupted
does the client get the error about the time, in the very place of that; a statement that ended all the same
stays what it is. COMMIT and ROLLBACK are never ended.
"""

from typing import Any, Final

from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import idle_in_transaction, statement_too_slow
from ...tenants.limits import NO_LIMITS, TenantLimits
from ...tenants.tenant import Tenant
from ..backend.connection import BackendConnection
from ..session.screen import Dialect
from ..session.value import Tie
from ..wire.commands import Command, ResponseKind
from ..wire.framing import HEADER
from .command_reception import Stage
from .execution_limit import ExecutionLimit
from .prepared_commands import EXECUTIONS, drop_long_data
from .recovery_phase import RecoveryPhase
from .tenant_limits import Gate, has_rules
from .transaction_ends import is_distributed, only_commits, only_rolls_back
from .visible import error_packet

__all__ = ["LimitPhase"]

#: ER_QUERY_INTERRUPTED.
_INTERRUPTED: Final = 1317
_QUERY: Final = int(Command.QUERY)
_TEXTS: Final = frozenset({_QUERY, int(Command.STMT_PREPARE)})


class LimitPhase(RecoveryPhase):
    """The part of the command phase that is about limits."""

    __slots__ = (
        "_execution",
        "_gate",
        "_idle_limit",
        "_idle_timer",
        "_limits",
        "_rested_at",
        "_tenant",
    )

    log = Logger()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tenant: Tenant | None = self.key.tenant
        #: Those that count now; a reload gives the tenant others.
        self._limits: TenantLimits = NO_LIMITS
        #: Looks at commands; None where there is nothing to look for.
        self._gate: Gate | None = None
        #: None where a statement may take as long as it likes.
        self._execution: ExecutionLimit | None = None
        self._idle_limit = 0.0
        self._idle_timer: Any = None
        #: When the last response ended, for those with such a limit.
        self._rested_at = 0.0
        self._take_limits()

    def _take_limits(self) -> None:
        """The tenant's limits are others than before."""
        self._limits = limits = NO_LIMITS if self._tenant is None else self._tenant.limits
        is_read_only = self.key.is_read_only
        former, self._gate = self._gate, None
        if has_rules(limits, is_read_only=is_read_only):
            self._gate = Gate(self, self._context, limits)
            self._gate.follow(former)
        self._execution = None
        if limits.max_execution_time:
            self._execution = ExecutionLimit(self._context.clock, self._is_too_slow)
        self._idle_limit = limits.idle_in_transaction_timeout

    # What may run

    def _is_refused(self, packet: bytes) -> bool:
        """Whether the limits forbid the command, which is answered then."""
        assert self._gate is not None
        text = None
        if packet[HEADER] in _TEXTS and not self._intake.uploading:
            text = self._screening.text_of(packet)
        refusal = self._gate.refusal(packet, text)
        if refusal is None:
            return False
        if packet[HEADER] == Command.STMT_PREPARE:
            # MariaDB's -1 means none if the last one could not be prepared.
            self.value.last_statement = 0
        elif packet[HEADER] in EXECUTIONS:
            drop_long_data(self, packet)
        self.refuse(refusal)
        if self._gate.ends_session:
            self.channel.close()
        return True

    def dialect(self) -> Dialect:
        """How the session's texts are to be read."""
        return self._screening.dialect()

    # For how long

    def _execution_begins(self) -> None:
        """The present command is about to be written to the database."""
        assert self._execution is not None
        if self._kind is ResponseKind.NONE:
            return
        self._execution.begin(self._limits.max_execution_time)
        if not self._intake.uploading:
            self._execution.go_on()

    def _upload(self) -> None:
        super()._upload()
        if self._execution is not None and self._stage is Stage.RUNNING and not self._intake.uploading:
            self._execution.go_on()

    def _upload_file(self) -> None:
        super()._upload_file()
        if self._execution is not None and self._stage is Stage.RUNNING:
            self._execution.go_on()

    def drained(self) -> None:
        """The client has read what there was."""
        if self._execution is not None and self._stage is Stage.RUNNING:
            self._execution.go_on()
        super().drained()

    def _is_too_slow(self) -> None:
        connection = self.running_on
        if connection is None or self._must_end_by_itself():
            return
        if self._tenant is not None:
            self._tenant.stopped_statements += 1
        self.log.info(
            "[clientConnection={client}] a statement took longer than max_execution_time",
            client=self.channel.number,
        )
        # It is not to be run again either, should the connection be lost.
        self._interrupted = True
        error = error_packet(statement_too_slow(is_mariadb=not self.is_mysql))
        self._scanner.substitutes = {_INTERRUPTED: error}
        count = self.statement_count

        def is_wanted() -> bool:
            return self.running_on is connection and self.statement_count == count

        killing = connection.connector.kill_statement(connection, self.key.username, is_wanted)
        killing.addErrback(self._not_stopped, connection)

    def _not_stopped(self, failure: Failure, connection: BackendConnection) -> None:
        self.log.warn(
            "[dbConnection={number}] a statement beyond max_execution_time was not stopped: {problem}",
            number=connection.thread_id,
            problem=failure.value,
        )

    def _must_end_by_itself(self) -> bool:
        """Whether nobody would know what an interrupted statement has come to."""
        packet, settings = self._retained, self.value.settings
        if self._code != _QUERY or not packet:
            return False
        ends = only_commits(packet, settings) or only_rolls_back(packet, settings)
        return ends or is_distributed(self._screening.text)

    def _lose(self) -> None:
        if self._execution is not None:
            self._execution.end()
        super()._lose()

    # Idle in a transaction

    def _rests(self) -> None:
        """A response has ended, and the next move is the client's."""
        self._rested_at = self._seconds()
        if self._idle_timer is None and self.value.tie() is not Tie.NONE:
            self._idle_timer = self._context.clock.callLater(self._idle_limit, self._look_at_idleness)

    def _look_at_idleness(self) -> None:
        self._idle_timer = None
        if self._tenant is not None:
            # A reload counts for those who are idle as well.
            self._idle_limit = self._tenant.limits.idle_in_transaction_timeout
        limit = self._idle_limit
        if not limit or self.tenancy.connection is None or self.value.tie() is Tie.NONE:
            # It is looked at again from the next response on.
            return
        left = limit
        if self.waits_for_client and not self.channel.full:
            left -= self._seconds() - max(self._rested_at, self.last_active)
        if left > 0:
            self._idle_timer = self._context.clock.callLater(left, self._look_at_idleness)
        elif self._stage is Stage.IDLE:
            self._end_idle()

    def _end_idle(self) -> None:
        """Disconnect the client, which learns why, and roll its transaction back at once."""
        if self._tenant is not None:
            self._tenant.idle_disconnects += 1
        self.log.info(
            "[clientConnection={client}] The client connection closed. Reason: {option}",
            client=self.channel.number,
            option="idle_in_transaction_timeout",
        )
        if self._begin_command is not None:
            self._begin_command()
        self.stop()
        self.tenancy.end(running=False, vanished=True)
        self.channel.send_error(idle_in_transaction(), 0)
        self.channel.close()

    def stop(self) -> None:
        """What the client sends from now on is no command."""
        super().stop()
        if self._execution is not None:
            self._execution.end()
        timer, self._idle_timer = self._idle_timer, None
        if timer is not None:
            timer.cancel()
