"""Rules between options of one section; each blames the first option it names."""

from collections.abc import Callable
from typing import Any

import attrs

from .model import Config
from .proxy_section import ProxyConfig
from .target_section import ConnectionPoolConfig

__all__ = ["RULES", "Rule"]


@attrs.frozen
class Rule:
    """`broken` looks at a built section and says what is wrong, or None.

    The rule is not asked while one of `options` is itself wrong, so that one mistake gives one message.
    """

    section: type
    options: tuple[str, ...]
    broken: Callable[[Any], str | None]


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


def _secrets_without_source(proxy: ProxyConfig) -> str | None:
    return (
        "is needed with proxy.auth, whose secrets it holds" if proxy.auth and not proxy.secrets_file else None
    )


def _target_is_proxy(config: Config) -> str | None:
    # Such a proxy would connect to itself and wait for its own greeting.
    address = config.proxy.bind_address
    own = {address, {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address)}
    for target in config.target_group.targets:
        if target.host in own and target.port == config.proxy.port:
            return "is the proxy's own address and port"
    return None


RULES = (
    Rule(ConnectionPoolConfig, ("max_idle_connections_percent", "max_connections_percent"), _idle_share),
    Rule(ProxyConfig, ("tls_certificate", "tls_private_key"), _key_without_certificate),
    Rule(ProxyConfig, ("tls_private_key", "tls_certificate"), _certificate_without_key),
    Rule(ProxyConfig, ("require_tls", "tls_certificate", "tls_private_key"), _tls_without_files),
    Rule(ProxyConfig, ("secrets_file",), _secrets_without_source),
    Rule(Config, ("target_group.targets[0].host", "proxy.bind_address", "proxy.port"), _target_is_proxy),
)
