"""A client of binary prepared statements that can do what drivers do not, at a server or the proxy.

Answers are given in a form that is the same whoever gave them: without ids, status flags as they came.
"""

import re
import struct
from collections.abc import Sequence
from typing import Any

from proxy.mysql.wire.commands import Command
from proxy.mysql.wire.results import ErrorPacket, OkPacket

from .raw_results import RawResults, Result

__all__ = [
    "BLOB",
    "DATETIME",
    "DOUBLE",
    "INT",
    "LONGLONG",
    "STRING",
    "TINY",
    "UNSIGNED",
    "BinaryClient",
    "Typed",
]

TINY, INT, DOUBLE, LONGLONG, DATETIME, BLOB, STRING = 0x01, 0x03, 0x05, 0x08, 0x0C, 0xFC, 0xFD
UNSIGNED = 0x8000
_FORMATS = {TINY: "b", INT: "i", DOUBLE: "d", LONGLONG: "q"}
_STATE_CHANGED = 0x4000
_NUMBER = re.compile(r"\(\d{1,9}\)")

#: A parameter: its type and its value.
Typed = tuple[int, Any]


class BinaryClient(RawResults):
    """``prepare`` returns an id; all else what was seen."""

    #: The id of the last one that ``try_prepare`` has prepared.
    prepared_last = 0

    def run(self, number: int, *values: Typed, types: bool = True, cursor: bool = False) -> list[object]:
        """COM_STMT_EXECUTE."""
        return self._shown(self.command(Command.STMT_EXECUTE, execution(number, values, types, cursor)))

    def text(self, sql: str) -> list[object]:
        """COM_QUERY."""
        return self._shown(self.query(sql))

    def try_prepare(self, text: str) -> object:
        """What COM_STMT_PREPARE is answered with, but for the id."""
        self.send(Command.STMT_PREPARE, text.encode())
        first = self._payload()
        if first[0] == 0xFF:
            return _error(ErrorPacket.decode(first))
        self.prepared_last = int.from_bytes(first[1:5], "little")
        count = int.from_bytes(first[5:7], "little") + int.from_bytes(first[7:9], "little")
        return first[5:12], tuple(self._payload() for _ in range(count))

    def fetch(self, number: int, rows: int) -> object:
        """COM_STMT_FETCH: rows and status flags, or an error."""
        self.send(Command.STMT_FETCH, struct.pack("<II", number, rows))
        found = []
        while True:
            payload = self._payload()
            if payload[0] == 0xFF:
                return _error(ErrorPacket.decode(payload))
            if payload[0] == 0xFE:
                return tuple(found), _flags(OkPacket.decode(payload))
            found.append(payload)

    def reset(self, number: int) -> list[object]:
        """COM_STMT_RESET."""
        return self._shown(self.command(Command.STMT_RESET, number.to_bytes(4, "little")))

    def close(self, number: int) -> None:
        """COM_STMT_CLOSE."""
        self.send(Command.STMT_CLOSE, number.to_bytes(4, "little"))

    def long_data(self, number: int, parameter: int, data: bytes) -> None:
        """COM_STMT_SEND_LONG_DATA."""
        self.send(Command.STMT_SEND_LONG_DATA, struct.pack("<IH", number, parameter) + data)

    def _shown(self, results: Sequence[Result]) -> list[object]:
        return [_shown(result) for result in results]


def execution(number: int, values: Sequence[Typed], types: bool = True, cursor: bool = False) -> bytes:
    """The body of COM_STMT_EXECUTE; a value that is Ellipsis was sent as long data."""
    body = struct.pack("<IBI", number, cursor, 1)
    if not values:
        return body
    nulls = bytearray((len(values) + 7) // 8)
    kinds = encoded = b""
    for at, (kind, value) in enumerate(values):
        kinds += struct.pack("<H", kind)
        if value is None:
            nulls[at >> 3] |= 1 << (at & 7)
        elif value is not ...:
            encoded += _encoded(kind, value)
    return body + bytes(nulls) + (b"\x01" + kinds if types else b"\0") + encoded


def _encoded(kind: int, value: Any) -> bytes:
    letter = _FORMATS.get(kind & ~UNSIGNED)
    if letter is not None:
        return struct.pack("<" + (letter.upper() if kind & UNSIGNED else letter), value)
    if kind == DATETIME:
        return b"\x07" + struct.pack("<HBBBBB", *value)
    data: bytes = value if isinstance(value, bytes) else value.encode()
    size = len(data)
    if size < 251:
        return bytes((size,)) + data
    return (
        b"\xfd" + size.to_bytes(3, "little") if size < 1 << 24 else b"\xfe" + size.to_bytes(8, "little")
    ) + data


def _flags(ok: OkPacket) -> int:
    return int(ok.status) & ~_STATE_CHANGED


def _error(error: ErrorPacket) -> object:
    """MariaDB's ids count for the whole server."""
    return error.errno, error.sqlstate, _NUMBER.sub("(n)", error.message)


def _shown(result: Result) -> object:
    if result.error is not None:
        return _error(result.error)
    ok = result.ok
    counts = (ok.affected_rows, ok.last_insert_id, ok.warnings)
    return result.columns, result.rows, counts, _flags(ok)
