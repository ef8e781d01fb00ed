"""Asks a target, over a connection of its own, what the proxy must know about it.

What hardly changes is asked when the connection is new. All else goes out at once with each probe: one round
trip, however many questions the target's kind of topology has.
"""

from collections.abc import Callable, Generator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks

from ...pool.reasons import CloseReason
from ...targets.addresses import AddressWatch
from ...targets.observation import Observation, Role
from ..topology.detect import AUTO, kind_for
from ..topology.facts import Facts
from ..topology.kind import Answers, Question, Row, rows_of
from ..wire.capabilities import NO_CAPABILITIES, Capability
from ..wire.status import Status
from .connection import BackendConnection
from .connector import BackendConnector
from .errors import ConnectFailed, UnfitTarget
from .own_commands import query
from .questions import Interview
from .set_up import ALL_VARIABLES, variables_to_track

__all__ = ["Probe", "ProbeResult"]

#: What max_prepared_stmt_count is by default.
DEFAULT_PREPARED_STATEMENTS = 16_382

_LIMITS = Question(
    "limits",
    "SELECT @@max_connections AS max_connections, @@version AS version,"
    " @@global.character_set_client AS character_set_client",
)
NOTHING_KNOWN = Observation(Role.UNKNOWN)
_LIMITS_COLUMNS = frozenset({"max_connections", "version", "character_set_client"})
#: A log-in packet has one byte for the collation.
_COLLATIONS = (
    "SELECT ID, COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE ID <= 255"
)


@attrs.frozen
class ProbeResult:
    """One answer of a target."""

    max_connections: int
    version: str
    is_mariadb: bool
    fresh_status: int
    collations: dict[int, tuple[str, str]]
    #: For session_track_system_variables.
    tracked_variables: str
    capabilities: Capability = NO_CAPABILITIES
    #: The target's max_prepared_stmt_count.
    max_prepared_statements: int = DEFAULT_PREPARED_STATEMENTS
    #: Its global character_set_client.
    character_set_client: str = ""
    #: What it says of its place among the others.
    observation: Observation = NOTHING_KNOWN
    #: The address that answered.
    address: str = ""


def _limits_in(answers: Answers) -> Row:
    """The one row of the limits. Raises ConnectFailed."""
    rows = rows_of(answers, _LIMITS.name) or ()
    is_answer = len(rows) == 1 and rows[0].keys() == _LIMITS_COLUMNS
    if not is_answer or not (rows[0]["max_connections"] or "").isdecimal():
        raise ConnectFailed("the target's answer is not the one to the proxy's question")
    return rows[0]


def _peer(connection: BackendConnection) -> str:
    return str(getattr(connection.transport.getPeer(), "host", ""))


def _number(value: str | None) -> int:
    return int(value) if value is not None and value.isdecimal() else DEFAULT_PREPARED_STATEMENTS


class Probe:
    """Keeps one connection to the target, apart from the pool."""

    def __init__(
        self,
        connector: BackendConnector,
        username: Callable[[], str | None],
        topology: Callable[[], str] = lambda: AUTO,
        addresses: AddressWatch | None = None,
    ) -> None:
        """``username`` names a user whose secret is known, or None when there is none.

        ``topology``: the option of this name. ``addresses`` tells when the target's name has moved: then the
        probe connects anew, and finds who is there now.
        """
        self._connector = connector
        self._username = username
        self._topology = topology
        self._addresses = addresses
        self._connection: BackendConnection | None = None
        self._interview: Interview | None = None
        self._facts = Facts()
        self._collations: dict[int, tuple[str, str]] = {}
        self._stopped = False
        self._turn = DeferredLock()
        self._variables = ALL_VARIABLES
        self._fresh_status = int(Status.AUTOCOMMIT)
        self._max_prepared_statements = DEFAULT_PREPARED_STATEMENTS

    def ask(self) -> Deferred[ProbeResult]:
        """Ask anew, after what was asked before; fails with TargetError, UnfitTarget or ConnectFailed."""
        return self._turn.run(self._ask)

    @inlineCallbacks
    def _ask(self) -> Generator[Deferred[Any], Any, ProbeResult]:
        self._leave_former_server()
        try:
            connection = yield self._connected()
            result: ProbeResult = yield self._interviewed(connection)
        except BaseException:
            if self._addresses is not None:
                self._addresses.doubt()
            raise
        return result

    @inlineCallbacks
    def _interviewed(self, connection: BackendConnection) -> Generator[Deferred[Any], Any, ProbeResult]:
        assert self._interview is not None
        facts, kind = self._facts, kind_for(self._topology(), self._facts)
        try:
            answers = yield self._connector.limited(self._interview.ask((_LIMITS, *kind.questions(facts))))
            limits = _limits_in(answers)
        except BaseException:
            connection.abort("probe failed")
            raise
        # What SELECT @@version shows and what a MariaDB server greets with differ in a prefix.
        greeting, version = connection.server_version, limits["version"] or ""
        is_mariadb = "MariaDB" in version
        return ProbeResult(
            int(limits["max_connections"] or ""),
            greeting or version,
            is_mariadb,
            self._fresh_status,
            self._collations,
            ALL_VARIABLES if is_mariadb else self._variables,
            connection.server_capabilities,
            self._max_prepared_statements,
            limits["character_set_client"] or "",
            kind.read(answers, facts),
            _peer(connection),
        )

    def _leave_former_server(self) -> None:
        """Its name is another server's by now."""
        if self._connection is not None and self._addresses is not None and self._addresses.has_moved():
            connection, self._connection = self._connection, None
            connection.close(CloseReason.DRAINED)

    @inlineCallbacks
    def _connected(self) -> Generator[Deferred[Any], Any, BackendConnection]:
        if self._connection is not None and self._connection.lost is None:
            return self._connection
        username = self._username()
        if username is None:
            raise UnfitTarget("Proxy does not have any registered credentials")
        connection: BackendConnection = yield self._connector.open_plain(username)
        try:
            yield self._learn(connection)
        except BaseException:
            connection.abort("probe failed")
            raise
        self._connection = connection
        self._interview = Interview(connection)
        if self._addresses is not None:
            self._addresses.connected(_peer(connection))
        if self._stopped:
            self.stop()
        return connection

    @inlineCallbacks
    def _learn(self, connection: BackendConnection) -> Generator[Deferred[Any], Any, None]:
        """What does not change while a server runs, or hardly."""
        self._fresh_status = connection.status
        answer = yield self._connector.limited(query(connection, _COLLATIONS))
        self._collations = {int(number): (name, charset) for number, name, charset in answer.rows if charset}
        answer = yield self._connector.limited(query(connection, "SHOW SESSION VARIABLES"))
        self._variables = variables_to_track(name for name, _ in answer.rows if name)
        target = self._connector.target
        self._facts = Facts.learn(answer.rows, target.host, target.port)
        self._max_prepared_statements = _number(dict(answer.rows).get("max_prepared_stmt_count"))
        if ("autocommit", "OFF") in answer.rows:
            # MySQL's flags do not tell it before the first SET.
            self._fresh_status &= ~Status.AUTOCOMMIT
            # The probe's own questions must neither hold a transaction open nor see the past in it.
            yield self._connector.limited(query(connection, "SET SESSION autocommit = 1"))

    def renew(self) -> None:
        """Log in anew before the next question: privileges may have been granted."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(CloseReason.RETIRED)

    def stop(self) -> None:
        """Say goodbye."""
        self._stopped = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(CloseReason.DRAINED)
