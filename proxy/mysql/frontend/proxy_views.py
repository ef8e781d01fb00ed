"""What the proxy shows of itself in SQL: the columns of each SHOW PROXY statement, and its rows.

Rows are made one by one as they are asked for, so that a view of ten thousand clients can be sent in pieces;
what has left meanwhile is left out. Nothing here shows a statement with its values.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import attrs

from ...errors import privilege_needed
from ...pool.pool import Pool
from ...targets.switchover import SwitchoverReport, TargetsView
from ...tenants.tenant import Tenant
from ..backend.connection import BackendConnection
from ..backend.connector import PoolKey
from ..session.pin_advice import advice
from ..session.pins import RdsReason, Reason
from ..session.rds_messages import rds_remedy
from ..session.show_proxy import SWITCHOVER_FORM, ProxyView
from ..wire.result_rows import Column, ColumnType
from .context import EndpointContext
from .tenant_views import (
    LONGEST_NAME,
    SECRET_COLUMNS,
    TENANT_COLUMNS,
    Row,
    View,
    moment,
    secret_rows,
    tenant_rows,
)

if TYPE_CHECKING:
    from .client import ClientConnection
    from .command_phase import CommandPhase

__all__ = ["View", "Viewer", "switchover_view", "view_of"]

#: The user of the last row of SHOW PROXY POOL.
_ALL = "(all)"
_LONGEST_NAME = LONGEST_NAME
_LONGEST_TEXT = 256
_LONGEST_POSITION = 1024


@attrs.frozen
class Viewer:
    """Who asks: a client's number, user and tenant, and whether the user is in ``admin_users``."""

    client: int
    username: str
    sees_all: bool
    tenant: Tenant | None = None

    def sees(self, commands: "CommandPhase | None") -> bool:
        """Whether a session is shown: those of the viewer's own user and tenant are."""
        if commands is None or self.sees_all:
            return self.sees_all
        return commands.username == self.username and commands.key.tenant is self.tenant


_PINS = (
    Column.integer("client"),
    Column("user", length=_LONGEST_NAME),
    Column("host", length=_LONGEST_NAME),
    Column("reason", length=_LONGEST_NAME),
    Column("since", length=20),
    Column.seconds("seconds"),
    Column.seconds("lost_connection_seconds"),
    Column.integer("database_connection", nullable=True),
    Column("digest", length=_LONGEST_TEXT),
    Column("advice", length=_LONGEST_TEXT),
)
_TOTALS = (
    Column("reason", length=_LONGEST_NAME),
    Column("digest", length=_LONGEST_TEXT),
    Column.integer("pinned_now"),
    Column.integer("pins"),
    Column.seconds("seconds"),
    Column.seconds("lost_connection_seconds"),
)
_CLIENTS = (
    Column.integer("client"),
    Column("user", length=_LONGEST_NAME, nullable=True),
    Column("host", length=_LONGEST_NAME),
    Column("schema", length=_LONGEST_NAME, nullable=True),
    Column("state", length=_LONGEST_NAME),
    Column.seconds("seconds"),
    Column("in_transaction", length=3),
    Column("pinned_by", length=_LONGEST_TEXT),
    Column.integer("database_connection", nullable=True),
    Column.integer("statements"),
    Column("tenant", length=_LONGEST_TEXT, nullable=True),
)
_POOL = (
    Column("target", length=_LONGEST_TEXT),
    Column("user", length=_LONGEST_NAME),
    *map(Column.integer, ("connections", "borrowed", "pinned", "idle", "opening", "closing", "waiting")),
    Column.integer("max_connections", nullable=True),
)
_TARGETS = (
    Column("target", length=_LONGEST_TEXT),
    *(Column(name, length=_LONGEST_NAME) for name in ("role", "deployment", "state", "reason")),
    Column("description", length=_LONGEST_TEXT),
    Column("lag", ColumnType.DOUBLE, 17, decimals=3, nullable=True),
    Column("position", length=_LONGEST_POSITION),
    *map(Column.integer, ("connections", "borrowed", "waiting")),
)
_SWITCHOVER = (
    Column("step", length=_LONGEST_NAME),
    Column.seconds("seconds"),
    Column("detail", length=_LONGEST_POSITION),
)
_HELP = (Column("statement", length=_LONGEST_NAME), Column("shows", length=_LONGEST_TEXT))

_EXPLANATIONS = {
    ProxyView.PINS: "why sessions keep their database connection, one row for each cause",
    ProxyView.PIN_TOTALS: "what pins have cost since the start, by reason and statement (admin_users)",
    ProxyView.CLIENTS: "the clients' sessions",
    ProxyView.POOL: "the database connections by user (admin_users)",
    ProxyView.TARGETS: "the databases: role, health, replica lag in seconds, executed GTIDs (admin_users)",
    ProxyView.TENANTS: "the tenants: limits, use and refusals; others than one's own: admin_users",
    ProxyView.SECRETS: "the secrets' versions, and what is wrong with them (admin_users)",
    ProxyView.HELP: "this",
}
_SWITCHES = "moves all traffic to another target without disconnecting anybody (admin_users)"


def view_of(view: ProxyView, context: EndpointContext, viewer: Viewer) -> View:
    """A view for one who asks; raises a ClientError if it is not for that one."""
    if view in _FOR_ADMINS and not viewer.sees_all:
        raise privilege_needed()
    columns, rows = _VIEWS[view]
    return View(f"PROXY_{view.value.replace(' ', '_')}", columns, rows(context, viewer))


def switchover_view(report: SwitchoverReport) -> View:
    """What was done, step by step, and what the operator still has to see to."""
    last = report.steps[-1].seconds if report.steps else 0.0
    rows: list[Row] = [(step.name, step.seconds, step.detail) for step in report.steps]
    rows += [("to be seen to", last, note) for note in report.notes]
    return View("PROXY_SWITCHOVER", _SWITCHOVER, iter(rows))


def _advice(reason: Reason, *, ends: bool) -> str:
    if isinstance(reason, RdsReason):
        return rds_remedy(reason.value)
    return advice(reason.value, ends=ends)


def _pins(context: EndpointContext, viewer: Viewer) -> Iterator[Row]:
    # The sessions of the moment; a cause that ends before its turn is left out.
    ends = context.options.pinning != "rds"
    for session in context.pins:
        client: ClientConnection | None = context.find_client(session.client)
        if client is None or not viewer.sees(client.commands):
            continue
        for cause in tuple(session.causes.values()):
            now = context.clock.seconds()
            yield (
                session.client,
                session.user,
                str(client.peer),
                cause.reason.value,
                # The reactor's clock need not be the time of day.
                moment(time.time() - (now - cause.since)),
                now - cause.since,
                session.cause_lost_by(cause, now),
                _database_connection(client),
                cause.digest,
                _advice(cause.reason, ends=ends),
            )


def _totals(context: EndpointContext, _viewer: Viewer) -> Iterator[Row]:
    rows = context.pins.metrics(context.clock.seconds()).by_digest
    for row in sorted(rows, key=lambda each: (-each.lost_connection_seconds, -each.seconds)):
        yield (
            row.reason.value,
            row.digest,
            row.pinned_now,
            row.pins_total,
            row.seconds,
            row.lost_connection_seconds,
        )


def _clients(context: EndpointContext, viewer: Viewer) -> Iterator[Row]:
    for client in context.clients():
        commands = client.commands
        if context.find_client(client.number) is not client:
            continue
        if commands is None:
            if viewer.sees_all:
                yield _logging_in(context, client)
        elif viewer.sees(commands):
            now = context.clock.seconds()
            yield (
                client.number,
                commands.username,
                str(client.peer),
                commands.value.settings.schema or None,
                _state(client, viewer),
                now - commands.last_active,
                "YES" if commands.value.in_transaction else "NO",
                ", ".join(reason.value for reason in commands.value.pins),
                _database_connection(client),
                commands.statement_count,
                None if commands.key.tenant is None else commands.key.tenant.name,
            )


def _logging_in(context: EndpointContext, client: "ClientConnection") -> Row:
    age = context.clock.seconds() - client.since
    return (client.number, None, str(client.peer), None, "logging in", age, "NO", "", None, 0, None)


def _state(client: "ClientConnection", viewer: Viewer) -> str:
    commands = client.commands
    assert commands is not None
    if client.number == viewer.client or commands.running_on is not None:
        return "running"
    if not commands.waits_for_client:
        return "waiting for a connection" if commands.tenancy.connection is None else "settling"
    if commands.value.in_transaction:
        return "idle in transaction"
    return "idle"


def _pool(context: EndpointContext, _viewer: Viewer) -> Iterator[Row]:
    for target, pool in context.pools():
        yield from _pool_of(target, pool, _pinned_on(context, pool))


def _pinned_on(context: EndpointContext, pool: Pool[BackendConnection]) -> Counter[str]:
    """How many sessions of each user are pinned to connections of a pool."""
    found: Counter[str] = Counter()
    for client in context.clients():
        commands = client.commands
        connection = commands.tenancy.connection if commands is not None else None
        if (
            commands is not None
            and connection is not None
            and connection.pool is pool
            and commands.value.pins
        ):
            found[commands.username] += 1
    return found


def _pool_of(target: str, pool: Pool[BackendConnection], pinned: Counter[str]) -> Iterator[Row]:
    by_user: dict[str, list[int]] = {}
    for row in pool.by_key():
        # A user has a key for each set of capabilities that clients have.
        user = row.key.username if isinstance(row.key, PoolKey) else str(row.key)
        counts = (row.connections, row.borrowed, 0, row.idle, row.opening, row.closing, row.waiting)
        before = by_user.get(user, [0] * len(counts))
        by_user[user] = [one + other for one, other in zip(before, counts, strict=True)]
    totals = [0] * 7
    for user, counted in by_user.items():
        counted[2] = pinned[user]
        totals = [one + other for one, other in zip(totals, counted, strict=True)]
        yield (target, user, *counted, None)
    yield (target, _ALL, *totals, pool.metrics.max_database_connections_allowed)


def _targets(context: EndpointContext, _viewer: Viewer) -> Iterator[Row]:
    view: TargetsView | None = context.group
    for row in view.targets() if view is not None else ():
        yield attrs.astuple(row)


def _tenants(context: EndpointContext, viewer: Viewer) -> Iterator[Row]:
    pools = [pool for _, pool in context.pools()]
    return tenant_rows(context.tenants, pools, only=None if viewer.sees_all else viewer.tenant)


def _secrets(context: EndpointContext, _viewer: Viewer) -> Iterator[Row]:
    return secret_rows(context.secrets())


def _help(_context: EndpointContext, _viewer: Viewer) -> Iterator[Row]:
    for view, text in _EXPLANATIONS.items():
        yield (view.statement, text)
    yield (SWITCHOVER_FORM, _SWITCHES)


def _database_connection(client: "ClientConnection") -> int | None:
    connection = client.commands.tenancy.connection if client.commands is not None else None
    return None if connection is None else connection.thread_id


_FOR_ADMINS = frozenset((ProxyView.POOL, ProxyView.PIN_TOTALS, ProxyView.TARGETS, ProxyView.SECRETS))
_Rows = Callable[[EndpointContext, Viewer], Iterator[Row]]
_VIEWS: dict[ProxyView, tuple[tuple[Column, ...], _Rows]] = {
    ProxyView.PINS: (_PINS, _pins),
    ProxyView.PIN_TOTALS: (_TOTALS, _totals),
    ProxyView.CLIENTS: (_CLIENTS, _clients),
    ProxyView.POOL: (_POOL, _pool),
    ProxyView.TARGETS: (_TARGETS, _targets),
    ProxyView.TENANTS: (TENANT_COLUMNS, _tenants),
    ProxyView.SECRETS: (SECRET_COLUMNS, _secrets),
    ProxyView.HELP: (_HELP, _help),
}
