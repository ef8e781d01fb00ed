"""What a binary log's events tell of transactions (MySQL manual, "Replication Event Types").

Only headers are looked at: who has committed, where and as what. Checksums are
not checked: TCP has its own.
"""

import enum
from typing import Final
from uuid import UUID

import attrs
from backports import zstd

from .datatypes import MalformedPacket, Reader
from .gtid import Gtid

__all__ = ["LONGEST_HEAD", "PAYLOAD_HEAD", "Commit", "Commits", "Event", "EventType", "UnreadableEvent"]

#: How many bytes of an event are ever looked at; and of one that holds a compressed transaction.
LONGEST_HEAD: Final = 1024
PAYLOAD_HEAD: Final = 256 * 1024

_HEADER: Final = 19
#: In a header's flags: made up for the reader, and not in the log.
_ARTIFICIAL: Final = 0x20
#: What a replica writes by itself around the rows that it has been sent.
_AROUND_ROWS: Final = frozenset({b"BEGIN", b"COMMIT", b"ROLLBACK", b"SAVEPOINT", b"START", b"XA"})
#: Where "created" stands in a format description: behind a version in two bytes and one in fifty.
_CREATED: Final = _HEADER + 52
#: A format description ends with the kind of checksum and room for one.
_CHECKSUM: Final = 4
_NO_CHECKSUM: Final = 0
_CRC32: Final = 1
#: Of MariaDB's GTID events.
_GROUP_COMMIT: Final = 0x02
_XA: Final = 0x40 | 0x80
_MANY_ENGINES: Final = 0x01
_ALTER_DONE: Final = 0x04 | 0x08
_HAS_THREAD: Final = 0x10
#: Of the fields in front of a compressed transaction: the end of them, the algorithm; and its one value.
_FIELDS_END: Final = 0
_ALGORITHM: Final = 2
_ZSTD: Final = 0
#: The largest window that is taken, as a power of two.
_ZSTD_OPTIONS: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 24}


class UnreadableEvent(MalformedPacket):
    """An event about a transaction that is in a form not known here."""


class EventType(enum.IntEnum):
    """Those that matter; most others are rows."""

    QUERY = 2
    ROTATE = 4
    FORMAT_DESCRIPTION = 15
    GTID = 33
    ANONYMOUS_GTID = 34
    TRANSACTION_PAYLOAD = 40
    TAGGED_GTID = 42
    MARIADB_GTID = 162
    MARIADB_COMPRESSED_QUERY = 165


@attrs.frozen
class Commit:
    """A transaction in a binary log.

    ``server_id`` and ``thread_id`` are those of the server and the connection that it was committed on first;
    ``thread_id`` is None where the log does not tell it for certain: a replica has only that of statements,
    and not of rows. ``run`` counts how often the server whose log this is has been started between the
    beginning of what was read and the transaction.
    """

    gtid: Gtid
    server_id: int
    thread_id: int | None
    run: int = 0


@attrs.frozen
class Commits:
    """All transactions in a binary log from some point on.

    ``runs`` is as ``run`` of one that would follow; ``server_id`` that of the server whose log it is, None if
    it is not known.
    """

    commits: tuple[Commit, ...] = ()
    runs: int = 0
    server_id: int | None = None


@attrs.frozen
class Event:
    """The beginning of an event; its methods are for events of the type that they name."""

    type: int
    server_id: int
    head: bytes = attrs.field(repr=False)

    @classmethod
    def of(cls, head: bytes, checksum: int = 0) -> "Event":
        """``head`` may be cut off, or go on behind the event; ``checksum``: bytes of it at the event's end.

        Raises MalformedPacket.
        """
        reader = Reader(head, 4)
        kind, server_id, size = reader.integer(1), reader.integer(4), reader.integer(4)
        if min(len(head), size) < _HEADER:
            raise MalformedPacket("an event is too short")
        # A format description is what tells of checksums.
        end = size if kind == EventType.FORMAT_DESCRIPTION else size - checksum
        return cls(kind, server_id, head[:end])

    def checksum(self) -> int:
        """FORMAT_DESCRIPTION: how many bytes of checksum the events that follow have."""
        algorithm = self.head[-1 - _CHECKSUM]
        if algorithm not in (_NO_CHECKSUM, _CRC32):
            raise UnreadableEvent("checksums of an unknown kind")
        return _CHECKSUM if algorithm == _CRC32 else 0

    def is_in_log(self) -> bool:
        """Whether it is not for the reader alone, who is told with a ROTATE where each file begins."""
        return not Reader(self.head, _HEADER - 2).integer(2) & _ARTIFICIAL

    def was_created_at_start(self) -> bool:
        """FORMAT_DESCRIPTION: whether it says that the server was started then; MySQL may not tell it."""
        return Reader(self.head, _CREATED).integer(4) != 0

    def mysql_gtid(self) -> Gtid:
        """GTID: flags, the UUID, the number."""
        reader = Reader(self.head, _HEADER + 1)
        return Gtid(str(UUID(bytes=reader.take(16))), reader.integer(8))

    def tagged_gtid(self) -> Gtid:
        """TAGGED_GTID: numbered fields, of which flags, the UUID, the number and the tag come first."""
        reader = Reader(self.head, _HEADER)
        if _varlen(reader) != 1:
            raise UnreadableEvent("a GTID in an unknown form")
        _varlen(reader)  # the size
        _varlen(reader)  # the last field that must be known
        _field(reader, 0)
        _varlen(reader)
        _field(reader, 1)
        uuid = bytes([_varlen(reader) & 0xFF for _ in range(16)])
        _field(reader, 2)
        number = _varlen(reader)
        _field(reader, 3)
        tag = reader.take(_varlen(reader)).decode("ascii", "replace")
        # The lowest bit is a sign.
        return Gtid(f"{UUID(bytes=uuid)}:{tag}" if tag else str(UUID(bytes=uuid)), number >> 1)

    def mariadb_gtid(self) -> Gtid:
        """MARIADB_GTID: the number, the domain."""
        reader = Reader(self.head, _HEADER)
        number = reader.integer(8)
        return Gtid(f"{reader.integer(4)}-{self.server_id}", number)

    def mariadb_thread(self) -> int | None:
        """MARIADB_GTID: what stands behind its optional fields from MariaDB 11.5 on."""
        reader = Reader(self.head, _HEADER + 12)
        flags = reader.integer(1)
        if flags & _GROUP_COMMIT:
            reader.take(8)
        if flags & _XA:
            reader.take(4)
            reader.take(reader.integer(1) + reader.integer(1))
        extra = reader.integer(1) if reader.remaining else 0
        reader.take(bool(extra & _MANY_ENGINES))
        if extra & _ALTER_DONE:
            reader.take(8)
        return reader.integer(4) if extra & _HAS_THREAD else None

    def query_thread(self) -> int:
        """QUERY: whose statement it is, BEGIN also being one."""
        return Reader(self.head, _HEADER).integer(4)

    def is_a_clients(self) -> bool:
        """QUERY: whether a client's words are in it, not those with which a replica encloses rows."""
        reader = Reader(self.head, _HEADER + 8)
        schema = reader.integer(1)
        reader.take(2)
        reader.take(reader.integer(2))
        reader.take(schema + 1)
        word = reader.rest().split(None, 1)[:1]
        return bool(word) and word[0].upper() not in _AROUND_ROWS

    def payload_thread(self) -> int | None:
        """TRANSACTION_PAYLOAD: the thread of the first event inside, if that is a statement."""
        reader = Reader(self.head, _HEADER)
        while (field := reader.lenenc_int()) != _FIELDS_END:
            value = Reader(reader.lenenc_bytes())
            if field == _ALGORITHM and value.lenenc_int() != _ZSTD:
                return None
        try:
            inside = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS).decompress(
                reader.rest(), max_length=LONGEST_HEAD
            )
        except zstd.ZstdError:
            return None
        first = Event.of(inside)
        return first.query_thread() if first.type == EventType.QUERY else None


def _varlen(reader: Reader) -> int:
    """As many low bits of the first byte are set as bytes follow it."""
    first = reader.integer(1)
    more = (~first & (first + 1)).bit_length() - 1
    return (first | reader.integer(more) << 8) >> (more + 1)


def _field(reader: Reader, number: int) -> None:
    if _varlen(reader) != number:
        raise UnreadableEvent("a GTID in an unknown form")
