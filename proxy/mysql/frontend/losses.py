"""What a client is told when its database connection is gone.

A transaction that is rolled back is told with MySQL's error for that (1213, SQLSTATE 40001): nothing of it
has happened, and applications that retry such transactions may do so here. Where more is gone than that, or
it is unknown what has happened, the error is the one of a lost connection, although the client keeps its own.
"""

from ...errors import ClientError, connection_lost, rolled_back
from ..session.fate import Fate
from ..session.value import SessionValue

__all__ = ["fate_error", "loss_error", "loss_of"]

_ROLLED_BACK = "the database connection was lost, the transaction is rolled back"


def loss_of(value: SessionValue) -> ClientError | None:
    """What an idle session has lost with its connection; None if nothing."""
    return None if value.loss() is None else loss_error(value)


def loss_error(value: SessionValue) -> ClientError:
    """What a session has lost whose connection is gone; to be asked before it is forgotten."""
    if value.in_transaction and not value.pins:
        return rolled_back(_ROLLED_BACK)
    return connection_lost(value.what_is_lost())


def fate_error(fate: Fate, lost: str, *, in_transaction: bool, was_pinned: bool = False) -> ClientError:
    """A write or COMMIT has had no answer; ``lost`` is what else a pinned session has lost."""
    what = "the transaction" if in_transaction else "the write"
    if fate is Fate.NOT_COMMITTED and was_pinned:
        return connection_lost(f"{lost}; {what} was not committed")
    if fate is Fate.NOT_COMMITTED:
        return rolled_back(f"the database connection was lost, {what} was not committed")
    if fate is Fate.COMMITTED:
        return connection_lost(f"{lost}; {what} was committed, what it has reported is not known")
    return connection_lost(f"{lost}; it is unknown whether {what} was committed")
