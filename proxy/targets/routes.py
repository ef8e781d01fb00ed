"""Where an endpoint's sessions borrow: a route picks the pool, and whoever waits is moved when that changes.

A connection is returned to the pool that it is of, not to the route.
"""

from collections.abc import Callable, Hashable
from typing import Generic, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..pool.interface import ConnectionT
from ..pool.pool import Pool
from .waits import RouteOptions, Wait, Waits

__all__ = ["Route", "RouteOptions", "WriterRoute"]


class Route(Protocol[ConnectionT]):
    """What an endpoint borrows through."""

    def take(self, key: Hashable, settings: object, /) -> ConnectionT | None:
        """Borrow an idle connection at once; None means that `borrow` would have to wait."""

    def borrow(self, key: Hashable, settings: object, context: object = None, /) -> Deferred[ConnectionT]:
        """Borrow a connection as soon as possible; may be cancelled.

        Fails with BorrowTimeout, QueueFull, PoolClosed after `stop`, the route's own refusal, or the
        connector's exception if that is fatal.
        """

    def lends(self, pool: Pool[ConnectionT]) -> bool:
        """Whether a connection of this pool may be borrowed now."""

    @property
    def waiting(self) -> bool:
        """Whether anyone waits for a connection."""

    @property
    def is_short(self) -> bool:
        """Whether only a returned connection can help somebody who waits, or none is to be kept."""

    def stop(self) -> None:
        """Lend nothing more; who waits is refused with PoolClosed."""


class WriterRoute(Generic[ConnectionT]):
    """To the one pool whose target may be written to, while there is one and nobody holds the traffic.

    ``take(key, settings)`` is the pool's own method while that may lend, so that it costs nothing more.
    """

    def __init__(self, options: Callable[[], RouteOptions], clock: IReactorTime) -> None:
        """There is no writer yet; ``options`` is asked at each borrow that waits."""
        self._pool: Pool[ConnectionT] | None = None
        self._held = False
        self._watchers: list[Callable[[], None]] = []
        self._waits: Waits[ConnectionT] = Waits(options, clock, self)
        self.take: Callable[[Hashable, object], ConnectionT | None] = _nothing

    @property
    def pool(self) -> Pool[ConnectionT] | None:
        """The pool that lends at present; None while there is none, and while the traffic is held."""
        return None if self._held or self._pool is None or self._pool.is_stopping else self._pool

    def lends(self, pool: Pool[ConnectionT]) -> bool:
        """Whether it is the writer's, and lends."""
        return pool is self.pool

    @property
    def is_held(self) -> bool:
        """Whether borrowers wait although there may be a writer."""
        return self._held

    @property
    def waiting(self) -> bool:
        """Whether anyone waits for a connection."""
        return len(self._waits) > 0 or (self._pool is not None and self._pool.waiting)

    @property
    def waiters(self) -> int:
        """How many wait at this route."""
        return len(self._waits)

    @property
    def is_short(self) -> bool:
        """Whether only a returned connection can help somebody who waits, or none is to be kept."""
        pool = self._pool
        return self._held or pool is None or pool.is_short

    def borrow(self, key: Hashable, settings: object, context: object = None) -> Deferred[ConnectionT]:
        """Borrow a connection as soon as possible; may be cancelled. See `Route`."""
        return self._waits.borrow(key, settings, context)

    def use(self, pool: Pool[ConnectionT] | None) -> None:
        """Lend from this pool from now on; None: there is no writer, and borrowers wait.

        Who waits in the old pool moves, in order of arrival and with the deadline it had. To be called
        before the old pool is evacuated, or those it sends away ask it again.
        """
        self._pool = pool
        self._changed()

    def hold(self) -> None:
        """Lend nothing until `release`: borrowers wait, also those who do already."""
        self._held = True
        self._changed()

    def release(self) -> None:
        """Lend again, to those who have waited longest first."""
        self._held = False
        self._changed()

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever `pool` may have become another one; after those who wait here have moved.

        What is returned ends that, and may be called more than once.
        """

        def end() -> None:
            if changed in self._watchers:
                self._watchers.remove(changed)

        self._watchers.append(changed)
        return end

    def stop(self) -> None:
        """Lend nothing more; who waits is refused with PoolClosed."""
        self.take = _nothing
        self._waits.stop()

    def _changed(self) -> None:
        # Nobody overtakes those who are about to move.
        self.take = _nothing
        self._waits.move_on()
        for changed in list(self._watchers):
            changed()

    # -- for those who wait ---------------------------------------------------------------------------------

    def choose(self, _: Wait[ConnectionT], /) -> Pool[ConnectionT] | None:
        """Where to wait."""
        return self.pool

    def keeps(self, pool: Pool[ConnectionT]) -> bool:
        """Whether those who wait in this pool may stay there."""
        return pool is self.pool

    def look_again(self) -> float | None:
        """Only an event changes where to wait."""
        return None

    def settled(self) -> None:
        """Lend at once again."""
        pool = self.pool
        if pool is not None and self._waits.is_open:
            self.take = pool.take


def _nothing(key: Hashable, settings: object) -> None:
    """Lend nothing."""
