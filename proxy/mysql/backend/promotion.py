"""Makes one target read-only or writable, and starts and stops its replication, for a switchover.

Each task has a connection of its own, of the monitor's user. A statement whose answer was lost is not
forgotten: before anything else is concluded its session is ended at the server, so that it cannot take effect
later (MySQL manual, "KILL Statement"). The rights that it takes are in ``privileges``; besides, to look at
replication, REPLICATION CLIENT or MariaDB's SLAVE MONITOR, and RELOAD to drop it on a new writer.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ...pool.reasons import CloseReason
from ...targets.switchover import Fence, PromotionUndone
from .connection import BackendConnection
from .connector import BackendConnector
from .errors import ConnectFailed, TargetError, UnfitTarget
from .own_commands import Answer, query
from .privileges import SHOW_GRANTS, grant_statement, missing_for_switchover
from .replication_sql import LITERAL_MODE, STATE, ServerState, Source, state_of, statements_to_follow
from .scheduled_events import enable_events

__all__ = ["TargetControl"]

#: How often, and at which interval in seconds, is looked whether a session that was killed is gone.
LOOKS = 50
LOOK_INTERVAL = 0.1

#: Seconds that one attempt to make a server read-only waits for locks, and the pause before the next.
LOCK_WAIT = 1
FENCE_PAUSE = 0.2

_NO_SUCH_THREAD = 1094
_LOCK_WAIT_TIMEOUT = 1205
_NOT_A_REPLICA = 1200
_SYNTAX = 1064

_ADMINS = (
    "SELECT DISTINCT REPLACE(SUBSTRING_INDEX(GRANTEE, '@', 1), '''', '') FROM"
    " information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN ('READ_ONLY ADMIN', 'READ ONLY ADMIN')"
)
_SESSIONS = (
    "SELECT ID, USER FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
    " AND COMMAND NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon')"
)
_SESSION = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID = {}"
_PERSISTED = (
    "SELECT VARIABLE_NAME FROM performance_schema.persisted_variables"
    " WHERE VARIABLE_NAME IN ('read_only', 'super_read_only') AND VARIABLE_VALUE = 'ON'"
)

_Steps = Generator[Deferred[Any], Any, None]


@attrs.frozen
class _Lost:
    """A session whose last statement may still take effect."""

    thread: int
    opened_at: float


class TargetControl:
    """One target, for as long as it is registered. Its methods are to be called one after the other.

    They fail with TargetError, UnfitTarget or ConnectFailed.
    """

    log = Logger()

    def __init__(self, connector: BackendConnector, username: Callable[[], str | None], clock: Any) -> None:
        """``username`` is the monitor's, or None where its secret is not known."""
        self._connector = connector
        self._username = username
        self._clock = clock
        self._lost: list[_Lost] = []
        #: What the present fence has changed.
        self._has_fenced = False
        self._has_stopped_events = False

    # Before

    @inlineCallbacks
    def rehearse_fence(self) -> _Steps:
        """Look at the rights of the monitor's user, and use those that ``fence`` takes, without effect.

        Only for a writable server; UnfitTarget tells what is missing, and how it is granted.
        """
        with (yield self._session()) as session:
            if not session.state.is_writable:
                raise UnfitTarget(f"{session.name} is read-only already")
            yield session.check_privileges()
            yield session.run(session.state.unfence)

    @inlineCallbacks
    def rehearse_promotion(self) -> _Steps:
        """Look at the rights of the monitor's user, and use those that ``promote`` takes, without effect.

        Only for a replica that runs; UnfitTarget tells what is missing, and how it is granted.
        """
        with (yield self._session()) as session:
            state = session.state
            if state.is_writable or state.innodb_read_only:
                raise UnfitTarget(f"{session.name} is not a replica that can be made writable")
            # What starts replication needs no right where it runs, and what stops it is not tried.
            yield session.check_privileges()
            yield session.run(state.rehearse_promotion)
            yield session.run(state.list_replication)
            yield session.run(state.start_replication)

    # The former writer

    @inlineCallbacks
    def fence(self, seconds: float) -> Generator[Deferred[Any], Any, Fence]:
        """Make it read-only, trying for so many seconds if commits and locks of others are in the way.

        After a failure or a cancellation it may become read-only as long as ``unfence`` was not called.
        """
        notes: list[str] = []
        self._has_fenced = self._has_stopped_events = False
        with (yield self._session()) as session:
            state = session.state
            if state.is_fenced:
                return Fence(state.runs_events, state.semi_synchronous)
            yield session.run(f"SET SESSION lock_wait_timeout = {LOCK_WAIT}")
            if state.runs_events:
                yield self._stop_events(session, notes)
            self._has_fenced = True
            yield self._fence(session, self._clock.seconds() + seconds)
            after = yield session.read_state()
            if after.is_writable:
                raise UnfitTarget(f"{session.name} is still writable")
            if state.is_mariadb:
                yield self._end_admins(session, notes)
        return Fence(state.runs_events, state.semi_synchronous, tuple(notes))

    @inlineCallbacks
    def _fence(self, session: "_Session", deadline: float) -> _Steps:
        """In several attempts, with room between them for what would wait for one, and it for that."""
        while True:
            try:
                yield session.run_surely(session.state.fence)
                return
            except TargetError as refusal:
                if refusal.packet.errno != _LOCK_WAIT_TIMEOUT or self._clock.seconds() >= deadline:
                    raise
            yield deferLater(self._clock, FENCE_PAUSE)

    @inlineCallbacks
    def _stop_events(self, session: "_Session", notes: list[str]) -> _Steps:
        """Those of a user with special rights would go on writing."""
        try:
            self._has_stopped_events = True
            yield session.run("SET GLOBAL event_scheduler = OFF")
            notes.append(f"the event scheduler of {session.name} was stopped, and stays so")
        except TargetError as refusal:
            self._has_stopped_events = False
            notes.append(f"the event scheduler of {session.name} could not be stopped: {refusal}")

    @inlineCallbacks
    def _end_admins(self, session: "_Session", notes: list[str]) -> _Steps:
        """A MariaDB's users with the right to do so write to it although it is read-only.

        Who they are is told to those who may read the schema mysql. Others must trust in the comparison of
        positions.
        """
        try:
            answer: Answer = yield session.run(_ADMINS)
            admins = {row[0] for row in answer.rows} - {self._username()}
            answer = yield session.run(_SESSIONS)
            for number, user in [(row[0], row[1]) for row in answer.rows if row[1] in admins]:
                self.log.info(
                    "{target}: ending session {number} of {user}, who may write to a read-only server",
                    target=session.name,
                    number=number,
                    user=user,
                )
                yield session.kill(int(number or 0))
        except TargetError as refusal:
            notes.append(f"users of {session.name} who may write to it read-only were not ended: {refusal}")

    @inlineCallbacks
    def unfence(self) -> _Steps:
        """Make it writable again if the last ``fence`` has changed it, or might."""
        with (yield self._session()) as session:
            yield self._end_lost(session)
            if self._has_fenced:
                yield session.run_surely(session.state.unfence)
                after = yield session.read_state()
                if not after.is_writable:
                    raise UnfitTarget(f"{session.name} is still read-only")
                self._has_fenced = False
            if self._has_stopped_events:
                yield session.run("SET GLOBAL event_scheduler = ON")
                self._has_stopped_events = False

    # The new writer

    @inlineCallbacks
    def promote(self) -> _Steps:
        """Make a replica writable. Fails with PromotionUndone if it is as before, else in doubt."""
        with (yield self._session(PromotionUndone)) as session:
            state = session.state
            if state.is_writable:
                return
            try:
                yield session.run_surely(state.stop_replication)
                yield session.run_surely(state.unfence)
            except TargetError as refusal:
                yield session.run(state.start_replication)
                raise PromotionUndone(str(refusal)) from None
            after = yield session.read_state()
            if not after.is_writable:
                raise UnfitTarget(f"{session.name} was made writable, but is not")
            self._has_fenced = self._has_stopped_events = False

    @inlineCallbacks
    def settle(self) -> Generator[Deferred[Any], Any, bool]:
        """After a promotion in doubt: whether it is writable, for good; if not it replicates again."""
        with (yield self._session()) as session:
            yield self._end_lost(session)
            state: ServerState = yield session.read_state()
            if not state.is_writable:
                yield session.run(state.start_replication)
        return state.is_writable

    @inlineCallbacks
    def complete(self, fence: Fence) -> Generator[Deferred[Any], Any, Sequence[str]]:
        """What a new writer still needs: it forgets its source and runs the events. Answers notes."""
        notes: list[str] = []
        with (yield self._session()) as session:
            state = session.state
            answer: Answer = yield session.run(state.list_replication)
            if answer.rows:
                for sql in state.forget_replication([row[0] or "" for row in answer.rows]):
                    yield session.note(sql, notes)
            if not state.is_mariadb:
                yield self._persist(session, notes)
            if fence.runs_events:
                yield enable_events(session, notes)
            if fence.semi_synchronous and not state.semi_synchronous:
                notes.append(
                    f"{session.name} does not replicate semi-synchronously, the former writer did: enable it"
                )
        return notes

    @inlineCallbacks
    def _persist(self, session: "_Session", notes: list[str]) -> _Steps:
        """What a MySQL remembers over a restart must not make the writer read-only."""
        try:
            answer: Answer = yield session.run(_PERSISTED)
        except TargetError:
            # Without the right to ask, or without the performance schema, there is nothing to be done.
            return
        for name in sorted({(row[0] or "").lower() for row in answer.rows}, reverse=True):
            yield session.note(f"SET PERSIST {name} = OFF", notes)

    @inlineCallbacks
    def follow(self, source: Source) -> _Steps:
        """Make it replicate from another server, by GTID."""
        with (yield self._session()) as session:
            if session.state.is_writable:
                raise UnfitTarget(f"{session.name} is writable")
            yield session.run(LITERAL_MODE)
            for sql in statements_to_follow(session.state, source, was_writer=self._has_fenced):
                try:
                    yield session.run(sql)
                except TargetError as refusal:
                    if refusal.packet.errno != _NOT_A_REPLICA or sql != session.state.stop_replication:
                        raise _without_password(refusal, source) from None
            self._has_fenced = False

    # Sessions

    @inlineCallbacks
    def _session(self, failure: type[Exception] | None = None) -> Generator[Deferred[Any], Any, "_Session"]:
        """A session that has read the server's state; raises ``failure``, if given, where there is none."""
        try:
            username = self._username()
            if username is None:
                raise UnfitTarget("the secret of the monitor's user is not known")
            connection: BackendConnection = yield self._connector.open_plain(username)
            session = _Session(connection, self._connector, self._clock, self._lost)
            try:
                yield session.read_state()
            except BaseException:
                connection.abort("its state could not be read")
                raise
        except (TargetError, UnfitTarget, ConnectFailed) as problem:
            if failure is not None:
                raise failure(str(problem)) from None
            raise
        return session

    @inlineCallbacks
    def _end_lost(self, session: "_Session") -> _Steps:
        """End the sessions whose last statement may still take effect, and see that they are gone."""
        if not self._lost:
            return
        uptime: Answer = yield session.run("SHOW GLOBAL STATUS LIKE 'Uptime'")
        # In whole seconds. What was opened before the server started is gone with it.
        up_since = self._clock.seconds() - int(uptime.rows[0][1] or 0) - 1
        for lost in tuple(self._lost):
            if lost.opened_at >= up_since:
                yield session.end(lost.thread)
            self._lost.remove(lost)


def _without_password(refusal: TargetError, source: Source) -> UnfitTarget:
    """A complaint about a statement's syntax shows part of it."""
    packet = refusal.packet
    what = "the statement is not understood" if packet.errno == _SYNTAX else packet.message
    return UnfitTarget(f"replicating from {source.host}:{source.port}: {packet.errno}: {what}")


class _Session:
    """A connection for one task; leaves on the way out of a ``with`` block."""

    def __init__(
        self, connection: BackendConnection, connector: BackendConnector, clock: Any, lost: list[_Lost]
    ) -> None:
        self.name = connector.target.name
        self.state: ServerState
        self._connection = connection
        self._connector = connector
        self._clock = clock
        self._lost = lost

    def __enter__(self) -> "_Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, (TargetError, UnfitTarget, PromotionUndone)):
            self._connection.close(CloseReason.DRAINED)
        else:
            self._connection.abort("the task was not finished")

    @inlineCallbacks
    def read_state(self) -> Generator[Deferred[Any], Any, ServerState]:
        """What the server is like now."""
        answer: Answer = yield self.run(STATE)
        try:
            self.state = state_of(answer.rows)
        except ValueError as problem:
            raise UnfitTarget(str(problem)) from None
        return self.state

    @inlineCallbacks
    def check_privileges(self) -> _Steps:
        """Raise UnfitTarget if the user certainly lacks some that a switchover takes."""
        try:
            grants: Answer = yield self.run(SHOW_GRANTS)
        except TargetError:
            # What the server does not tell, it tells when the rights are used.
            return
        missing = missing_for_switchover(self.state, grants.rows)
        if missing:
            account: Answer = yield self.run("SELECT CURRENT_USER()")
            statement = grant_statement(missing, account.rows[0][0] or "")
            raise UnfitTarget(f"on {self.name} the monitor's user lacks {', '.join(missing)}: {statement}")

    def run(self, sql: str) -> Deferred[Answer]:
        """A statement that the server answers soon."""
        return self._connector.limited(query(self._connection, sql))

    @inlineCallbacks
    def run_surely(self, sql: str) -> Generator[Deferred[Any], Any, Answer]:
        """A statement that must not take effect once it was given up; its caller bounds the wait."""
        lost = _Lost(self._connection.thread_id, self._connection.opened_at)
        self._lost.append(lost)
        try:
            answer: Answer = yield query(self._connection, sql)
        except TargetError:
            self._lost.remove(lost)
            raise
        self._lost.remove(lost)
        return answer

    @inlineCallbacks
    def note(self, sql: str, notes: list[str]) -> _Steps:
        """Run a statement without which one can live; a refusal becomes a note."""
        try:
            yield self.run(sql)
        except TargetError as refusal:
            notes.append(f"{self.name}: {sql}: {refusal}")

    @inlineCallbacks
    def kill(self, thread: int) -> _Steps:
        """End a session, if it is there."""
        try:
            yield self.run(f"KILL CONNECTION {thread}")
        except TargetError as refusal:
            if refusal.packet.errno != _NO_SUCH_THREAD:
                raise

    @inlineCallbacks
    def end(self, thread: int) -> _Steps:
        """End a session and return when it is gone."""
        for _ in range(LOOKS):
            answer: Answer = yield self.run(_SESSION.format(int(thread)))
            if not answer.rows:
                return
            yield self.kill(thread)
            yield deferLater(self._clock, LOOK_INTERVAL)
        raise UnfitTarget(f"session {thread} of {self.name}, whose statement was given up, does not end")
