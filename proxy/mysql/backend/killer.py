"""Ends statements and connections at the target, one KILL at a time.

However many clients vanish together, there is at most one connection for KILLs besides the pool's: a storm of
them would take the connections that the target has left for its operator.
"""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater

from .connection import BackendConnection
from .errors import TargetError
from .own_commands import SERVER_IDENTITY, Answer, ask, query
from .privileges import MAY_KILL, SHOW_GRANTS, global_privileges

__all__ = ["MAX_ATTEMPTS", "RETRY_PAUSE", "Killer"]

#: How often a KILL is tried where the target has no connection left, and the pause in between, in seconds.
MAX_ATTEMPTS = 20
RETRY_PAUSE = 0.25

_TOO_MANY_CONNECTIONS = frozenset({1040, 1203, 1226})
_NO_SUCH_THREAD = 1094
#: ER_KILL_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR.
_REFUSED = frozenset({1095, 1227})

#: A routine is listed for those who may run it.
_RDS_PROCEDURE: Final = (
    "SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='mysql' AND ROUTINE_NAME='rds_kill'"
)

_Work = Callable[[BackendConnection], Deferred[Any]]


class Killer:
    """Kills with the rights of one user or another."""

    def __init__(
        self,
        open_plain: Callable[[str], Deferred[BackendConnection]],
        limited: Callable[[Deferred[Any]], Deferred[Any]],
        clock: Any,
    ) -> None:
        self._open_plain = open_plain
        self._limited = limited
        self._clock = clock
        self._jobs: deque[tuple[str, _Work, Callable[[], bool], Deferred[Any]]] = deque()
        self._working = False
        self._connection: BackendConnection | None = None
        self._username = ""
        self._identity: tuple[str | None, ...] = ()
        self._up_since = 0.0

    def kill(self, connection: BackendConnection, username: str) -> Deferred[None]:
        """End a connection and the statement it runs; fails with what kept it from being killed."""
        return self._do(
            username,
            lambda killer: self._kill(killer, connection, "CONNECTION"),
            lambda: connection.lost is None,
        )

    def kill_statement(
        self, connection: BackendConnection, username: str, wanted: Callable[[], bool]
    ) -> Deferred[bool]:
        """End the statement a connection runs, if it is still ``wanted`` when its turn comes.

        Tells whether the target has accepted the KILL. Fails with TargetError where the user has no right to,
        also not by way of RDS's procedure.
        """
        return self._do(
            username,
            lambda killer: self._kill_statement(killer, connection, wanted),
            lambda: connection.lost is None and wanted(),
        )

    def may_kill(self, username: str) -> Deferred[bool]:
        """Whether a user has the right to end what others run."""
        return self._do(username, self._has_right, lambda: True)

    def _do(self, username: str, work: _Work, wanted: Callable[[], bool]) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self._jobs.append((username, work, wanted, done))
        if not self._working:
            self._work()
        return done

    @inlineCallbacks
    def _work(self) -> Generator[Deferred[Any], Any, None]:
        self._working = True
        while self._jobs:
            username, work, wanted, done = self._jobs.popleft()
            try:
                result = yield self._try(username, work, wanted)
            except Exception as problem:
                if not isinstance(problem, TargetError):
                    self._hang_up()
                done.errback(problem)
            else:
                done.callback(result)
        self._working = False
        self._hang_up()

    @inlineCallbacks
    def _try(
        self, username: str, work: _Work, wanted: Callable[[], bool]
    ) -> Generator[Deferred[Any], Any, Any]:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if not wanted():
                return False
            try:
                killer = yield self._connected(username)
                return (yield work(killer))
            except TargetError as refusal:
                if refusal.packet.errno not in _TOO_MANY_CONNECTIONS or attempt == MAX_ATTEMPTS:
                    raise
                yield deferLater(self._clock, RETRY_PAUSE)
        return False

    @inlineCallbacks
    def _kill_statement(
        self, killer: BackendConnection, connection: BackendConnection, wanted: Callable[[], bool]
    ) -> Generator[Deferred[Any], Any, bool]:
        if not wanted():
            return False
        connection.kill_sent()
        try:
            accepted: bool = yield self._kill(killer, connection, "QUERY")
            return accepted
        except TargetError:
            raise
        except Exception:
            # Nobody knows whether the target will act on it yet, and on what.
            connection.abort("a KILL of its statement was not answered")
            raise
        finally:
            connection.kill_answered()

    @inlineCallbacks
    def _kill(
        self, killer: BackendConnection, connection: BackendConnection, what: str
    ) -> Generator[Deferred[Any], Any, bool]:
        """Whether the target has accepted it."""
        if not self._is_still_there(connection):
            return False
        try:
            yield self._limited(query(killer, f"KILL {what} {connection.thread_id}"))
        except TargetError as refusal:
            if refusal.packet.errno in _REFUSED:
                yield self._kill_as_rds_does(killer, connection, what, refusal)
            elif refusal.packet.errno == _NO_SUCH_THREAD:
                return False
            else:
                raise
        return True

    @inlineCallbacks
    def _kill_as_rds_does(
        self, killer: BackendConnection, connection: BackendConnection, what: str, refusal: TargetError
    ) -> Generator[Deferred[Any], Any, None]:
        """On RDS nobody has the right to KILL what others run, but some may call a procedure that does."""
        procedure = "rds_kill_query" if what == "QUERY" else "rds_kill"
        try:
            yield self._limited(query(killer, f"CALL mysql.{procedure}({connection.thread_id})"))
        except TargetError:
            raise refusal from None

    @inlineCallbacks
    def _has_right(self, killer: BackendConnection) -> Generator[Deferred[Any], Any, bool]:
        answer: Answer = yield self._limited(query(killer, SHOW_GRANTS))
        if not MAY_KILL.isdisjoint(global_privileges(answer.rows)):
            return True
        answer = yield self._limited(query(killer, _RDS_PROCEDURE))
        return bool(answer.rows)

    def _is_still_there(self, connection: BackendConnection) -> bool:
        """Whether its id can only be its own.

        After a restart, or behind an address that another server has taken over, ids begin anew, and the one
        of a connection that died without a word may be an innocent one's.
        """
        return (
            connection.lost is None
            and connection.server_identity == self._identity
            and connection.opened_at >= self._up_since
        )

    @inlineCallbacks
    def _connected(self, username: str) -> Generator[Deferred[Any], Any, BackendConnection]:
        known = self._connection
        if known is not None and known.lost is None and username == self._username:
            return known
        self._hang_up()
        opened: BackendConnection = yield self._open_plain(username)
        try:
            self._identity = yield self._limited(ask(opened, f"SELECT {SERVER_IDENTITY}", 2))
            uptime = yield self._limited(ask(opened, "SHOW GLOBAL STATUS LIKE 'Uptime'", 2))
        except BaseException:
            opened.abort("who the server is could not be asked")
            raise
        # Uptime is in whole seconds.
        self._up_since = self._clock.seconds() - int(uptime[1] or 0) - 1
        self._connection = opened
        self._username = username
        return opened

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort("done")
