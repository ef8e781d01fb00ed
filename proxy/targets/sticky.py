"""A route to the readers for one session, which keeps its reader where that is practical."""

from collections.abc import Hashable
from typing import Generic

from twisted.internet.defer import Deferred

from ..pool.interface import ConnectionT
from ..pool.pool import Pool
from .reader_route import ReaderRoute

__all__ = ["StickyRoute"]


class StickyRoute(Generic[ConnectionT]):
    """``preferred`` is the pool that the session used last."""

    __slots__ = ("_route", "preferred")

    def __init__(self, route: ReaderRoute[ConnectionT]) -> None:
        self._route = route
        self.preferred: Pool[ConnectionT] | None = None

    def take(self, key: Hashable, settings: object) -> ConnectionT | None:
        """Borrow an idle connection at once."""
        return self._route.take(key, settings, self.preferred)

    def borrow(self, key: Hashable, settings: object, context: object = None) -> Deferred[ConnectionT]:
        """Borrow a connection as soon as possible."""
        return self._route.borrow(key, settings, context, self.preferred)

    def lends(self, pool: Pool[ConnectionT]) -> bool:
        """Whether a connection of this pool may be borrowed now."""
        return self._route.lends(pool)

    @property
    def waiting(self) -> bool:
        """Whether anyone waits for a connection."""
        return self._route.waiting

    @property
    def is_short(self) -> bool:
        """Whether only a returned connection can help somebody who waits."""
        return self._route.is_short

    def stop(self) -> None:
        """The route itself is stopped by its group."""
