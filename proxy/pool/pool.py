"""The pool of one target: timers, Deferreds and connects around `PoolState`, which alone decides.

Decisions are carried out from one queue. A borrower's callback may borrow or give back at once; what the
state decides then is appended to the queue, so the stack does not grow with the number of waiters. What
happens between a decision and its turn counts: a cancelled waiter gets nothing, and a lost connection goes to
nobody.
"""

import random
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, cast

from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .bucket import SlotState
from .decisions import Abandon, Close, Decision, Decisions, Expire, Grant, Open, Refuse
from .errors import BorrowTimeout, PoolError, is_fatal
from .fair_state import FairState
from .interface import ConnectionT, Connector, OpenRequest, Tenant
from .limits import PoolLimits
from .metrics import KeyMetrics, PoolMetrics, TenantMetrics
from .reasons import CloseReason
from .state import PoolState
from .waiters import Waiter

__all__ = ["Pool"]


class Pool(Generic[ConnectionT]):
    """Lends the connections of one target."""

    _log = Logger()

    def __init__(
        self,
        connector: Connector[ConnectionT],
        limits: PoolLimits,
        clock: IReactorTime,
        randomness: Callable[[], float] = random.random,
        tenant_of: Callable[[Hashable], Tenant | None] | None = None,
    ) -> None:
        """Connect nothing yet; ``randomness`` yields numbers from 0 up to 1 for the jitters.

        With ``tenant_of``, which names the tenant of a borrower's key, the connections are shared out among
        the tenants; keys of different tenants may be equal, and then share connections.
        """
        self._connector = connector
        self._clock = clock
        self._seconds: Callable[[], float] = clock.seconds
        self._state = (
            PoolState(limits, randomness) if tenant_of is None else FairState(limits, tenant_of, randomness)
        )
        self._decisions: deque[Decision] = deque()
        self._deciding = False
        self._borrows: dict[Waiter, Deferred[ConnectionT]] = {}
        self._opens: dict[OpenRequest, Deferred[ConnectionT]] = {}
        self._timer: IDelayedCall | None = None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = clock
        self._stopping: list[Deferred[None]] | None = None

    @property
    def metrics(self) -> PoolMetrics:
        """The present gauges and counters."""
        return self._state.metrics

    def by_key(self) -> list[KeyMetrics]:
        """The present gauges of each key that has connections or waiters; takes time for each connection."""
        return self._state.by_key()

    def by_tenant(self) -> list[TenantMetrics]:
        """The present gauges and the counters of each tenant; none without tenants."""
        return self._state.by_tenant()

    def expect(self, tenants: Iterable[Tenant]) -> None:
        """Keep the minimums of these tenants, and no others', though nobody of them may ever have come.

        A tenant that does come has its minimum from then on, until nobody has used it for long.
        """
        self._carry_out(self._state.expect(tenants, self._seconds()))

    @property
    def limits(self) -> PoolLimits:
        """The limits in force."""
        return self._state.limits

    @property
    def is_stopping(self) -> bool:
        """Whether nothing can be borrowed here any more."""
        return self._stopping is not None

    def start(self) -> None:
        """Begin to trim and warm at intervals."""
        ticking = self._ticking.start(self._state.limits.tick_interval, now=False)
        ticking.addErrback(lambda failure: self._log.failure("the pool no longer trims", failure))

    def stop(self) -> Deferred[None]:
        """Refuse waiters, close idle connections now and others when returned; fires when all are gone."""
        stopped: Deferred[None] = Deferred()
        if self._stopping is None:
            self._stopping = []
            if self._ticking.running:
                self._ticking.stop()
            self._carry_out(self._state.drain(self._seconds()))
        self._stopping.append(stopped)
        self._finish_stopping()
        return stopped

    def take(self, key: Hashable, settings: object) -> ConnectionT | None:
        """Borrow an idle connection at once; None means that `borrow` would have to wait."""
        return cast("ConnectionT | None", self._state.take(key, settings, self._seconds()))

    def take_exact(
        self, connection: ConnectionT, key: Hashable | None = None, *, is_needed: bool = True
    ) -> bool:
        """Borrow this very connection at once; False if it is not idle.

        ``key`` is the borrower's own, which names its tenant; None is the key the connection was opened with.
        If another connection would do as well it is not ``is_needed``, and not lent beyond a tenant's share.
        """
        return self._state.take_exact(connection, self._seconds(), key, is_needed=is_needed)

    @property
    def waiting(self) -> bool:
        """Whether anyone waits for a connection."""
        return self._state.waiting

    @property
    def is_short(self) -> bool:
        """Whether only a returned connection can help somebody who waits."""
        return self._state.is_short

    @property
    def borrowed(self) -> int:
        """How many connections someone has."""
        return self._state.borrowed

    @property
    def outstanding(self) -> int:
        """How many have a connection or wait for one."""
        return self._state.outstanding

    def is_failing(self, key: Hashable) -> bool:
        """Whether the latest attempt to open a connection for the key failed, a moment ago."""
        return self._state.is_failing(key)

    def lent(self) -> list[ConnectionT]:
        """The connections that someone has; takes time for each connection."""
        return cast("list[ConnectionT]", self._state.lent())

    def borrow(
        self,
        key: Hashable,
        settings: object,
        context: object = None,
        *,
        until: float | None = None,
        is_admitted: bool = False,
    ) -> Deferred[ConnectionT]:
        """Borrow a connection as soon as possible; may be cancelled.

        The wait ends at ``until``, in seconds of the clock, instead of after the borrow timeout; with
        ``is_admitted`` it has begun in another queue, and this one's length does not matter. Fails with
        BorrowTimeout or TenantTimeout, QueueFull or TenantQueueFull, PoolClosed, Evacuated, or the
        connector's own exception if that is fatal.
        """
        connection = self.take(key, settings)
        if connection is not None:
            return succeed(connection)
        waiter = Waiter(key, settings, context, until, is_admitted)
        borrow: Deferred[ConnectionT] = Deferred(lambda _: self._cancel(waiter))
        try:
            decisions = self._state.enqueue(waiter, self._seconds())
        except PoolError:
            return fail()
        self._borrows[waiter] = borrow
        self._carry_out(decisions)
        return borrow

    def give_back(self, connection: ConnectionT) -> None:
        """Return a borrowed connection that anyone may have next; raises NotBorrowed if it is not lent."""
        decisions = self._state.give_back(connection, self._seconds())
        if decisions:
            self._carry_out(decisions)

    def discard(self, connection: ConnectionT) -> None:
        """Return a borrowed connection that nobody may have again; raises NotBorrowed if it is idle."""
        self._carry_out(self._state.discard(connection, self._seconds()))

    def closed(self, connection: ConnectionT) -> None:
        """Note that a connection is gone; to be called once for each, also if it was lost while borrowed."""
        self._carry_out(self._state.closed(connection, self._seconds()))

    def resize(self, limits: PoolLimits) -> None:
        """Put other limits in force; connections above a lower cap close now if idle, else when returned."""
        self._carry_out(self._state.resize(limits, self._seconds()))

    def retire(self, key: Hashable) -> None:
        """Replace a key's connections: idle ones close now, borrowed ones when returned."""
        self._carry_out(self._state.retire(key, self._seconds()))

    def retire_all(self) -> None:
        """Replace all connections, as after a failover."""
        self._carry_out(self._state.retire_all(self._seconds()))

    def evacuate(self) -> None:
        """Send everyone away from a target that is not to be used: waiters are refused with Evacuated, in
        order of arrival, idle connections close now, borrowed ones when returned.

        Whoever borrows afterwards gets a new connection, as ever.
        """
        self._carry_out(self._state.evacuate(self._seconds()))

    # -- carrying out ---------------------------------------------------------------------------------------

    def _carry_out(self, decisions: Decisions) -> None:
        self._decisions.extend(decisions)
        if self._deciding:
            return
        self._deciding = True
        try:
            while self._decisions:
                self._carry_out_one(self._decisions.popleft())
        finally:
            self._deciding = False
        self._set_timer()
        self._finish_stopping()

    def _carry_out_one(self, decision: Decision) -> None:
        match decision:
            case Grant(waiter, connection):
                self._grant(waiter, cast(ConnectionT, connection))
            case Open(request):
                self._open(request)
            case Close(connection, reason):
                self._close(cast(ConnectionT, connection), reason)
            case Expire(waiter, cause, error):
                error = error or BorrowTimeout("timed out waiting for a database connection")
                error.__cause__ = cause
                self._refuse(waiter, error)
            case Refuse(waiter, error):
                self._refuse(waiter, error)
            case Abandon(request):
                if (opening := self._opens.get(request)) is not None:
                    opening.cancel()

    def _grant(self, waiter: Waiter, connection: ConnectionT) -> None:
        if waiter not in self._borrows:
            self.give_back(connection)
        elif self._state.state_of(connection) is SlotState.BORROWED:
            self._borrows.pop(waiter).callback(connection)
        else:
            self._wait_again(waiter)

    def _wait_again(self, waiter: Waiter) -> None:
        """Queue anew, last, a waiter whose connection was lost between the decision and its turn."""
        if self._state.limits.borrow_timeout > 0:
            waiter.until = waiter.deadline
        try:
            decisions = self._state.enqueue(waiter, self._seconds())
        except PoolError as error:
            self._refuse(waiter, error)
        else:
            self._carry_out(decisions)

    def _close(self, connection: ConnectionT, reason: CloseReason) -> None:
        if self._state.state_of(connection) is not SlotState.CLOSING:
            return
        try:
            connection.close(reason)
        except Exception:
            # Its slot stays taken: nobody knows whether the target still counts it.
            self._log.failure("closing a database connection failed")

    def _refuse(self, waiter: Waiter, error: BaseException) -> None:
        borrow = self._borrows.pop(waiter, None)
        if borrow is not None:
            borrow.errback(Failure(error))

    def _cancel(self, waiter: Waiter) -> None:
        if self._borrows.pop(waiter, None) is not None:
            self._state.cancel(waiter)
            # Whoever cancels is not ready for others to be served meanwhile.
            if self._state.is_unsettled:
                self._set_timer()

    # -- opening --------------------------------------------------------------------------------------------

    def _open(self, request: OpenRequest) -> None:
        opening = maybeDeferred(self._connector.open, request)
        self._opens[request] = opening
        opening.addCallbacks(self._opened, self._open_failed, callbackArgs=(request,), errbackArgs=(request,))
        opening.addErrback(lambda failure: self._log.failure("the pool's bookkeeping failed", failure))

    def _opened(self, connection: ConnectionT, request: OpenRequest) -> None:
        del self._opens[request]
        self._carry_out(self._state.opened(request, connection, self._seconds()))

    def _open_failed(self, failure: Failure, request: OpenRequest) -> None:
        del self._opens[request]
        error = cast(BaseException, failure.value)
        if not failure.check(CancelledError, ConnectingCancelledError):
            self._log.warn("could not open a database connection: {error}", error=error)
        self._carry_out(self._state.open_failed(request, error, is_fatal(error), self._seconds()))

    # -- time -----------------------------------------------------------------------------------------------

    def _set_timer(self) -> None:
        """Have the one timer fire no later than the next deadline; firing early costs one look."""
        now = self._seconds()
        deadline = self._state.next_deadline(now)
        if deadline is None:
            if self._timer is not None and self._stopping is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            self._timer = self._clock.callLater(max(0.0, deadline - now), self._wake)
        elif deadline < self._timer.getTime():
            self._timer.reset(max(0.0, deadline - now))

    def _wake(self) -> None:
        self._timer = None
        self._carry_out(self._state.wake(self._seconds()))

    def _tick(self) -> None:
        self._carry_out(self._state.tick(self._seconds()))

    def _finish_stopping(self) -> None:
        if self._stopping and not self._deciding and not self._state.total:
            stopping, self._stopping = self._stopping, []
            for stopped in stopping:
                stopped.callback(None)
