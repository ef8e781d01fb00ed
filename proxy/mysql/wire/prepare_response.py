"""The answer to COM_STMT_PREPARE, kept to be given to others (MySQL manual, "COM_STMT_PREPARE Response").

It is kept as a database sends it with CLIENT_DEPRECATE_EOF, which the proxy always asks for: a first packet,
then the definitions of the parameters and of the columns, without EOF packets. A byte behind the first
packet's fields says whether definitions follow, where the connection has CLIENT_OPTIONAL_RESULTSET_METADATA
or MARIADB_CLIENT_CACHE_METADATA.

With the latter MariaDB sends the definitions with a result only where they differ from those it has sent last
about this statement, whether with a result or with the answer to its preparation. A client that has others in
mind gets them by ``insert_definitions``.
"""

from typing import Final, Self

import attrs

from .datatypes import MalformedPacket, Reader, lenenc_int
from .framing import HEADER, MAX_PAYLOAD, frame
from .results import EOF, OK, definitions_after

__all__ = [
    "MAX_KEPT_RESPONSE",
    "ColumnDefinitions",
    "PrepareResponse",
    "ResponseCopy",
    "insert_definitions",
    "result_definitions",
]

#: Bytes of an answer that are kept.
MAX_KEPT_RESPONSE = 64 * 1024

#: Bytes of the first packet, without the byte about definitions.
_FIELDS: Final = 12


class ResponseCopy:
    """Keeps an answer while it passes; of a longer one than ``limit`` bytes nothing."""

    __slots__ = ("_kept", "_limit", "is_too_long")

    def __init__(self, limit: int = MAX_KEPT_RESPONSE) -> None:
        self._limit = limit
        self._kept = bytearray()
        #: More has come than is kept.
        self.is_too_long = False

    def feed(self, data: bytes) -> None:
        """Add what the database has sent, before anything is changed in it."""
        if self.is_too_long or len(self._kept) + len(data) > self._limit:
            self.is_too_long = True
            self._kept.clear()
        else:
            self._kept += data

    def raw(self) -> bytes:
        """What was kept; empty where it is too long."""
        return bytes(self._kept)

    def response(self) -> "PrepareResponse | None":
        """The whole answer to a preparation; None where it cannot be kept.

        That is where it is too long, an error, not at its end, or interrupted by progress reports.
        """
        try:
            return None if self.is_too_long else PrepareResponse.decode(self.raw())
        except MalformedPacket:
            return None


@attrs.frozen
class ColumnDefinitions:
    """Definitions of columns as payloads of their packets, to be compared and sent again."""

    payloads: tuple[bytes, ...] = attrs.field(repr=False)

    def encode(self, sequence: int) -> bytes:
        """Their packets, the first of them numbered ``sequence``."""
        return b"".join(frame(payload, sequence + at) for at, payload in enumerate(self.payloads))


@attrs.frozen
class PrepareResponse:
    """A whole answer. ``parameters``, ``columns`` and ``warnings`` are numbers of them."""

    raw: bytes = attrs.field(repr=False)
    parameters: int
    columns: int
    warnings: int
    has_definitions: bool

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Parse the packets of an answer, which are numbered from 1.

        Raises MalformedPacket for any other answer, and where a packet is missing.
        """
        end = _frame_end(raw, 0, 1)
        payload = raw[HEADER:end]
        if len(payload) < _FIELDS or payload[0] != OK:
            raise MalformedPacket("not a prepared statement response")
        columns = int.from_bytes(payload[5:7], "little")
        parameters = int.from_bytes(payload[7:9], "little")
        warnings = int.from_bytes(payload[10:12], "little")
        has_definitions = len(payload) == _FIELDS or payload[_FIELDS] != 0
        for at in range(parameters + columns if has_definitions else 0):
            end = _definition_end(raw, end, at + 2)
        if end != len(raw):
            raise MalformedPacket("data after the end of a response")
        return cls(raw, parameters, columns, warnings, has_definitions)

    @staticmethod
    def definitions_in(first: bytes) -> int:
        """How many definitions follow the payload of an answer's first packet. Raises MalformedPacket."""
        if len(first) < _FIELDS or first[0] != OK:
            raise MalformedPacket("not a prepared statement response")
        if len(first) > _FIELDS and not first[_FIELDS]:
            return 0
        return int.from_bytes(first[5:7], "little") + int.from_bytes(first[7:9], "little")

    @property
    def statement_id(self) -> int:
        """The id that the database has given the statement."""
        return int.from_bytes(self.raw[HEADER + 1 : HEADER + 5], "little")

    def with_id(self, number: int) -> bytes:
        """The answer with another statement id, for a client."""
        return b"".join((self.raw[: HEADER + 1], number.to_bytes(4, "little"), self.raw[HEADER + 5 :]))

    def definitions(self) -> ColumnDefinitions | None:
        """Those of the columns; None where the answer came without."""
        if not self.has_definitions:
            return None
        position = _frame_end(self.raw, 0)
        for _ in range(self.parameters):
            position = _frame_end(self.raw, position)
        return _definitions(self.raw, position, self.columns)

    def has_same_columns(self, other: "PrepareResponse") -> bool:
        """Whether a client that knows one of the two answers knows the other's columns."""
        if self.columns != other.columns:
            return False
        if self.raw[HEADER + 5 :] == other.raw[HEADER + 5 :]:
            return True
        return self.definitions() == other.definitions()


def result_definitions(raw: bytes) -> ColumnDefinitions | None:
    """The definitions at the beginning of an answer to COM_STMT_EXECUTE; None where it has none there.

    They must all be in ``raw``, as a database sends them. Where no definitions come, the last ones hold.
    """
    try:
        end = _frame_end(raw, 0)
        if raw[HEADER] >= EOF or raw[HEADER] == OK:
            return None
        count = definitions_after(raw[HEADER:end])
        return _definitions(raw, end, count) if count else None
    except MalformedPacket:
        return None


def insert_definitions(column_count: bytes, definitions: ColumnDefinitions, sequence: int) -> bytes:
    """A result's first packet, which says that no definitions follow, and definitions that follow it.

    ``column_count`` is that packet with its header, ``sequence`` its id towards the client; the ids of all
    that comes behind it rise by the number of definitions. Raises MalformedPacket where the packet says
    otherwise, or has another number of columns.
    """
    reader = Reader(column_count[: _frame_end(column_count, 0)], HEADER)
    columns = reader.lenenc_int()
    if reader.rest() != b"\0" or columns != len(definitions.payloads):
        raise MalformedPacket("a result to which these definitions do not belong")
    return frame(lenenc_int(columns) + b"\1", sequence) + definitions.encode(sequence + 1)


def _frame_end(raw: bytes, position: int, sequence: int | None = None) -> int:
    """Where the packet at ``position`` ends; it has a payload, is whole, and may have to have this id."""
    length = int.from_bytes(raw[position : position + 3], "little")
    end = position + HEADER + length
    if not 0 < length < MAX_PAYLOAD or end > len(raw):
        raise MalformedPacket("a packet of a response is missing")
    if sequence is not None and raw[position + 3] != sequence & 0xFF:
        raise MalformedPacket("packets of a response that are not counted from 1")
    return end


def _definition_end(raw: bytes, position: int, sequence: int | None = None) -> int:
    end = _frame_end(raw, position, sequence)
    # An error or a progress report.
    if raw[position + HEADER] >= EOF:
        raise MalformedPacket("not a column definition")
    return end


def _definitions(raw: bytes, position: int, count: int) -> ColumnDefinitions:
    payloads = []
    for _ in range(count):
        end = _definition_end(raw, position)
        payloads.append(raw[position + HEADER : end])
        position = end
    return ColumnDefinitions(tuple(payloads))
