"""A client that shows the bytes of the responses it gets, without EOF packets, at a server or the proxy."""

from types import TracebackType
from typing import Any, Self

import attrs
import pymysql

from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.commands import Command
from proxy.mysql.wire.datatypes import Reader
from proxy.mysql.wire.framing import HEADER, MAX_PAYLOAD
from proxy.mysql.wire.results import EOF, ERR, OK, ErrorPacket, OkPacket
from proxy.mysql.wire.status import Status

__all__ = ["RawResults", "Result"]


@attrs.frozen
class Result:
    """One result: payloads as they came, and what its last packet says."""

    columns: tuple[bytes, ...] = ()
    rows: tuple[bytes, ...] = ()
    ok: OkPacket = attrs.field(factory=OkPacket)
    error: ErrorPacket | None = None

    @property
    def in_rows(self) -> bool:
        """Whether it ended as a result set."""
        return self.error is None and bool(self.columns)

    def texts(self) -> list[tuple[str | None, ...]]:
        """The rows of the text protocol."""
        return [_texts(row) for row in self.rows]


class RawResults:
    """Logged in with PyMySQL, which then leaves the socket alone; in a `with` block, closed at the end."""

    def __init__(self, port: int, password: str, *, schema: str = "app") -> None:
        flags = Capability.DEPRECATE_EOF | Capability.SESSION_TRACK | Capability.MULTI_STATEMENTS
        self._connection: Any = pymysql.connect(
            host="127.0.0.1",
            port=port,
            user="app",
            password=password,
            database=schema,
            client_flag=flags.low,
            autocommit=None,
            ssl_disabled=True,
        )
        #: All bytes of the last response.
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def query(self, text: str | bytes) -> list[Result]:
        """Run a text."""
        return self.command(Command.QUERY, text.encode() if isinstance(text, str) else text)

    def command(self, command: int, body: bytes = b"") -> list[Result]:
        """Run a command that is answered as a statement is."""
        self.send(command, body)
        results = [self._result()]
        while results[-1].error is None and results[-1].ok.status & Status.MORE_RESULTS_EXISTS:
            results.append(self._result())
        return results

    def prepare(self, text: str) -> int:
        """Prepare a statement without parameters."""
        self.send(Command.STMT_PREPARE, text.encode())
        first = self._payload()
        assert first[0] == OK, ErrorPacket.decode(first)
        for _ in range(int.from_bytes(first[5:7], "little") + int.from_bytes(first[7:9], "little")):
            self._payload()
        return int.from_bytes(first[1:5], "little")

    def execute(self, statement: int) -> list[Result]:
        """Run a prepared statement."""
        return self.command(Command.STMT_EXECUTE, statement.to_bytes(4, "little") + b"\0\1\0\0\0")

    def send(self, command: int, body: bytes = b"") -> None:
        """Send a command and read nothing."""
        self.received = b""
        payload = bytes((command,)) + body
        self._connection._sock.sendall(len(payload).to_bytes(3, "little") + b"\0" + payload)

    def _result(self) -> Result:
        first = self._payload()
        if first[0] in (OK, ERR, EOF):
            return _closed(first)
        columns = tuple(self._payload() for _ in range(Reader(first).lenenc_int()))
        rows: list[bytes] = []
        while True:
            payload = self._payload()
            if payload[:1] in (bytes((EOF,)), bytes((ERR,))) and len(payload) < MAX_PAYLOAD:
                return attrs.evolve(_closed(payload), columns=columns, rows=tuple(rows))
            rows.append(payload)

    def _payload(self) -> bytes:
        header: bytes = self._connection._rfile.read(HEADER)
        payload: bytes = self._connection._rfile.read(int.from_bytes(header[:3], "little"))
        self.received += header + payload
        return payload


def _closed(payload: bytes) -> Result:
    if payload[0] == ERR:
        return Result(error=ErrorPacket.decode(payload))
    return Result(ok=OkPacket.decode(payload))


def _texts(row: bytes) -> tuple[str | None, ...]:
    reader = Reader(row)
    values: list[str | None] = []
    while reader.remaining:
        if row[reader.position] == 0xFB:
            reader.take(1)
            values.append(None)
        else:
            values.append(reader.lenenc_bytes().decode("utf-8", "replace"))
    return tuple(values)
