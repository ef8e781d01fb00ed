"""Packets: a three-byte length, a sequence id, a payload (MySQL manual, "MySQL Packets").

A payload of 2**24 - 1 bytes or more is spread over several packets; the last one is shorter than that.
"""

from collections.abc import Iterator

from .datatypes import MalformedPacket

__all__ = ["HEADER", "MAX_PAYLOAD", "PacketReader", "PacketTooLarge", "frame"]

#: Bytes of a packet header.
HEADER = 4
#: The longest payload of one packet, in bytes.
MAX_PAYLOAD = 0xFFFFFF


class PacketTooLarge(MalformedPacket):
    """A payload longer than its reader allows."""


def frame(payload: bytes, sequence: int = 0) -> bytes:
    """The packets that carry ``payload``, the first of them numbered ``sequence``."""
    if len(payload) < MAX_PAYLOAD:
        return len(payload).to_bytes(3, "little") + bytes((sequence & 0xFF,)) + payload
    pieces = []
    for start in range(0, len(payload) + 1, MAX_PAYLOAD):
        part = payload[start : start + MAX_PAYLOAD]
        pieces.append(len(part).to_bytes(3, "little") + bytes((sequence & 0xFF,)) + part)
        sequence += 1
    return b"".join(pieces)


class PacketReader:
    """Collects whole payloads of at most ``limit`` bytes from chunks, however they are cut."""

    __slots__ = ("_buffer", "_parts", "_size", "limit", "sequence")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        #: Sequence id of the last packet read.
        self.sequence = 0
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Add a chunk."""
        self._buffer += data

    def payloads(self) -> Iterator[bytes]:
        """The payloads that are complete. Raises PacketTooLarge as soon as a length announces one."""
        while (payload := self._next()) is not None:
            yield payload

    def rest(self) -> bytes:
        """Take out the bytes that are not part of a payload handed out yet."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _next(self) -> bytes | None:
        buffer = self._buffer
        while len(buffer) >= HEADER:
            length = int.from_bytes(buffer[:3], "little")
            if self._size + length > self.limit:
                raise PacketTooLarge(f"packet of more than {self.limit} bytes")
            if len(buffer) < HEADER + length:
                return None
            self.sequence = buffer[3]
            part = bytes(buffer[HEADER : HEADER + length])
            del buffer[: HEADER + length]
            if length < MAX_PAYLOAD and not self._parts:
                return part
            self._parts.append(part)
            self._size += length
            if length < MAX_PAYLOAD:
                payload = b"".join(self._parts)
                self._parts.clear()
                self._size = 0
                return payload
        return None
