"""Rules between options of one section; each blames the first option it names, or one that it points out."""

from collections.abc import Callable
from typing import Any

import attrs

from . import credential_rules, tenant_rules
from .address_rules import own_address, shared_port, shared_socket
from .endpoint_options import DEFAULT_ENDPOINT, READ_WRITE_SPLIT, EndpointConfig, RoutingOptions
from .iam_section import IamConfig
from .model import Config
from .proxy_section import ProxyConfig
from .target_section import ConnectionPoolConfig, TargetGroupConfig
from .tenant_section import TenantConfig

__all__ = ["RULES", "Rule"]

#: The kernel's limit on the path of a Unix socket, in bytes.
MAX_SOCKET_PATH = 107


@attrs.frozen
class Rule:
    """`broken` looks at a built section and says what is wrong, or None.

    It may also point out the option: a path inside the section, and what is wrong. The rule is not asked
    while one of `options` (or, of a repeated section, anything in it) is itself wrong, so that one mistake
    gives one message.
    """

    section: type
    options: tuple[str, ...]
    broken: Callable[[Any], str | tuple[str, str] | None]


def _idle_share(pool: ConnectionPoolConfig) -> str | None:
    idle, most = pool.max_idle_connections_percent, pool.max_connections_percent
    return f"{idle} is above max_connections_percent, {most}" if idle > most else None


def _key_without_certificate(proxy: ProxyConfig) -> str | None:
    return "is needed with tls_private_key" if proxy.tls_private_key and not proxy.tls_certificate else None


def _certificate_without_key(proxy: ProxyConfig) -> str | None:
    return "is needed with tls_certificate" if proxy.tls_certificate and not proxy.tls_private_key else None


def _tls_without_files(proxy: ProxyConfig) -> str | None:
    if proxy.require_tls and not proxy.tls_certificate and not proxy.tls_private_key:
        return "needs tls_certificate and tls_private_key"
    return None


def _long_socket(endpoint: EndpointConfig) -> str | None:
    length = len(endpoint.socket.encode())
    return (
        f"{length} bytes long, at most {MAX_SOCKET_PATH} are possible" if length > MAX_SOCKET_PATH else None
    )


def _reserved_name(endpoint: EndpointConfig) -> str | None:
    if endpoint.name == DEFAULT_ENDPOINT:
        return f'"{DEFAULT_ENDPOINT}" is the endpoint that [proxy] describes'
    return None


def _split_of_readers(endpoint: EndpointConfig) -> str | None:
    if endpoint.routing == READ_WRITE_SPLIT and endpoint.target_role != "READ_WRITE":
        return f'"{READ_WRITE_SPLIT}" needs target_role = "READ_WRITE"'
    return None


def _fallback_of_writer(endpoint: EndpointConfig) -> str | None:
    default = attrs.fields(EndpointConfig).fallback.default
    if endpoint.target_role == "READ_WRITE" and endpoint.fallback != default:
        return 'needs target_role = "READ_ONLY"'
    return None


def _functions_without_split(options: RoutingOptions) -> str | None:
    if options.read_only_functions and options.routing != READ_WRITE_SPLIT:
        return f'needs routing = "{READ_WRITE_SPLIT}"'
    return None


def _repeated_name(proxy: ProxyConfig) -> tuple[str, str] | None:
    # systemd and readers tell them apart by name; neither should have to look at the case.
    seen: set[str] = set()
    for index, endpoint in enumerate(proxy.endpoints):
        if endpoint.name.lower() in seen:
            return f"endpoints[{index}].name", f'"{endpoint.name}" is the name of another endpoint'
        seen.add(endpoint.name.lower())
    return None


def _repeated_target(group: TargetGroupConfig) -> tuple[str, str] | None:
    seen: set[tuple[str, int]] = set()
    for index, target in enumerate(group.targets):
        address = (target.host.lower(), target.port)
        if address in seen:
            return f"targets[{index}].host", f"{target.host}:{target.port} is another target already"
        seen.add(address)
    return None


def _green_alone(group: TargetGroupConfig) -> tuple[str, str] | None:
    if group.targets and all(target.deployment == "green" for target in group.targets):
        return "targets[0].deployment", '"green" needs a "blue" target beside it'
    return None


def _all_fenced(group: TargetGroupConfig) -> tuple[str, str] | None:
    if group.targets and all(target.fenced for target in group.targets):
        return "targets[0].fenced", "leaves no target that is not fenced"
    return None


def _long_fallback(config: Config) -> tuple[str, str] | None:
    most = config.target_group.connection_pool_config.connection_borrow_timeout
    for index, endpoint in enumerate(config.proxy.endpoints):
        waits = endpoint.target_role == "READ_ONLY" and endpoint.fallback == "wait"
        if waits and endpoint.fallback_wait > most:
            shown = f"{endpoint.fallback_wait:g} is above connection_borrow_timeout, {most:g}"
            return f"proxy.endpoints[{index}].fallback_wait", shown
    return None


def _unknown_monitor(config: Config) -> str | None:
    return credential_rules.unknown_user(config, config.target_group.monitor_user_name)


def _unknown_replication_user(config: Config) -> str | None:
    return credential_rules.unknown_user(config, config.target_group.switchover.replication_user_name)


def _unknown_asker(config: Config) -> str | None:
    return credential_rules.unknown_user(config, config.proxy.auth_query_user_name)


#: What decides whether clients log in with tokens, and how these are verified.
_TOKENS = ("default_auth_scheme", "auth", "iam.token_verification")

_CREDENTIAL_RULES = (
    Rule(ProxyConfig, ("secrets_file", "auth"), credential_rules.secrets_without_source),
    Rule(
        ProxyConfig,
        ("default_auth_scheme", "auth", "tls_certificate", "tls_private_key"),
        credential_rules.tokens_without_tls,
    ),
    Rule(ProxyConfig, _TOKENS[::-1], credential_rules.tokens_without_verification),
    Rule(IamConfig, ("key_store_secret", "key_store_file"), credential_rules.two_key_stores),
    Rule(
        ProxyConfig,
        ("iam.key_store_file", "iam.key_store_secret", *_TOKENS),
        credential_rules.key_store_without_source,
    ),
    Rule(ProxyConfig, ("iam.sts_policies", *_TOKENS), credential_rules.sts_without_policies),
    Rule(ProxyConfig, ("iam.endpoint_names", *_TOKENS), credential_rules.tokens_without_names),
    Rule(ProxyConfig, ("iam.region", "aws.region", *_TOKENS), credential_rules.tokens_without_region),
    Rule(
        ProxyConfig,
        ("pass_through_users", "tls_certificate", "tls_private_key"),
        credential_rules.users_without_tls,
    ),
    Rule(
        ProxyConfig,
        ("pass_through_users", "auth", "default_auth_scheme"),
        credential_rules.users_without_probes,
    ),
    Rule(ProxyConfig, ("auth_query", "auth"), credential_rules.query_without_user),
    Rule(ProxyConfig, ("failed_login_delay", "failed_login_max_delay"), credential_rules.long_delay),
    Rule(
        Config,
        ("target_group.targets", *(f"proxy.{each}" for each in _TOKENS)),
        credential_rules.plain_targets,
    ),
    Rule(
        Config,
        ("target_group.monitor_user_name", "proxy.default_auth_scheme", "proxy.auth"),
        credential_rules.probes_without_user,
    ),
    Rule(Config, ("proxy.auth_query_user_name", "proxy.auth", "proxy.default_auth_scheme"), _unknown_asker),
)

_TENANT_RULES = (
    Rule(TenantConfig, ("name",), tenant_rules.reserved_tenant),
    Rule(
        TenantConfig,
        ("min_connections_percent", "max_connections_percent"),
        tenant_rules.least_above_most,
    ),
    Rule(TenantConfig, ("statement_burst", "statements_per_second"), tenant_rules.burst_without_rate),
    Rule(ProxyConfig, ("tenants",), tenant_rules.repeated_tenant),
    Rule(ProxyConfig, ("tenants",), tenant_rules.too_much_kept),
    Rule(ProxyConfig, ("tenants", "tenant_attribute"), tenant_rules.tenants_without_attribute),
)

RULES = (
    Rule(ConnectionPoolConfig, ("max_idle_connections_percent", "max_connections_percent"), _idle_share),
    Rule(ProxyConfig, ("tls_certificate", "tls_private_key"), _key_without_certificate),
    Rule(ProxyConfig, ("tls_private_key", "tls_certificate"), _certificate_without_key),
    Rule(ProxyConfig, ("require_tls", "tls_certificate", "tls_private_key"), _tls_without_files),
    Rule(ProxyConfig, ("read_only_functions", "routing"), _functions_without_split),
    Rule(EndpointConfig, ("name",), _reserved_name),
    Rule(EndpointConfig, ("socket",), _long_socket),
    Rule(EndpointConfig, ("routing", "target_role"), _split_of_readers),
    Rule(EndpointConfig, ("fallback", "target_role"), _fallback_of_writer),
    Rule(EndpointConfig, ("read_only_functions", "routing"), _functions_without_split),
    Rule(ProxyConfig, ("endpoints",), _repeated_name),
    Rule(ProxyConfig, ("endpoints", "bind_address", "port"), shared_port),
    Rule(ProxyConfig, ("endpoints", "socket"), shared_socket),
    Rule(TargetGroupConfig, ("targets",), _repeated_target),
    Rule(TargetGroupConfig, ("targets",), _green_alone),
    Rule(TargetGroupConfig, ("targets",), _all_fenced),
    Rule(
        Config,
        ("target_group.targets", "proxy.bind_address", "proxy.port", "proxy.endpoints"),
        own_address,
    ),
    Rule(
        Config,
        ("proxy.endpoints", "target_group.connection_pool_config.connection_borrow_timeout"),
        _long_fallback,
    ),
    Rule(
        Config,
        ("target_group.monitor_user_name", "proxy.auth", "proxy.default_auth_scheme"),
        _unknown_monitor,
    ),
    Rule(Config, ("target_group.switchover.replication_user_name", "proxy.auth"), _unknown_replication_user),
    *_CREDENTIAL_RULES,
    *_TENANT_RULES,
)
