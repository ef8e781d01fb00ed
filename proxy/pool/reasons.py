"""Why a database connection leaves the pool: one enum for log, metric, document and API."""

import enum

__all__ = ["CloseReason"]


class CloseReason(enum.Enum):
    """The value is the word in logs and metrics."""

    IDLE = "idle"
    """More idle connections than allowed, and this one unused for the idle connection timeout."""
    LIFE = "life"
    """Reached its maximum life; never while in use."""
    MADE_ROOM = "made_room"
    """At the cap, gave its slot to a borrower that cannot use it."""
    RETIRED = "retired"
    """Of an old generation: credentials were rotated or the target failed over."""
    SHRUNK = "shrunk"
    """The cap was lowered."""
    UNCLEAN = "unclean"
    """Its borrower left it in a state nobody else may inherit."""
    DRAINED = "drained"
    """The pool is stopping."""
    LOST = "lost"
    """Closed by the target or the network, not by the pool."""
