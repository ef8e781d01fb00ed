"""What is measured, and over which ways."""

import enum

import attrs

__all__ = ["CAPPED_CONNECTIONS", "CASES", "START_UP", "Case", "Kind", "Way"]

CAPPED_CONNECTIONS = 10
"""Database connections of the proxy in the case that has many more clients."""

START_UP = (
    "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci",
    "SET autocommit = 1",
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET time_zone = '+00:00'",
    "SET SQL_AUTO_IS_NULL = 0",
    "SET character_set_results = NULL",
    "SET @@SESSION.wait_timeout = 2147483",
    "SET SESSION net_write_timeout = 600",
    "SET SESSION group_concat_max_len = 1048576",
)
"""What drivers and frameworks send when a connection is new, one statement after the other."""


class Way(enum.Enum):
    """How a client reaches the database."""

    DIRECT = "direct"
    HAPROXY = "HAProxy"
    PROXY = "rds-proxy"


class Kind(enum.Enum):
    """What a client does again and again."""

    POINT_SELECT = "point select"
    PREPARED_SELECT = "prepared point select"
    VISIT = "connect, SELECT 1, quit"
    SESSION = "connect, SETs, SELECT 1, quit"
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
    Case(
        "prepared-200",
        f"Prepared point select, 200 clients on {CAPPED_CONNECTIONS} database connections",
        Kind.PREPARED_SELECT,
        200,
        capped=True,
    ),
    Case("connect", "Connect, `SELECT 1`, quit; 8 at a time", Kind.VISIT, 8),
    Case(
        "session",
        f"Connect, {len(START_UP)} `SET` statements, `SELECT 1`, quit; 8 at a time",
        Kind.SESSION,
        8,
    ),
    Case("large", "A result of 50 MB, 1 connection", Kind.LARGE_RESULT, 1),
)
