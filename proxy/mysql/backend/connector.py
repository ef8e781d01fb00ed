"""Opens connections to one target: the pool's Connector, and the one place that knows how to log in."""

from collections.abc import Callable, Generator, Mapping
from itertools import count
from typing import Any

import attrs
from twisted.internet import defer, endpoints, error
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ... import __version__
from ...credentials.source import Credential
from ...pool.interface import OpenRequest
from ..wire.capabilities import Capability
from ..wire.compression_choice import Compression
from .connection import BackendConnection
from .errors import ConnectFailed, UnfitTarget
from .killer import Killer
from .login import LogIn, log_in
from .own_commands import save_insert_id, set_up
from .set_up import SetUp
from .tls import TargetTls

__all__ = ["BackendConnector", "PoolKey", "Target"]


@attrs.frozen
class PoolKey:
    """Connections are shared among clients with an equal key."""

    username: str
    capabilities: Capability


@attrs.frozen
class Target:
    """Where a target is and how to talk to it. ``connect_timeout`` in seconds covers log-in and set-up."""

    host: str
    port: int
    tls: TargetTls
    connect_timeout: float
    compression: Compression | None = None

    @property
    def name(self) -> str:
        """For log lines."""
        return f"{self.host}:{self.port}"


class _NoCredential(UnfitTarget):
    pass


class BackendConnector:
    """Logs in to a target with the credentials of a pool key's user."""

    log = Logger()

    def __init__(
        self,
        target: Target,
        credential: Callable[[str], Credential | None],
        set_up: Callable[[], SetUp],
        proxy_name: str,
        clock: Any,
    ) -> None:
        self.target = target
        self._credential = credential
        self._set_up = set_up
        self._proxy_name = proxy_name
        self._clock = clock
        self._numbers = count(1)
        #: The target of which it was said that it does not compress.
        self._uncompressed: Target | None = None
        self._killer = Killer(self.open_plain, self.limited, clock)
        #: Called with each connection that is ready, before anyone uses it.
        self.on_open: Callable[[BackendConnection], None] = lambda _connection: None

    def open(self, request: OpenRequest) -> defer.Deferred[BackendConnection]:
        """A connection that is logged in and set up; fails with TargetError, UnfitTarget or ConnectFailed."""
        assert isinstance(request.key, PoolKey)
        program = request.context if isinstance(request.context, str) else ""
        return self.limited(self._open(request.key, program))

    def open_plain(self, username: str) -> defer.Deferred[BackendConnection]:
        """A connection outside the pool, for a probe or a KILL: logged in, not set up."""
        key = PoolKey(username, Capability(0))
        return self.limited(self._connect(key, ""))

    def kill(self, connection: BackendConnection) -> defer.Deferred[None]:
        """End a connection and the statement it runs at the target, over a connection of the same user."""
        assert isinstance(connection.key, PoolKey)
        return self._killer.kill(connection, connection.key.username)

    def kill_statement(
        self, connection: BackendConnection, username: str, wanted: Callable[[], bool]
    ) -> defer.Deferred[bool]:
        """End the statement a connection runs, with the rights of a user, if it is still ``wanted``.

        Tells whether the target has accepted the KILL.
        """
        return self._killer.kill_statement(connection, username, wanted)

    def may_kill(self, username: str) -> defer.Deferred[bool]:
        """Whether a user may end what others run."""
        return self._killer.may_kill(username)

    def limited(self, work: defer.Deferred[Any]) -> defer.Deferred[Any]:
        """Bound a wait for the target by connect_timeout; then it fails with ConnectFailed."""
        seconds = self.target.connect_timeout

        def describe(failure: Failure, _timeout: float) -> Failure:
            if failure.check(defer.CancelledError, defer.TimeoutError, ConnectFailed):
                return Failure(ConnectFailed(f"no answer from {self.target.name} within {seconds:g} s"))
            return failure

        return work.addTimeout(seconds, self._clock, onTimeoutCancel=describe)

    @defer.inlineCallbacks
    def _open(self, key: PoolKey, program: str) -> Generator[defer.Deferred[Any], Any, BackendConnection]:
        connection: BackendConnection = yield self._connect(key, program)
        try:
            connection.set_up = self._set_up()
            yield set_up(connection)
        except BaseException:
            connection.abort("set-up failed")
            raise
        connection.last_question = save_insert_id
        connection.connector = self
        self.on_open(connection)
        return connection

    @defer.inlineCallbacks
    def _connect(self, key: PoolKey, program: str) -> Generator[defer.Deferred[Any], Any, BackendConnection]:
        credential = self._credential(key.username)
        if credential is None:
            raise _NoCredential(f"no secret for user {key.username!r}")
        endpoint = endpoints.HostnameEndpoint(
            self._clock,
            self.target.host.encode("idna"),
            self.target.port,
            timeout=self.target.connect_timeout,
        )
        number = next(self._numbers)
        factory = Factory.forProtocol(lambda: BackendConnection(key, number, self._clock))
        factory.noisy = False
        try:
            connection: BackendConnection = yield endpoint.connect(factory)
        except (error.ConnectError, error.DNSLookupError, OSError) as problem:
            raise ConnectFailed(f"cannot connect to {self.target.name}: {problem}") from None
        login = LogIn(
            username=credential.username.encode("utf-8"),
            password=credential.password,
            capabilities=key.capabilities,
            attributes=self._attributes(program),
            tls=self.target.tls,
            compression=self.target.compression,
        )
        try:
            yield log_in(connection, login)
        except BaseException:
            connection.abort("log-in failed")
            raise
        if self.target.compression is not None and connection.begin_command is None:
            self._note_uncompressed(self.target.compression)
        connection.connection_ready()
        connection.idle()
        self.log.debug(
            "connection {number} to {target} opened for user {user}, thread {thread}",
            number=number,
            target=self.target.name,
            user=key.username,
            thread=connection.thread_id,
        )
        return connection

    def _note_uncompressed(self, wanted: Compression) -> None:
        if self._uncompressed is not self.target:
            self._uncompressed = self.target
            self.log.warn(
                "target {target} does not offer {algorithm} compression: connections go without",
                target=self.target.name,
                algorithm=wanted.algorithm.value,
            )

    def _attributes(self, program: str) -> Mapping[bytes, bytes]:
        attributes = {
            b"_client_name": b"rds-proxy",
            b"_client_version": __version__.encode("ascii"),
            b"proxy_name": self._proxy_name.encode("utf-8"),
        }
        if program:
            attributes[b"program_name"] = program.encode("utf-8")
        return attributes
