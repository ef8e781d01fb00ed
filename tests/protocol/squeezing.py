"""Compression for scripted peers, from the manual ("Compressed Packet"); shares no code with the proxy."""

import zlib
from typing import Any

from backports import zstd

__all__ = ["ALGORITHMS", "Squeezed", "Squeezing"]

#: Capability bits by the names of the algorithms.
ALGORITHMS = {"zlib": 1 << 5, "zstd": 1 << 26}

#: Plain bytes in one packet here: small, so that responses have several.
_PIECE = 90
#: Shorter payloads are not compressed by anybody.
_SHORT = 50


class Squeezed:
    """One end's count of compressed packets, and both directions' bytes."""

    def __init__(self, algorithm: str, *, is_server: bool) -> None:
        self._algorithm = algorithm
        self._is_server = is_server
        self._next = 0
        self._buffer = b""

    def begin(self) -> None:
        """A command begins: packets are counted anew."""
        self._next = 0

    def pack(self, data: bytes) -> bytes:
        """The packets that carry ``data``."""
        return b"".join(self._packet(data[at : at + _PIECE]) for at in range(0, len(data), _PIECE))

    def _packet(self, piece: bytes) -> bytes:
        size, content = 0, piece
        if len(piece) >= _SHORT:
            size = len(piece)
            content = zlib.compress(piece) if self._algorithm == "zlib" else zstd.compress(piece)
        header = len(content).to_bytes(3, "little") + bytes((self._next,)) + size.to_bytes(3, "little")
        self._next = (self._next + 1) & 0xFF
        return header + content

    def feed(self, data: bytes) -> None:
        """Bytes of the other side."""
        self._buffer += data

    def unpack(self) -> bytes | None:
        """What the next packet holds, or None if it is not there yet; its id must be the next one."""
        size = int.from_bytes(self._buffer[:3], "little")
        if len(self._buffer) < 7 + size:
            return None
        sequence, plain = self._buffer[3], int.from_bytes(self._buffer[4:7], "little")
        content, self._buffer = self._buffer[7 : 7 + size], self._buffer[7 + size :]
        if self._is_server and not sequence:
            self._next = 0
        assert sequence == self._next, f"compressed packet {sequence} in the place of {self._next}"
        self._next = (self._next + 1) & 0xFF
        if not plain:
            return content
        found = zlib.decompress(content) if self._algorithm == "zlib" else zstd.decompress(content)
        assert len(found) == plain
        return found


class Squeezing:
    """A Line whose peer sends compressed packets."""

    def __init__(self, line: Any, squeezed: Squeezed) -> None:
        self._line = line
        self._squeezed = squeezed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def send(self, data: bytes) -> None:
        """Compress, and send in two chunks."""
        packed = self._squeezed.pack(data)
        middle = len(packed) // 2
        self._line.send(packed[:middle])
        self._line.send(packed[middle:])
