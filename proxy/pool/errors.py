"""What a borrow can fail with, and the one mistake a borrower can make.

An exception of the connector reaches the waiters unchanged when its attribute ``fatal`` is true (see
`is_fatal`); any other failure to connect is retried with a back-off until the borrow timeout.
"""

__all__ = ["BorrowTimeout", "Evacuated", "NotBorrowed", "PoolClosed", "PoolError", "QueueFull", "is_fatal"]


class PoolError(Exception):
    """Base of what the pool itself raises."""


class BorrowTimeout(PoolError):
    """No connection became available within the borrow timeout.

    ``__cause__`` is the latest failure to connect for the same key, when the key was failing.
    """


class QueueFull(PoolError):
    """The borrow queue has its maximum length: load is shed instead of queued."""


class PoolClosed(PoolError):
    """The pool is stopping or stopped."""


class Evacuated(PoolError):
    """The pool's target is no longer the one to borrow from; another pool may have what was waited for."""


class NotBorrowed(PoolError):
    """A connection was returned or discarded by someone who does not hold it."""


def is_fatal(error: BaseException) -> bool:
    """Say whether waiting cannot help against this failure of a connector, such as refused authentication."""
    return bool(getattr(error, "fatal", False))
