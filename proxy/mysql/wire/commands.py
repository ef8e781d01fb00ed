"""Commands and the kinds of response they have (MySQL manual, "Command Phase").

What is not in ``RESPONSES`` is refused by the proxy; ``REFUSED`` gives the reason for those with a name.
"""

import enum

__all__ = ["REFUSED", "RESPONSES", "Command", "ResponseKind"]


class Command(enum.IntEnum):
    """First byte of a command packet."""

    SLEEP = 0x00
    QUIT = 0x01
    INIT_DB = 0x02
    QUERY = 0x03
    FIELD_LIST = 0x04
    CREATE_DB = 0x05
    DROP_DB = 0x06
    REFRESH = 0x07
    SHUTDOWN = 0x08
    STATISTICS = 0x09
    PROCESS_INFO = 0x0A
    CONNECT = 0x0B
    PROCESS_KILL = 0x0C
    DEBUG = 0x0D
    PING = 0x0E
    TIME = 0x0F
    DELAYED_INSERT = 0x10
    CHANGE_USER = 0x11
    BINLOG_DUMP = 0x12
    TABLE_DUMP = 0x13
    CONNECT_OUT = 0x14
    REGISTER_SLAVE = 0x15
    STMT_PREPARE = 0x16
    STMT_EXECUTE = 0x17
    STMT_SEND_LONG_DATA = 0x18
    STMT_CLOSE = 0x19
    STMT_RESET = 0x1A
    SET_OPTION = 0x1B
    STMT_FETCH = 0x1C
    DAEMON = 0x1D
    BINLOG_DUMP_GTID = 0x1E
    RESET_CONNECTION = 0x1F
    CLONE = 0x20
    #: MariaDB's.
    STMT_BULK_EXECUTE = 0xFA


class ResponseKind(enum.Enum):
    """How the end of a response is found."""

    NONE = "no response"
    RESULT = "OK, ERR, LOCAL INFILE or result sets"
    PREPARE = "prepared statement"
    ROWS = "rows of an open cursor"
    FIELDS = "column definitions"
    STRING = "one packet of text"


#: Commands that go to a database connection, with their response.
RESPONSES: dict[int, ResponseKind] = {
    Command.INIT_DB: ResponseKind.RESULT,
    Command.QUERY: ResponseKind.RESULT,
    Command.FIELD_LIST: ResponseKind.FIELDS,
    Command.REFRESH: ResponseKind.RESULT,
    Command.STATISTICS: ResponseKind.STRING,
    Command.PROCESS_INFO: ResponseKind.RESULT,
    Command.PROCESS_KILL: ResponseKind.RESULT,
    Command.DEBUG: ResponseKind.RESULT,
    Command.PING: ResponseKind.RESULT,
    Command.STMT_PREPARE: ResponseKind.PREPARE,
    Command.STMT_EXECUTE: ResponseKind.RESULT,
    Command.STMT_SEND_LONG_DATA: ResponseKind.NONE,
    Command.STMT_CLOSE: ResponseKind.NONE,
    Command.STMT_RESET: ResponseKind.RESULT,
    Command.SET_OPTION: ResponseKind.RESULT,
    Command.STMT_FETCH: ResponseKind.ROWS,
    Command.STMT_BULK_EXECUTE: ResponseKind.RESULT,
}

#: Commands with no place behind a proxy, and what their sender is told.
REFUSED: dict[int, str] = {
    Command.SHUTDOWN: "COM_SHUTDOWN is not allowed through RDS Proxy",
    Command.BINLOG_DUMP: "Replication is not supported through RDS Proxy",
    Command.BINLOG_DUMP_GTID: "Replication is not supported through RDS Proxy",
    Command.REGISTER_SLAVE: "Replication is not supported through RDS Proxy",
    Command.CLONE: "COM_CLONE is not supported through RDS Proxy",
}
