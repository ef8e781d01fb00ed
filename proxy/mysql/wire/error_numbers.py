"""Errors of a database that mean something to the proxy (MySQL manual, "Server Error Message Reference").

With them comes that nothing of the command was executed, or that the server will execute nothing more.
"""

from typing import Final

__all__ = [
    "LEAVING",
    "LOST_STATEMENT",
    "OPTION_PREVENTS",
    "READ_ONLY_TRANSACTION",
    "SHUTDOWN",
    "TOO_MANY_STATEMENTS",
    "UNKNOWN_STATEMENT",
]

#: ER_UNKNOWN_STMT_HANDLER.
UNKNOWN_STATEMENT: Final = 1243
#: With it ER_NEED_REPREPARE: nothing was executed.
LOST_STATEMENT: Final = frozenset({UNKNOWN_STATEMENT, 1615})
#: ER_MAX_PREPARED_STMT_COUNT_REACHED.
TOO_MANY_STATEMENTS: Final = frozenset({1461})
#: ER_SERVER_SHUTDOWN.
SHUTDOWN: Final = 1053
#: ER_OPTION_PREVENTS_STATEMENT: read_only, or any other option.
OPTION_PREVENTS: Final = 1290
#: ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION.
READ_ONLY_TRANSACTION: Final = 1792
#: With these what a server says that takes no writes: ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY too.
LEAVING: Final = frozenset({SHUTDOWN, OPTION_PREVENTS, READ_ONLY_TRANSACTION, 1836, 1874})
