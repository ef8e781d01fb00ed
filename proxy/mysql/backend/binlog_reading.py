"""Reads from a server's binary log which connections have committed what (MySQL manual, "Replication").

The user needs the privilege REPLICATION SLAVE. Nothing is registered: the server does not count the proxy
among its replicas, and semi-synchronous replication does not wait for it.
"""

import secrets
from collections.abc import Generator
from typing import Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks

from ..wire.binlog_dump import MAX_BYTES, MAX_COMMITS, BinlogScanner, TooMuchLog, dump_command
from ..wire.binlog_events import Commits
from ..wire.datatypes import MalformedPacket
from ..wire.gtid import GtidSet
from .connection import BackendConnection
from .errors import ConnectFailed, TargetError
from .own_commands import query

__all__ = ["BinlogUnreadable", "commits_after"]

#: A server has it for its replicas' numbers, which nobody gives so high ones.
_HIGH: Final = 0xF000_0000

_MYSQL: Final = "SET @source_binlog_checksum='NONE',@master_binlog_checksum='NONE'"
#: 4: all that MariaDB's GTIDs are about.
_MARIADB: Final = (
    "SET @master_binlog_checksum='NONE',@mariadb_slave_capability=4,@slave_gtid_strict_mode=0,"
    "@slave_gtid_ignore_duplicates=0,@slave_connect_state='{}'"
)


class BinlogUnreadable(Exception):
    """Why nothing is known from the log: no privilege, no log, already purged, too long, unknown events."""


class _Reading:
    """Borrows the connection while the log arrives."""

    def __init__(self, scanner: BinlogScanner) -> None:
        self._scanner = scanner
        self.ended: Deferred[None] = Deferred()

    def backend_data(self, data: bytes) -> None:
        """A piece of the log."""
        if self.ended.called:
            return
        try:
            self._scanner.feed(data)
        except (MalformedPacket, TooMuchLog) as problem:
            self.ended.errback(BinlogUnreadable(str(problem)))
            return
        if self._scanner.done:
            self.ended.callback(None)

    def backend_lost(self, reason: str) -> None:
        """It will not arrive any more."""
        if not self.ended.called:
            self.ended.errback(BinlogUnreadable(reason))

    def backend_full(self) -> None:
        """One command is all that is written."""

    def backend_drained(self) -> None:
        """One command is all that is written."""


@inlineCallbacks
def commits_after(
    connection: BackendConnection,
    base: GtidSet,
    *,
    max_bytes: int = MAX_BYTES,
    max_commits: int = MAX_COMMITS,
) -> Generator[Deferred[Any], Any, Commits]:
    """All that the server's log has after ``base``, in its order; fails with BinlogUnreadable.

    The connection is one of the proxy's own that nothing else uses, and is closed at the end, also where the
    caller cancels because it takes too long.
    """
    try:
        found: Commits = yield _read(connection, base, BinlogScanner(max_bytes, max_commits))
    except (TargetError, ConnectFailed) as problem:
        raise BinlogUnreadable(str(problem)) from None
    finally:
        connection.abort("done")
    return found


@inlineCallbacks
def _read(
    connection: BackendConnection, base: GtidSet, scanner: BinlogScanner
) -> Generator[Deferred[Any], Any, Commits]:
    yield query(connection, _MARIADB.format(base.position()) if base.is_mariadb else _MYSQL)
    reading = _Reading(scanner)
    connection.lend(reading)
    connection.send(dump_command(base, _HIGH + secrets.randbelow(0xFFF_FFFF) if base.is_mariadb else 0))
    yield reading.ended
    if scanner.error is not None:
        raise TargetError(scanner.error)
    return scanner.found
