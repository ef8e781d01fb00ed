"""The answer to COM_STMT_PREPARE, kept to be given to others (MySQL manual, "COM_STMT_PREPARE Response").

It is kept as a database sends it with CLIENT_DEPRECATE_EOF, which the proxy always asks for: a first packet,
then the definitions of the parameters and of the columns, without EOF packets. A byte behind the first
packet's fields says whether definitions follow, where the connection has CLIENT_OPTIONAL_RESULTSET_METADATA
or MARIADB_CLIENT_CACHE_METADATA.
"""

from typing import Final, Self

import attrs

from .datatypes import MalformedPacket
from .framing import HEADER, MAX_PAYLOAD
from .results import EOF, OK

__all__ = ["MAX_KEPT_RESPONSE", "PrepareResponse", "ResponseCopy"]

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
        definitions = cls.definitions_in(payload)
        columns = int.from_bytes(payload[5:7], "little")
        parameters = int.from_bytes(payload[7:9], "little")
        warnings = int.from_bytes(payload[10:12], "little")
        has_definitions = len(payload) == _FIELDS or payload[_FIELDS] != 0
        for at in range(definitions):
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


def _frame_end(raw: bytes, position: int, sequence: int) -> int:
    """Where the packet at ``position`` ends; it has a payload and this id, and is whole."""
    length = int.from_bytes(raw[position : position + 3], "little")
    end = position + HEADER + length
    if not 0 < length < MAX_PAYLOAD or end > len(raw):
        raise MalformedPacket("a packet of a response is missing")
    if raw[position + 3] != sequence & 0xFF:
        raise MalformedPacket("packets of a response that are not counted from 1")
    return end


def _definition_end(raw: bytes, position: int, sequence: int) -> int:
    end = _frame_end(raw, position, sequence)
    # An error or a progress report.
    if raw[position + HEADER] >= EOF:
        raise MalformedPacket("not a column definition")
    return end
