"""What the pool knows of database connections, and of whoever opens them.

A connection is hashed and compared by identity. Its ``key`` never changes; its ``settings`` may change while
it is borrowed and are read when it is returned.
"""

from collections.abc import Hashable
from typing import Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred

from .reasons import CloseReason

__all__ = ["Connector", "OpenRequest", "PooledConnection", "Share", "Tenant"]


class PooledConnection(Protocol):
    """A database connection that can be lent to one session after the other."""

    @property
    def key(self) -> Hashable:
        """What must be equal for a connection to serve a session: database user, wire format."""

    @property
    def settings(self) -> object:
        """The interned session settings in effect, compared by identity."""

    def can_become(self, settings: object) -> bool:
        """Say whether a session with these settings can be served by replaying the difference."""

    def close(self, reason: CloseReason) -> None:
        """Begin to close; must not raise.

        The pool's ``closed`` is called exactly when the target no longer counts the connection, also when the
        connection was lost without this method having been called.
        """


class Share(Protocol):
    """What a tenant may have of a pool's connections, and what is kept for it; replaced, never changed."""

    @property
    def weight(self) -> float:
        """Of two that wait, the one that has fewer connections for its weight comes first; above 0."""

    @property
    def min_connections_percent(self) -> float:
        """Part of the cap that others leave to it."""

    @property
    def max_connections_percent(self) -> float:
        """Part of the cap that it never exceeds; one connection is always within it."""

    @property
    def max_queue_length(self) -> int:
        """How many may wait when it can have no further connection; 0 sets no limit of its own."""

    @property
    def borrow_timeout(self) -> float | None:
        """Longest wait in seconds, 0 as in PoolLimits; None is the pool's."""


class Tenant(Protocol):
    """Those who share one part of the connections. Two with the same name are the same tenant."""

    @property
    def name(self) -> str:
        """For errors and metrics."""

    @property
    def share(self) -> Share:
        """What is in force now; the pool notices another one at the tenant's next borrow or tick."""


ConnectionT = TypeVar("ConnectionT", bound=PooledConnection)


@attrs.frozen(eq=False)
class OpenRequest:
    """One connection to open. Compared by identity: it names the slot that is kept for the connection."""

    key: Hashable
    settings: object
    """The settings its first borrower wants."""
    context: object = attrs.field(default=None, repr=False)
    """Handed through from the waiter; None for a connection that is opened to be kept warm."""


class Connector(Protocol[ConnectionT]):
    """Opens connections to the one target of a pool."""

    def open(self, request: OpenRequest) -> Deferred[ConnectionT]:
        """Open a connection with the request's key.

        The Deferred must be cancellable and must fire within the connect timeout. It fails with an exception
        whose attribute ``fatal`` is true when another attempt cannot succeed either.
        """
