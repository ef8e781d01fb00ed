"""Which way a session's statements go: to the endpoint's kind of target, or reads to the readers.

With causal reads a reader is used once it has executed the session's last write.
"""

from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from ...targets.routes import Route
from ...targets.sticky import StickyRoute
from ..backend.connection import BackendConnection
from ..backend.own_commands import Answer, query
from ..session.causal import Arrival, arrival, wait_for
from ..session.need import Need
from ..session.value import SessionValue
from .context import EndpointContext

__all__ = ["ANSWER_TIME", "Routes"]

#: Seconds that a reader has to say that the time for catching up is over.
ANSWER_TIME = 1.0


class Routes:
    """The routes of one session."""

    log = Logger()

    __slots__ = ("_context", "_is_read_only", "_readers", "is_sticky", "route")

    def __init__(self, context: EndpointContext, *, is_read_only: bool = False) -> None:
        """``is_read_only``: of a session that may write nothing, so that any statement may go to a reader."""
        self._context = context
        self._is_read_only = is_read_only
        self.route: Route[BackendConnection] = context.route
        self._readers: StickyRoute[BackendConnection] | None = None
        readers = context.read_route
        if is_read_only and readers is not None and not readers.has_readers:
            readers = None
        if readers is not None and (context.kinds is not None or is_read_only or not context.writes):
            self._readers = StickyRoute(readers)
        if self._readers is not None and (is_read_only or not context.writes):
            self.route = self._readers
        #: Whether any statement may go to a reader.
        self.is_sticky = self._readers is not None

    def route_for(self, need: Need) -> Route[BackendConnection]:
        """Where to borrow for a statement that needs this."""
        if need.from_writer and self._context.write_route is not None:
            return self._context.write_route
        if need.is_read and self._readers is not None:
            return self._readers
        return self.route

    def is_behind(self, connection: BackendConnection, value: SessionValue, need: Need) -> bool:
        """Whether a reader has to catch up with the session first."""
        may_write = self._context.writes and not self._is_read_only
        if need.from_writer or (may_write and not need.is_read):
            return False
        if self._readers is not None:
            self._readers.preferred = connection.pool
        if not (value.last_gtid and self._context.options.causal_reads) or need.is_fresh:
            return False
        return not connection.unit.has_executed(value.last_gtid)

    def catch_up(self, connection: BackendConnection, gtid: str, then: Callable[[bool], None]) -> None:
        """Wait for a transaction, then say whether it is there; if it is not, the connection is returned."""
        # Whoever used it last must not find its own diagnostics here any more.
        connection.serial += 1
        is_mariadb = "MariaDB" in connection.server_version
        try:
            sql = wait_for(gtid, self._context.options.causal_reads_timeout, is_mariadb=is_mariadb)
        except ValueError:
            connection.pool.give_back(connection)
            then(False)
            return

        def answered(answer: Answer) -> None:
            is_there = len(answer.rows) == 1 and arrival(answer.rows[0][0]) is Arrival.ARRIVED
            if not is_there:
                connection.pool.give_back(connection)
            then(is_there)

        def failed(_failure: Failure) -> None:
            connection.pool.discard(connection)
            then(False)

        waiting = query(connection, sql.decode())
        waiting.addTimeout(self._context.options.causal_reads_timeout + ANSWER_TIME, self._context.clock)
        waiting.addCallbacks(answered, failed)
        waiting.addErrback(lambda failure: self.log.failure("unforeseen failure", failure))
