"""Finds out what has become of a write whose answer was lost with its connection.

The writer that serves clients by now is asked what it has executed, and if that is not proof enough, what its
binary log says of the connection. See mysql/session/fate.py for what is proof of what.
"""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger

from .mysql.backend.binlog_reading import commits_after
from .mysql.backend.connection import BackendConnection
from .mysql.backend.connector import PoolKey
from .mysql.session.fate import Doubt, Fate
from .mysql.wire.gtid import GtidSet
from .targets.observation import Observation, Role
from .thread_ending import PAUSE, end_thread

if TYPE_CHECKING:
    from .target_group import TargetGroup
    from .target_unit import TargetUnit

__all__ = ["FateFinder"]


@attrs.frozen
class _Origin:
    """What was known of the server to which the write was sent, before anything else becomes known."""

    unit: "TargetUnit"
    #: "uuid@host:port" of MySQL, "server_id@host:port" of MariaDB.
    identity: str
    uptime: float | None
    asked_at: float


class FateFinder:
    """Asks in the name of a target group."""

    log = Logger()

    def __init__(self, group: "TargetGroup", clock: Any) -> None:
        self._group = group
        self._clock = clock

    def find(self, connection: BackendConnection, sent_at: float) -> Deferred[Fate]:
        """The fate of a write that was sent, not before ``sent_at``; UNKNOWN if that takes too long."""
        unit: TargetUnit = connection.unit
        observed = unit.observation
        base = unit.position_before(sent_at)
        acknowledged = unit.acknowledged
        if observed is None or base is None or acknowledged is None or not observed.identity:
            return self._unknown("the target has told no GTIDs in time")
        name = observed.identity.partition("@")[0]
        if base.is_mariadb:
            name = connection.server_identity[1] or ""
        origin = _Origin(unit, observed.identity, observed.uptime, self._clock.seconds())
        doubt = Doubt(base, acknowledged, name, connection.thread_id)
        seconds = self._group.config.proxy.in_doubt_timeout

        def too_late(_failure: Any, _timeout: float) -> Fate:
            return Fate.UNKNOWN

        finding: Deferred[Fate] = self._find(connection, origin, doubt)
        return finding.addTimeout(seconds, self._clock, onTimeoutCancel=too_late)

    def _unknown(self, why: str) -> Deferred[Fate]:
        self.log.info("what has become of a write is not known: {why}", why=why)
        done: Deferred[Fate] = Deferred()
        done.callback(Fate.UNKNOWN)
        return done

    @inlineCallbacks
    def _find(
        self, connection: BackendConnection, origin: _Origin, doubt: Doubt
    ) -> Generator[Deferred[Any], Any, Fate]:
        writer, observed = yield self._writer()
        is_origin = observed.identity == origin.identity
        restarted = False
        if is_origin:
            restarted = _has_restarted(origin, observed.uptime, self._clock.seconds())
            if not restarted:
                yield self._end(writer, connection)
                observed = (yield writer.monitor.ask_now()).observation
        elif observed.source or observed.replicates:
            # What it has not applied yet may still come.
            return Fate.UNKNOWN
        executed = observed.position
        if not isinstance(executed, GtidSet):
            return Fate.UNKNOWN
        # What others were told meanwhile is theirs.
        doubt = attrs.evolve(doubt, acknowledged=origin.unit.acknowledged or doubt.acknowledged)
        fate: Fate = doubt.fate(executed, restarted=restarted)
        if fate is not Fate.UNKNOWN:
            return fate
        fate = yield self._by_binary_log(writer, doubt, executed, restarted)
        return fate

    @inlineCallbacks
    def _writer(self) -> Generator[Deferred[Any], Any, tuple["TargetUnit", Observation]]:
        """The writer, and what it says of itself now: the one that there seems to be may be gone."""
        while True:
            writer = self._group.writer
            if writer is not None:
                try:
                    answer = yield writer.monitor.ask_now()
                except Exception as problem:
                    self.log.debug("{target} does not answer: {problem}", target=writer.name, problem=problem)
                else:
                    if answer.observation.role is Role.READ_WRITE and writer is self._group.writer:
                        return writer, answer.observation
            yield deferLater(self._clock, PAUSE)

    def _end(self, unit: "TargetUnit", connection: BackendConnection) -> Deferred[None]:
        """The server may not have noticed that the connection is gone, and go on with what was sent."""
        assert isinstance(connection.key, PoolKey)
        return end_thread(unit.connector, connection.key.username, connection.thread_id, self._clock)

    @inlineCallbacks
    def _by_binary_log(
        self, unit: "TargetUnit", doubt: Doubt, executed: GtidSet, restarted: bool
    ) -> Generator[Deferred[Any], Any, Fate]:
        username = unit.monitor_user()
        if username is None:
            return Fate.UNKNOWN
        connection: BackendConnection = yield unit.connector.open_plain(username)
        try:
            found = yield unit.connector.limited(commits_after(connection, doubt.base))
        except Exception as problem:
            self.log.info("the binary log could not be read: {problem}", problem=problem)
            return Fate.UNKNOWN
        finally:
            connection.abort("done")
        fate: Fate = doubt.fate(executed, found, restarted=restarted)
        return fate


def _has_restarted(origin: _Origin, uptime: float | None, now: float) -> bool:
    """Whether the server began anew since it was asked last."""
    if uptime is None or origin.uptime is None:
        return False
    return uptime < origin.uptime or uptime < now - origin.asked_at
