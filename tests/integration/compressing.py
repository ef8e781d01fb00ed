"""PyMySQL, which has no compression, with it: a client that counts compressed packets and those inside."""

from typing import Any

from pymysql.constants import CLIENT

from proxy.mysql.wire.compression import Algorithm, Compressor, Decompressor

from .clients import CommandClient
from .daemon import CLIENT_LIMIT, ProxyDaemon

__all__ = ["CompressingClient"]

_ZSTD = 1 << 26
_FLAGS = {Algorithm.ZLIB: CLIENT.COMPRESS, Algorithm.ZSTD: _ZSTD}
_LEVEL = bytes((3,))


class CompressingClient(CommandClient):
    """Logs in as ``user``; every command begins a count of compressed packets, which answers go on with."""

    def __init__(self, daemon: ProxyDaemon, algorithm: Algorithm, user: str = "app", **options: Any) -> None:
        self._algorithm = algorithm
        self._compressor: Compressor | None = None
        self._decompressor = Decompressor(algorithm, self._arrived)
        self._plain = b""
        self._next_id = 0
        super().__init__(
            host="127.0.0.1",
            port=daemon.port,
            user=user,
            password=daemon.users[user],
            database="app",
            autocommit=True,
            client_flag=_FLAGS[algorithm],
            ssl_disabled=True,
            read_timeout=CLIENT_LIMIT,
            **options,
        )

    def _arrived(self, sequence: int) -> None:
        assert sequence == self._next_id, f"compressed packet {sequence} instead of {self._next_id}"
        self._next_id = (sequence + 1) & 0xFF

    def _sends(self) -> int:
        sequence = self._next_id
        self._next_id = (sequence + 1) & 0xFF
        return sequence

    def _request_authentication(self) -> None:
        self._raw_request()
        self._compressor = Compressor(self._algorithm)

    def _raw_request(self) -> None:
        super()._request_authentication()  # type: ignore[misc]

    def _write_bytes(self, data: bytes) -> None:
        if self._compressor is None:
            if self._algorithm is Algorithm.ZSTD:
                data = _with_level(data)
        else:
            # PyMySQL sends each packet by itself; one that is numbered 0 begins a command.
            if not data[3]:
                self._next_id = 0
            data = self._compressor.packets(data, self._sends)
        super()._write_bytes(data)  # type: ignore[misc]

    def _read_bytes(self, size: int) -> bytes:
        if self._compressor is None:
            return bytes(super()._read_bytes(size))  # type: ignore[misc]
        while len(self._plain) < size:
            header: bytes = super()._read_bytes(7)  # type: ignore[misc]
            content = super()._read_bytes(int.from_bytes(header[:3], "little"))  # type: ignore[misc]
            self._decompressor.feed(header + content)
            self._plain += b"".join(iter(self._decompressor.read, b""))
        found, self._plain = self._plain[:size], self._plain[size:]
        return found


def _with_level(data: bytes) -> bytes:
    """The log-in packet with its last field, which PyMySQL does not know."""
    if data[3] != 1:
        return data
    return (len(data) - 4 + 1).to_bytes(3, "little") + data[3:] + _LEVEL
