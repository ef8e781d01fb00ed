"""What stored code has done to a session that the tracker does not tell: which user variables it has set.

A server counts a session's statements of each kind, also those in procedures, functions and triggers, and a
reset makes the counts 0 (MySQL manual, "Server Status Variables", Com_xxx). So it can be told whether a
changed state is one of user variables only. Their names are in
information_schema.USER_VARIABLES on MariaDB, and in performance_schema.user_variables_by_thread on MySQL for
those who may read that.
"""

from collections.abc import Callable, Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ..backend.connection import BackendConnection
from ..backend.errors import TargetError
from ..backend.own_commands import query
from ..session.pins import PinReason
from ..session.user_variables import MAX_VARIABLES
from ..session.value import SessionValue

__all__ = ["find_variables"]

#: Statements that leave what cannot be found out. On MySQL a temporary table counts as a table.
_COUNTS = (
    "SHOW SESSION STATUS WHERE Variable_name IN"
    " ('Com_create_temporary_table','Com_prepare_sql','Com_ha_open'{})"
)
_ON_MYSQL = ",'Com_create_table'"
#: One more than may be held tells that there are too many.
_NAMES_ON_MARIADB = (
    "SELECT VARIABLE_NAME FROM information_schema.USER_VARIABLES"
    " WHERE VARIABLE_VALUE IS NOT NULL AND LEFT(VARIABLE_NAME,10)<>'rds_proxy_' LIMIT 257"
)
_NAMES_ON_MYSQL = (
    "SELECT VARIABLE_NAME FROM performance_schema.user_variables_by_thread"
    " WHERE THREAD_ID=PS_CURRENT_THREAD_ID() AND VARIABLE_VALUE IS NOT NULL"
    " AND LEFT(VARIABLE_NAME,10)<>'rds_proxy_' LIMIT 257"
)


@inlineCallbacks
def find_variables(
    connection: BackendConnection, value: SessionValue, seconds: Callable[[], float]
) -> Generator[Deferred[Any], Any, None]:
    """Have the user variables asked for that stored code has set; pin where it may have left more."""
    value.unexplained = False
    is_mariadb = "MariaDB" in connection.server_version
    counts: set[str | None] = set()
    try:
        answer = yield query(connection, _COUNTS.format("" if is_mariadb else _ON_MYSQL))
        counts = {row[1] for row in answer.rows if len(row) == 2}
    except TargetError:
        # The session's own limits forbid it.
        pass
    names: list[str] | None = None
    if counts == {"0"}:
        names = yield _names(connection, is_mariadb=is_mariadb)
    if names is None or len(names) > MAX_VARIABLES or not all(name.isascii() and name for name in names):
        value.pin(PinReason.UNTRACKED_STATE, seconds())
    else:
        value.variables.ask_again(names)


@inlineCallbacks
def _names(
    connection: BackendConnection, *, is_mariadb: bool
) -> Generator[Deferred[Any], Any, list[str] | None]:
    """The names of all variables that are not NULL, in lower case; None where the server does not tell."""
    if not is_mariadb:
        # Where it is off the table is there, and empty.
        answer = yield query(connection, "SELECT @@performance_schema LIMIT 1")
        if answer.rows != (("1",),):
            return None
    try:
        answer = yield query(connection, _NAMES_ON_MARIADB if is_mariadb else _NAMES_ON_MYSQL)
    except TargetError:
        return None
    return [(row[0] or "").lower() for row in answer.rows]
