"""What is measured, and over which ways."""

import enum

import attrs

__all__ = ["CAPPED_CONNECTIONS", "CASES", "Case", "Kind", "Way"]

CAPPED_CONNECTIONS = 10
"""Database connections of the proxy in the case that has many more clients."""


class Way(enum.Enum):
    """How a client reaches the database."""

    DIRECT = "direct"
    HAPROXY = "HAProxy"
    PROXY = "rds-proxy"


class Kind(enum.Enum):
    """What a client does again and again."""

    POINT_SELECT = "point select"
    VISIT = "connect, SELECT 1, quit"
    LARGE_RESULT = "large result"


@attrs.frozen
class Case:
    """One line of the table. `clients` work at the same time; `capped`: on CAPPED_CONNECTIONS at most."""

    name: str
    title: str
    kind: Kind
    clients: int
    capped: bool = False


CASES = (
    Case("point-1", "Point select, 1 connection", Kind.POINT_SELECT, 1),
    Case("point-16", "Point select, 16 connections", Kind.POINT_SELECT, 16),
    Case("point-64", "Point select, 64 connections", Kind.POINT_SELECT, 64),
    Case(
        "shared-200",
        f"Point select, 200 clients on {CAPPED_CONNECTIONS} database connections",
        Kind.POINT_SELECT,
        200,
        capped=True,
    ),
    Case("connect", "Connect, `SELECT 1`, quit; 8 at a time", Kind.VISIT, 8),
    Case("large", "A result of 50 MB, 1 connection", Kind.LARGE_RESULT, 1),
)
