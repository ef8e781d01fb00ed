"""A pool of one connection shows who shares: a session that keeps it keeps everyone else waiting."""

from typing import Any

import pymysql

from .clients import run
from .polling import eventually

__all__ = ["ONE_CONNECTION", "is_held", "is_shared"]

ONE_CONNECTION = {"max_connections_percent": 2, "connection_borrow_timeout": 0.5}
"""Pool options: one connection of the shared database's 50."""

BORROW_TIMEOUT = (9501, "Timed-out waiting to acquire database connection")


def is_held(other: Any) -> bool:
    """Whether somebody keeps the connection from another client; its error must be the borrow timeout's."""
    try:
        run(other, "SELECT 1")
    except pymysql.MySQLError as error:
        if error.args != BORROW_TIMEOUT:
            raise
        return True
    return False


def is_shared(other: Any) -> bool:
    """Whether another client gets the connection, if only after a while: who keeps it keeps it for good."""
    eventually(lambda: not is_held(other), "the connection for another client")
    return True
