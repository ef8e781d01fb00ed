"""A binary log as a server sends it, event by event."""

import struct
from collections.abc import Iterable
from uuid import UUID

from . import packets as p

__all__ = [
    "ARTIFICIAL",
    "commit",
    "description",
    "event",
    "mariadb_gtid",
    "mysql_gtid",
    "query",
    "rotate",
    "rows",
    "stream",
]

ARTIFICIAL = 0x20


def event(kind: int, body: bytes, server_id: int = 1, *, flags: int = 0, checksum: bool = True) -> bytes:
    """One event: timestamp, type, server, size, end, flags; and a checksum, which is wrong."""
    body += b"\xaa\xbb\xcc\xdd" if checksum else b""
    return struct.pack("<IBIIIH", 1_700_000_000, kind, server_id, 19 + len(body), 0, flags) + body


def rotate(*, is_artificial: bool = False) -> bytes:
    """The log goes on in another file; an artificial one stands before each file."""
    return event(4, bytes(8) + b"log.000002", flags=ARTIFICIAL if is_artificial else 0, checksum=False)


def description(server_id: int = 1, *, created: int = 0, checksum: int = 1) -> bytes:
    """The first event of a file."""
    body = (
        struct.pack("<H50sI", 4, b"9.7.4", created) + b"\x13" + bytes(40) + bytes((checksum,)) + b"\1\2\3\4"
    )
    return event(15, body, server_id, checksum=False)


def mysql_gtid(uuid: str, number: int, server_id: int = 1) -> bytes:
    """A transaction of MySQL begins."""
    return event(33, b"\0" + UUID(uuid).bytes + struct.pack("<QB", number, 2) + bytes(32), server_id)


def mariadb_gtid(domain: int, server_id: int, number: int, flags: int = 8, more: bytes = bytes(6)) -> bytes:
    """A transaction of MariaDB begins."""
    return event(162, struct.pack("<QIB", number, domain, flags) + more, server_id)


def query(thread: int, text: bytes, server_id: int = 1, kind: int = 2) -> bytes:
    """A statement, with variables and a schema in front of it."""
    head = struct.pack("<IIBHH", thread, 0, 4, 0, 5)
    return event(kind, head + b"\0\1\0\0\0" + b"shop\0" + text, server_id)


def rows(size: int = 40, server_id: int = 1) -> bytes:
    """Rows that were written."""
    return event(30, bytes(size), server_id)


def commit(server_id: int = 1) -> bytes:
    """A transaction ends."""
    return event(16, bytes(8), server_id)


def stream(events: Iterable[bytes], *, end: bytes | None = None) -> bytes:
    """All of it in packets, and the end of the log."""
    payloads = [b"\0" + each for each in events]
    return p.packets([*payloads, p.eof() if end is None else end])
