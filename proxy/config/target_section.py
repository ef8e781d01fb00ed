"""The sections below `[target_group]`: the side that faces the database.

Where RDS has a setting its name, default and range are taken over.
"""

# ruff: noqa: RUF009 - `table` and `tables` return attrs fields, not shared defaults

import attrs

from .options import option, table, tables

__all__ = [
    "DEPLOYMENTS",
    "MAX_TARGETS",
    "TOPOLOGIES",
    "ConnectionPoolConfig",
    "SwitchoverConfig",
    "TargetConfig",
    "TargetGroupConfig",
]

DAY = 86_400.0

#: As many instances as a cluster of RDS has: a writer and 15 readers.
MAX_TARGETS = 16

#: Ways in which targets tell who is writer and who follows.
TOPOLOGIES = ("auto", "static", "replication", "aurora", "group_replication", "galera")

#: RDS's names of the two sides of a blue/green deployment.
DEPLOYMENTS = ("blue", "green")


def _half_of_maximum(pool: "ConnectionPoolConfig") -> int:
    return pool.max_connections_percent // 2


@attrs.frozen(kw_only=True)
class ConnectionPoolConfig:
    """`[target_group.connection_pool_config]`, RDS's ConnectionPoolConfiguration."""

    max_connections_percent: int = option(
        100,
        unit="%",
        minimum=1,
        maximum=100,
        rds_name="MaxConnectionsPercent",
        description="Most database connections, as a share of the target's `max_connections`.",
    )
    max_idle_connections_percent: int = option(
        attrs.Factory(_half_of_maximum, takes_self=True),
        unit="%",
        minimum=0,
        maximum=100,
        rds_name="MaxIdleConnectionsPercent",
        default_text="half of `max_connections_percent`",
        example=50,
        description="Most idle database connections, as a share of the target's `max_connections`. "
        "It cannot be above `max_connections_percent`.",
    )
    connection_borrow_timeout: float = option(
        120.0,
        unit="s",
        minimum=0,
        maximum=300,
        rds_name="ConnectionBorrowTimeout",
        description="How long a client waits for a database connection before it gets error 9501.",
    )
    connection_borrow_queue_length: int = option(
        10_000,
        unit="clients",
        minimum=1,
        maximum=1_000_000,
        description="Most clients that wait for a database connection at a time; further ones are refused.",
    )
    session_pinning_filters: tuple[str, ...] = option(
        (),
        choices=("EXCLUDE_VARIABLE_SETS",),
        rds_name="SessionPinningFilters",
        description='Kinds of statements that do not pin with `pinning = "rds"`; without that it says '
        "nothing. `EXCLUDE_VARIABLE_SETS` is the only one.",
    )
    init_query: str = option(
        "",
        rds_name="InitQuery",
        description="SQL run on each new database connection, statements separated by semicolons. "
        "It is not a secret; do not put one into it.",
    )
    min_idle_connections: int = option(
        0,
        minimum=0,
        maximum=10_000,
        unit="connections",
        description="Idle database connections kept ready for each user that has connected.",
    )
    max_connection_life: float = option(
        DAY,
        unit="s",
        minimum=1,
        maximum=7 * DAY,
        description="A database connection older than this is closed as soon as it is not in use.",
    )
    max_connection_life_jitter: float = option(
        0.1,
        unit="fraction",
        minimum=0,
        maximum=0.5,
        description="Share of `max_connection_life` by which each connection's life varies at random, "
        "so that connections opened together do not end together.",
    )
    idle_connection_timeout: float = option(
        300.0,
        unit="s",
        minimum=1,
        maximum=DAY,
        description="A database connection without activity for this long counts as idle and may be closed.",
    )


@attrs.frozen(kw_only=True)
class TargetConfig:
    """`[[target_group.targets]]`: one database server."""

    host: str = option(example="db.example.com", description="Host name or address of the database.")
    port: int = option(3306, minimum=1, maximum=65_535, description="TCP port of the database.")
    deployment: str = option(
        "blue",
        choices=DEPLOYMENTS,
        description="Side of a blue/green deployment. Clients use the blue targets, and the green ones after "
        "a switchover to one of them.",
    )
    fenced: bool = option(
        False,
        description="Keep all clients away from this target, whatever it says of itself.",
    )
    tls: str = option(
        "preferred",
        choices=("off", "preferred", "required", "verify-ca", "verify-identity"),
        description="TLS to the database: never, when it offers TLS, always, "
        "always with a certificate check, or always with a check of certificate and host name.",
    )
    tls_ca: str = option(
        "",
        is_path=True,
        description="PEM file with the certificate authorities to trust. Empty trusts the system's.",
    )
    compression: str = option(
        "off",
        choices=("off", "zlib", "zstd"),
        description="Compression of the connections to the database, where it offers it: less traffic, "
        "more processor time. It does not depend on what clients use.",
    )
    zstd_compression_level: int = option(
        3,
        minimum=1,
        maximum=22,
        description="Level of `zstd` compression to the database, from fast to small.",
    )
    connect_timeout: float = option(
        5.0,
        unit="s",
        minimum=0.1,
        maximum=60,
        description="A connection attempt to the database that takes longer than this has failed.",
    )
    probe_interval: float = option(
        1.0,
        unit="s",
        minimum=0.1,
        maximum=300,
        description="Time between two health probes of the database. After an error they come faster.",
    )
    probe_timeout: float = option(
        1.0,
        unit="s",
        minimum=0.1,
        maximum=60,
        description="A health probe without an answer for this long has failed.",
    )


@attrs.frozen(kw_only=True)
class SwitchoverConfig:
    """`[target_group.switchover]`: how `rds-proxy switchover` goes about it."""

    timeout: float = option(
        10.0,
        unit="s",
        minimum=0,
        maximum=300,
        description="How long running transactions have to end before they are cut; without `promote` also "
        "how long the promotion may take. The command's `--timeout` goes first.",
    )
    max_replica_lag: float = option(
        10.0,
        unit="s",
        minimum=0,
        maximum=3600,
        description="A target that lags further behind is refused before anything is held.",
    )
    promote: bool = option(
        True,
        description="Promote the target and make the old writer read-only. Without it somebody else does, as "
        "in RDS and clusters, while the proxy holds clients back.",
    )
    replication_user_name: str = option(
        "",
        description="User of `[[proxy.auth]]` as whom the old writer and its replicas follow the new one. "
        "Empty leaves replication as it is.",
    )


@attrs.frozen(kw_only=True)
class TargetGroupConfig:
    """`[target_group]`."""

    name: str = option(
        "default",
        choices=("default",),
        reloadable=False,
        rds_name="TargetGroupName",
        description="The target group's name; as in RDS there is only `default`.",
    )
    connection_pool_config: ConnectionPoolConfig = table(
        ConnectionPoolConfig, "The pool of database connections.", rds_name="ConnectionPoolConfig"
    )
    topology: str = option(
        "auto",
        choices=TOPOLOGIES,
        description="How targets are asked who is the writer. `auto` goes by what the server is; `static` "
        "looks at `read_only` alone, not at replication.",
    )
    monitor_user_name: str = option(
        "",
        description="User of `[[proxy.auth]]` as whom targets are probed and switched over. Empty takes the "
        "first one whose secret can be read.",
    )
    unhealthy_threshold: int = option(
        2,
        unit="probes",
        minimum=1,
        maximum=20,
        description="Probes in a row that must time out before a target is UNAVAILABLE. A refused or lost "
        "connection counts as soon as the probe right after it fails too.",
    )
    healthy_threshold: int = option(
        2,
        unit="probes",
        minimum=1,
        maximum=20,
        description="Probes in a row that must succeed before a lost target is AVAILABLE again; more if it "
        "keeps coming and going.",
    )
    slow_start: float = option(
        30.0,
        unit="s",
        minimum=0,
        maximum=900,
        description="Time over which a reader that has come back takes up its full share. 0: at once.",
    )
    address_refresh_interval: float = option(
        5.0,
        unit="s",
        minimum=0.5,
        maximum=300,
        description="How often host names of targets are resolved again; also after each failed probe.",
    )
    switchover: SwitchoverConfig = table(SwitchoverConfig, "A planned change of the writer.")
    targets: tuple[TargetConfig, ...] = tables(
        TargetConfig,
        "The databases of the group: a writer and its replicas.",
        minimum=1,
        maximum=MAX_TARGETS,
        reloadable=True,
        key=("host", "port"),
    )
