"""The configuration that the demo writes for its proxy: a TOML file and a secrets file beside it."""

import json
from pathlib import Path

import attrs

__all__ = ["DemoSettings", "write_config"]

CONFIG_NAME = "rds-proxy.toml"
SECRETS_NAME = "secrets.toml"
DRAIN_LIMIT = 2
"""Seconds that transactions may go on after Ctrl-C."""


@attrs.frozen
class DemoSettings:
    """What differs from one demo to the next. `logins` are pairs of user name and password."""

    port: int
    target_host: str
    target_port: int
    max_connections_percent: int
    certificate: Path
    private_key: Path
    logins: tuple[tuple[str, str], ...] = attrs.field(repr=False)


def write_config(folder: Path, settings: DemoSettings) -> Path:
    """Write both files, the secrets for their owner's eyes only, and return the configuration's path."""
    secrets = folder / SECRETS_NAME
    secrets.touch(mode=0o600)
    secrets.write_text(_secrets_text(settings), encoding="utf-8")
    config = folder / CONFIG_NAME
    config.write_text(_config_text(settings, secrets), encoding="utf-8")
    return config


def _config_text(settings: DemoSettings, secrets: Path) -> str:
    auth = "".join(
        f'[[proxy.auth]]\nauth_scheme = "SECRETS"\nsecret_arn = {_quoted(username)}\n\n'
        for username, _ in settings.logins
    )
    return f"""\
[proxy]
name = "demo"
bind_address = "127.0.0.1"
port = {settings.port}
tls_certificate = {_quoted(str(settings.certificate))}
tls_private_key = {_quoted(str(settings.private_key))}
secrets_file = {_quoted(str(secrets))}
drain_timeout = {DRAIN_LIMIT}

{auth}[target_group.connection_pool_config]
max_connections_percent = {settings.max_connections_percent}

[[target_group.targets]]
host = {_quoted(settings.target_host)}
port = {settings.target_port}
tls = "preferred"
"""


def _secrets_text(settings: DemoSettings) -> str:
    tables = [
        f"[{_quoted(username)}]\nusername = {_quoted(username)}\npassword = {_quoted(password)}\n"
        for username, password in settings.logins
    ]
    return "\n".join(tables)


def _quoted(text: str) -> str:
    """Return the text as a TOML basic string: JSON's quoting, which leaves out only the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
