"""SHOW PROXY TENANTS and SHOW PROXY SECRETS: their columns and rows.

A row of TENANTS has the limits that can be told by a number, what the tenant has of them now, how often each
was the reason for a refusal, and how its borrows went. What is counted of borrows is the pools', which forget
a tenant that has not borrowed for as long as they remember an unused user. SECRETS shows of a secret its
versions and problems, never its content.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import attrs

from ...credentials.problems import SecretStatus
from ...pool.metrics import TenantMetrics
from ...pool.pool import Pool
from ...tenants.tenant import Tenant
from ..backend.connection import BackendConnection
from ..wire.result_rows import Column, ColumnType, Value

__all__ = [
    "LONGEST_NAME",
    "SECRET_COLUMNS",
    "TENANT_COLUMNS",
    "Row",
    "View",
    "moment",
    "secret_rows",
    "tenant_rows",
]

Row = Sequence[Value]

#: Characters of names of users and the like.
LONGEST_NAME = 64
_LONGEST_TENANT = 256
_LONGEST_PROBLEM = 1024


@attrs.frozen
class View:
    """One statement's columns and rows; ``table`` is the name of the table in the column definitions."""

    table: str
    columns: tuple[Column, ...]
    rows: Iterator[Row]


TENANT_COLUMNS = (
    Column("tenant", length=_LONGEST_TENANT),
    *map(Column.integer, ("clients", "max_client_connections", "borrowed", "waiting")),
    Column("weight", ColumnType.DOUBLE, 17, decimals=3),
    Column("min_connections_percent", ColumnType.DOUBLE, 17, decimals=3),
    Column("max_connections_percent", ColumnType.DOUBLE, 17, decimals=3),
    Column("statements_per_second", ColumnType.DOUBLE, 17, decimals=3),
    Column("read_only", length=3),
    *map(
        Column.integer,
        (
            "refused_clients",
            "refused_networks",
            "refused_statements",
            "refused_schemas",
            "refused_writes",
            "refused_settings",
            "stopped_statements",
            "idle_disconnects",
            "refused_borrows",
            "timed_out_borrows",
            "borrows",
        ),
    ),
    Column.seconds("borrow_seconds"),
)
SECRET_COLUMNS = (
    Column("secret", length=_LONGEST_TENANT),
    Column("user", length=LONGEST_NAME),
    Column("version", length=LONGEST_NAME),
    Column("stage", length=LONGEST_NAME),
    Column("fetched", length=20, nullable=True),
    Column("changed", length=20, nullable=True),
    Column.integer("failures"),
    Column("problem", length=_LONGEST_PROBLEM),
)


def tenant_rows(
    tenants: Iterable[Tenant], pools: Sequence[Pool[BackendConnection]], *, only: Tenant | None
) -> Iterator[Row]:
    """One row for each tenant, or for one of them."""
    uses = _use_by_name(pools)
    for tenant in tenants:
        if only is None or tenant is only:
            yield _tenant_row(tenant, uses.get(tenant.name) or _Use())


@attrs.define
class _Use:
    """What a tenant has of all pools together."""

    borrowed: int = 0
    waiting: int = 0
    refused: int = 0
    timed_out: int = 0
    borrows: int = 0
    seconds: float = 0.0

    def add(self, row: TenantMetrics) -> None:
        self.borrowed += row.used
        self.waiting += row.waiting
        self.refused += row.refused
        self.timed_out += row.expired
        self.borrows += row.granted
        self.seconds += row.waited


def _use_by_name(pools: Sequence[Pool[BackendConnection]]) -> dict[str, _Use]:
    uses: dict[str, _Use] = {}
    for pool in pools:
        for row in pool.by_tenant():
            uses.setdefault(row.name, _Use()).add(row)
    return uses


def _tenant_row(tenant: Tenant, use: _Use) -> Row:
    limits = tenant.limits
    share = limits.share
    return (
        tenant.name,
        tenant.clients,
        limits.max_client_connections,
        use.borrowed,
        use.waiting,
        share.weight,
        share.min_connections_percent,
        share.max_connections_percent,
        limits.statements_per_second,
        "YES" if limits.read_only else "NO",
        tenant.refused_clients,
        tenant.refused_networks,
        tenant.refused_statements,
        tenant.refused_schemas,
        tenant.refused_writes,
        tenant.refused_settings,
        tenant.stopped_statements,
        tenant.idle_disconnects,
        use.refused,
        use.timed_out,
        use.borrows,
        use.seconds,
    )


def secret_rows(statuses: Iterable[SecretStatus]) -> Iterator[Row]:
    """One row for each version of a secret that the proxy has, or for a secret of which it has none."""
    for status in statuses:
        yield (
            status.secret_name,
            status.username,
            status.version_id,
            status.stage,
            _time(status.fetched_at),
            _time(status.changed_at),
            status.failures,
            status.problem[:_LONGEST_PROBLEM],
        )


def _time(at: float | None) -> str | None:
    return None if at is None else moment(at)


def moment(at: float) -> str:
    """A Unix time in seconds as ISO 8601 has it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
