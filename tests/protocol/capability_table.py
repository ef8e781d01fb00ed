"""What the document says of each capability bit; a test compares it with the proxy's code."""

import enum

import attrs

from . import bits

__all__ = ["CAPABILITIES", "Entry", "Offer"]


class Offer(enum.Enum):
    """When clients are offered a capability."""

    ALWAYS = "always"
    TARGET = "where the target has it"
    CONFIGURED = "as configured"
    NEVER = "no"


@attrs.frozen
class Entry:
    """One bit: its name without CLIENT_ or MARIADB_CLIENT_, and what becomes of it."""

    bit: int
    name: str
    offer: Offer
    #: What is asked of targets.
    target: str
    note: str = ""


_SAME = "as the client"
_ALWAYS = "always"
_NO = "no"
_LOGIN = "concerns the log-in only"

CAPABILITIES = [
    Entry(0, "LONG_PASSWORD", Offer.ALWAYS, _ALWAYS, "MariaDB's own bits exist where it is absent"),
    Entry(1, "FOUND_ROWS", Offer.ALWAYS, _SAME),
    Entry(2, "LONG_FLAG", Offer.ALWAYS, _ALWAYS),
    Entry(3, "CONNECT_WITH_DB", Offer.ALWAYS, _NO, "the schema is carried from connection to connection"),
    Entry(4, "NO_SCHEMA", Offer.ALWAYS, _SAME),
    Entry(5, "COMPRESS", Offer.CONFIGURED, "as configured", "zlib"),
    Entry(6, "ODBC", Offer.ALWAYS, _SAME),
    Entry(
        7,
        "LOCAL_FILES",
        Offer.ALWAYS,
        _SAME,
        "the file comes from the client; without it the database refuses",
    ),
    Entry(8, "IGNORE_SPACE", Offer.ALWAYS, _SAME),
    Entry(9, "PROTOCOL_41", Offer.ALWAYS, _ALWAYS, "clients and servers older than MySQL 4.1 are refused"),
    Entry(
        10,
        "INTERACTIVE",
        Offer.ALWAYS,
        _NO,
        "would choose another timeout; `idle_client_timeout` holds for all",
    ),
    Entry(11, "SSL", Offer.CONFIGURED, "as configured", "with `tls_certificate`; towards targets by `tls`"),
    Entry(12, "IGNORE_SIGPIPE", Offer.ALWAYS, _NO, "means nothing to a server"),
    Entry(13, "TRANSACTIONS", Offer.ALWAYS, _ALWAYS),
    Entry(14, "RESERVED", Offer.ALWAYS, _NO, "means nothing"),
    Entry(15, "SECURE_CONNECTION", Offer.ALWAYS, _ALWAYS),
    Entry(
        16, "MULTI_STATEMENTS", Offer.ALWAYS, "by `COM_SET_OPTION`", "carried from connection to connection"
    ),
    Entry(17, "MULTI_RESULTS", Offer.ALWAYS, _SAME),
    Entry(18, "PS_MULTI_RESULTS", Offer.ALWAYS, _SAME),
    Entry(19, "PLUGIN_AUTH", Offer.ALWAYS, _ALWAYS),
    Entry(
        20,
        "CONNECT_ATTRS",
        Offer.ALWAYS,
        _ALWAYS,
        "targets are told the proxy's own and the client's `program_name`",
    ),
    Entry(21, "PLUGIN_AUTH_LENENC_CLIENT_DATA", Offer.ALWAYS, _ALWAYS),
    Entry(22, "CAN_HANDLE_EXPIRED_PASSWORDS", Offer.NEVER, _NO, "an expired password shuts out"),
    Entry(23, "SESSION_TRACK", Offer.ALWAYS, _ALWAYS, "clients are told what default trackers tell"),
    Entry(
        24,
        "DEPRECATE_EOF",
        Offer.ALWAYS,
        _ALWAYS,
        "clients without it get EOF packets, and sequence ids that fit",
    ),
    Entry(25, "OPTIONAL_RESULTSET_METADATA", Offer.TARGET, _SAME),
    Entry(26, "ZSTD_COMPRESSION_ALGORITHM", Offer.CONFIGURED, "as configured"),
    Entry(27, "QUERY_ATTRIBUTES", Offer.TARGET, _SAME, "passed on; at most 1024 with a statement"),
    Entry(28, "MULTI_FACTOR_AUTHENTICATION", Offer.NEVER, _NO, "one factor only"),
    Entry(29, "CAPABILITY_EXTENSION", Offer.NEVER, _NO, "reserved"),
    Entry(30, "SSL_VERIFY_SERVER_CERT", Offer.NEVER, _NO, "is the client's own business"),
    Entry(31, "REMEMBER_OPTIONS", Offer.NEVER, _NO, "is the client's own business"),
    Entry(32, "PROGRESS", Offer.TARGET, _SAME, "progress reports pass as they come"),
    Entry(33, "COM_MULTI", Offer.NEVER, _NO, "MariaDB has withdrawn it"),
    Entry(34, "STMT_BULK_OPERATIONS", Offer.TARGET, "where it has it"),
    Entry(35, "EXTENDED_METADATA", Offer.TARGET, _SAME, "JSON, UUID and other types in column definitions"),
    Entry(36, "CACHE_METADATA", Offer.NEVER, _NO, "see [below](#known-differences-from-a-direct-connection)"),
    Entry(37, "BULK_UNIT_RESULTS", Offer.TARGET, _SAME),
]

#: MariaDB's begin here.
FIRST_OF_MARIADB = bits.PROGRESS.bit_length() - 1
