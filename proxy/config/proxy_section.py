"""The sections `[log]` and `[proxy]`, with what stands below it: the side that faces clients.

Where RDS has a setting its name, default and range are taken over.
"""

# ruff: noqa: RUF009 - `table` and `tables` return attrs fields, not shared defaults

import re

import attrs

from .credential_options import CredentialOptions, UserAuthConfig
from .endpoint_options import MAX_ENDPOINTS, EndpointConfig, RoutingOptions
from .failover_options import FailoverOptions
from .iam_section import AwsConfig, IamConfig
from .limit_options import LimitOptions
from .listener_options import ListenerOptions
from .login_options import LoginOptions
from .options import option, table, tables
from .tenant_section import MAX_TENANT_SECTIONS, TenantConfig, TenantOptions

__all__ = ["LogConfig", "ProxyConfig"]

DAY = 86_400.0

#: MySQL's names of the ways to send packets.
COMPRESSION_ALGORITHMS = ("zlib", "zstd", "uncompressed")

#: What pins a session, see docs/pinning.md.
PINNING_MODES = ("minimal", "rds")

_PRINTABLE = re.compile(r"[ -~]*")


def _check_user(value: str) -> str | None:
    return None if value else "must not hold an empty name"


def _check_printable(value: str) -> str | None:
    return None if _PRINTABLE.fullmatch(value) else "must hold only printable ASCII characters"


@attrs.frozen(kw_only=True)
class LogConfig:
    """`[log]`."""

    format: str = option(
        "text",
        choices=("text", "json"),
        reloadable=False,
        description="Form of a log line: readable text, or one JSON object per line.",
    )
    level: str = option(
        "info",
        choices=("debug", "info", "warn", "error"),
        description="Least important level that is written.",
    )


@attrs.frozen(kw_only=True)
class _ServiceOptions(ListenerOptions):
    """How clients are served."""

    server_version: str = option(
        "",
        max_length=60,
        check=_check_printable,
        check_text="printable ASCII",
        description="Server version told to clients. Empty tells the target's.",
    )
    require_tls: bool = option(
        False,
        rds_name="RequireTLS",
        description="Refuse clients that do not use TLS. Needs `tls_certificate` and `tls_private_key`.",
    )
    compression_algorithms: tuple[str, ...] = option(
        COMPRESSION_ALGORITHMS,
        choices=COMPRESSION_ALGORITHMS,
        description="Compression that clients may use (MySQL's `protocol_compression_algorithms`). `zlib` is "
        "preferred to `zstd`; without `uncompressed` a client must use one of them.",
    )
    idle_client_timeout: float = option(
        1800.0,
        unit="s",
        minimum=1,
        maximum=28_800,
        rds_name="IdleClientTimeout",
        description="A client connection without activity for this long is closed.",
    )
    max_client_connection_life: float = option(
        DAY,
        unit="s",
        minimum=1,
        maximum=7 * DAY,
        description="A client connection older than this is closed. RDS fixes it at 24 hours.",
    )
    debug_logging: bool = option(
        False,
        rds_name="DebugLogging",
        description="Log client connections, database connections and pins in detail "
        "(RDS's enhanced logging).",
    )
    tls_certificate: str = option(
        "",
        is_path=True,
        description="PEM file with the certificate chain shown to clients. Empty offers no TLS.",
    )
    tls_private_key: str = option(
        "", is_path=True, description="PEM file with the private key of `tls_certificate`."
    )
    drain_timeout: float = option(
        30.0,
        unit="s",
        minimum=0,
        maximum=3600,
        description="How long a stopping proxy waits for running transactions before it disconnects clients.",
    )
    admin_users: tuple[str, ...] = option(
        (),
        check=_check_user,
        description="Users of `[[proxy.auth]]` who may see all sessions and the pool with `SHOW PROXY` "
        "statements and `rds-proxy pins`. Others see the sessions of their own user and tenant.",
    )
    kill_abandoned_statements: bool = option(
        True,
        description="Stop a statement on the database when its client disconnects while it runs.",
    )
    pinning: str = option(
        "minimal",
        choices=PINNING_MODES,
        description="What pins a new session. `minimal`: only what cannot be held as a value, "
        "while it lasts. `rds`: also what RDS documents, to the end of the session, with RDS's log lines.",
    )
    diagnostics_hold_timeout: float = option(
        0.25,
        unit="s",
        minimum=0,
        maximum=60,
        description="How long a session keeps its database connection after a statement whose diagnostics "
        "(such as warnings) the next statement may ask for.",
    )


@attrs.frozen(kw_only=True)
class ProxyConfig(
    TenantOptions,
    LimitOptions,
    FailoverOptions,
    RoutingOptions,
    LoginOptions,
    CredentialOptions,
    _ServiceOptions,
):
    """`[proxy]`: where clients connect, how they are served, where statements go, what clients may take."""

    auth: tuple[UserAuthConfig, ...] = tables(
        UserAuthConfig,
        "The users clients may log in as, one secret each.",
        minimum=0,
        maximum=200,
        reloadable=True,
        rds_name="Auth",
    )
    aws: AwsConfig = table(
        AwsConfig,
        "AWS, where secrets or tokens come from there. Credentials are found as boto3 finds them.",
    )
    iam: IamConfig = table(IamConfig, "How the IAM tokens of clients are verified.")
    tenants: tuple[TenantConfig, ...] = tables(
        TenantConfig,
        "What clients that belong together may take. A client belongs to the first section that matches it; "
        "a user whom none matches is a tenant without limits.",
        minimum=0,
        maximum=MAX_TENANT_SECTIONS,
        reloadable=True,
        key=("name",),
    )
    endpoints: tuple[EndpointConfig, ...] = tables(
        EndpointConfig,
        "Endpoints besides the default one, which `[proxy]` describes. What is not said here, such as TLS "
        "and limits, is the same for all.",
        minimum=0,
        maximum=MAX_ENDPOINTS,
        reloadable=False,
        key=("name",),
    )
