"""Who waits at an endpoint for a connection, whichever pool it will come from.

A wait is in the queue of one pool, or parked here while no pool fits. It ends exactly once: with a
connection, with BorrowTimeout once its time is over (moving from pool to pool gives it no more of it), with
the fatal error of a connector, with PoolClosed when the endpoint stops, or by being cancelled. Those that are
parked find their place in order of arrival, and nobody who comes later overtakes them. Whose tenant has a
borrow timeout of its own waits that long, parked as in a queue.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ..pool.errors import BorrowTimeout, Evacuated, PoolClosed, QueueFull, TenantTimeout
from ..pool.interface import ConnectionT, Tenant
from ..pool.limits import is_full
from ..pool.pool import Pool
from ..pool.waiters import Deadlines
from .alarm import Alarm

__all__ = ["Places", "RouteOptions", "Wait", "Waits"]


@attrs.frozen
class RouteOptions:
    """What a route reads for each borrower; ``borrow_timeout`` in seconds.

    With a borrow timeout of 0 nobody waits for more than one attempt to connect.
    """

    borrow_timeout: float = 120.0
    max_queue_length: int = 10_000


@attrs.define(eq=False)
class Wait(Generic[ConnectionT]):
    """One wish to borrow at an endpoint."""

    key: Hashable
    settings: object
    context: object = attrs.field(repr=False)
    preferred: Pool[ConnectionT] | None = attrs.field(repr=False)
    """Where it would rather be served."""
    number: int
    until: float | None
    """When the route's time is over; None if it has none for who waits."""
    ends: float | None
    """When its own time is over, which may be its tenant's; None if it is not to wait."""
    deadline: float = 0.0
    """When it ends if it is still parked by then."""
    result: Deferred[ConnectionT] = attrs.field(init=False, repr=False)
    pool: Pool[ConnectionT] | None = attrs.field(default=None, init=False, repr=False)
    borrow: Deferred[ConnectionT] | None = attrs.field(default=None, init=False, repr=False)
    """What the pool has promised; None while it is parked."""
    is_admitted: bool = attrs.field(default=False, init=False)


class Places(Protocol[ConnectionT]):
    """What knows the pools: a route's answer may change at any time, and is the same for all who are parked
    but for their preferences.
    """

    def choose(self, wait: Wait[ConnectionT], /) -> Pool[ConnectionT] | None:
        """Where to wait; None: nowhere yet. Never a pool that is stopping."""

    def keeps(self, pool: Pool[ConnectionT]) -> bool:
        """Whether those who wait in this pool may stay there."""

    def look_again(self) -> float | None:
        """When, from now on, `choose` may answer otherwise though nothing has happened."""

    def settled(self) -> None:
        """Everyone is where it may wait, as far as there are places."""


class Waits(Generic[ConnectionT]):
    """All waits of one route."""

    def __init__(
        self, options: Callable[[], RouteOptions], clock: IReactorTime, places: Places[ConnectionT]
    ) -> None:
        self._options = options
        self._seconds: Callable[[], float] = clock.seconds
        self._places = places
        self._all: OrderedDict[Wait[ConnectionT], None] = OrderedDict()
        #: How many of each tenant there are, as far as their keys name one.
        self._by_tenant: Counter[Any] = Counter()
        self._parked: OrderedDict[Wait[ConnectionT], None] = OrderedDict()
        self._deadlines: Deadlines[Wait[ConnectionT]] = Deadlines()
        self._alarm = Alarm(clock, self._rung)
        self._arrivals = 0
        self._moving = False
        self._unsettled = False
        self._stopped = False

    def __len__(self) -> int:
        return len(self._all)

    @property
    def parked(self) -> int:
        """How many wait in no pool's queue."""
        return len(self._parked)

    @property
    def is_open(self) -> bool:
        """Whether nobody is overtaken by who takes a connection now, and it may."""
        return not (self._parked or self._moving or self._stopped)

    def borrow(
        self,
        key: Hashable,
        settings: object,
        context: object = None,
        preferred: Pool[ConnectionT] | None = None,
    ) -> Deferred[ConnectionT]:
        """Wait for a connection; may be cancelled."""
        if self._stopped:
            return fail(PoolClosed("the endpoint is stopping"))
        options = self._options()
        tenant = _tenant_of(key)
        of_tenant = None if tenant is None else self._by_tenant[tenant]
        if is_full(len(self._all), options.max_queue_length, of_tenant):
            return fail(QueueFull("the borrow queue is full"))
        self._arrivals += 1
        timeout = options.borrow_timeout
        now, own = self._seconds(), _own_timeout(key)
        until = now + timeout if timeout > 0 else None
        ends = until if own is None else now + own if own > 0 else None
        wait = Wait(key, settings, context, preferred, self._arrivals, until, ends)
        wait.result = Deferred(lambda _: self._cancel(wait))
        self._all[wait] = None
        if tenant is not None:
            self._by_tenant[tenant] += 1
        self._settle(wait)
        return wait.result

    def move_on(self) -> None:
        """Find a place for everyone who is not, or no longer, where it may wait."""
        self._unsettled = True
        if self._moving:
            return
        self._moving = True
        try:
            while self._unsettled:
                self._unsettled = False
                self._recall([wait for wait in self._all if wait.pool and not self._places.keeps(wait.pool)])
                self._place_parked()
        finally:
            self._moving = False
        self._set_alarm()
        self._places.settled()

    def leave(self, is_worse: Callable[[Pool[ConnectionT], Hashable], bool]) -> None:
        """Find another place for all who wait in a pool, with a key, of which this is true."""
        known: dict[tuple[int, Hashable], bool] = {}
        leaving = []
        for wait in self._all:
            if wait.pool is not None:
                place = id(wait.pool), wait.key
                if place not in known:
                    known[place] = is_worse(wait.pool, wait.key)
                if known[place]:
                    leaving.append(wait)
        self._recall(leaving)
        self.move_on()

    def refuse(self, error: BaseException) -> None:
        """End all waits with this error."""
        for wait in list(self._all):
            if wait in self._all:
                self._withdraw(wait)
                self._end(wait)
                wait.result.errback(Failure(error))
        self._set_alarm()

    def stop(self) -> None:
        """Refuse everyone, now and from now on, with PoolClosed."""
        self._stopped = True
        self.refuse(PoolClosed("the endpoint is stopping"))

    # -- places ---------------------------------------------------------------------------------------------

    def _settle(self, wait: Wait[ConnectionT]) -> None:
        """Find the one who has just come, or was just sent away, a place."""
        pool = None if self._moving or self._parked else self._places.choose(wait)
        if pool is not None:
            self._place(wait, pool)
        elif wait.ends is None and not self._moving:
            self._expire(wait)
        else:
            self._park([wait])
            self._set_alarm()

    def _place(self, wait: Wait[ConnectionT], pool: Pool[ConnectionT]) -> None:
        wait.pool = pool
        wait.borrow = borrow = pool.borrow(
            wait.key, wait.settings, wait.context, until=wait.until, is_admitted=wait.is_admitted
        )
        wait.is_admitted = True
        borrow.addCallbacks(self._granted, self._refused, callbackArgs=(wait,), errbackArgs=(wait, borrow))

    def _place_parked(self) -> None:
        while self._parked and not self._unsettled:
            wait = next(iter(self._parked))
            pool = self._places.choose(wait)
            if pool is None:
                return
            self._unpark(wait)
            self._place(wait, pool)

    def _recall(self, waits: list[Wait[ConnectionT]]) -> None:
        for wait in waits:
            self._withdraw(wait)
        self._park(waits)

    def _park(self, waits: list[Wait[ConnectionT]]) -> None:
        now = self._seconds()
        in_order = not self._parked or not waits or next(reversed(self._parked)).number < waits[0].number
        for wait in waits:
            # Who is not to wait stays for this turn of the reactor, in which another pool may come.
            wait.deadline = now if wait.ends is None else wait.ends
            wait.is_admitted = True
            self._parked[wait] = None
            self._deadlines.add(wait)
        if not in_order:
            self._parked = OrderedDict.fromkeys(sorted(self._parked, key=lambda each: each.number))

    def _unpark(self, wait: Wait[ConnectionT]) -> None:
        del self._parked[wait]
        self._deadlines.remove(wait)

    def _withdraw(self, wait: Wait[ConnectionT]) -> None:
        """Take the wait out of its pool's queue."""
        borrow, wait.borrow, wait.pool = wait.borrow, None, None
        if borrow is not None:
            borrow.cancel()

    # -- ends -----------------------------------------------------------------------------------------------

    def _granted(self, connection: ConnectionT, wait: Wait[ConnectionT]) -> None:
        self._end(wait)
        wait.result.callback(connection)

    def _refused(self, failure: Failure, wait: Wait[ConnectionT], borrow: Deferred[ConnectionT]) -> None:
        if wait.borrow is not borrow:
            return
        wait.borrow = wait.pool = None
        if failure.check(Evacuated, PoolClosed) and not self._stopped:
            self._settle(wait)
        else:
            self._end(wait)
            wait.result.errback(failure)

    def _end(self, wait: Wait[ConnectionT]) -> None:
        del self._all[wait]
        tenant = _tenant_of(wait.key)
        if tenant is not None:
            self._by_tenant[tenant] -= 1
            if not self._by_tenant[tenant]:
                del self._by_tenant[tenant]
        if wait in self._parked:
            self._unpark(wait)

    def _expire(self, wait: Wait[ConnectionT]) -> None:
        self._end(wait)
        tenant, own = _tenant_of(wait.key), _own_timeout(wait.key)
        error = BorrowTimeout("timed out waiting for a target to be there")
        if tenant is not None and own is not None:
            error = TenantTimeout(tenant.name, own)
        wait.result.errback(Failure(error))

    def _cancel(self, wait: Wait[ConnectionT]) -> None:
        if wait in self._all:
            self._end(wait)
            self._withdraw(wait)
            self._set_alarm()

    # -- time -----------------------------------------------------------------------------------------------

    def _set_alarm(self) -> None:
        first = self._deadlines.first()
        if first is None:
            self._alarm.set(None)
            return
        again = self._places.look_again()
        self._alarm.set(first.deadline if again is None else min(first.deadline, again))

    def _rung(self) -> None:
        now = self._seconds()
        while (wait := self._deadlines.first()) is not None and wait.deadline <= now:
            self._expire(wait)
        self.move_on()


def _tenant_of(key: Hashable) -> Tenant | None:
    tenant: Tenant | None = getattr(key, "tenant", None)
    return tenant


def _own_timeout(key: Hashable) -> float | None:
    tenant = _tenant_of(key)
    return None if tenant is None else tenant.share.borrow_timeout
