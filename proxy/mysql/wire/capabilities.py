"""Capability flags of the connection phase.

MySQL manual, "Capabilities Flags"; MariaDB knowledge base, "Connection", for the bits from 32 up, which MySQL
does not have. On the wire those stand apart from the others, see the handshake and login modules.
"""

import enum
from typing import Final

__all__ = [
    "DEPENDS_ON_TARGET",
    "NO_CAPABILITIES",
    "OFFERED_TO_CLIENTS",
    "WIRE_FORMAT",
    "Capability",
    "offered_to_clients",
]


class Capability(enum.IntFlag):
    """Client and server capability bits; the names are the manuals' without their CLIENT_ prefix."""

    LONG_PASSWORD = 1 << 0
    FOUND_ROWS = 1 << 1
    LONG_FLAG = 1 << 2
    CONNECT_WITH_DB = 1 << 3
    NO_SCHEMA = 1 << 4
    COMPRESS = 1 << 5
    ODBC = 1 << 6
    LOCAL_FILES = 1 << 7
    IGNORE_SPACE = 1 << 8
    PROTOCOL_41 = 1 << 9
    INTERACTIVE = 1 << 10
    SSL = 1 << 11
    IGNORE_SIGPIPE = 1 << 12
    TRANSACTIONS = 1 << 13
    RESERVED = 1 << 14
    SECURE_CONNECTION = 1 << 15
    MULTI_STATEMENTS = 1 << 16
    MULTI_RESULTS = 1 << 17
    PS_MULTI_RESULTS = 1 << 18
    PLUGIN_AUTH = 1 << 19
    CONNECT_ATTRS = 1 << 20
    PLUGIN_AUTH_LENENC_CLIENT_DATA = 1 << 21
    CAN_HANDLE_EXPIRED_PASSWORDS = 1 << 22
    SESSION_TRACK = 1 << 23
    DEPRECATE_EOF = 1 << 24
    OPTIONAL_RESULTSET_METADATA = 1 << 25
    ZSTD_COMPRESSION = 1 << 26
    QUERY_ATTRIBUTES = 1 << 27
    MULTI_FACTOR_AUTHENTICATION = 1 << 28
    MARIADB_PROGRESS = 1 << 32
    MARIADB_STMT_BULK_OPERATIONS = 1 << 34
    MARIADB_EXTENDED_METADATA = 1 << 35
    MARIADB_CACHE_METADATA = 1 << 36
    MARIADB_BULK_UNIT_RESULTS = 1 << 37

    @property
    def low(self) -> int:
        """The 32 bits that MySQL knows."""
        return int(self) & 0xFFFFFFFF

    @property
    def high(self) -> int:
        """MariaDB's bits, as a number that begins with bit 32."""
        return int(self) >> 32


#: An empty set.
NO_CAPABILITIES: Final = Capability(0)

#: What a client may ask for; TLS is added where a certificate is configured.
OFFERED_TO_CLIENTS = (
    Capability.LONG_PASSWORD
    | Capability.FOUND_ROWS
    | Capability.LONG_FLAG
    | Capability.CONNECT_WITH_DB
    | Capability.NO_SCHEMA
    | Capability.ODBC
    | Capability.LOCAL_FILES
    | Capability.IGNORE_SPACE
    | Capability.PROTOCOL_41
    | Capability.INTERACTIVE
    | Capability.IGNORE_SIGPIPE
    | Capability.TRANSACTIONS
    | Capability.RESERVED
    | Capability.SECURE_CONNECTION
    | Capability.MULTI_STATEMENTS
    | Capability.MULTI_RESULTS
    | Capability.PS_MULTI_RESULTS
    | Capability.PLUGIN_AUTH
    | Capability.CONNECT_ATTRS
    | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
    | Capability.SESSION_TRACK
    | Capability.DEPRECATE_EOF
)

#: What a client may ask for where the target has it, because only the target can do it.
DEPENDS_ON_TARGET = (
    Capability.OPTIONAL_RESULTSET_METADATA
    | Capability.QUERY_ATTRIBUTES
    | Capability.MARIADB_PROGRESS
    | Capability.MARIADB_STMT_BULK_OPERATIONS
    | Capability.MARIADB_EXTENDED_METADATA
    | Capability.MARIADB_BULK_UNIT_RESULTS
)

#: Bits that change the bytes of a response or the meaning of a statement. A client and the connection it
#: borrows must agree on them, because responses are passed on: they are part of the pool's key.
#: DEPRECATE_EOF is not among them: towards targets it is always on, since an EOF packet cannot carry what the
#: session trackers report; the response scanner makes EOF packets for clients that want them. Nor is
#: MARIADB_STMT_BULK_OPERATIONS, which only permits one more command: it is on wherever the target has it.
WIRE_FORMAT = (DEPENDS_ON_TARGET & ~Capability.MARIADB_STMT_BULK_OPERATIONS) | (
    Capability.FOUND_ROWS
    | Capability.NO_SCHEMA
    | Capability.ODBC
    | Capability.LOCAL_FILES
    | Capability.IGNORE_SPACE
    | Capability.MULTI_RESULTS
    | Capability.PS_MULTI_RESULTS
)


def offered_to_clients(target: Capability) -> Capability:
    """What clients of a target with these capabilities are offered, apart from TLS and compression.

    A server that has MariaDB's bits says so by not having LONG_PASSWORD.
    """
    offered = OFFERED_TO_CLIENTS | (DEPENDS_ON_TARGET & target)
    return offered & ~Capability.LONG_PASSWORD if offered.high else offered
