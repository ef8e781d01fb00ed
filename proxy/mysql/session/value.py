"""A client session as a value: what the proxy must know to let any connection continue it.

``after`` takes in what one response said; ``tie`` answers whether the session still needs the connection it
has. Where neither the protocol nor the lexer can tell what a statement left behind, the session is pinned.
"""

import enum
import re
from collections.abc import Iterable
from typing import Protocol

from ..wire.results import SessionChanges
from ..wire.shown_changes import SHOWN_BY_DEFAULT
from ..wire.status import LASTING, Status
from .held_diagnostics import HeldDiagnostics
from .held_variables import NO_NAMES, HeldVariables
from .pin_ends import ENDING, UNNAMED, apply
from .pins import PinReason, Reason
from .prepared import MAX_TEXTS_SIZE, OpenStatement
from .settings import ONE_SHOT_VARIABLES, Settings
from .text_statements import TextStatements
from .verdict import Diagnostics, Verdict

__all__ = ["SessionValue", "Tie"]

#: The name of what pins where user variables take too much room together.
_TOO_MANY = "(too many)"
_AUTOCOMMIT = int(Status.AUTOCOMMIT)
_LEADING_COMMENTS = re.compile(rb"(?:\s++|/\*(?!M?!).*?\*/|(?:#|--\s)[^\n]*+\n)*+", re.DOTALL)
_IN_TRANSACTION = int(Status.IN_TRANS | Status.IN_TRANS_READONLY)


class Tie(enum.Enum):
    """Why a session needs the very connection it has; NONE when any will do."""

    NONE = "none"
    TRANSACTION = "transaction"
    PINNED = "pinned"


# As plain names, since looking up a member of an enum costs more.
_UNTIED, _TRANSACTION, _PINNED = Tie.NONE, Tie.TRANSACTION, Tie.PINNED
_NOTHING_OWN = Diagnostics.NONE


class KeepsInsertId(Protocol):
    """A connection on which LAST_INSERT_ID() of a session can be asked."""

    def drop_insert_id(self) -> None:
        """Nobody will ask any more."""


class SessionValue:
    """Settings, pins, transaction state, open statements and the last insert id of one client."""

    __slots__ = (
        "_initial_status",
        "_statements_size",
        "after_reset",
        "characteristics",
        "code_ran",
        "code_ran_at",
        "diagnostics",
        "doubtful_locks",
        "gtid_at",
        "has_sequence",
        "insert_id_answers",
        "insert_id_at",
        "last_gtid",
        "last_insert_id",
        "last_statement",
        "names",
        "pins",
        "recount",
        "reported_insert_id",
        "resets",
        "savepoint",
        "sequence_here",
        "settings",
        "shown",
        "statements",
        "status",
        "texts",
        "trackers_set",
        "unexplained",
        "unreported",
        "unsettled",
        "variables",
        "wants_diagnostics",
    )

    def __init__(
        self,
        initial: Settings,
        status: int,
        *,
        after_reset: Settings | None = None,
    ) -> None:
        #: What COM_RESET_CONNECTION goes back to, apart from the schema and multi-statements.
        self.after_reset = initial if after_reset is None else after_reset
        self.settings = initial
        self.status = self._initial_status = status
        self.pins: dict[Reason, float] = {}
        #: What a one-shot SET TRANSACTION or an open transaction's start said; empty when there is none.
        self.characteristics = ""
        #: What a pin's end waits for, where that is known: names of tables, ids of statements.
        self.names: dict[PinReason, set[object]] = {}
        #: Prepared statements of the binary protocol, by the client's id.
        self.statements: dict[int, OpenStatement] = {}
        #: The id of the one prepared last.
        self.last_statement = 0
        self._statements_size = 0
        #: Those of the text protocol.
        self.texts = TextStatements()
        #: Row counts, warnings and errors.
        self.diagnostics = HeldDiagnostics()
        self.last_insert_id = 0
        self.variables = HeldVariables()
        #: System variables of which the client wants to hear, and whether of the schema.
        self.shown = SHOWN_BY_DEFAULT
        #: Where stored code has run last, which may have set variables of any name.
        self.code_ran_at: object = None
        #: The connection of its last write, where the target reports GTIDs: @@last_gtid is right there only.
        self.gtid_at: object = None
        #: The last GTID that the session was told of, for reads that are to see its writes.
        self.last_gtid = ""
        #: What its connection says of a sequence's last value is the session's own, or nobody's.
        self.sequence_here = False
        #: The session has used a sequence.
        self.has_sequence = False
        #: It was refused diagnostics once: from its next statement on it keeps its connection.
        self.wants_diagnostics = False
        #: How often the session has started over.
        self.resets = 0
        #: The id an OK packet reported since ``last_insert_id`` was known for sure.
        self.reported_insert_id = 0
        #: How often it became known: an answer that has taken longer than another one is out of date.
        self.insert_id_answers = 0
        #: The connection that alone knows what LAST_INSERT_ID() is now, until it has been asked.
        self.insert_id_at: KeepsInsertId | None = None
        self._end_doubts()

    def _end_doubts(self) -> None:
        """Nothing has to be asked of a connection, or none is left to be asked."""
        #: Reported values may not be the ones in effect; the connection must be asked before it is returned.
        self.unsettled = False
        #: Names of locks that may have been released, which the connection is to be asked for.
        self.doubtful_locks = False
        #: Stored code has run, which may have left more than is reported.
        self.code_ran = False
        #: Statements were run that the server counts with those of stored code: ask for the counts.
        self.recount = False
        #: Stored code has changed something, and the connection is to be asked what it was.
        self.unexplained = False
        #: Variables that were set without a report of their values.
        self.unreported = NO_NAMES
        #: The connection's trackers were set by the client, and are to be restored.
        self.trackers_set = False
        #: A savepoint was set before the transaction has begun, which no status flag tells.
        self.savepoint = False

    @property
    def in_transaction(self) -> bool:
        """Inside a transaction, or a characteristic is set for the next one."""
        return bool(self.status & _IN_TRANSACTION or self.characteristics or self.savepoint)

    @property
    def must_ask(self) -> bool:
        """Whether the connection has to be asked before it may be returned."""
        held = self.diagnostics
        may_ask_rows = held.wants_found_rows or held.has_counted
        return held.unread or self.is_doubtful or self.recount or (may_ask_rows and held.must_ask)

    @property
    def is_doubtful(self) -> bool:
        """Whether only the connection knows what the next statement depends on."""
        asks = self.unsettled or self.doubtful_locks or self.unexplained or self.trackers_set
        return asks or self.code_ran or bool(self.variables.asked or self.unreported)

    @property
    def may_unpin(self) -> bool:
        """Whether the connection may say that what has pinned the session has ended."""
        return (
            self.doubtful_locks
            and self.pins.keys() == {PinReason.NAMED_LOCK}
            and UNNAMED not in self.names.get(PinReason.NAMED_LOCK, ())
            and not self.in_transaction
        )

    def tie(self) -> Tie:
        """Whether the connection must be kept."""
        if self.pins:
            return _PINNED
        if self.status & _IN_TRANSACTION or self.characteristics or self.savepoint:
            return _TRANSACTION
        return _UNTIED

    def pin(self, reason: Reason, now: float) -> bool:
        """Pin; returns whether the reason is new."""
        if reason in self.pins:
            return False
        self.pins[reason] = now
        return True

    def unpin(self, reason: PinReason) -> None:
        """The cause has ended."""
        self.pins.pop(reason, None)
        self.names.pop(reason, None)

    def pin_for(self, reason: PinReason, name: object, now: float) -> bool:
        """Pin until this name is given up; returns whether the reason is new."""
        self.names.setdefault(reason, set()).add(name)
        return self.pin(reason, now)

    def give_up(self, reason: PinReason, name: object) -> None:
        """The pin ends if this was the last name that it waited for."""
        names = self.names.get(reason)
        if names is not None:
            names.discard(name)
            if not names:
                self.unpin(reason)

    def open_statement(self, statement: OpenStatement) -> None:
        """The client has prepared a statement."""
        self.statements[statement.number] = statement
        self.last_statement = statement.number
        self._statements_size += statement.size

    def close_statement(self, number: int) -> OpenStatement | None:
        """The client needs it no more; None if it has none of this id."""
        statement = self.statements.pop(number, None)
        if statement is not None:
            self._statements_size -= statement.size
        return statement

    def has_room_for(self, text: bytes) -> bool:
        """Whether the text of one more statement can be held."""
        return self._statements_size + len(text) <= MAX_TEXTS_SIZE

    def after(
        self,
        verdict: Verdict,
        status: int,
        changes: Iterable[SessionChanges],
        *,
        tracked: bool,
        failed: bool = False,
        now: float,
    ) -> list[PinReason]:
        """Take in a response's flags and session changes; returns the pins that are new."""
        self.status = status & LASTING
        pins = verdict.pins
        if verdict.tracks and self._takes_trackers(verdict, failed=failed):
            pins -= {PinReason.SESSION_TRACKING}
        new = apply(self, verdict, pins, self.settings.schema, failed=failed, now=now)
        if self._was_set_unsaid(verdict, changes) and self.pin(PinReason.ONE_SHOT_VARIABLE, now):
            new.append(PinReason.ONE_SHOT_VARIABLE)
        if verdict.releases_lock or PinReason.NAMED_LOCK in verdict.pins:
            self.doubtful_locks = PinReason.NAMED_LOCK in self.pins
        for change in changes:
            self._take_change(change, verdict)
            explained = verdict.names_only_variables and (change.variables or change.schema is not None)
            explained = explained or verdict.explains_visible_change
            if not change.state_changed or explained or not ENDING.issuperset(self.pins):
                continue
            self.unexplained = True
        if (
            not tracked
            and (verdict.names_only_variables or verdict.calls)
            and self.pin(PinReason.SESSION_TRACKING, now)
        ):
            new.append(PinReason.SESSION_TRACKING)
        return new

    def _was_set_unsaid(self, verdict: Verdict, changes: Iterable[SessionChanges]) -> bool:
        """Whether stored code has set a variable that is for one statement."""
        if PinReason.ONE_SHOT_VARIABLE in verdict.pins or PinReason.ONE_SHOT_VARIABLE in verdict.names:
            return False
        return any(name in ONE_SHOT_VARIABLES for change in changes for name, _ in change.variables)

    def check_variables(self, now: float) -> bool:
        """Pin as long as user variables cannot be held; whether that is new."""
        wanted: set[object] = set(self.variables.not_held)
        if self.variables.are_too_many:
            wanted.add(_TOO_MANY)
        for name in self.names.get(PinReason.USER_VARIABLE, set()) - wanted - {UNNAMED}:
            self.give_up(PinReason.USER_VARIABLE, name)
        before = PinReason.USER_VARIABLE in self.pins
        for name in wanted:
            self.pin_for(PinReason.USER_VARIABLE, name, now)
        return bool(wanted) and not before

    def _takes_trackers(self, verdict: Verdict, *, failed: bool) -> bool:
        """Hold what the client wants to be told of, which the connection need not know."""
        shown = self.shown.after(verdict.tracks)
        if shown is None or verdict.multiple or self.tie() is not Tie.NONE:
            return False
        self.shown = self.shown if failed else shown
        self.unreported |= verdict.assigned_variables.difference(verdict.tracks)
        self.trackers_set = True
        return True

    def note_reports(self, names: Iterable[str], changes: Iterable[SessionChanges]) -> None:
        """These may have been set; MariaDB says nothing of `SET @@name = value`."""
        self.unreported |= set(names) - {name for change in changes for name, _ in change.variables}

    def note_savepoint(self, text: bytes, verdict: Verdict, *, failed: bool) -> None:
        """Without autocommit a savepoint may come first; it lives until the transaction ends."""
        if self.status & (_IN_TRANSACTION | _AUTOCOMMIT):
            self.savepoint = False
        elif verdict.savepoint:
            self.savepoint = self.savepoint or not failed
        elif self.savepoint and not failed:
            word = _LEADING_COMMENTS.sub(b"", text, count=1)[:8].upper()
            ends = word.startswith(b"COMMIT") or (word == b"ROLLBACK" and b"TO" not in text.upper())
            self.savepoint = not (ends or verdict.is_ddl)

    def _take_change(self, change: SessionChanges, verdict: Verdict) -> None:
        if change.transaction_characteristics is not None:
            self.characteristics = change.transaction_characteristics
        if change.variables:
            self._note_doubts(change, verdict)
        if change.variables or change.schema is not None:
            self.settings = self.settings.changed(schema=change.schema, variables=change.variables)

    def _note_doubts(self, change: SessionChanges, verdict: Verdict) -> None:
        """A value set for one statement only is reported while it holds; SET NAMES hides its collation."""
        names = {name for name, _ in change.variables}
        charset_only = "character_set_connection" in names and "collation_connection" not in names
        if charset_only or not verdict.names_only_variables:
            self.unsettled = True

    def moves(self) -> None:
        """Its next statement is on another connection, or somebody else has used the one it had."""
        self.sequence_here = False
        self.diagnostics.counts.elsewhere()

    def take_insert_id(self, verdict: Verdict, last_insert_id: int, *, unknown: bool) -> bool:
        """What the OK packet of a statement says of LAST_INSERT_ID(); whether only its connection knows now.

        An explicit value for an AUTO_INCREMENT column is reported too, although it leaves LAST_INSERT_ID()
        alone, and a procedure or LAST_INSERT_ID(expr) may change it unreported.
        """
        if last_insert_id:
            self.reported_insert_id = last_insert_id
            return True
        if unknown or verdict.calls:
            return True
        return verdict.reads is not _NOTHING_OWN and bool(verdict.reads & Diagnostics.LAST_INSERT_ID)

    def know_insert_id(self, asked: int) -> None:
        """What the connection that knows has answered; 0 if its statements left LAST_INSERT_ID() alone."""
        self.last_insert_id = asked or self.last_insert_id
        self.reported_insert_id = 0
        self.insert_id_answers += 1

    def know_former_insert_id(self, asked: int, answers: int, resets: int) -> None:
        """What a connection has answered on which the session has not run its last insert.

        ``answers`` and ``resets`` are of when it was asked: what has become known since is newer.
        """
        if (self.insert_id_answers, self.resets) == (answers, resets):
            self.last_insert_id = asked or self.last_insert_id

    def reset(self) -> None:
        """Forget everything but the user and the schema (COM_RESET_CONNECTION)."""
        kept = self.settings
        self.statements.clear()
        self.texts.clear()
        self.last_statement = self._statements_size = 0
        self.settings = self.after_reset.changed(schema=kept.schema, multi_statements=kept.multi_statements)
        self.forget_connection()
        self.status = self._initial_status
        self.resets += 1
        self.diagnostics.reset()
        self.wants_diagnostics = False
        self.sequence_here = self.has_sequence = False
        self.last_insert_id = self.reported_insert_id = 0
        self.variables.clear()
        self.shown = SHOWN_BY_DEFAULT

    def _unbind_statements(self) -> None:
        """What cursors and long data they had is gone, and those that only a connection had are closed."""
        self.texts.forget_connection()
        for statement in tuple(self.statements.values()):
            statement.server_id = None
            if statement.prepared is None:
                self.close_statement(statement.number)

    def loss(self) -> str | None:
        """What the session loses with its connection, for an error text; None if nothing."""
        return self.what_is_lost() if self.tie() is not Tie.NONE or self.is_doubtful else None

    def what_is_lost(self) -> str:
        """For an error text: what the session loses with its connection."""
        if self.pins:
            reasons = ", ".join(reason.value for reason in self.pins)
            return f"the database connection was lost, and with it what had pinned the session: {reasons}"
        if self.in_transaction:
            return "the database connection was lost, the transaction is rolled back"
        if self.variables.asked:
            return "the database connection was lost, and with it the values of user variables"
        return "the database connection was lost"

    def forget_connection(self) -> None:
        """The connection is gone, and with it what could not be held."""
        for number in self.names.get(PinReason.LONG_DATA, ()):
            if isinstance(number, int) and number in self.statements:
                self.statements[number].lost_data = True
        self.pins.clear()
        self.names.clear()
        self._unbind_statements()
        self.characteristics = ""
        self.status &= ~_IN_TRANSACTION
        # What the OK packet said is the best there is now.
        self.know_insert_id(self.reported_insert_id)
        if self.insert_id_at is not None:
            self.insert_id_at.drop_insert_id()
        self.gtid_at = self.code_ran_at = None
        self._end_doubts()
        self.variables.forget_asked()
        self.diagnostics.forget_connection()
