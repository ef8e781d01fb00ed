"""A client that sends any bytes: a socket, with packets taken apart by hand."""

import socket
import struct
from types import TracebackType
from typing import Self

from tests.bench.packets import Account, converse, log_in

from .daemon import CLIENT_LIMIT, ProxyDaemon

__all__ = ["RawClient", "error_in", "packet", "query"]


def packet(payload: bytes, sequence: int = 0) -> bytes:
    """One packet."""
    return len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload


def query(sql: str) -> bytes:
    """A COM_QUERY packet."""
    return packet(b"\x03" + sql.encode())


def error_in(payload: bytes | None) -> int:
    """The number in an error packet; 0 for any other, and for none."""
    if payload is None or payload[:1] != b"\xff":
        return 0
    return int(struct.unpack("<H", payload[1:3])[0])


class RawClient:
    """Connects without a word; in a `with` block, closed at the end."""

    def __init__(self, daemon: ProxyDaemon) -> None:
        self._account = Account("app", daemon.users["app"], "app", local_files=True)
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), CLIENT_LIMIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def log_in(self) -> Self:
        """As `app`."""
        converse(self.socket, log_in(self._account))
        return self

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def read(self) -> tuple[int, bytes] | None:
        """The next packet's sequence id and payload; None when the connection has been closed."""
        header = self._exactly(4)
        if header is None:
            return None
        payload = self._exactly(int.from_bytes(header[:3], "little"))
        return None if payload is None else (header[3], payload)

    def payload(self) -> bytes | None:
        """The next packet's payload, or None."""
        found = self.read()
        return None if found is None else found[1]

    def row(self) -> list[bytes] | None:
        """The only row of the next result, with short values; None when it is no result set."""
        head = self.payload()
        if head is None or head[0] in (0, 0xFF):
            return None
        for _ in range(head[0]):
            self.payload()
        row = self.payload() or b""
        assert (self.payload() or b"")[:1] == b"\xfe"
        values = []
        while row:
            values.append(row[1 : 1 + row[0]])
            row = row[1 + row[0] :]
        return values

    def is_closed(self) -> bool:
        """Wait for the close; whatever comes before is thrown away."""
        while self.read() is not None:
            pass
        return True

    def _exactly(self, size: int) -> bytes | None:
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionResetError:
                return None
            if not more:
                return None
            data += more
        return data
