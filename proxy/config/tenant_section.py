"""The section `[[proxy.tenants]]`, and the options of `[proxy]` about tenants. See docs/tenants.md."""

import re

import attrs

from ..networks import UNIX_SOCKET, Networks
from .options import option

__all__ = ["EACH", "MAX_TENANT_SECTIONS", "OTHER_TENANTS", "TenantConfig", "TenantOptions"]

MAX_TENANT_SECTIONS = 1000

#: The section of those whom no section matches: a tenant for each user.
OTHER_TENANTS = "default"

#: By what one section is divided into tenants; empty makes one tenant of it.
EACH = ("", "user", "schema", "attribute")

DAY = 86_400.0

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _check_name(value: str) -> str | None:
    if _NAME.fullmatch(value):
        return None
    return "must hold only letters, digits, underscores, dots and hyphens"


def _check_pattern(value: str) -> str | None:
    return None if value else "must not hold an empty name"


def _check_network(value: str) -> str | None:
    try:
        Networks.parse((value,))
    except ValueError as problem:
        return f"must hold networks in CIDR notation, addresses or {UNIX_SOCKET}: {problem}"
    return None


@attrs.frozen(kw_only=True, slots=False)
class TenantOptions:
    """How tenants are told apart. Without slots, so that it can be a second base."""

    tenant_attribute: str = option(
        "",
        max_length=64,
        description="Connection attribute that names a client's tenant, such as `program_name` or one of "
        "your own. Clients choose it freely.",
    )
    max_tenants: int = option(
        10_000,
        unit="tenants",
        minimum=1,
        maximum=1_000_000,
        description="Most tenants that are kept apart at a time; clients of further ones share one tenant "
        "for each `[[proxy.tenants]]`.",
    )


@attrs.frozen(kw_only=True)
class _TenantMatch:
    """Which clients belong to a section."""

    name: str = option(
        max_length=63,
        check=_check_name,
        check_text="letters, digits, underscores, dots, hyphens",
        example="acme",
        description="The tenant's name in errors, logs and metrics. With `each` the value follows, as in "
        "`acme/value`.",
    )
    user_names: tuple[str, ...] = option(
        (),
        check=_check_pattern,
        check_text="names, or patterns with `*`, `?`, `[…]`",
        description="Users whose clients belong to it. Empty: all. What is given of `user_names`, `schemas` "
        "and `attribute_values` must fit together.",
    )
    schemas: tuple[str, ...] = option(
        (),
        check=_check_pattern,
        check_text="names, or patterns with `*`, `?`, `[…]`",
        description="Schemas, as given at log-in, whose clients belong to it. Empty: all.",
    )
    attribute_values: tuple[str, ...] = option(
        (),
        check=_check_pattern,
        check_text="values, or patterns with `*`, `?`, `[…]`",
        description="Values of `proxy.tenant_attribute` whose clients belong to it. Empty: all.",
    )
    each: str = option(
        "",
        choices=EACH,
        description="Make a tenant of its own, with all these limits, of each `user`, `schema` or value of "
        "the `attribute` that matches. Empty: all are one tenant.",
    )


@attrs.frozen(kw_only=True, slots=False)
class _TenantShare:
    """What a tenant gets of the database connections. Without slots, so that it can be a second base."""

    weight: float = option(
        1.0,
        minimum=0.01,
        maximum=1000,
        description="Share of the database connections beside other tenants that wait too.",
    )
    min_connections_percent: float = option(
        0.0,
        unit="%",
        minimum=0,
        maximum=100,
        description="Database connections kept free for it, as a share of all that the pool may have.",
    )
    max_connections_percent: float = option(
        100.0,
        unit="%",
        minimum=0.1,
        maximum=100,
        description="Most database connections in use, as a share of all that the pool may have; at least 1.",
    )
    connection_borrow_queue_length: int = option(
        0,
        unit="clients",
        minimum=0,
        maximum=1_000_000,
        description="Most of its clients that wait for a database connection while it has all that it may "
        "have; further ones are refused at once. 0 sets no limit.",
    )
    connection_borrow_timeout: float = option(
        -1.0,
        unit="s",
        minimum=-1,
        maximum=300,
        description="How long its clients wait for a database connection. -1 takes that of the target group.",
    )


@attrs.frozen(kw_only=True)
class TenantConfig(_TenantShare, _TenantMatch):
    """`[[proxy.tenants]]`: whose clients it is about, and what they may take."""

    max_client_connections: int = option(
        0,
        minimum=0,
        maximum=1_000_000,
        description="Most client connections at a time. 0 sets no limit.",
    )
    statements_per_second: float = option(
        0.0,
        unit="statements/s",
        minimum=0,
        maximum=1_000_000,
        description="Statements per second, of all its clients together; further ones get error 1226. 0 sets "
        "no limit.",
    )
    statement_burst: int = option(
        0,
        unit="statements",
        minimum=0,
        maximum=1_000_000,
        description="Statements at once after a pause. 0 takes `statements_per_second`, at least 1.",
    )
    max_execution_time: float = option(
        0.0,
        unit="s",
        minimum=0,
        maximum=DAY,
        description="A statement that keeps the database busy for longer is stopped. 0 sets no limit.",
    )
    idle_in_transaction_timeout: float = option(
        0.0,
        unit="s",
        minimum=0,
        maximum=DAY,
        description="A client that does nothing for this long in a transaction, or pinned, is disconnected. "
        "0 sets no limit.",
    )
    lock_wait_timeout: int = option(
        0,
        unit="s",
        minimum=0,
        maximum=31_536_000,
        description="Longest wait for a lock: the first value of `innodb_lock_wait_timeout` and "
        "`lock_wait_timeout`, and the highest a client may set. 0 sets no limit.",
    )
    allowed_schemas: tuple[str, ...] = option(
        (),
        check=_check_pattern,
        check_text="names, or patterns with `*`, `?`, `[…]`",
        description="Schemas that its clients may choose at log-in and with `USE`. Empty: all.",
    )
    allowed_networks: tuple[str, ...] = option(
        (),
        check=_check_network,
        check_text="networks in CIDR notation, addresses, `localhost`",
        description="Networks that its clients may connect from; `localhost` means the Unix socket. Empty: "
        "all.",
    )
    read_only: bool = option(
        False,
        description="Refuse its writes, and send it to readers where there are any.",
    )
