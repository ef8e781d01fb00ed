"""HAProxy and the proxy before the benchmark's database: installation, configuration, command lines."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy.demo import apt
from proxy.demo.child import free_port
from proxy.demo.proxy_process import proxy_command

from .database import MAX_CONNECTIONS, Address
from .packets import Account
from .relay import Relay, RelayError

__all__ = ["ensure_haproxy", "haproxy", "haproxy_config", "proxy", "proxy_config"]

PACKAGE = "haproxy"
SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def ensure_haproxy() -> str:
    """Return HAProxy's path, installing it through apt when it is missing. Raises RelayError."""
    found = shutil.which(PACKAGE, path=SEARCHED)
    if found is not None:
        return found
    if not apt.has_apt():
        raise RelayError("HAProxy is not installed, and there is no apt to install it with")
    # The service is Debian's own; its default configuration listens nowhere.
    print("HAProxy is missing: installing it (and its idle service) with apt-get ...", flush=True)
    try:
        apt.privilege()
        if apt.package_like(PACKAGE) is None:
            apt.update()
        try:
            apt.install([PACKAGE])
        except apt.AptError:
            # Lists that are too old name a file that is gone.
            apt.update()
            apt.install([PACKAGE])
    except apt.AptError as error:
        raise RelayError(str(error)) from None
    found = shutil.which(PACKAGE, path=SEARCHED)
    if found is None:
        raise RelayError("HAProxy is installed, but not found")
    return found


def haproxy(binary: str, folder: Path, database: Address, check: Callable[[], None]) -> Relay:
    """Return HAProxy as a relay, not yet started, with its files in `folder`."""
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(haproxy_config(port, database), encoding="utf-8")
    return Relay([binary, "-db", "-f", str(config)], port, folder / "haproxy.log", check)


def haproxy_config(port: int, database: Address) -> str:
    """Return a configuration that only passes bytes on: one thread, as the proxy, and no health checks."""
    return f"""\
global
    nbthread 1
    maxconn {4 * MAX_CONNECTIONS}
defaults
    mode tcp
    timeout connect 5s
    timeout client 10m
    timeout server 10m
listen database
    bind 127.0.0.1:{port}
    server database {database[0]}:{database[1]}
"""


def proxy(
    folder: Path,
    database: Address,
    account: Account,
    percent: int,
    check: Callable[[], None],
    options: Mapping[str, int | str] | None = None,
) -> Relay:
    """Return the proxy as a relay, not yet started, with its files in `folder`.

    `percent` is its max_connections_percent, of MAX_CONNECTIONS; `options` are more ones of `[proxy]`.
    """
    folder.mkdir()
    port = free_port()
    secrets = folder / "secrets.toml"
    secrets.touch(mode=0o600)
    secrets.write_text(
        f'[bench]\nusername = "{account.username}"\npassword = "{account.password}"\n', encoding="utf-8"
    )
    config = folder / "rds-proxy.toml"
    config.write_text(proxy_config(port, database, percent, options), encoding="utf-8")
    return Relay(proxy_command(config), port, folder / "rds-proxy.log", check)


def proxy_config(
    port: int, database: Address, percent: int, options: Mapping[str, int | str] | None = None
) -> str:
    """Return a configuration with the defaults, but for what the other ways do not have either.

    That is TLS, and the limit on new connections per second.
    """
    # JSON's numbers and strings are TOML's, too.
    more = "".join(f"{name} = {json.dumps(value)}\n" for name, value in (options or {}).items())
    return f"""\
[log]
format = "text"
level = "warn"

[proxy]
name = "bench"
bind_address = "127.0.0.1"
port = {port}
secrets_file = "secrets.toml"
drain_timeout = 0
client_connection_rate_limit = 0
{more}
[[proxy.auth]]
secret_arn = "bench"

[target_group.connection_pool_config]
max_connections_percent = {percent}
max_idle_connections_percent = {percent}

[[target_group.targets]]
host = "{database[0]}"
port = {database[1]}
tls = "off"
"""
