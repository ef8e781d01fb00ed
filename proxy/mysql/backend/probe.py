"""Asks a target, over a connection of its own, what the proxy must know about it."""

from collections.abc import Callable, Generator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredLock, inlineCallbacks

from ...pool.reasons import CloseReason
from ..wire.capabilities import NO_CAPABILITIES, Capability
from ..wire.status import Status
from .connection import BackendConnection
from .connector import BackendConnector
from .errors import UnfitTarget
from .own_commands import ask, query
from .set_up import ALL_VARIABLES, variables_to_track

__all__ = ["Probe", "ProbeResult"]

#: What max_prepared_stmt_count is by default.
DEFAULT_PREPARED_STATEMENTS = 16_382

_FACTS = "SELECT @@max_connections, @@version, @@global.character_set_client"
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


def _number(value: str | None) -> int:
    return int(value) if value is not None and value.isdecimal() else DEFAULT_PREPARED_STATEMENTS


class Probe:
    """Keeps one connection to the target, apart from the pool."""

    def __init__(self, connector: BackendConnector, username: Callable[[], str | None]) -> None:
        """``username`` names a user whose secret is known, or None when there is none."""
        self._connector = connector
        self._username = username
        self._connection: BackendConnection | None = None
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
        connection = yield self._connected()
        try:
            maximum, version, charset = yield self._connector.limited(ask(connection, _FACTS, 3))
        except BaseException:
            connection.abort("probe failed")
            raise
        # What SELECT @@version shows and what a MariaDB server greets with differ in a prefix.
        greeting = connection.server_version
        is_mariadb = "MariaDB" in version
        return ProbeResult(
            int(maximum),
            greeting or version,
            is_mariadb,
            self._fresh_status,
            self._collations,
            ALL_VARIABLES if is_mariadb else self._variables,
            connection.server_capabilities,
            self._max_prepared_statements,
            charset or "",
        )

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
        self._max_prepared_statements = _number(dict(answer.rows).get("max_prepared_stmt_count"))
        if ("autocommit", "OFF") in answer.rows:
            # MySQL's flags do not tell it before the first SET.
            self._fresh_status &= ~Status.AUTOCOMMIT

    def stop(self) -> None:
        """Say goodbye."""
        self._stopped = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(CloseReason.DRAINED)
