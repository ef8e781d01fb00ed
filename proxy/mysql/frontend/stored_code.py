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

from ..backend.connection import PREPARES, BackendConnection
from ..backend.errors import TargetError
from ..backend.own_commands import query
from ..session.pins import PinReason
from ..session.user_variables import MAX_VARIABLES
from ..session.value import SessionValue

__all__ = ["find_variables"]

#: Statements that leave what cannot be found out. On MySQL a temporary table counts as a table.
_ON_MARIADB = ("Com_create_temporary_table", "Com_ha_open", PREPARES)
_ON_MYSQL = ("Com_create_table", "Com_ha_open", PREPARES)
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
    changed, ran = value.unexplained, value.unexplained or value.code_ran
    value.unexplained = value.code_ran = value.recount = False
    is_mariadb = "MariaDB" in connection.server_version
    is_as_before = yield _compare_counts(connection, is_mariadb=is_mariadb)
    if not ran:
        return
    names: list[str] | None = None
    if is_as_before:
        names = yield _names(connection, is_mariadb=is_mariadb)
        if names is None and not changed:
            # Only who reads one of them needs to know.
            value.code_ran_at = connection
            return
    if names is None or len(names) > MAX_VARIABLES or not all(name.isascii() and name for name in names):
        value.pin(PinReason.UNTRACKED_STATE, seconds())
    else:
        value.variables.ask_again(names)


@inlineCallbacks
def _compare_counts(
    connection: BackendConnection, *, is_mariadb: bool
) -> Generator[Deferred[Any], Any, bool]:
    """Whether no statement was run that leaves what cannot be found out; False where that is not known."""
    kinds = _ON_MARIADB if is_mariadb else _ON_MYSQL
    names = ",".join(f"'{name}'" for name in kinds)
    try:
        answer = yield query(connection, f"SHOW SESSION STATUS WHERE Variable_name IN ({names})")
    except TargetError:
        # The session's own limits forbid it.
        return False
    found = {row[0] or "": row[1] or "" for row in answer.rows if len(row) == 2}
    counts = {name: int(count) for name, count in found.items() if count.isdecimal()}
    if set(counts) != set(kinds):
        return False
    before, connection.counts = connection.counts, counts
    return all(before.get(name, 0) == count for name, count in counts.items())


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
