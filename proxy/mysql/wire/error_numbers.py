"""Errors of a database that mean something to the proxy (MySQL manual, "Server Error Message Reference").

With them comes that nothing of the command was executed, or that the server will execute nothing more.
"""

from typing import Final

__all__ = ["LEAVING", "LOST_STATEMENT", "SHUTDOWN", "TOO_MANY_STATEMENTS", "UNKNOWN_STATEMENT"]

#: ER_UNKNOWN_STMT_HANDLER.
UNKNOWN_STATEMENT: Final = 1243
#: With it ER_NEED_REPREPARE: nothing was executed.
LOST_STATEMENT: Final = frozenset({UNKNOWN_STATEMENT, 1615})
#: ER_MAX_PREPARED_STMT_COUNT_REACHED.
TOO_MANY_STATEMENTS: Final = frozenset({1461})
#: ER_SERVER_SHUTDOWN.
SHUTDOWN: Final = 1053
#: With it what a server says that takes no writes: ER_OPTION_PREVENTS_STATEMENT,
#: ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY.
LEAVING: Final = frozenset({SHUTDOWN, 1290, 1792, 1836, 1874})
