"""Capability and status bits from the manuals, for the table; shares no code with the proxy."""

LONG_PASSWORD = 1 << 0
FOUND_ROWS = 1 << 1
LONG_FLAG = 1 << 2
NO_SCHEMA = 1 << 4
ODBC = 1 << 6
LOCAL_FILES = 1 << 7
IGNORE_SPACE = 1 << 8
PROTOCOL_41 = 1 << 9
TRANSACTIONS = 1 << 13
SECURE_CONNECTION = 1 << 15
MULTI_STATEMENTS = 1 << 16
MULTI_RESULTS = 1 << 17
PS_MULTI_RESULTS = 1 << 18
PLUGIN_AUTH = 1 << 19
SESSION_TRACK = 1 << 23
DEPRECATE_EOF = 1 << 24
OPTIONAL_METADATA = 1 << 25
QUERY_ATTRIBUTES = 1 << 27
PROGRESS = 1 << 32
BULK = 1 << 34
EXTENDED_METADATA = 1 << 35
UNIT_RESULTS = 1 << 37

#: A client of today without anything that changes responses.
BASE = (
    LONG_PASSWORD
    | LONG_FLAG
    | PROTOCOL_41
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
)
#: Bits that change what a server sends or what a statement means: client and database must agree on them.
AGREED = (
    FOUND_ROWS
    | NO_SCHEMA
    | ODBC
    | LOCAL_FILES
    | IGNORE_SPACE
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | OPTIONAL_METADATA
    | QUERY_ATTRIBUTES
    | PROGRESS
    | EXTENDED_METADATA
    | UNIT_RESULTS
)
#: What a MySQL of today offers, without TLS and compression.
MYSQL = 0x0FFFF7DF & ~(1 << 26)
#: The same of MariaDB, which has the bits from 32 up in the place of LONG_PASSWORD.
MARIADB = (0x01FFF7DE & ~DEPRECATE_EOF) | DEPRECATE_EOF | (0x1D << 32) | UNIT_RESULTS

#: Status flags of OK and EOF packets.
IN_TRANS = 0x0001
AUTOCOMMIT = 0x0002
MORE = 0x0008
NO_GOOD_INDEX = 0x0010
NO_INDEX = 0x0020
CURSOR = 0x0040
LAST_ROW = 0x0080
OUT_PARAMS = 0x1000
DB_DROPPED = 0x0100
METADATA_CHANGED = 0x0400
WAS_SLOW = 0x0800
#: Flags that a server clears before each statement.
OF_ONE_STATEMENT = (
    MORE
    | NO_GOOD_INDEX
    | NO_INDEX
    | CURSOR
    | LAST_ROW
    | DB_DROPPED
    | METADATA_CHANGED
    | WAS_SLOW
    | OUT_PARAMS
)
