"""Opens connections to one target: the pool's Connector, and the one place that knows how to log in."""

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from itertools import count
from typing import Any

import attrs
from twisted.internet import defer, endpoints, error
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ... import __version__
from ...credentials.provider import CredentialProvider
from ...credentials.source import Credential, SecretError
from ...pool.interface import OpenRequest
from ...pool.reasons import CloseReason
from ..wire.capabilities import Capability
from ..wire.compression_choice import Compression
from .connection import BackendConnection
from .errors import ConnectFailed, NothingToShow, TargetError, UnfitTarget
from .killer import Killer
from .login import LogIn, log_in
from .own_commands import save_insert_id, set_up
from .set_up import SetUp
from .tls import TargetTls

__all__ = [
    "MAX_LOG_INS",
    "WRONG_PASSWORD",
    "BackendConnector",
    "NoCredential",
    "PoolKey",
    "Target",
    "tenant_of",
]

#: Passwords tried for one connection: a secret's versions before and after it was fetched again. A server
#: may lock accounts that fail too often.
MAX_LOG_INS = 4

#: ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR.
WRONG_PASSWORD = frozenset({1045, 1698})


@attrs.frozen
class PoolKey:
    """Connections are shared among clients with an equal key."""

    username: str
    capabilities: Capability
    #: Whose share of the connections a borrower takes; tenants of one user share connections.
    tenant: Any = attrs.field(default=None, eq=False, repr=False)
    #: The user may only read.
    is_read_only: bool = attrs.field(default=False, eq=False)


def tenant_of(key: Hashable) -> Any:
    """Whose share a borrower takes; None for nobody's."""
    return key.tenant if isinstance(key, PoolKey) else None


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


class NoCredential(UnfitTarget):
    """The proxy has nothing to log in with as this user."""


class BackendConnector:
    """Logs in to a target with the credentials of a pool key's user."""

    log = Logger()

    def __init__(
        self,
        target: Target,
        credentials: CredentialProvider,
        set_up: Callable[[], SetUp],
        proxy_name: str,
        clock: Any,
    ) -> None:
        self.target = target
        self._credentials = credentials
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
        """Log in with what is known of the user; if the target refuses that, with what is known by then."""
        # One that was refused may be right once the secret has changed: a rotation was under way.
        tried: set[tuple[bytes, int]] = set()
        refusal: TargetError | None = None
        while len(tried) < MAX_LOG_INS:
            known = yield self._known(key.username)
            untried = (each for each in known if (bytes(each.password), each.revision) not in tried)
            credential = next(untried, None)
            if credential is None:
                break
            tried.add((bytes(credential.password), credential.revision))
            try:
                connection: BackendConnection = yield self._log_in(key, program, credential)
            except TargetError as problem:
                if problem.packet.errno not in WRONG_PASSWORD:
                    raise
                refusal = problem
                yield self._credentials.suspect(credential)
            else:
                self._credentials.accepted(credential)
                return connection
        if refusal is not None:
            raise refusal
        raise NoCredential(f"no secret for user {key.username!r}")

    @defer.inlineCallbacks
    def _known(self, username: str) -> Generator[defer.Deferred[Any], Any, Sequence[Credential]]:
        """What to try for a user. Raises NothingToShow where that cannot be had, for the moment."""
        try:
            known: Sequence[Credential] = yield self._credentials.candidates(
                username, self.target.host, self.target.port
            )
        except SecretError as problem:
            raise NothingToShow(f"cannot log in to {self.target.name}: {problem.reason}") from None
        return known

    def prove(self, credential: Credential) -> defer.Deferred[None]:
        """Log in with this very credential, and leave again; fails as ``open`` does."""
        key = PoolKey(credential.username, Capability(0))
        proving = self._log_in(key, "", credential)
        proving.addCallback(lambda connection: connection.close(CloseReason.IDLE))
        return self.limited(proving)

    @defer.inlineCallbacks
    def _log_in(
        self, key: PoolKey, program: str, credential: Credential
    ) -> Generator[defer.Deferred[Any], Any, BackendConnection]:
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
