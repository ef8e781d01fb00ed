"""Compressed packets (MySQL manual, "Compression", "Compressed Packet"), for zlib and zstd.

Once compression is on, the stream of ordinary packets travels inside compressed ones, which cut it anywhere::

    3 bytes   length of what follows the header      1 byte   sequence id, apart from the inner packets'
    3 bytes   length uncompressed; 0 says that what follows is not compressed

Decoding is stepwise: one ``read`` hands out one piece and the next may come whenever the consumer is ready.
What is held between steps is the input that was fed, and of a packet that is half read the state of its
decompressor (32 KiB for zlib; for zstd the window that its frame asks for, at most 16 MiB).
"""

import enum
import functools
import zlib
from collections.abc import Callable
from typing import Final, Protocol

from backports import zstd

from .datatypes import MalformedPacket

__all__ = [
    "COMPRESSED_HEADER",
    "DEFAULT_ZSTD_LEVEL",
    "MAX_CONTENT",
    "MAX_PIECE",
    "MIN_COMPRESS_LENGTH",
    "ZSTD_LEVELS",
    "Algorithm",
    "Compressor",
    "Decompressor",
    "stored_header",
]

#: Bytes of a compressed packet's header.
COMPRESSED_HEADER: Final = 7
#: Payloads shorter than this, in bytes, are sent as they are.
MIN_COMPRESS_LENGTH: Final = 50
#: The longest piece handed out by one read, in bytes.
MAX_PIECE: Final = 64 * 1024
#: The most that one packet can carry, in bytes.
MAX_CONTENT: Final = 0xFFFFFF
#: What MySQL's clients and servers use where nothing else is set, and the levels they take.
DEFAULT_ZSTD_LEVEL: Final = 3
ZSTD_LEVELS: Final = range(1, 23)

#: Compressed bytes given to a decompressor at a time.
_SLICE = 16 * 1024
#: The largest window of a zstd frame, as a power of two: no packet holds more than 16 MiB.
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 24}


class Algorithm(enum.Enum):
    """How packets are compressed; the values are MySQL's names."""

    ZLIB = "zlib"
    ZSTD = "zstd"


class Compressor:
    """Makes compressed packets; keeps nothing from one call to the next."""

    __slots__ = ("_compress",)

    def __init__(self, algorithm: Algorithm, level: int = DEFAULT_ZSTD_LEVEL) -> None:
        """``level`` is that of zstd; zlib has its default, as everywhere. ValueError for an unknown level."""
        if level not in ZSTD_LEVELS:
            raise ValueError(f"zstd level {level} is not between {ZSTD_LEVELS[0]} and {ZSTD_LEVELS[-1]}")
        self._compress = zlib.compress if algorithm is Algorithm.ZLIB else _zstd_compression(level)

    def packets(self, data: bytes, sequence: Callable[[], int]) -> bytes:
        """The packets that carry ``data``, as few as can be; ``sequence`` is asked for the id of each."""
        if len(data) <= MAX_CONTENT:
            return self.packet(data, sequence()) if data else b""
        starts = range(0, len(data), MAX_CONTENT)
        return b"".join([self.packet(data[start : start + MAX_CONTENT], sequence()) for start in starts])

    def packet(self, piece: bytes, sequence: int) -> bytes:
        """One packet that carries ``piece``, which is at most MAX_CONTENT bytes."""
        size = len(piece)
        if size >= MIN_COMPRESS_LENGTH:
            packed = self._compress(piece)
            if len(packed) < size:
                header = len(packed) | sequence << 24 | size << 32
                return header.to_bytes(COMPRESSED_HEADER, "little") + packed
        return stored_header(size, sequence) + piece


def stored_header(size: int, sequence: int) -> bytes:
    """The header of a packet that carries ``size`` bytes, at most MAX_CONTENT, as they are."""
    return (size | sequence << 24).to_bytes(COMPRESSED_HEADER, "little")


@functools.cache
def _zstd_compression(level: int) -> Callable[[bytes], bytes]:
    """One context per level for the whole process: its tables are much larger than what it compresses."""
    context = zstd.ZstdCompressor(level=level)
    return lambda piece: context.compress(piece, zstd.ZstdCompressor.FLUSH_FRAME)


class _Stream(Protocol):
    """Decompresses one packet."""

    name: str

    @property
    def hungry(self) -> bool:
        """Whether nothing more comes out before more goes in."""

    @property
    def ended(self) -> bool:
        """Whether the compressed data have come to their own end."""

    def step(self, data: bytes, limit: int) -> tuple[bytes, int]:
        """At most ``limit`` bytes of output, and how many of ``data`` were taken in."""


class _ZlibStream:
    __slots__ = ("_inflate", "hungry")
    name = "zlib"

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj()
        self.hungry = True

    @property
    def ended(self) -> bool:
        return self._inflate.eof

    def step(self, data: bytes, limit: int) -> tuple[bytes, int]:
        inflate = self._inflate
        out = inflate.decompress(data, limit)
        self.hungry = len(out) < limit
        return out, len(data) - len(inflate.unconsumed_tail) - len(inflate.unused_data)


class _ZstdStream:
    __slots__ = ("_frame",)
    name = "zstd"

    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)

    @property
    def hungry(self) -> bool:
        return self._frame.needs_input

    @property
    def ended(self) -> bool:
        return self._frame.eof

    def step(self, data: bytes, limit: int) -> tuple[bytes, int]:
        # The decompressor keeps what it has not used yet, so it is fed only once that is gone.
        taken = data if self._frame.needs_input else b""
        out = self._frame.decompress(taken, limit)
        return out, len(taken) - len(self._frame.unused_data)


class Decompressor:
    """``feed`` chunks, then ``read`` pieces until there is none; ``on_packet`` hears each sequence id."""

    __slots__ = ("_due", "_input", "_left", "_new_stream", "_on_packet", "_position", "_stream")

    def __init__(self, algorithm: Algorithm, on_packet: Callable[[int], None]) -> None:
        self._new_stream: Callable[[], _Stream] = _ZlibStream if algorithm is Algorithm.ZLIB else _ZstdStream
        self._on_packet = on_packet
        self._input = b""
        self._position = 0
        #: Bytes of the current packet still to be taken from the input, and still to come out of it.
        self._left = 0
        self._due = 0
        self._stream: _Stream | None = None

    @property
    def buffered(self) -> int:
        """Bytes fed that were not decoded yet."""
        return len(self._input) - self._position

    @property
    def inside(self) -> bool:
        """Whether a packet has begun and not ended: the stream must not stop here."""
        return bool(self._left or self._stream is not None or self.buffered)

    def feed(self, data: bytes) -> None:
        """Add a chunk."""
        self._input = self._input[self._position :] + data if self._position < len(self._input) else data
        self._position = 0

    def read(self) -> bytes:
        """The next piece, at most MAX_PIECE bytes; empty when more has to be fed. Raises MalformedPacket."""
        while True:
            if self._stream is not None:
                piece = self._unpack(self._stream)
                if piece or self._stream is not None:
                    return piece
            elif self._left:
                return self._take(min(self._left, MAX_PIECE))
            elif not self._open():
                return b""

    def _take(self, size: int) -> bytes:
        """At most ``size`` bytes of the current packet."""
        piece = self._input[self._position : self._position + size]
        self._advance(len(piece))
        return piece

    def _advance(self, size: int) -> None:
        self._left -= size
        self._position += size
        if self._position >= len(self._input):
            self._input = b""
            self._position = 0

    def _open(self) -> bool:
        """Begin the next packet; False while its header is incomplete."""
        header = self._input[self._position : self._position + COMPRESSED_HEADER]
        if len(header) < COMPRESSED_HEADER:
            return False
        self._on_packet(header[3])
        self._due = int.from_bytes(header[4:], "little")
        self._stream = self._new_stream() if self._due else None
        self._left = COMPRESSED_HEADER + int.from_bytes(header[:3], "little")
        self._advance(COMPRESSED_HEADER)
        return True

    def _unpack(self, stream: _Stream) -> bytes:
        """The next piece of a packet; empty when it has ended, or when its next bytes are not there yet."""
        while True:
            start = self._position
            data = self._input[start : start + min(self._left, _SLICE)]
            if not data and self._left and stream.hungry:
                return b""
            try:
                out, used = stream.step(data, min(MAX_PIECE, self._due + 1))
            except (zlib.error, zstd.ZstdError):
                raise MalformedPacket(f"compressed packet is not valid {stream.name} data") from None
            self._advance(used)
            self._due -= len(out)
            if self._due < 0:
                raise MalformedPacket("compressed packet holds more than it announced")
            if stream.ended:
                self._close()
                return out
            if out:
                return out
            if not self._left and stream.hungry:
                raise MalformedPacket("compressed packet ends before its data do")

    def _close(self) -> None:
        if self._due:
            raise MalformedPacket("compressed packet holds less than it announced")
        if self._left:
            raise MalformedPacket("compressed packet goes on after the end of its data")
        self._stream = None
