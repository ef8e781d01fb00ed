"""The table: each command byte, each case, and the capabilities with which it is walked."""

from collections.abc import Iterator
from itertools import product

import attrs

from . import bits, cases_files, cases_prepared, cases_session, cases_text
from .case import Answerer, Case, Profile
from .responses import Cursor, Fields, Prepared, Rows

__all__ = ["CASES", "COMMANDS", "Command", "profiles_of"]


@attrs.frozen
class Command:
    """A command byte with the manuals' name; ``also`` says who answers it at other times."""

    code: int
    name: str
    by: Answerer
    also: str = ""


_D, _P, _R = Answerer.DATABASE, Answerer.PROXY, Answerer.REFUSED
_IDLE = "the proxy while the session has no database connection"
_KNOWN = (
    "the proxy, for `SHOW PROXY`, `KILL` of one of its clients, a `SET` whose outcome it knows, and warnings"
    " that it has read"
)

COMMANDS = [
    Command(0x00, "COM_SLEEP", _R),
    Command(0x01, "COM_QUIT", _P),
    Command(0x02, "COM_INIT_DB", _D),
    Command(0x03, "COM_QUERY", _D, _KNOWN),
    Command(0x04, "COM_FIELD_LIST", _D),
    Command(0x05, "COM_CREATE_DB", _R),
    Command(0x06, "COM_DROP_DB", _R),
    Command(0x07, "COM_REFRESH", _D),
    Command(0x08, "COM_SHUTDOWN", _R),
    Command(0x09, "COM_STATISTICS", _D),
    Command(0x0A, "COM_PROCESS_INFO", _D),
    Command(0x0B, "COM_CONNECT", _R),
    Command(0x0C, "COM_PROCESS_KILL", _D, "the proxy, for the id of one of its clients"),
    Command(0x0D, "COM_DEBUG", _D),
    Command(0x0E, "COM_PING", _D, _IDLE),
    Command(0x0F, "COM_TIME", _R),
    Command(0x10, "COM_DELAYED_INSERT", _R),
    Command(0x11, "COM_CHANGE_USER", _P),
    Command(0x12, "COM_BINLOG_DUMP", _R),
    Command(0x13, "COM_TABLE_DUMP", _R),
    Command(0x14, "COM_CONNECT_OUT", _R),
    Command(0x15, "COM_REGISTER_SLAVE", _R),
    Command(0x16, "COM_STMT_PREPARE", _D, "the proxy, for a text that a database has just prepared"),
    Command(0x17, "COM_STMT_EXECUTE", _D, "the proxy, without such a statement, or without types"),
    Command(0x18, "COM_STMT_SEND_LONG_DATA", _D, "nobody, without a statement"),
    Command(0x19, "COM_STMT_CLOSE", _D, "nobody, without a cursor or long data"),
    Command(0x1A, "COM_STMT_RESET", _D, "the proxy, without a cursor or long data"),
    Command(0x1B, "COM_SET_OPTION", _D, _IDLE),
    Command(0x1C, "COM_STMT_FETCH", _D, "the proxy, without a cursor"),
    Command(0x1D, "COM_DAEMON", _R),
    Command(0x1E, "COM_BINLOG_DUMP_GTID", _R),
    Command(0x1F, "COM_RESET_CONNECTION", _P),
    Command(0x20, "COM_CLONE", _R),
    Command(0xFA, "COM_STMT_BULK_EXECUTE", _D),
]

CASES: list[Case] = [
    *cases_text.CASES,
    *cases_files.CASES,
    *cases_prepared.CASES,
    *cases_session.CASES,
]

QUERY = 0x03
_WITHOUT_LONG_PASSWORD = bits.BASE & ~bits.LONG_PASSWORD
_MEANING = bits.FOUND_ROWS | bits.NO_SCHEMA | bits.ODBC | bits.IGNORE_SPACE
_MYSQL_ALL = bits.MULTI_STATEMENTS | bits.LOCAL_FILES | bits.OPTIONAL_METADATA | bits.QUERY_ATTRIBUTES
_MARIADB_ALL = (
    bits.MULTI_STATEMENTS
    | bits.LOCAL_FILES
    | bits.PROGRESS
    | bits.BULK
    | bits.EXTENDED_METADATA
    | bits.UNIT_RESULTS
)
#: Walked with every case that can happen with them.
_PLAIN = "a client of today"
_ALL = "with everything"
_MYSQL_NAME, _MARIADB_NAME = f"a MySQL client {_ALL}", f"a MariaDB client {_ALL}"
_FAMILIES = {
    _PLAIN: (bits.BASE, bits.MYSQL),
    "a client that wants statements read in its own way": (bits.BASE | _MEANING, bits.MYSQL),
    _MYSQL_NAME: (bits.BASE | _MYSQL_ALL, bits.MYSQL),
    _MARIADB_NAME: (_WITHOUT_LONG_PASSWORD | _MARIADB_ALL, bits.MARIADB),
}
#: Walked one by one with the cases that need them.
_SINGLE = {
    bits.OPTIONAL_METADATA: bits.MYSQL,
    bits.QUERY_ATTRIBUTES: bits.MYSQL,
    bits.LOCAL_FILES: bits.MYSQL,
    bits.MULTI_STATEMENTS: bits.MYSQL,
    bits.PROGRESS: bits.MARIADB,
    bits.EXTENDED_METADATA: bits.MARIADB,
    bits.BULK: bits.MARIADB,
}
_ON_OR_OFF = (0, bits.DEPRECATE_EOF), (0, bits.SESSION_TRACK)


_SQUEEZED = [("zlib", ""), ("zstd", ""), ("", "zlib"), ("", "zstd"), ("zlib", "zstd"), ("zstd", "zlib")]


def profiles_of(case: Case) -> list[Profile]:
    """Every combination of capabilities with which the case is walked."""
    families = dict(_FAMILIES)
    if case.lacks:
        families["without what it lacks"] = (bits.BASE & ~case.lacks, bits.MYSQL)
    if case.needs:
        base, target = _base(case.needs)
        families["with what it needs"] = (base | case.needs, target)
    found = [
        Profile(
            _name(name, eof, track),
            client | eof | track,
            target,
            briefly=name != _PLAIN and not (track and _ALL in name),
        )
        for name, (client, target) in families.items()
        for eof, track in product(*_ON_OR_OFF)
    ]
    return [profile for profile in [*found, *_more(case)] if case.fits(profile)]


def _more(case: Case) -> Iterator[Profile]:
    """Those that are walked briefly: single capabilities, compression."""
    for bit in _SINGLE:
        if _concerns(case) & bit and not case.needs & bit:
            base, target = _base(case.needs | bit)
            for eof in _ON_OR_OFF[0]:
                name = _name(f"with bit {bit.bit_length() - 1}", eof, 0)
                yield Profile(name, base | bit | case.needs | eof, target, briefly=True)
    if not case.scaled:
        client, target = _FAMILIES[_MARIADB_NAME if _base(case.needs)[1] == bits.MARIADB else _MYSQL_NAME]
        for at, squeezed in enumerate(_SQUEEZED):
            eof = _ON_OR_OFF[0][at // 2 % 2]
            name = _name(f"compression {squeezed}", eof, 1)
            yield Profile(name, client | bits.SESSION_TRACK | eof, target, squeezed, briefly=True)


def _concerns(case: Case) -> int:
    """Capabilities that change this command or this response."""
    concerns = case.needs
    if any(isinstance(part, (Rows, Cursor, Prepared, Fields)) for part in case.step.response):
        concerns |= bits.OPTIONAL_METADATA | bits.EXTENDED_METADATA
    if case.code == QUERY:
        concerns |= bits.QUERY_ATTRIBUTES
    return concerns


def _base(needs: int) -> tuple[int, int]:
    """A client and a database that can have these."""
    is_mariadb = any(needs & bit and target == bits.MARIADB for bit, target in _SINGLE.items())
    return (_WITHOUT_LONG_PASSWORD, bits.MARIADB) if is_mariadb else (bits.BASE, bits.MYSQL)


def _name(family: str, eof: int, track: int) -> str:
    return f"{family}, {'no ' * (not eof)}DEPRECATE_EOF, {'no ' * (not track)}SESSION_TRACK"
