"""What a borrow can fail with, and the one mistake a borrower can make.

An exception of the connector reaches the waiters unchanged when its attribute ``fatal`` is true (see
`is_fatal`); any other failure to connect is retried with a back-off until the borrow timeout.
"""

__all__ = [
    "BorrowTimeout",
    "Evacuated",
    "NotBorrowed",
    "PoolClosed",
    "PoolError",
    "QueueFull",
    "TenantQueueFull",
    "TenantTimeout",
    "is_fatal",
]


class PoolError(Exception):
    """Base of what the pool itself raises."""


class BorrowTimeout(PoolError):
    """No connection became available within the borrow timeout.

    ``__cause__`` is the latest failure to connect for the same key, when the key was failing.
    """


class QueueFull(PoolError):
    """The borrow queue has its maximum length: load is shed instead of queued."""


class TenantTimeout(BorrowTimeout):
    """No connection became available within the tenant's own borrow timeout; ``seconds`` is how long."""

    def __init__(self, tenant: str, seconds: float) -> None:
        super().__init__(
            f"timed out waiting for a database connection after the {seconds:g} s of tenant '{tenant}'"
        )
        self.tenant = tenant
        self.seconds = seconds


class TenantQueueFull(QueueFull):
    """As many of the tenant wait as may, and it can have no further connection now.

    ``limit`` is how many may wait, ``used`` how many connections the tenant has,
    ``most`` how many it may have.
    """

    def __init__(self, tenant: str, limit: int, used: int, most: int) -> None:
        super().__init__(
            f"tenant '{tenant}' has {limit} waiting for a database connection, as many as may; "
            f"it uses {used} of at most {most}"
        )
        self.tenant = tenant
        self.limit = limit
        self.used = used
        self.most = most


class PoolClosed(PoolError):
    """The pool is stopping or stopped."""


class Evacuated(PoolError):
    """The pool's target is no longer the one to borrow from; another pool may have what was waited for."""


class NotBorrowed(PoolError):
    """A connection was returned or discarded by someone who does not hold it."""


def is_fatal(error: BaseException) -> bool:
    """Say whether waiting cannot help against this failure of a connector, such as refused authentication."""
    return bool(getattr(error, "fatal", False))
