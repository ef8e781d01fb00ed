"""What every database connection starts with."""

import re
from collections.abc import Iterable

import attrs

from .server_statements import DEFAULT_STATEMENTS

__all__ = ["ALL_VARIABLES", "SetUp", "variables_to_track"]

#: For session_track_system_variables: all there are.
ALL_VARIABLES = "*"

#: Variables that say something of one statement or one connection, not of a session's settings. MySQL counts
#: statement_id up with every statement, so that tracking it would make every response report a change.
_NOT_TRACKED = re.compile(
    r"(statement_id|last_insert_id|identity|insert_id|timestamp|rand_seed\d|pseudo_.*"
    r"|session_track_.*|(admin|mysqlx|performance_schema|relay|replica|report|slave|ssl|tls)_.*"
    r"|gtid_next|warning_count|error_count|proxy_user|external_user)\Z"
)


@attrs.frozen
class SetUp:
    """``init_query`` as configured; ``tracked_variables`` for session_track_system_variables.

    ``statements``: how many may stay prepared on the connection.
    """

    init_query: str = ""
    tracked_variables: str = ALL_VARIABLES
    statements: int = DEFAULT_STATEMENTS


def variables_to_track(names: Iterable[str]) -> str:
    """The list for a server on which tracking all variables reports a change with every statement."""
    return ",".join(name for name in names if not _NOT_TRACKED.match(name))
