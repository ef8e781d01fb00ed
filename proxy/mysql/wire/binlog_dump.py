"""Asking for a binary log, and finding the transactions in the answer.

MySQL manual, "COM_BINLOG_DUMP", "COM_BINLOG_DUMP_GTID", "Binlog Network Stream". The log is read up
to where it ends at the time.
"""

import struct
from typing import Final
from uuid import UUID

import attrs

from .binlog_events import LONGEST_HEAD, PAYLOAD_HEAD, Commit, Commits, Event, EventType, UnreadableEvent
from .commands import Command
from .datatypes import MalformedPacket
from .framing import HEADER, MAX_PAYLOAD
from .gtid import Gtid, GtidSet
from .results import EOF, ERR, OK, ErrorPacket

__all__ = ["MAX_BYTES", "MAX_COMMITS", "BinlogScanner", "TooMuchLog", "dump_command"]

#: How many bytes of a binary log are read, and how many transactions.
MAX_BYTES: Final = 256 << 20
MAX_COMMITS: Final = 20_000

_NON_BLOCKING: Final = 0x01
_THROUGH_GTID: Final = 0x04
#: Where events begin in a file.
_FIRST_POSITION: Final = 4
#: How a set with tags is marked, in the first and the last of the eight bytes that its length has.
_TAGGED: Final = 1 | 1 << 56

#: The OK byte, a timestamp, the type.
_TO_TYPE: Final = 6

_OK, _EOF, _ERR = bytes((OK,)), bytes((EOF,)), bytes((ERR,))


class TooMuchLog(Exception):
    """The log is longer than what may be read of it."""


def dump_command(base: GtidSet, server_id: int) -> bytes:
    """Ask for all after ``base``; MariaDB has been told of it as @slave_connect_state.

    Of two readers with the same ``server_id`` MariaDB cuts off the one, as a replica that has come again.
    """
    if base.is_mariadb:
        return struct.pack("<BIHI", Command.BINLOG_DUMP, _FIRST_POSITION, _NON_BLOCKING, server_id)
    known = _encoded(base)
    flags = _NON_BLOCKING | _THROUGH_GTID
    head = struct.pack("<BHIIQI", Command.BINLOG_DUMP_GTID, flags, server_id, 0, _FIRST_POSITION, len(known))
    return head + known


def _encoded(executed: GtidSet) -> bytes:
    sources = sorted(executed.ranges().items())
    has_tags = any(":" in source for source, _ in sources)
    parts = [struct.pack("<Q", len(sources) << 8 | _TAGGED if has_tags else len(sources))]
    for source, numbers in sources:
        uuid, _, tag = source.partition(":")
        parts.append(UUID(uuid).bytes)
        if has_tags:
            parts.append(bytes((len(tag) << 1,)) + tag.encode("ascii"))
        parts.append(struct.pack("<Q", len(numbers)))
        parts.extend(struct.pack("<QQ", first, last + 1) for first, last in numbers)
    return b"".join(parts)


class BinlogScanner:
    """``feed`` it with what the server sends; ``done`` at the end of the log, or with ``error``."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_commits: int = MAX_COMMITS) -> None:
        self.done = False
        self.error: ErrorPacket | None = None
        self._max_bytes = max_bytes
        self._max_commits = max_commits
        self._size = 0
        self._sequence = 1
        self._buffer = bytearray()
        #: Bytes of the present packet that are still to come, and whether the next one continues it.
        self._left = 0
        self._continued = False
        #: What of the present event is kept.
        self._head = bytearray()
        self._commits: list[Commit] = []
        #: The events of the last transaction name more than one connection.
        self._is_mixed = False
        self._runs = 0
        #: The server whose log this is, as the last file names it. Only its own transactions have the right
        #: connection for certain: a replica names its own thread, or one of an earlier transaction.
        self._owner: int | None = None
        self._has_rotated = False
        self._checksum = 0

    @property
    def found(self) -> Commits:
        """All transactions so far."""
        return Commits(tuple(self._commits), self._runs, self._owner)

    def feed(self, data: bytes) -> None:
        """Take a chunk. Raises MalformedPacket, UnreadableEvent or TooMuchLog."""
        self._size += len(data)
        if self._size > self._max_bytes:
            raise TooMuchLog(f"more than {self._max_bytes} bytes")
        self._buffer += data
        buffer = self._buffer
        at = 0
        while not self.done and (self._left or len(buffer) - at >= HEADER):
            if not self._left:
                self._begin_packet(int.from_bytes(buffer[at : at + 3], "little"), buffer[at + 3])
                at += HEADER
            end = min(at + self._left, len(buffer))
            self._keep(buffer, at, end)
            self._left -= end - at
            at = end
            if self._left:
                break
            if not self._continued:
                self._payload(bytes(self._head))
                self._head.clear()
        del buffer[:at]

    def _begin_packet(self, length: int, sequence: int) -> None:
        if sequence != self._sequence:
            raise MalformedPacket("packets out of order")
        self._sequence = (sequence + 1) & 0xFF
        self._left = length
        self._continued = length == MAX_PAYLOAD

    def _keep(self, buffer: bytearray, start: int, end: int) -> None:
        head = self._head
        missing = _TO_TYPE - len(head)
        if missing > 0:
            head += buffer[start : min(end, start + missing)]
            start += missing
        is_payload = len(head) >= _TO_TYPE and head[-1 + _TO_TYPE] == EventType.TRANSACTION_PAYLOAD
        room = (PAYLOAD_HEAD if is_payload else LONGEST_HEAD) - len(head)
        if start < end and room > 0:
            head += buffer[start : min(end, start + room)]

    def _payload(self, payload: bytes) -> None:
        first = payload[:1]
        if first == _OK:
            self._event(Event.of(payload[1:], self._checksum))
        elif first == _EOF:
            self.done = True
        elif first == _ERR:
            self.error = ErrorPacket.decode(payload)
            self.done = True
        else:
            raise MalformedPacket("not an event")

    def _event(self, event: Event) -> None:
        kind = event.type
        if kind == EventType.GTID:
            self._begin(event, event.mysql_gtid(), None)
        elif kind == EventType.TAGGED_GTID:
            self._begin(event, event.tagged_gtid(), None)
        elif kind == EventType.MARIADB_GTID:
            self._begin(event, event.mariadb_gtid(), event.mariadb_thread())
        elif kind == EventType.ANONYMOUS_GTID:
            raise UnreadableEvent("a transaction without a GTID")
        elif kind == EventType.QUERY:
            if event.server_id == self._owner or event.is_a_clients():
                self._is_of(event.query_thread())
        elif kind == EventType.MARIADB_COMPRESSED_QUERY:
            self._is_of(event.query_thread() if event.server_id == self._owner else None)
        elif kind == EventType.TRANSACTION_PAYLOAD:
            self._is_of(event.payload_thread() if event.server_id == self._owner else None)
        elif kind == EventType.ROTATE:
            self._has_rotated = self._has_rotated or event.is_in_log()
        elif kind == EventType.FORMAT_DESCRIPTION:
            self._begin_file(event)

    def _begin_file(self, event: Event) -> None:
        is_first = self._owner is None
        if not is_first and (event.was_created_at_start() or not self._has_rotated):
            self._runs += 1
        self._has_rotated = False
        self._owner = event.server_id
        self._checksum = event.checksum()

    def _begin(self, event: Event, gtid: Gtid, thread: int | None) -> None:
        if len(self._commits) >= self._max_commits:
            raise TooMuchLog(f"more than {self._max_commits} transactions")
        self._commits.append(Commit(gtid, event.server_id, thread, self._runs))
        self._is_mixed = False

    def _is_of(self, thread: int | None) -> None:
        """An event tells whose the last transaction is."""
        if not self._commits or self._is_mixed:
            return
        last = self._commits[-1]
        if last.thread_id is None and thread is not None:
            self._commits[-1] = attrs.evolve(last, thread_id=thread)
        elif last.thread_id != thread:
            self._commits[-1] = attrs.evolve(last, thread_id=None)
            self._is_mixed = True
