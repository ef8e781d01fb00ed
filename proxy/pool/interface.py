"""What the pool knows of database connections, and of whoever opens them.

A connection is hashed and compared by identity. Its ``key`` never changes; its ``settings`` may change while
it is borrowed and are read when it is returned.
"""

from collections.abc import Hashable
from typing import Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred

from .reasons import CloseReason

__all__ = ["Connector", "OpenRequest", "PooledConnection"]


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
