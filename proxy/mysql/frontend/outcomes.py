"""What a response means for the session: its value, its pins, what must be remembered of the connection."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from twisted.logger import Logger

from ..backend.connection import BackendConnection
from ..backend.preparing import close_statements
from ..session.digest import digest
from ..session.pins import PinReason, RdsReason
from ..session.prepared import NEW, OpenStatement
from ..session.value import SessionValue
from ..session.variable_use import VariableUse
from ..session.verdict import PLAIN, Diagnostics, Verdict
from ..wire.commands import ResponseKind
from ..wire.prepare_response import ResponseCopy
from ..wire.results import SessionChanges
from ..wire.scanner import ResponseScanner
from ..wire.status import LASTING, Status
from .context import EndpointContext
from .executions import after_command
from .pin_watch import PinWatch
from .statements import remember_collation, with_known_collation

__all__ = ["Outcomes"]

# Each frozenset() would be another one.
_NO_PINS: Final[frozenset[PinReason | RdsReason]] = frozenset()
#: What statements leave that the server counts (see stored_code).
_COUNTED = frozenset({PinReason.TEMPORARY_TABLE, PinReason.HANDLER})
_FOUND_BY_ASKING = (PinReason.UNTRACKED_STATE, PinReason.USER_VARIABLE)
_ASSIGNED = re.compile(rb"@@(?:(?:session|local)\s*\.\s*)?`?([a-z_][a-z0-9_]*)`?\s*:?=", re.IGNORECASE)
_LONGEST_SET_NAMES = 256
_AUTOCOMMIT = int(Status.AUTOCOMMIT)
_CURSOR_EXISTS = int(Status.CURSOR_EXISTS)
# As plain names, since looking up a member of an enum costs more.
_RESULT, _PREPARE = ResponseKind.RESULT, ResponseKind.PREPARE
_WITHOUT_STATUS = frozenset({ResponseKind.NONE, ResponseKind.STRING})


def _assigned(verdict: Verdict, text: bytes) -> set[str]:
    """System variables that a text may have assigned by `@@name`, also within compound statements."""
    found = {name.decode("ascii").lower() for name in _ASSIGNED.findall(text)}
    return found | verdict.assigned_variables


def _gtids(changes: Sequence[SessionChanges]) -> Iterator[str]:
    """What the target calls the transaction that was committed, if it was the session's own."""
    for change in changes:
        if change.gtid:
            yield change.gtid


class Outcomes:
    """Takes in the responses of one session."""

    __slots__ = (
        "_asking",
        "_client",
        "_context",
        "_pinned_before",
        "_seconds",
        "_unsettled",
        "_value",
        "_watch",
    )

    log = Logger()

    def __init__(self, context: EndpointContext, value: SessionValue, client: int, watch: PinWatch) -> None:
        self._watch = watch
        self._context = context
        self._value = value
        self._client = client
        self._seconds: Callable[[], float] = context.clock.seconds
        #: The statement whose collation is asked for, while it is.
        self._unsettled = b""
        #: The statement after which the connection is asked what that has changed, and the pins by then.
        self._asking = b""
        self._pinned_before: frozenset[PinReason | RdsReason] = _NO_PINS

    def take_in(
        self,
        kind: ResponseKind,
        code: int,
        verdict: Verdict,
        text: bytes,
        scanner: ResponseScanner,
        connection: BackendConnection,
    ) -> None:
        """Hold as a value what the response to a command said, and pin where that cannot be."""
        if kind is not _RESULT and kind in _WITHOUT_STATUS:
            return
        value = self._value
        use = verdict.variables
        if use is not None and use.assigned and kind is _RESULT:
            self._take_variables(use, text, connection, failed=bool(scanner.errno))
        value.diagnostics.after(
            code,
            text,
            errno=scanner.errno,
            sqlstate=scanner.sqlstate,
            in_rows=scanner.rows_last,
            affected_rows=scanner.affected_rows,
            warnings=scanner.warnings,
            warned=scanner.warned,
            rows=scanner.rows if scanner.result_set else None,
            is_cursor=bool(scanner.status & _CURSOR_EXISTS),
        )
        if value.diagnostics.unread:
            connection.leave_residue(value)
        if scanner.errno:
            self._take_error(verdict, text, connection)
        if kind is _PREPARE:
            return
        connection.status = scanner.status
        if verdict is PLAIN and not scanner.changes and not value.wants_diagnostics:
            value.status = scanner.status & LASTING
        else:
            self._take_changes(verdict, text, scanner, connection)
        if value.savepoint or verdict.savepoint:
            value.note_savepoint(text, verdict, failed=bool(scanner.errno))
        if scanner.last_insert_id or verdict is not PLAIN:
            unknown = scanner.result_set and verdict.returns_insert_id
            if value.take_insert_id(verdict, scanner.last_insert_id, unknown=unknown):
                connection.keep_insert_id(value)

    def settled(self, connection: BackendConnection | None) -> None:
        """The values in effect are known now."""
        text, self._asking = self._asking, b""
        new = [reason for reason in _FOUND_BY_ASKING if reason in self._value.pins]
        new = [reason for reason in new if reason not in self._pinned_before]
        if new and connection is not None:
            self._log_pins(new, text, connection)
        text, self._unsettled = self._unsettled, b""
        remember_collation(text, self._value.settings, self._context.names_collations)

    def _take_variables(
        self, use: VariableUse, text: bytes, connection: BackendConnection, *, failed: bool
    ) -> None:
        value = self._value
        is_known = not (value.unsettled or value.unreported or value.unexplained)
        value.variables.after(use, value.settings, failed=failed, certain=is_known)
        was_pinned = PinReason.USER_VARIABLE in value.pins
        if value.check_variables(self._seconds()):
            self._log_pins([PinReason.USER_VARIABLE], text, connection)
        elif was_pinned and PinReason.USER_VARIABLE not in value.pins:
            connection.leave_traces(value)

    def _take_error(self, verdict: Verdict, text: bytes, connection: BackendConnection) -> None:
        """An error packet tells nothing of what was done before it: an open transaction, changed state."""
        connection.leave_traces(self._value)
        if verdict is not PLAIN or not self._value.status & _AUTOCOMMIT:
            self._value.unsettled = True
        if verdict.calls and self._value.pin(PinReason.UNTRACKED_STATE, self._seconds()):
            self._log_pins([PinReason.UNTRACKED_STATE], text, connection)

    def take_prepared(
        self,
        statement: OpenStatement,
        copy: ResponseCopy,
        version: int,
        text: bytes,
        scanner: ResponseScanner,
        connection: BackendConnection,
    ) -> None:
        """A statement was prepared for the client, at a ``version`` of all tables; it has run nothing yet."""
        if scanner.errno:
            return
        value = self._value
        statement.parameters, statement.columns = scanner.parameters, scanner.columns
        prepared = statement.prepared
        if prepared is not None:
            if not value.pins:
                prepared.prepared(copy.response(), version, self._seconds())
            former = connection.statements.put(prepared, NEW, scanner.statement_id)
            close_statements(connection, [] if former is None else [former])
        else:
            statement.server_id = scanner.statement_id
            if value.pin_for(PinReason.PREPARED_STATEMENT, statement.number, self._seconds()):
                self._log_pins([PinReason.PREPARED_STATEMENT], text, connection)
        value.open_statement(statement)

    def take_executed(
        self,
        statement: OpenStatement,
        code: int,
        text: bytes,
        scanner: ResponseScanner,
        connection: BackendConnection,
    ) -> None:
        """A command about a statement has ended."""
        reason = after_command(self._value, statement, code, scanner, connection, self._seconds())
        if reason is not None:
            self._log_pins([reason], text, connection)

    def _take_changes(
        self, verdict: Verdict, text: bytes, scanner: ResponseScanner, connection: BackendConnection
    ) -> None:
        value = self._value
        changes: Sequence[SessionChanges] = with_known_collation(
            text, scanner.changes, value.settings, self._context.names_collations
        )
        before = set(value.pins)
        new = value.after(
            verdict,
            scanner.status,
            changes,
            tracked=connection.tracked,
            failed=bool(scanner.errno),
            now=self._seconds(),
        )
        if not before <= value.pins.keys():
            # To be sure that nothing is left, it is reset before anybody else uses it.
            connection.leave_traces(value)
        for gtid in _gtids(changes):
            value.last_gtid = gtid
            value.gtid_at = connection
            if connection.on_gtid is not None:
                connection.on_gtid(gtid)
        if value.unsettled and len(text) <= _LONGEST_SET_NAMES:
            self._unsettled = text
        new += self._note_doubts(verdict, text, scanner, connection)
        if verdict.is_ddl:
            self._context.texts.doubt_all()
        if verdict.sets_global and not scanner.errno:
            # New sessions are to start with the new value, and not only some of them.
            connection.pool.retire_all()
        if verdict.uses_sequence:
            value.sequence_here = value.has_sequence = True
        asks = value.wants_diagnostics or verdict.reads & (Diagnostics.SEQUENCE | Diagnostics.LAST_GTID)
        if asks and value.pin(PinReason.DIAGNOSTICS, self._seconds()):
            # It has asked once and will ask again: from now on the answer is on its own connection.
            new.append(PinReason.DIAGNOSTICS)
        if new:
            self._log_pins(new, text, connection)

    def _note_doubts(
        self, verdict: Verdict, text: bytes, scanner: ResponseScanner, connection: BackendConnection
    ) -> list[PinReason]:
        """What the response does not tell for sure, and who knows; returns the pins that are new."""
        value, new = self._value, []
        if verdict.runs_code and verdict.is_ddl:
            # Its types look like functions; one in a query is not worth asking for all there is.
            if not verdict.explains_visible_change:
                connection.leave_traces(value)
        elif verdict.runs_code:
            # It may have taken locks and set variables which nobody reports.
            connection.leave_traces(value)
            value.variables.ask_again()
            value.code_ran = True
            if connection.key in self._context.calls_leave:
                value.unexplained = True
        # A SET that fails has set nothing.
        if b"@@" in text and not verdict.tracks and (verdict.multiple or not scanner.errno):
            value.note_reports(_assigned(verdict, text), () if scanner.errno else scanner.changes)
        flushes = b"FLUSH" in text.upper()
        if flushes or verdict.is_ddl or not _COUNTED.isdisjoint(verdict.pins):
            value.recount = True
        asks = value.unexplained or value.code_ran
        if asks and flushes and value.pin(PinReason.UNTRACKED_STATE, self._seconds()):
            # The counts that tell what stored code has done may be 0 again.
            new.append(PinReason.UNTRACKED_STATE)
        if asks or value.variables.asked:
            self._asking = text
            self._pinned_before = frozenset(value.pins)
        return new

    def _log_pins(self, reasons: Sequence[PinReason], text: bytes, connection: BackendConnection) -> None:
        shape = digest(text)
        self._watch.pinned(reasons, shape)
        self.log.info(
            "[clientConnection={client}] The client session was pinned to the database connection"
            " [dbConnection={number}] for the remainder of the session. The proxy can't reuse this connection"
            ' until the session ends. Reason: {reason}. Digest: "{digest}".',
            client=self._client,
            number=connection.thread_id,
            reason=", ".join(reason.value for reason in reasons),
            digest=shape,
        )
