"""Result sets that the proxy makes itself (MySQL manual, "Text Resultset", "Column Definition").

Which packets there are depends on what the client can do: EOF packets or an OK packet at the end, a byte that
says whether definitions follow, MariaDB's room for extended metadata in a definition. All text is UTF-8, or
ASCII where a session has its results in another character set.
"""

import enum
from collections.abc import Iterable, Sequence

import attrs

from .capabilities import Capability
from .datatypes import lenenc_bytes, lenenc_int
from .framing import frame
from .results import EOF, OkPacket
from .status import Status

__all__ = ["Column", "ColumnType", "ResultRows", "Value"]

Value = str | int | float | None

_NULL = b"\xfb"
_CATALOG = b"def"
#: utf8mb4_general_ci and binary.
_TEXT_COLLATION = 45
_NUMBER_COLLATION = 63
_BYTES_PER_CHARACTER = 4

_METADATA_FOLLOWS = Capability.OPTIONAL_RESULTSET_METADATA | Capability.MARIADB_CACHE_METADATA

_NOT_NULL, _UNSIGNED, _BINARY = 0x0001, 0x0020, 0x0080


class ColumnType(enum.IntEnum):
    """MySQL's numbers of the types."""

    DOUBLE = 5
    BIGINT = 8
    VAR_STRING = 253


@attrs.frozen
class Column:
    """A column: ``length`` in characters; ``decimals`` are those of a DOUBLE."""

    name: str
    kind: ColumnType = ColumnType.VAR_STRING
    length: int = 255
    decimals: int = 0
    nullable: bool = False

    @classmethod
    def integer(cls, name: str, *, nullable: bool = False) -> "Column":
        """A column of integers that are not negative."""
        return cls(name, ColumnType.BIGINT, 20, nullable=nullable)

    @classmethod
    def seconds(cls, name: str) -> "Column":
        """A column of times, to the millisecond."""
        return cls(name, ColumnType.DOUBLE, 17, decimals=3)

    def definition(self, table: str, capabilities: Capability) -> bytes:
        """The payload of its definition."""
        is_text = self.kind is ColumnType.VAR_STRING
        flags = 0 if self.nullable else _NOT_NULL
        if not is_text:
            flags |= _BINARY
        if self.kind is ColumnType.BIGINT:
            flags |= _UNSIGNED
        length = self.length * _BYTES_PER_CHARACTER if is_text else self.length
        name = self.name.encode()
        names = (_CATALOG, b"", table.encode(), b"", name, b"")
        return b"".join(
            (
                *map(lenenc_bytes, names),
                lenenc_bytes(b"") if capabilities & Capability.MARIADB_EXTENDED_METADATA else b"",
                b"\x0c",
                (_TEXT_COLLATION if is_text else _NUMBER_COLLATION).to_bytes(2, "little"),
                length.to_bytes(4, "little"),
                bytes((self.kind,)),
                flags.to_bytes(2, "little"),
                bytes((self.decimals, 0, 0)),
            )
        )

    def encode(self, value: Value, encoding: str) -> bytes:
        """A value as it stands in a row."""
        if value is None:
            return _NULL
        if isinstance(value, str):
            return lenenc_bytes(value.encode(encoding, "replace"))
        if self.kind is ColumnType.DOUBLE:
            return lenenc_bytes(b"%.*f" % (self.decimals, value))
        return lenenc_bytes(b"%d" % value)


class ResultRows:
    """Encodes one result set for one client: ``begin``, ``rows`` as often as need be, ``end``."""

    def __init__(
        self, table: str, columns: Sequence[Column], capabilities: Capability, sequence: int, *, utf8: bool
    ) -> None:
        """``sequence`` is the first packet's; ``utf8``: the session has its results in UTF-8."""
        self._table = table
        self._columns = tuple(columns)
        self._capabilities = capabilities
        self._sequence = sequence
        self._encoding = "utf-8" if utf8 else "ascii"

    def begin(self, status: int) -> bytes:
        """The packets before the first row."""
        count = lenenc_int(len(self._columns))
        if self._capabilities & _METADATA_FOLLOWS:
            count += b"\x01"
        packets = [self._packet(count)]
        packets += [self._packet(each.definition(self._table, self._capabilities)) for each in self._columns]
        if not self._capabilities & Capability.DEPRECATE_EOF:
            packets.append(self._packet(_eof(status)))
        return b"".join(packets)

    def rows(self, rows: Iterable[Sequence[Value]]) -> bytes:
        """The packets of some rows, each with one value for each column."""
        return b"".join([self._packet(self._row(row)) for row in rows])

    def end(self, status: int) -> bytes:
        """The packet behind the last row."""
        if self._capabilities & Capability.DEPRECATE_EOF:
            return self._packet(OkPacket(status=Status(status), header=EOF).encode())
        return self._packet(_eof(status))

    def _row(self, row: Sequence[Value]) -> bytes:
        pairs = zip(self._columns, row, strict=True)
        return b"".join([column.encode(value, self._encoding) for column, value in pairs])

    def _packet(self, payload: bytes) -> bytes:
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFF
        return frame(payload, sequence)


def _eof(status: int) -> bytes:
    return bytes((EOF, 0, 0)) + status.to_bytes(2, "little")
