"""What a route can refuse a borrower with, besides what a pool can."""

from ..pool.errors import PoolError

__all__ = ["NoReader"]


class NoReader(PoolError):
    """The endpoint is for reading only, there is no reader at all, and nothing else may serve."""
