"""Which connection knows what an earlier statement of a session has left, and what none knows any more."""

from typing import Any

from ...errors import ClientError, diagnostics_gone, variables_gone
from ..backend.connection import BackendConnection
from ..session.value import SessionValue
from ..session.verdict import Diagnostics
from .context import EndpointContext
from .statements import named

__all__ = ["Whereabouts"]


class Whereabouts:
    """Of one session, while it has no connection. ``last``: where its last statement ran.

    With the connection comes how often it had been lent by then: once that has changed, it tells nothing.
    """

    __slots__ = ("_context", "_key", "_value", "last")

    def __init__(self, context: EndpointContext, key: Any, value: SessionValue) -> None:
        self._context = context
        self._key = key
        self._value = value
        self.last: tuple[BackendConnection, int] | None = None

    def forget(self) -> None:
        """The session starts over, or ends."""
        if self._value.insert_id_at is not None:
            self._value.insert_id_at.drop_insert_id()
        self.last = None

    def is_last(self, connection: BackendConnection) -> bool:
        """Whether nobody else has used the connection since the session's last statement there."""
        last = self.last
        return last is not None and last[0] is connection and last[1] == connection.serial

    def foreign(self, connection: BackendConnection, reads: Diagnostics) -> Diagnostics:
        """What a connection would answer with another session's: no other statement clears it first."""
        foreign = Diagnostics.NONE
        if reads & Diagnostics.FOUND_ROWS and not self._value.diagnostics.counts.are_found_here:
            foreign |= Diagnostics.FOUND_ROWS
        if reads & Diagnostics.SEQUENCE and not self._value.sequence_here:
            foreign |= Diagnostics.SEQUENCE
        if reads & Diagnostics.LAST_GTID and self._value.gtid_at is not connection:
            foreign |= Diagnostics.LAST_GTID
        return foreign

    def find(self, reads: Diagnostics) -> BackendConnection | None:
        """Borrow a connection that can answer what is read: idle, and used by nobody else since.

        For LAST_INSERT_ID() that is the one that keeps it, for all else the one of the last statement.
        """
        keeper = self._value.insert_id_at
        if not reads & ~Diagnostics.LAST_INSERT_ID and isinstance(keeper, BackendConnection):
            # Another one can be told the id.
            return keeper if self._takes(keeper, is_needed=False) else None
        if self.last is None:
            return None
        connection, serial = self.last
        if reads & Diagnostics.LAST_INSERT_ID and self._value.insert_id_at is not connection:
            return None
        if self.foreign(connection, reads):
            return None
        if connection.serial == serial and self._takes(connection):
            return connection
        return None

    def _takes(self, connection: BackendConnection, *, is_needed: bool = True) -> bool:
        """Borrow this very connection, if its target serves the endpoint now."""
        pool = connection.pool
        if not self._context.route.lends(pool):
            return False
        return bool(pool.take_exact(connection, self._key, is_needed=is_needed))

    def is_gone(self, reads: Diagnostics) -> bool:
        """Whether a statement reads what only the connection of an earlier statement knew."""
        if reads & Diagnostics.LAST_GTID:
            # Not even a reset makes a server forget it.
            return True
        if self.last is None:
            return False
        own = Diagnostics.ROW_COUNT | Diagnostics.FOUND_ROWS
        return bool(reads & (own | Diagnostics.SEQUENCE if self._value.has_sequence else own))

    def diagnostics_refusal(self, reads: Diagnostics) -> ClientError:
        """Rather no answer than a wrong one; the session keeps its connection from now on."""
        self._value.wants_diagnostics = bool(reads & ~Diagnostics.FOUND_ROWS)
        return diagnostics_gone(named(reads))

    def where_code_ran(self, unknown: frozenset[str]) -> BackendConnection | None:
        """Borrow the connection where procedures may have set variables, if nobody else has used it since."""
        connection = self._value.code_ran_at
        if not isinstance(connection, BackendConnection) or connection.traces_of is not self._value:
            return None
        if connection.has_foreign_traces(self._value) or not self._takes(connection):
            return None
        self._value.variables.ask_again(unknown)
        return connection

    def variables_refusal(self, names: frozenset[str]) -> ClientError:
        """Rather no answer than a wrong one; from now on calls pin the sessions of this user."""
        self._value.code_ran_at = None
        self._context.calls_leave.add(self._key)
        return variables_gone(names)
