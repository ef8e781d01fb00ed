"""Replays the sessions of a log through the rules of RDS Proxy and through those of this proxy.

Both servers log what a text `PREPARE` or `EXECUTE` does as a `Prepare` or `Execute` of its own behind it;
these are told from commands of the binary protocol by their place. Neither logs COM_RESET_CONNECTION, so a
session that was reset seems to go on.

Memory is bounded: of more than KEPT_SESSIONS open sessions the one without a command for longest counts as
ended.
"""

import re
from collections import OrderedDict
from functools import lru_cache

import attrs

from ..mysql.session.digest import digest
from ..mysql.session.rds_rules import LONGEST_UNPINNED_TEXT, RDS_PREPARED, RDS_TOO_LONG, RdsPin, rds_pins
from ..mysql.session.screen import Dialect, Screen
from .log_entries import RESTART, Entry
from .pins_here import PinsHere
from .tally import ShapeTally, WorldTally

__all__ = ["KEPT_SESSIONS", "Analysis"]

#: Open sessions that are kept.
KEPT_SESSIONS = 20_000
#: Shapes of a session that are remembered, so that a session counts once for each.
KEPT_SESSION_SHAPES = 32
#: Shapes that are remembered by text.
_DIGESTS = 4096
_DIGESTED = 4096

_TEXT_PREPARED = re.compile(rb"(?:\s|/\*.*?\*/)*+(?:PREPARE|EXECUTE)\b", re.IGNORECASE | re.DOTALL)
_EXECUTIONS = frozenset(("Execute", "Bulk Execute"))
_SERVER = 0


@lru_cache(_DIGESTS)
def _shape(head: bytes) -> str:
    return digest(head, 256)


@attrs.define
class _Journal:
    """One session in one of the two worlds."""

    tally: WorldTally
    reasons: set[str] = attrs.field(factory=set)
    shapes: set[int] = attrs.field(factory=set)

    def add(self, reason: str, text: bytes, line: int) -> None:
        if not self.reasons:
            self.tally.pinned_sessions += 1
        shape = self.tally.count(reason, _shape(text[:_DIGESTED]), line)
        if reason not in self.reasons:
            self.reasons.add(reason)
            self.tally.reasons[reason].sessions += 1
        if shape is not None:
            self._add_shape(shape)

    def _add_shape(self, shape: ShapeTally) -> None:
        if id(shape) not in self.shapes and len(self.shapes) < KEPT_SESSION_SHAPES:
            self.shapes.add(id(shape))
            shape.sessions += 1


@attrs.define
class _Session:
    rds: _Journal
    here: _Journal
    pins: PinsHere = attrs.field(factory=PinsHere)
    rds_pinned: bool = False
    #: It has prepared a statement of the binary protocol since the log began.
    has_prepared: bool = False
    #: What the server logs next of a text PREPARE or EXECUTE.
    follows: set[str] = attrs.field(factory=set)
    statements: int = 0

    def reset(self) -> None:
        self.pins = PinsHere()
        self.rds_pinned = self.has_prepared = False


@attrs.define
class Analysis:
    """``exclude_variable_sets``: RDS Proxy's filter EXCLUDE_VARIABLE_SETS."""

    exclude_variable_sets: bool = False
    sessions: int = 0
    statements: int = 0
    failed_logins: int = 0
    #: Sessions that were taken for ended because there were too many.
    dropped: int = 0
    rds: WorldTally = attrs.field(factory=WorldTally)
    here: WorldTally = attrs.field(factory=WorldTally)
    _screen: Screen = attrs.field(factory=Screen)
    _open: OrderedDict[int, _Session] = attrs.field(factory=OrderedDict)

    def take(self, entry: Entry) -> None:
        """Take in the next entry of a log."""
        if entry.command == RESTART:
            self._open.clear()
        elif entry.connection != _SERVER:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        if entry.command == "Connect":
            self._connect(entry)
        elif entry.command == "Quit":
            self._open.pop(entry.connection, None)
        else:
            self._command(entry, self._session(entry.connection))

    def _connect(self, entry: Entry) -> None:
        known = self._open.pop(entry.connection, None)
        if entry.text.startswith(b"Access denied"):
            self.failed_logins += 1
            if known is not None and not known.statements:
                self.sessions -= 1
            return
        self._session(entry.connection)

    def _session(self, connection: int) -> _Session:
        session = self._open.get(connection)
        if session is None:
            session = _Session(_Journal(self.rds), _Journal(self.here))
            self._open[connection] = session
            self.sessions += 1
            if len(self._open) > KEPT_SESSIONS:
                self._open.popitem(last=False)
                self.dropped += 1
        else:
            self._open.move_to_end(connection)
        return session

    def _command(self, entry: Entry, session: _Session) -> None:
        command = entry.command
        if command in session.follows:
            session.follows.discard(command)
            if command in _EXECUTIONS:
                self._run_here(entry, session)
            return
        session.follows.clear()
        if command == "Query":
            self._query(entry, session)
        elif command == "Prepare":
            session.has_prepared = True
            self._pin_rds(session, RDS_PREPARED, entry)
        elif command in _EXECUTIONS:
            if not session.has_prepared:
                self._pin_rds(session, RDS_PREPARED, entry)
            self._run(entry, session)
        elif command in ("Change user", "Reset Connection"):
            session.reset()

    def _query(self, entry: Entry, session: _Session) -> None:
        if _TEXT_PREPARED.match(entry.text):
            session.follows = {"Prepare", "Execute"}
        for pin in self._rds_pins(entry):
            self._pin_rds(session, pin, entry)
        self._run(entry, session)

    def _rds_pins(self, entry: Entry) -> tuple[RdsPin, ...]:
        if entry.length > LONGEST_UNPINNED_TEXT:
            return (RDS_TOO_LONG,)
        return rds_pins(entry.text, exclude_variable_sets=self.exclude_variable_sets, backslash_escapes=True)

    def _pin_rds(self, session: _Session, pin: RdsPin, entry: Entry) -> None:
        session.rds_pinned = True
        session.rds.add(pin.reason.value, entry.text, entry.line)

    def _run(self, entry: Entry, session: _Session) -> None:
        session.statements += 1
        self.statements += 1
        self.rds.pinned_statements += session.rds_pinned
        was_pinned = bool(session.pins.open)
        self._run_here(entry, session)
        self.here.pinned_statements += was_pinned or bool(session.pins.open)

    def _run_here(self, entry: Entry, session: _Session) -> None:
        verdict = self._screen.verdict(entry.text, Dialect.DEFAULT)
        for reason in sorted(each.value for each in session.pins.after(verdict, entry.text)):
            session.here.add(reason, entry.text, entry.line)
