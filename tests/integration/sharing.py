"""A pool of one connection shows who shares: a session that keeps it keeps everyone else waiting."""

from typing import Any

import pymysql

from .clients import run

__all__ = ["ONE_CONNECTION", "is_shared"]

ONE_CONNECTION = {"max_connections_percent": 2, "connection_borrow_timeout": 0.3}
"""Pool options: one connection of the shared database's 50."""

BORROW_TIMEOUT = (9501, "Timed-out waiting to acquire database connection")


def is_shared(other: Any) -> bool:
    """Whether another client gets the connection; where not, the error must be the borrow timeout's."""
    try:
        run(other, "SELECT 1")
    except pymysql.MySQLError as error:
        if error.args != BORROW_TIMEOUT:
            raise
        return False
    return True
