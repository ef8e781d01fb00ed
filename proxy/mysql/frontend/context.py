"""What all client connections of one endpoint share."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, succeed

from ...credentials.problems import SecretStatus
from ...networks import NO_NETWORKS, Networks
from ...pool.pool import Pool
from ...targets.reader_route import ReaderRoute
from ...targets.routes import Route
from ...tenants.rules import Tenants
from ..backend.connection import BackendConnection
from ..session.fate import Fate
from ..session.prepared import PreparedTexts
from ..session.screen import Screen
from ..session.statement_kind import StatementKinds
from ..wire.auth.rsa import RsaKeyPair
from ..wire.capabilities import NO_CAPABILITIES, Capability
from ..wire.compression_choice import COMPRESSION_ALGORITHMS
from .accounts import Accounts
from .known_sets import KnownSets
from .pin_ledger import PinLedger
from .recent import Recent
from .throttle import FailedLogins
from .tls import ServerTls

__all__ = ["ClientOptions", "EndpointContext", "ServerFacts"]


@attrs.frozen
class ClientOptions:
    """The options that client connections read; replaced as a whole on reload. Times in seconds."""

    require_tls: bool
    idle_client_timeout: float
    max_client_connection_life: float
    max_client_connections: int
    handshake_timeout: float
    max_statement_size: int
    client_buffer_size: int
    diagnostics_hold_timeout: float
    kill_abandoned_statements: bool
    exclude_variable_sets: bool
    debug_logging: bool
    server_version: str
    default_auth_type: str
    max_client_connections_per_address: int = 0
    max_client_connections_per_user: int = 0
    client_connection_rate_limit: int = 0
    max_login_packet_size: int = 128 * 1024
    max_prepared_statements_per_client: int = 16_382
    #: Bytes of a statement that are held to be screened as a whole; of a longer one the beginning.
    whole_command_size: int = 256 * 1024
    #: Bytes of the longest packet of a database that may end a response.
    closing_packet_size: int = 256 * 1024
    balancers: Networks = NO_NETWORKS
    compression_algorithms: tuple[str, ...] = COMPRESSION_ALGORITHMS
    #: Who may see all sessions with SHOW PROXY.
    admin_users: tuple[str, ...] = ()
    #: "minimal", or "rds": what RDS documents pins as well, and never ends.
    pinning: str = "minimal"
    connection_borrow_timeout: float = 120.0
    #: "endpoint", or "read_write_split".
    routing: str = "endpoint"
    read_only_functions: tuple[str, ...] = ()
    #: A session's reads on a reader see its own writes; how long the reader is waited for.
    causal_reads: bool = False
    causal_reads_timeout: float = 1.0
    #: "off" or "safe"; the most bytes of statements that are kept for it, and how long it may take.
    transaction_replay: str = "off"
    transaction_replay_max_size: int = 1024 * 1024
    transaction_replay_timeout: float = 30.0


@attrs.frozen
class ServerFacts:
    """What is known of the target's server; ``collations`` maps ids to (collation, character set)."""

    version: str
    is_mariadb: bool
    #: Status flags of a connection that has done nothing yet.
    fresh_status: int
    collations: dict[int, tuple[str, str]]
    #: Of its greeting.
    capabilities: Capability = NO_CAPABILITIES
    #: Of a session that has none of its own; empty where that is not known.
    character_set_client: str = ""


class Failover(Protocol):
    """What knows the target group's way through a failover."""

    def fate(self, connection: BackendConnection, sent_at: float) -> Deferred[Fate]:
        """What has become of a write that was sent, not before ``sent_at``, on a connection now lost."""

    def target_leaves(self, connection: BackendConnection) -> None:
        """The connection's target has said that it takes no writes, or shuts down."""


class _NoFailover:
    def fate(self, _connection: BackendConnection, _sent_at: float) -> Deferred[Fate]:
        """Nobody knows."""
        return succeed(Fate.UNKNOWN)

    def target_leaves(self, _connection: BackendConnection) -> None:
        """There is no other."""


@attrs.define
class EndpointContext:
    """Given to each client connection by the composition root."""

    route: Route[BackendConnection]
    screen: Screen
    clock: Any
    options: ClientOptions
    facts: Callable[[], ServerFacts]
    #: Fires once the target has been asked for the first time: until then there is nothing to greet with.
    ready: Callable[[], Deferred[None]]
    accounts: Accounts
    tenants: Tenants
    failed_log_ins: FailedLogins
    #: Whether a user has the right to end what others run.
    may_kill: Callable[[str], Deferred[bool]]
    tls: ServerTls | None
    rsa_key: RsaKeyPair
    #: For the log.
    name: str = "default"
    #: Names by which clients know the endpoint, as host or host:port in lower case: a token is made for one.
    endpoint_names: frozenset[str] = frozenset()
    known_schemas: Recent = attrs.field(factory=Recent)
    names_collations: Recent = attrs.field(factory=Recent)
    failover: Failover = attrs.field(factory=_NoFailover)
    #: Answers and does what PROXY statements are about; None where there is no group.
    group: Any = None
    #: To the readers, for an endpoint that reads there.
    read_route: ReaderRoute[BackendConnection] | None = None
    #: To the writer, whatever the endpoint.
    write_route: Route[BackendConnection] | None = None
    #: What statements do to data, for an endpoint that sends reads elsewhere than writes.
    kinds: StatementKinds | None = None
    #: Whether this endpoint's clients are to have a target that takes writes.
    writes: bool = True
    #: A client's protocol by its connection id.
    find_client: Callable[[int], Any] = lambda _number: None
    #: All clients' protocols, those that log in among them.
    clients: Callable[[], Iterator[Any]] = lambda: iter(())
    #: For the proxy's statements about itself: each target's name and pool.
    pools: Callable[[], Iterator[tuple[str, Pool[BackendConnection]]]] = lambda: iter(())
    #: For the same: how the secrets stand.
    secrets: Callable[[], Iterable[SecretStatus]] = tuple
    #: Pool keys of users whose procedures and functions leave user variables behind.
    calls_leave: set[Any] = attrs.field(factory=set)
    pins: PinLedger = attrs.field(factory=PinLedger)
    #: Outcomes of SET statements.
    known_sets: KnownSets = attrs.field(factory=KnownSets)
    #: Texts that somebody has prepared.
    texts: PreparedTexts = attrs.field(factory=PreparedTexts)
