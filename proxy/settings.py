"""From configuration options to what the parts take."""

import os
from pathlib import Path

import attrs

from .config import (
    Config,
    EndpointConfig,
    TargetConfig,
    TargetGroupConfig,
    TenantConfig,
    endpoints,
    iam_region,
    iam_resource_id,
)
from .credentials.options import StoreOptions
from .credentials.source import SecretError
from .iam.key_file import load_key_file
from .iam.verifier import TokenOptions
from .mysql.backend.connector import Target
from .mysql.backend.errors import NothingToShow, TargetError, UnfitTarget
from .mysql.backend.probe import ProbeResult
from .mysql.backend.tls import TargetTls, TlsMode
from .mysql.frontend.context import ClientOptions, ServerFacts
from .mysql.frontend.throttle import ThrottleOptions
from .mysql.frontend.tls import ServerTls
from .mysql.wire.compression import Algorithm
from .mysql.wire.compression_choice import Compression
from .mysql.wire.status import Status
from .networks import Networks
from .pool.limits import PoolLimits
from .targets.damping import Timing
from .targets.health import HealthReason
from .targets.reader_route import ReaderOptions
from .targets.routes import RouteOptions
from .targets.switchover import SwitchoverOptions

__all__ = [
    "RESERVED_CONNECTIONS",
    "UNKNOWN_VERSION",
    "check_files",
    "client_options",
    "connection_cap",
    "endpoint_names",
    "health_reason",
    "pool_limits",
    "reader_options",
    "probe_timing",
    "route_options",
    "server_facts",
    "server_tls",
    "statement_cap",
    "store_options",
    "switchover_options",
    "target",
    "tenant_options",
    "throttle_options",
    "token_options",
]

#: Of the target's max_connections, left to the proxy's monitor, its KILLs and the operator.
RESERVED_CONNECTIONS = 3

#: ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED.
_FULL = frozenset({1040, 1203, 1226})

#: The kernel's limit on the path of a Unix socket, in bytes.
MAX_SOCKET_PATH = 107

#: What clients are greeted with while the target has never answered and server_version is not set.
UNKNOWN_VERSION = "8.0.0-rds-proxy"


def client_options(config: Config, endpoint: EndpointConfig) -> ClientOptions:
    """The options that client connections of an endpoint read."""
    proxy = config.proxy
    memory = proxy.session_memory_limit
    names = {field.name for field in attrs.fields(ClientOptions)}
    same = {name: getattr(proxy, name) for name in names if hasattr(proxy, name)}
    same |= {name: getattr(endpoint, name) for name in names if hasattr(endpoint, name)}
    filters = config.target_group.connection_pool_config.session_pinning_filters
    return ClientOptions(
        **same,
        connection_borrow_timeout=config.target_group.connection_pool_config.connection_borrow_timeout,
        exclude_variable_sets="EXCLUDE_VARIABLE_SETS" in filters,
        default_auth_type=proxy.default_client_password_auth_type,
        client_buffer_size=memory // 16,
        whole_command_size=memory // 8,
        closing_packet_size=memory // 4,
        balancers=Networks.parse(proxy.proxy_protocol_networks),
    )


def store_options(config: Config) -> StoreOptions:
    """How often secrets are looked at."""
    names = [field.name for field in attrs.fields(StoreOptions)]
    return StoreOptions(**{name: getattr(config.proxy, name) for name in names})


def token_options(config: Config) -> TokenOptions:
    """What a client's IAM token is compared with."""
    options = config.proxy.iam
    return TokenOptions(
        region=iam_region(config.proxy),
        account_id=options.account_id,
        resource_id=iam_resource_id(config.proxy),
        clock_skew=options.clock_skew,
        max_token_size=options.max_token_size,
    )


def endpoint_names(config: Config) -> frozenset[str]:
    """What clients call the proxy, as host or host:port in lower case."""
    return frozenset(name.lower() for name in config.proxy.iam.endpoint_names)


def tenant_options(config: Config) -> tuple[tuple[TenantConfig, ...], str, int]:
    """What tells tenants apart, and how many."""
    return config.proxy.tenants, config.proxy.tenant_attribute, config.proxy.max_tenants


def throttle_options(config: Config) -> ThrottleOptions:
    """How clients that fail to log in are slowed down."""
    proxy = config.proxy
    return ThrottleOptions(
        threshold=proxy.failed_login_threshold,
        delay=proxy.failed_login_delay,
        max_delay=proxy.failed_login_max_delay,
        max_waiting=proxy.failed_login_max_waiting,
    )


def connection_cap(percent: int, max_connections: int) -> int:
    """max_connections_percent of the target's maximum, rounded down, at least 1."""
    return max(1, min(max_connections * percent // 100, max_connections - RESERVED_CONNECTIONS))


def pool_limits(config: Config, target: TargetConfig, answer: ProbeResult | None) -> PoolLimits:
    """A pool's limits; one connection as long as the target has not said how many it takes."""
    options = config.target_group.connection_pool_config
    maximum = 1 if answer is None else answer.max_connections
    return PoolLimits(
        max_connections=connection_cap(options.max_connections_percent, maximum),
        max_idle=max_idle(options.max_idle_connections_percent, maximum),
        min_idle=options.min_idle_connections,
        idle_connection_timeout=options.idle_connection_timeout,
        max_life=options.max_connection_life,
        life_jitter=options.max_connection_life_jitter,
        borrow_timeout=options.connection_borrow_timeout,
        max_queue_length=options.connection_borrow_queue_length,
        connect_timeout=target.connect_timeout,
    )


def statement_cap(config: Config, answer: ProbeResult) -> int:
    """Statements that a connection keeps prepared: if all are in use, a quarter is left for others."""
    options = config.target_group.connection_pool_config
    connections = connection_cap(options.max_connections_percent, answer.max_connections)
    share = answer.max_prepared_statements * 3 // 4 // connections
    return max(1, min(config.proxy.max_prepared_statements_per_connection, share))


def max_idle(percent: int, max_connections: int) -> int:
    """max_idle_connections_percent of the target's maximum, rounded down."""
    return max_connections * percent // 100


def target(options: TargetConfig) -> Target:
    """Where a target is and how to talk to it. ValueError, OSError."""
    ca = Path(options.tls_ca).read_bytes() if options.tls_ca else None
    tls = TargetTls(TlsMode(options.tls), options.host, ca)
    return Target(options.host, options.port, tls, options.connect_timeout, _target_compression(options))


def _target_compression(options: TargetConfig) -> Compression | None:
    if options.compression == "off":
        return None
    return Compression(Algorithm(options.compression), options.zstd_compression_level)


def probe_timing(options: TargetConfig, group: TargetGroupConfig) -> Timing:
    """How a target is asked."""
    return Timing(
        interval=options.probe_interval,
        timeout=options.probe_timeout,
        unhealthy_threshold=group.unhealthy_threshold,
        healthy_threshold=group.healthy_threshold,
    )


def route_options(config: Config) -> RouteOptions:
    """How long and in which company clients wait for a connection."""
    options = config.target_group.connection_pool_config
    return RouteOptions(options.connection_borrow_timeout, options.connection_borrow_queue_length)


def reader_options(config: Config, endpoint: EndpointConfig) -> ReaderOptions:
    """What an endpoint wants of the readers; with a split a read takes the writer where no reader is fit."""
    waits = route_options(config)
    return ReaderOptions(
        waits.borrow_timeout,
        waits.max_queue_length,
        fallback="writer" if endpoint.target_role == "READ_WRITE" else endpoint.fallback,
        fallback_wait=endpoint.fallback_wait,
        max_replica_lag=endpoint.max_replica_lag,
        slow_start=config.target_group.slow_start,
    )


def switchover_options(config: Config) -> SwitchoverOptions:
    """How a switchover goes about it."""
    options = config.target_group.switchover
    return SwitchoverOptions(
        timeout=options.timeout,
        promote=options.promote,
        follow=bool(options.replication_user_name),
        max_lag=options.max_replica_lag,
    )


def server_facts(config: Config, answer: ProbeResult | None, fresh_status: int | None) -> ServerFacts:
    """What is known of the server; ``fresh_status`` as seen on a pooled connection, if any."""
    if answer is None:
        return ServerFacts(UNKNOWN_VERSION, False, int(Status.AUTOCOMMIT), {})
    status = answer.fresh_status if fresh_status is None else fresh_status
    init_query = config.target_group.connection_pool_config.init_query.lower()
    may_set_charset = any(word in init_query for word in ("names", "char", "collation"))
    return ServerFacts(
        answer.version,
        answer.is_mariadb,
        status,
        answer.collations,
        answer.capabilities,
        "" if may_set_charset else answer.character_set_client,
    )


def server_tls(config: Config) -> ServerTls | None:
    """TLS towards clients, if a certificate is configured. ValueError."""
    options = config.proxy
    if not options.tls_certificate:
        return None
    return ServerTls(Path(options.tls_certificate), Path(options.tls_private_key))


def check_files(config: Config) -> None:
    """Load what the configuration names, as the start does. ValueError, OSError."""
    server_tls(config)
    for key_file in (config.proxy.iam.key_store_file, config.proxy.iam.sts_policies):
        _check_key_file(key_file)
    for options in config.target_group.targets:
        target(options)
    for index, endpoint in enumerate(endpoints(config.proxy)):
        path = os.fsencode(endpoint.socket)
        if len(path) > MAX_SOCKET_PATH:
            where = f"proxy.endpoints[{index - 1}]" if index else "proxy"
            raise ValueError(
                f"{where}.socket: {len(path)} bytes long, at most {MAX_SOCKET_PATH} are possible"
            )


def _check_key_file(path: str) -> None:
    if not path:
        return
    try:
        load_key_file(path)
    except SecretError as problem:
        raise ValueError(f"{path} {problem.reason}") from None


def health_reason(problem: BaseException) -> HealthReason:
    """RDS's word for why a probe failed."""
    if isinstance(problem, TargetError) and problem.packet.errno in _FULL:
        return HealthReason.PENDING_PROXY_CAPACITY
    if isinstance(problem, (TargetError, UnfitTarget)):
        return HealthReason.AUTH_FAILURE if problem.fatal else HealthReason.CONNECTION_FAILED
    if isinstance(problem, NothingToShow):
        # The target may be in the best of health: its sessions go on.
        return HealthReason.AUTH_FAILURE
    return HealthReason.UNREACHABLE
