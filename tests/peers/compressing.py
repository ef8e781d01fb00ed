"""A client in memory that compresses once it has logged in."""

import itertools

from proxy.mysql.wire.compression import Algorithm, Compressor, Decompressor

from . import packets as p
from .client import ClientPeer

__all__ = ["CompressingPeer"]

_BITS = {Algorithm.ZLIB: 1 << 5, Algorithm.ZSTD: 1 << 26}
_OK = b"\0"


class CompressingPeer(ClientPeer):
    """``seen`` holds what was inside; every ``send`` behind the log-in begins a command."""

    def __init__(
        self, algorithm: Algorithm, capabilities: int = p.CLIENT_CAPABILITIES, *, database: bytes = b""
    ) -> None:
        super().__init__(capabilities | _BITS[algorithm], database=database)
        self._compressor = Compressor(algorithm)
        self._decompressor = Decompressor(algorithm, lambda _: None)
        self._level = bytes((3,)) if algorithm is Algorithm.ZSTD else b""
        self.compresses = False

    def login_payload(self) -> bytes:
        """The log-in packet, with the field that zstd adds."""
        return super().login_payload() + self._level

    def received(self, data: bytes) -> None:
        """Bytes of the proxy: a log-in's answer, then compressed packets."""
        if not self.compresses:
            data = self._before(data)
        if self.compresses:
            self._decompressor.feed(data)
            data = b"".join(iter(self._decompressor.read, b""))
            self.seen += data

    def _before(self, data: bytes) -> bytes:
        """Take in the log-in; what is behind its OK packet."""
        if not self.greeting:
            super().received(data)
            return b""
        self.seen += data
        end = 4 + int.from_bytes(self.seen[:3], "little")
        if len(self.seen) < end or self.seen[4:5] != _OK:
            return b""
        self.compresses = True
        self.seen, rest = self.seen[:end], self.seen[end:]
        return rest

    def send(self, data: bytes) -> None:
        """Raw bytes, as they are until the log-in is over."""
        if self.compresses:
            numbers = itertools.count()
            data = self._compressor.packets(data, lambda: next(numbers) & 0xFF)
        super().send(data)
