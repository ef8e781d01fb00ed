"""What `PoolState` wants done, as values. They are to be carried out in order, each exactly once."""

from collections.abc import Sequence

import attrs

from .errors import BorrowTimeout
from .interface import OpenRequest, PooledConnection
from .reasons import CloseReason
from .waiters import Waiter

__all__ = ["NOTHING", "Abandon", "Close", "Decision", "Decisions", "Expire", "Grant", "Open", "Refuse"]


@attrs.frozen
class Grant:
    """Hand the connection to the waiter; a waiter that no longer wants it gives it back."""

    waiter: Waiter
    connection: PooledConnection


@attrs.frozen
class Open:
    """Open a connection and report `opened` or `open_failed` with this request."""

    request: OpenRequest


@attrs.frozen
class Abandon:
    """Nobody waits for this open any more: cancel it, and still report `opened` or `open_failed`."""

    request: OpenRequest


@attrs.frozen
class Close:
    """Close the connection and report `closed` when it is gone."""

    connection: PooledConnection
    reason: CloseReason


@attrs.frozen
class Expire:
    """The waiter's time is over. ``cause`` is its key's latest failure to connect, if it is failing."""

    waiter: Waiter
    cause: BaseException | None = None
    error: BorrowTimeout | None = None
    """What to tell it, if that is not the pool's own timeout."""


@attrs.frozen
class Refuse:
    """The waiter cannot be served, and waiting would not help."""

    waiter: Waiter
    error: BaseException


Decision = Grant | Open | Abandon | Close | Expire | Refuse
Decisions = Sequence[Decision]
NOTHING: Decisions = ()
