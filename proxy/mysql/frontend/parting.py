"""How a session that ends, or starts over, parts from a connection on which it leaves something."""

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backend.connection import BackendConnection
from ..backend.own_commands import confirm, reset, save_insert_id
from ..session.pins import PinReason
from ..session.value import SessionValue

__all__ = ["abandon", "give_back", "recover", "return_confirmed"]

#: Roles, resource groups and the profiles of statements outlive a reset on some servers.
_SURVIVES_RESET = frozenset({PinReason.ROLE, PinReason.UNTRACKED_STATE, PinReason.PROFILING})

_log = Logger()


def recover(connection: BackendConnection, value: SessionValue) -> None:
    """Return a connection once it is reset; discard it where a reset is not enough."""
    connection.take_back()
    connection.drop_insert_id()
    connection.has_now(value)
    if not _SURVIVES_RESET.isdisjoint(value.pins):
        connection.pool.discard(connection)
        return

    def is_clean(_: None) -> None:
        connection.traces_of = None
        connection.in_doubt = connection.is_guarded = False
        connection.pool.give_back(connection)

    resetting = connection.limited(reset(connection))
    resetting.addCallbacks(is_clean, lambda _: connection.pool.discard(connection))
    resetting.addErrback(lambda failure: _log.failure("unforeseen failure", failure))


def give_back(connection: BackendConnection) -> None:
    """Return a connection to its pool, unless it refuses to write: it is closed then."""
    if connection.is_guarded:
        connection.pool.discard(connection)
    else:
        connection.pool.give_back(connection)


def abandon(connection: BackendConnection, *, kill: bool) -> None:
    """Give up a connection whose client is gone while a statement runs on it, and ``kill`` the statement.

    What still arrives of its response is dropped.
    """
    connection.take_back()
    connection.lend(_NOBODY)
    if not kill:
        connection.pool.discard(connection)
        return

    def not_killed(failure: Failure) -> None:
        _log.warn(
            "[dbConnection={number}] the statement of a client that is gone was not killed: {problem}",
            number=connection.thread_id,
            problem=failure.value,
        )

    killing = connection.connector.kill(connection)
    killing.addErrback(not_killed)
    killing.addBoth(lambda _: connection.pool.discard(connection))
    killing.addErrback(lambda failure: _log.failure("unforeseen failure", failure))


def return_confirmed(connection: BackendConnection, *, keeps_id: bool) -> None:
    """Return a connection once it is sure that no error is under way on it that nobody has asked for.

    ``keeps_id``: it alone knows LAST_INSERT_ID() of its last session.
    """

    def confirmed(_: object) -> None:
        connection.in_doubt = False
        give_back(connection)

    asking = connection.limited(save_insert_id(connection) if keeps_id else confirm(connection))
    asking.addCallbacks(confirmed, lambda _: connection.pool.discard(connection))
    asking.addErrback(lambda failure: _log.failure("unforeseen failure", failure))


class _Nobody:
    """Takes what arrives after its client is gone."""

    def backend_data(self, data: bytes) -> None:
        """Drop it."""

    def backend_lost(self, reason: str) -> None:
        """As intended."""

    def backend_full(self) -> None:
        """Nothing is written."""

    def backend_drained(self) -> None:
        """Nothing is written."""


_NOBODY = _Nobody()
