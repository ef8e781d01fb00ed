"""A session's hold on a database connection: borrowing, preparing, keeping, returning, losing it.

A connection is kept while the session value is tied to it (a transaction, a pin), for a moment after a
statement that left warnings or an error (SHOW WARNINGS may follow), and until doubtful values are settled.
"""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...errors import ClientError, borrow_timeout, interrupted
from ..backend.connection import BackendConnection, Borrower
from ..backend.errors import ConnectFailed
from ..backend.preparing import StatementRefused
from ..session.need import NOTHING, Need
from ..session.value import SessionValue, Tie
from ..session.verdict import Diagnostics
from .context import EndpointContext
from .losses import loss_error, loss_of
from .parting import abandon, give_back, recover, return_confirmed
from .replaying import without_what_is_gone
from .retries import Retries
from .routing import Routes
from .transfer import bring, is_ready, lacks_statement, needs_alone, prepare, settle
from .visible import visible_error
from .whereabouts import Whereabouts

__all__ = ["Tenancy"]

_Granted = Callable[[BackendConnection], None]
_Refused = Callable[[ClientError], None]

#: How often no connection was lent.
_NEVER = -1
_NO_READS = Diagnostics.NONE


def _reading(need: Need, reads: Diagnostics) -> Need:
    return need if need.reads == reads else attrs.evolve(need, reads=reads)


class Tenancy:
    """At most one borrowed connection; ``connection`` is set while the session may send on it."""

    __slots__ = (
        "_borrower",
        "_client",
        "_context",
        "_hold",
        "_key",
        "_over",
        "_pending",
        "_program",
        "_retries",
        "_route",
        "_routes",
        "_value",
        "_wanted",
        "_was_asked",
        "_whereabouts",
        "connection",
        "loss",
        "wanted_variables",
    )

    log = Logger()

    def __init__(
        self,
        context: EndpointContext,
        key: Any,
        value: SessionValue,
        borrower: Borrower,
        program: str,
        client: int,
    ) -> None:
        self.connection: BackendConnection | None = None
        self._context = context
        self._key = key
        self._value = value
        self._borrower = borrower
        self._program = program
        self._client = client
        self._over = False
        self._retries = Retries(context)
        self._pending: Deferred[Any] | None = None
        self._hold: Any = None
        #: What the session has lost when its connection could not be asked.
        self.loss: ClientError | None = None
        #: The proxy has asked the connection something since the session's last statement.
        self._was_asked = False
        #: Settings that the session is to have before its next statement, in the place of what it has set.
        self.wanted_variables: Sequence[tuple[str, str]] = ()
        self._whereabouts = Whereabouts(context, key, value)
        self._routes = Routes(context, is_read_only=getattr(key, "is_read_only", False))
        self._wanted = NOTHING
        #: What most statements go by.
        self._route = self._routes.route

    # Getting a connection

    def acquire(self, need: Need, granted: _Granted, refused: _Refused) -> None:
        """Call ``granted`` with a connection that continues the session, or ``refused``; at once if able."""
        self._retries.begin()
        self._acquire(need, granted, refused)

    def _acquire(self, need: Need, granted: _Granted, refused: _Refused) -> None:
        connection = self.connection
        if connection is not None:
            self._stop_holding()
            self._was_asked = False
            if need is NOTHING and not self.wanted_variables:
                granted(connection)
            else:
                self._use_own(connection, need, granted, refused)
            return
        if self.wanted_variables:
            self._take_wanted()
        # What is tried again is tried as it was, on a connection of which nothing is known yet.
        self._wanted = need
        value = self._value
        reads = need.reads
        route = self._route if need is NOTHING else self._routes.route_for(need)
        if reads is not _NO_READS or value.insert_id_at is not None or value.code_ran_at is not None:
            try:
                connection, reads = self._choose(need)
            except ClientError as refusal:
                refused(refusal)
                return
        if connection is None:
            connection = route.take(self._key, value.settings)
        while connection is not None and connection.lost is not None:
            # Cut just now, and not yet reported as closed.
            reads = need.reads
            connection.pool.discard(connection)
            connection = route.take(self._key, value.settings)
        if connection is not None:
            self._take(connection, need if reads is need.reads else _reading(need, reads), granted, refused)
            return
        self._pending = borrow = route.borrow(self._key, value.settings, self._program)

        def borrowed(connection: BackendConnection) -> None:
            self._pending = None
            self._take(connection, _reading(need, reads), granted, refused)

        def not_borrowed(failure: Failure) -> None:
            self._pending = None
            if not self._over:
                refused(interrupted() if failure.check(CancelledError) else visible_error(failure.value))

        borrow.addCallbacks(borrowed, not_borrowed)
        borrow.addErrback(self._unforeseen, refused)

    def _choose(self, need: Need) -> tuple[BackendConnection | None, Diagnostics]:
        """A connection that knows what the statement reads, and what of that it is yet to be given.

        None for any connection. Raises ClientError where no connection knows any more.
        """
        reads, value = need.reads, self._value
        unknown = need.variables - value.variables.values.keys()
        if unknown and value.code_ran_at is not None:
            connection = self._whereabouts.where_code_ran(unknown)
            if connection is None:
                raise self._whereabouts.variables_refusal(unknown)
            return connection, reads
        if reads is _NO_READS and (need.is_read or value.insert_id_at is None):
            # Who has its insert id is the writer; a reader does.
            return None, reads
        connection = self._whereabouts.find(reads)
        if connection is not None:
            # A reset takes it away.
            is_kept = connection.insert_id_is_exact and not needs_alone(connection, value, need)
            is_there = is_kept or not reads & Diagnostics.LAST_INSERT_ID
            return connection, Diagnostics.NONE if is_there else Diagnostics.LAST_INSERT_ID
        if self._whereabouts.is_gone(reads):
            raise self._whereabouts.diagnostics_refusal(reads)
        return None, reads

    def _use_own(
        self, connection: BackendConnection, need: Need, granted: _Granted, refused: _Refused
    ) -> None:
        """Use the connection that the session has."""
        foreign = self._whereabouts.foreign(connection, need.reads)
        gives_id = need.reads == Diagnostics.LAST_INSERT_ID
        gives_id = gives_id and not connection.knows_insert_id_of(self._value)
        if foreign:
            refused(self._whereabouts.diagnostics_refusal(foreign))
        elif self.wanted_variables or gives_id or need.given or lacks_statement(connection, need):
            reads = Diagnostics.LAST_INSERT_ID if gives_id else Diagnostics.NONE
            self._bring(connection, attrs.evolve(need, reads=reads), granted, refused)
        else:
            granted(connection)

    def _take_wanted(self) -> None:
        wanted, self.wanted_variables = self.wanted_variables, ()
        self._value.settings = self._value.settings.changed(variables=wanted)

    def stop_waiting(self) -> bool:
        """Leave the queue for a connection, as killed; False if the session does not wait there."""
        if self._pending is None:
            return False
        self._pending.cancel()
        return True

    def _bring(self, connection: BackendConnection, need: Need, granted: _Granted, refused: _Refused) -> None:
        """Give the connection the session is tied to what its earlier statements ran elsewhere for."""
        connection.take_back()
        connection.has_now(self._value)
        if self.wanted_variables:
            self._take_wanted()

        def given(_: None) -> None:
            if self._over:
                recover(connection, self._value)
                return
            connection.lend(self._borrower)
            granted(connection)

        def failed(failure: Failure) -> None:
            if failure.check(StatementRefused) and connection.lost is None and not self._over:
                connection.lend(self._borrower)
            else:
                if failure.check(ConnectFailed):
                    failure = Failure(loss_error(self._value))
                self.connection = None
                self._value.forget_connection()
                connection.pool.discard(connection)
            if not self._over:
                refused(visible_error(failure.value))

        giving = connection.limited(bring(connection, self._value, need, self._context.clock.seconds))
        giving.addCallbacks(given, failed)
        giving.addErrback(self._unforeseen, refused)

    def _take(self, connection: BackendConnection, need: Need, granted: _Granted, refused: _Refused) -> None:
        if self._over:
            connection.pool.give_back(connection)
            return
        if self._routes.is_sticky and self._routes.is_behind(connection, self._value, need):
            self._catch_up(connection, need, granted, refused)
            return
        if not self._whereabouts.is_last(connection):
            self._value.moves()
            if need.calls and not self._value.diagnostics.counts.is_mariadb:
                need = attrs.evolve(need, no_rows=True)
        if is_ready(connection, self._value, need):
            connection.is_used_by(self._value)
            connection.lend(self._borrower)
            self.connection = connection
            granted(connection)
            return

        def prepared(_: None) -> None:
            if self._over:
                give_back(connection)
                return
            connection.is_used_by(self._value)
            connection.lend(self._borrower)
            self.connection = connection
            granted(connection)

        def not_prepared(failure: Failure) -> None:
            error = self._not_prepared(connection, failure)
            if self._over:
                return
            if need.is_read and not failure.check(ConnectFailed):
                # A reader may not have yet what the writer has.
                need_of_writer = attrs.evolve(self._wanted, is_read=False, from_writer=True)
                self._acquire(need_of_writer, granted, refused)
            elif without_what_is_gone(self._value, failure):
                self._acquire(self._wanted, granted, refused)
            elif failure.check(ConnectFailed):
                # It was dead before the client's statement was sent: another one will do.
                if not self._retries.again(lambda: self._acquire(self._wanted, granted, refused)):
                    refused(borrow_timeout())
            else:
                refused(error)

        preparing = connection.limited(prepare(connection, self._value, need, self._context.clock.seconds))
        preparing.addCallbacks(prepared, not_prepared)
        preparing.addErrback(self._unforeseen, refused)

    def _catch_up(
        self, connection: BackendConnection, need: Need, granted: _Granted, refused: _Refused
    ) -> None:
        """Wait until the session's writes are there; where that takes too long the writer is asked."""

        def caught_up(is_there: bool) -> None:
            if is_there:
                self._take(connection, attrs.evolve(need, is_fresh=True), granted, refused)
            elif not self._over:
                self._acquire(attrs.evolve(need, is_read=False, from_writer=True), granted, refused)

        self._routes.catch_up(connection, self._value.last_gtid, caught_up)

    def _not_prepared(self, connection: BackendConnection, failure: Failure) -> ClientError:
        """The session's value could not be replayed: its schema is gone, or the connection is."""
        error = visible_error(failure.value)
        self.log.info(
            "[clientConnection={client}] settings could not be replayed on [dbConnection={number}]: {error}",
            client=self._client,
            number=connection.thread_id,
            error=error,
        )
        self._context.known_schemas.forget((self._key.username, self._value.settings.schema))
        connection.leave_residue(self._value)
        if connection.lost is None and connection.is_clean:
            connection.pool.give_back(connection)
        else:
            connection.pool.discard(connection)
        return error

    def _unforeseen(self, failure: Failure, refused: _Refused) -> None:
        self.log.failure("[clientConnection={client}] unforeseen failure", failure, client=self._client)
        refused(visible_error(failure.value))

    # After a response

    def release(self) -> None:
        """Return the connection; every statement's fast path ends here."""
        connection = self.connection
        assert connection is not None
        self.connection = None
        connection.take_back()
        connection.has_now(self._value)
        # What the proxy has asked it is what its ROW_COUNT() is about.
        self._whereabouts.last = (connection, _NEVER if self._was_asked else connection.serial)
        self._was_asked = False
        connection.check_is_answered()
        if connection.in_doubt:
            return_confirmed(connection, keeps_id=self._value.insert_id_at is connection)
        else:
            give_back(connection)

    @property
    def may_hold(self) -> bool:
        """Whether the connection may be kept for a moment: nobody waits, and any statement may follow."""
        if self._routes.is_sticky or (self.connection is not None and self.connection.is_guarded):
            return False
        return self._context.options.diagnostics_hold_timeout > 0 and not self._context.route.is_short

    @property
    def is_holding(self) -> bool:
        """Whether the connection is kept for a moment."""
        return self._hold is not None

    def hold(self, let_go: Callable[[], None]) -> None:
        """Keep the connection for diagnostics_hold_timeout, then call back unless it is used until then."""

        def over() -> None:
            self._hold = None
            let_go()

        self._hold = self._context.clock.callLater(self._context.options.diagnostics_hold_timeout, over)

    def _stop_holding(self) -> None:
        if self._hold is not None:
            hold, self._hold = self._hold, None
            hold.cancel()

    def settle(self, settled: Callable[[], None]) -> None:
        """Ask for the values in effect, then call back; the connection is still there unless it was lost."""
        connection = self.connection
        assert connection is not None
        # Nothing else may have the connection while it is asked.
        self._stop_holding()
        connection.take_back()
        connection.has_now(self._value)
        loss = loss_of(self._value)

        def done(_: None) -> None:
            if self._over:
                recover(connection, self._value)
                return
            connection.lend(self._borrower)
            self._was_asked = True
            settled()

        def failed(failure: Failure) -> None:
            self.log.info(
                "[dbConnection={number}] could not be asked for its settings: {problem}",
                number=connection.thread_id,
                problem=failure.value,
            )
            self.connection = None
            self.loss = loss
            self._value.forget_connection()
            connection.pool.discard(connection)
            if not self._over:
                settled()

        settling = connection.limited(settle(connection, self._value, self._context.clock.seconds))
        settling.addCallbacks(done, failed)
        settling.addErrback(lambda failure: self.log.failure("unforeseen failure", failure))

    # The end

    def cut(self, why: str) -> None:
        """The connection is of no use any more; ``lost`` follows."""
        if self.connection is not None:
            self.connection.abort(why)

    def lost(self) -> None:
        """The connection is gone, or must not be used again."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        connection.take_back()
        self._stop_holding()
        self._value.forget_connection()
        connection.pool.discard(connection)

    def start_over(self) -> None:
        """Give up what the session has on its connection (COM_RESET_CONNECTION, COM_CHANGE_USER)."""
        connection, self.connection = self.connection, None
        self.wanted_variables = ()
        self._stop_holding()
        self._whereabouts.forget()
        if connection is not None:
            recover(connection, self._value)

    def end(self, *, running: bool, vanished: bool, killed: bool = False) -> None:
        """The client is gone, ``running`` a statement; ``vanished`` if it did not say goodbye."""
        self._over = True
        if self._pending is not None:
            self._pending.cancel()
        self._retries.stop()
        self._stop_holding()
        self._whereabouts.forget()
        connection, self.connection = self.connection, None
        if connection is None or connection.borrower is None:
            return
        if running or connection.is_being_killed:
            abandon(connection, kill=killed or self._context.options.kill_abandoned_statements)
        elif vanished and self._value.in_transaction:
            # The target rolls back when the connection ends.
            connection.take_back()
            connection.pool.discard(connection)
        elif self._value.tie() is Tie.NONE and not self._value.is_doubtful and not connection.in_doubt:
            connection.take_back()
            connection.has_now(self._value)
            give_back(connection)
        else:
            recover(connection, self._value)
