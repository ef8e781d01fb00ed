"""Finds out what has become of a write whose answer was lost with its connection.

The writer that serves clients by now is asked what it has executed, and if that is not proof enough, what its
binary log says of the connection. See mysql/session/fate.py for what is proof of what.

What a server without a source has executed is final: where it once was a replica, what it had received and
not applied is gone. A group's new primary may still have something to apply. Elsewhere than in these two,
numbers of different servers are not to be compared.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger

from .mysql.backend.binlog_reading import BinlogUnreadable, commits_after
from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import PoolKey
from .mysql.session.fate import Doubt, Fate
from .mysql.session.gtid_history import Known
from .mysql.session.server_run import StartWindow
from .mysql.wire.binlog_events import Commits
from .mysql.wire.gtid import GtidSet
from .targets.observation import Observation, Role
from .thread_ending import PAUSE, NumbersBegunAnew, end_thread

if TYPE_CHECKING:
    from .target_group import TargetGroup
    from .target_unit import TargetUnit

__all__ = ["LONGEST_PAUSE", "FateFinder"]

#: Kinds of topology in which a write keeps its GTID on all servers; and where being absent is final.
_COMPARABLE: Final = frozenset({"replication", "group_replication"})
_FINAL: Final = "replication"

#: How often it is asked since when it runs, which it tells in whole seconds, before it is left at that.
MAX_LOOKS: Final = 12


#: Seconds between two looks whether there is a writer.
WRITER_PAUSE = 0.02

#: What the pause grows to where asking fails again and again.
LONGEST_PAUSE = 0.5


class _NoProof(Exception):
    """Nothing will be known; the text says why."""


@attrs.frozen
class _Word:
    """What a writer says of itself, with the times at which it was asked and answered."""

    unit: "TargetUnit"
    observed: Observation
    asked_at: float
    answered_at: float


class FateFinder:
    """Asks in the name of a target group."""

    log = Logger()

    def __init__(self, group: "TargetGroup", clock: Any) -> None:
        self._group = group
        self._clock = clock

    def find(self, connection: BackendConnection, sent_at: float) -> Deferred[Fate]:
        """The fate of a write that was sent, not before ``sent_at``; UNKNOWN if that takes too long."""
        known = connection.unit.history.before(sent_at)
        if known is None or not _is_of(connection, known):
            self._log_unknown("the target has told no GTIDs in time")
            return succeed(Fate.UNKNOWN)
        finding: Deferred[Fate] = self._find(connection, known)

        def too_late(_failure: Any, timeout: float) -> Fate:
            self._log_unknown(f"it was not found out within {timeout:g} s")
            return Fate.UNKNOWN

        return finding.addTimeout(
            self._group.config.proxy.in_doubt_timeout, self._clock, onTimeoutCancel=too_late
        )

    def _log_unknown(self, why: str) -> None:
        self.log.info("what has become of a write is not known: {why}", why=why)

    @inlineCallbacks
    def _find(self, connection: BackendConnection, known: Known) -> Generator[Deferred[Any], Any, Fate]:
        """Ask until there is an answer: the writer may go away in the middle."""
        pause = WRITER_PAUSE
        while True:
            try:
                fate: Fate = yield self._ask(connection, known)
            except _NoProof as problem:
                self._log_unknown(str(problem))
                return Fate.UNKNOWN
            except CancelledError:
                raise
            except Exception as problem:
                self.log.debug("the writer could not be asked: {problem}", problem=problem)
            else:
                return fate
            yield deferLater(self._clock, pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @inlineCallbacks
    def _ask(self, connection: BackendConnection, known: Known) -> Generator[Deferred[Any], Any, Fate]:
        word: _Word = yield self._writer()
        restarted = False
        is_origin = word.observed.identity == known.identity
        if is_origin:
            window = StartWindow()
            restarted = yield self._was_restarted(connection, word, window)
            word = yield self._writer() if restarted else self._without_thread(connection, word, window)
            _check_is_in(window, connection, word, known, restarted=restarted)
        else:
            _check_is_comparable(word.observed)
        executed = word.observed.position
        if not isinstance(executed, GtidSet):
            raise _NoProof("the writer tells no GTIDs")
        doubt = self._doubt(connection, known)
        fate = doubt.fate(executed, restarted=restarted)
        if fate is Fate.UNKNOWN:
            found: Commits = yield self._commits(word.unit, doubt)
            fate = doubt.fate(executed, found, restarted=restarted)
        if fate is Fate.NOT_COMMITTED and not is_origin and word.observed.topology != _FINAL:
            raise _NoProof("it may still be applied")
        return fate

    def _doubt(self, connection: BackendConnection, known: Known) -> Doubt:
        acknowledged = known.acknowledged
        history = connection.unit.history
        if history.identity == known.identity:
            # What others were told meanwhile is theirs.
            acknowledged = acknowledged.union(history.acknowledged())
        server_id = int(connection.server_identity[1] or 0)
        name = known.identity.partition("@")[0]
        return Doubt(known.base, acknowledged, name, connection.thread_id, server_id)

    @inlineCallbacks
    def _writer(self) -> Generator[Deferred[Any], Any, _Word]:
        """The writer, and what it says of itself now: the one that there seems to be may be gone."""
        while True:
            writer = self._group.writer
            if writer is not None:
                asked_at = self._clock.seconds()
                answer = yield writer.monitor.ask_now()
                if answer.observation.role is Role.READ_WRITE and writer is self._group.writer:
                    return _Word(writer, answer.observation, asked_at, self._clock.seconds())
            yield deferLater(self._clock, WRITER_PAUSE)

    @inlineCallbacks
    def _was_restarted(
        self, connection: BackendConnection, word: _Word, window: StartWindow
    ) -> Generator[Deferred[Any], Any, bool]:
        """Whether the server began anew after the connection was opened; ``window`` is to be of its start."""
        for _ in range(MAX_LOOKS):
            _narrow(window, word)
            restarted = window.is_after(connection.opened_at)
            if restarted is not None:
                return restarted
            yield deferLater(self._clock, PAUSE)
            identity = word.observed.identity
            word = yield self._writer()
            if word.observed.identity != identity:
                break
        raise _NoProof("the writer was started at about the time that the connection was opened")

    @inlineCallbacks
    def _without_thread(
        self, connection: BackendConnection, word: _Word, window: StartWindow
    ) -> Generator[Deferred[Any], Any, _Word]:
        """The server may not have noticed that the connection is gone, and go on with what was sent."""
        assert isinstance(connection.key, PoolKey)
        ending = end_thread(word.unit.connector, connection.key.username, connection, window, self._clock)
        try:
            yield ending
        except NumbersBegunAnew as problem:
            raise _NoProof(str(problem)) from None
        again: _Word = yield self._writer()
        return again

    @inlineCallbacks
    def _commits(self, unit: "TargetUnit", doubt: Doubt) -> Generator[Deferred[Any], Any, Commits]:
        username = unit.monitor_user()
        if username is None:
            raise _NoProof("there is no user to ask with")
        connection: BackendConnection = yield unit.connector.open_plain(username)
        try:
            found: Commits = yield unit.connector.limited(commits_after(connection, doubt.base))
        except BinlogUnreadable as problem:
            raise _NoProof(f"the binary log could not be read: {problem}") from None
        return found


def _is_of(connection: BackendConnection, known: Known) -> bool:
    """Whether the connection was to the server that has told what is known."""
    name, _, address = known.identity.partition("@")
    hostname, server_id = (*connection.server_identity, None, None)[:2]
    is_same = address.rpartition(":")[0] == hostname and (server_id or "").isdecimal()
    return is_same and (not known.base.is_mariadb or name == server_id)


def _narrow(window: StartWindow, word: _Word) -> None:
    if word.observed.uptime is None:
        raise _NoProof("the writer does not tell since when it runs")
    window.narrow(word.asked_at, word.answered_at, word.observed.uptime)


def _check_is_in(
    window: StartWindow, connection: BackendConnection, word: _Word, known: Known, *, restarted: bool
) -> None:
    """What the writer has executed was asked of the same server in the same run."""
    _narrow(window, word)
    if word.observed.identity != known.identity or window.is_after(connection.opened_at) is not restarted:
        raise _NoProof("the writer has changed in the middle")


def _check_is_comparable(observed: Observation) -> None:
    if observed.topology not in _COMPARABLE:
        raise _NoProof("GTIDs are not the same on all servers of this topology")
    if observed.topology == _FINAL and (observed.source or observed.replicates):
        raise _NoProof("the writer may still apply what it has received")
