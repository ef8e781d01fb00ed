"""Ends abandoned statements at the target, one KILL at a time.

However many clients vanish together, there is at most one connection for KILLs besides the pool's: a storm of
them would take the connections that the target has left for its operator.
"""

from collections import deque
from collections.abc import Callable, Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import deferLater

from .connection import BackendConnection
from .errors import TargetError
from .own_commands import SERVER_IDENTITY, Answer, query

__all__ = ["MAX_ATTEMPTS", "RETRY_PAUSE", "Killer"]

#: How often a KILL is tried where the target has no connection left, and the pause in between, in seconds.
MAX_ATTEMPTS = 20
RETRY_PAUSE = 0.25

_TOO_MANY_CONNECTIONS = frozenset({1040, 1203, 1226})

_Job = tuple[BackendConnection, str, Deferred[None]]


class Killer:
    """Kills connections with the rights of the user that has them."""

    def __init__(
        self,
        open_plain: Callable[[str], Deferred[BackendConnection]],
        limited: Callable[[Deferred[Any]], Deferred[Any]],
        clock: Any,
    ) -> None:
        self._open_plain = open_plain
        self._limited = limited
        self._clock = clock
        self._jobs: deque[_Job] = deque()
        self._working = False
        self._connection: BackendConnection | None = None
        self._username = ""
        self._identity: tuple[str | None, ...] = ()
        self._up_since = 0.0

    def kill(self, connection: BackendConnection, username: str) -> Deferred[None]:
        """End a connection and the statement it runs; fails with what kept it from being killed."""
        done: Deferred[None] = Deferred()
        self._jobs.append((connection, username, done))
        if not self._working:
            self._work()
        return done

    @inlineCallbacks
    def _work(self) -> Generator[Deferred[Any], Any, None]:
        self._working = True
        while self._jobs:
            connection, username, done = self._jobs.popleft()
            try:
                yield self._kill(connection, username)
            except Exception as problem:
                self._hang_up()
                done.errback(problem)
            else:
                done.callback(None)
        self._working = False
        self._hang_up()

    @inlineCallbacks
    def _kill(self, connection: BackendConnection, username: str) -> Generator[Deferred[Any], Any, None]:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if connection.lost is not None:
                return
            try:
                killer = yield self._connected(username)
                if self._is_still_there(connection):
                    yield self._limited(query(killer, f"KILL CONNECTION {connection.thread_id}"))
                return
            except TargetError as refusal:
                if refusal.packet.errno not in _TOO_MANY_CONNECTIONS or attempt == MAX_ATTEMPTS:
                    raise
                yield deferLater(self._clock, RETRY_PAUSE)

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
            answer: Answer = yield self._limited(query(opened, f"SELECT {SERVER_IDENTITY}"))
            self._identity = answer.rows[0]
            answer = yield self._limited(query(opened, "SHOW GLOBAL STATUS LIKE 'Uptime'"))
        except BaseException:
            opened.abort("who the server is could not be asked")
            raise
        # Uptime is in whole seconds.
        self._up_since = self._clock.seconds() - int(answer.rows[0][1] or 0) - 1
        self._connection = opened
        self._username = username
        return opened

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort("done")
