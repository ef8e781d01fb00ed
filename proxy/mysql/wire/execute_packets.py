"""Commands about prepared statements, changed so that they fit another connection.

MySQL manual, "COM_STMT_EXECUTE"; MariaDB knowledge base, "COM_STMT_BULK_EXECUTE". A client names a statement
by an id that only its own connection knows, and sends the types of its parameters once::

    command, id (4)                                     EXECUTE, FETCH, RESET, CLOSE, SEND_LONG_DATA, BULK
    EXECUTE: flags (1), 1 (4), [count], NULLs, 1 or 0, [types], values
    BULK_EXECUTE: flags (2), [types], rows of values

The count, and a name behind each type, are there with CLIENT_QUERY_ATTRIBUTES; the count may then be higher
than that of the statement's parameters, which come first. The manual gives the count to statements without
parameters only with a flag, and to others always; MySQL 9 does so. A server remembers the types of the
statement's own parameters, without their names; MariaDB takes those of EXECUTE for BULK_EXECUTE too, and the
other way round.

All functions take a packet with its header, or as much of its beginning as has come. Positions count from the
packet's first byte, header included, unless said otherwise.
"""

import struct
from collections.abc import Container, Sequence
from typing import Final

import attrs

from .binary_values import DISPUTED_KINDS, STRING_KINDS, UNSIGNED, skip, skip_value
from .commands import Command
from .datatypes import MalformedPacket, Reader
from .framing import HEADER, MAX_PAYLOAD, PacketTooLarge, frame

__all__ = [
    "LONGEST_STRING",
    "MAX_PARAMETERS",
    "Insertion",
    "ParameterTypes",
    "cursor_flags",
    "fitted",
    "parameter_types",
    "size_with_types",
    "statement_id",
    "string_parameters",
    "types_insertion",
    "with_statement_id",
    "with_types",
]

#: Parameters and attributes of one execution; servers take no more.
MAX_PARAMETERS = 65_535
#: Bytes of a parameter that ``string_parameters`` reads out; those of a longer one are not copied.
LONGEST_STRING = 65_535

_WITH_ID: Final = frozenset(
    {
        Command.STMT_EXECUTE,
        Command.STMT_FETCH,
        Command.STMT_RESET,
        Command.STMT_CLOSE,
        Command.STMT_SEND_LONG_DATA,
        Command.STMT_BULK_EXECUTE,
    }
)
_EXECUTE: Final = int(Command.STMT_EXECUTE)
_ID: Final = HEADER + 1
_FLAGS: Final = _ID + 4
#: Behind the flags and the number of executions, which is always 1.
_EXECUTE_FIELDS: Final = _FLAGS + 5
_BULK_FIELDS: Final = _FLAGS + 2
#: Read only, for update, scrollable.
_CURSOR_FLAGS: Final = 0x07
_BULK_TYPES: Final = 0x80
#: Counts from here on take more than one byte.
_LONG_COUNT: Final = 0xFB
#: Bytes of a type; the name behind it, where there is one, is not counted.
_TYPE: Final = 2


@attrs.frozen
class ParameterTypes:
    """The types of a statement's parameters: two bytes for each, without names.

    ``start`` and ``end`` are where the block stood in its packet, names and attributes included; they do not
    count in comparisons.
    """

    block: bytes
    start: int = attrs.field(default=0, eq=False)
    end: int = attrs.field(default=0, eq=False)

    @property
    def parameters(self) -> int:
        """How many there are."""
        return len(self.block) // _TYPE

    def kinds(self) -> tuple[int, ...]:
        """The types as numbers, without the bit for the sign."""
        return tuple(kind & ~UNSIGNED for kind in struct.unpack(f"<{self.parameters}H", self.block))

    def encode(self, *, named: bool) -> bytes:
        """As they are sent; ``named``: with an empty name behind each."""
        if not named:
            return self.block
        out = bytearray(self.parameters * (_TYPE + 1))
        out[0 :: _TYPE + 1] = self.block[0::_TYPE]
        out[1 :: _TYPE + 1] = self.block[1::_TYPE]
        return bytes(out)


@attrs.frozen
class Insertion:
    """Types that a packet lacks: its ``beginning``, which now says that they are there, and their place.

    ``at`` counts from the payload's first byte.
    """

    beginning: bytes
    at: int
    inserted: bytes


@attrs.frozen
class _Head:
    """What stands in front of the types or values; ``count`` includes attributes."""

    count: int
    #: The bits that say which are NULL; BULK_EXECUTE has none.
    nulls: bytes
    #: Where the byte is that tells whether types follow.
    flag: int
    has_types: bool
    #: Behind it: where the types or the values begin.
    end: int


def statement_id(packet: bytes) -> int:
    """Which statement a command means. Raises MalformedPacket where it names none."""
    _require_id(packet)
    return int.from_bytes(packet[_ID:_FLAGS], "little")


def with_statement_id(packet: bytes, server_id: int) -> bytes:
    """The command about another statement. Raises MalformedPacket where it names none."""
    _require_id(packet)
    return b"".join((packet[:_ID], server_id.to_bytes(4, "little"), packet[_FLAGS:]))


def cursor_flags(packet: bytes) -> int:
    """Which cursor COM_STMT_EXECUTE asks for: 0 for none, 1 read only, 2 for update, 4 scrollable.

    0 for COM_STMT_BULK_EXECUTE. Raises MalformedPacket.
    """
    if _is_bulk(packet):
        return 0
    return _reader(packet, _FLAGS).integer(1) & _CURSOR_FLAGS


def size_with_types(parameters: int) -> int:
    """How many bytes of a packet reach to the end of its types, header included, where they have no names."""
    return _EXECUTE_FIELDS + 9 + (parameters + 7) // 8 + 1 + parameters * _TYPE


def parameter_types(packet: bytes, parameters: int, *, has_attributes: bool) -> ParameterTypes | None:
    """The types that come with an execution, or None where it relies on those sent before.

    ``parameters`` is the number that the statement has; ``has_attributes``: CLIENT_QUERY_ATTRIBUTES is on.
    Raises MalformedPacket, also where the types are not all in the beginning that has come.
    """
    if not parameters:
        return None
    flag = _simple_flag(packet, parameters, has_attributes)
    if flag and not packet[flag]:
        return None
    reader = _reader(packet)
    head = _head(reader, parameters, has_attributes)
    return _types(reader, head, parameters, has_attributes) if head.has_types else None


def with_types(packet: bytes, types: ParameterTypes, *, has_attributes: bool) -> bytes:
    """An execution that relies on types sent before, with these in it.

    A whole packet may become two. Of the beginning of a longer one, the rest follows unchanged; where the
    types make it too long for that, PacketTooLarge is raised: see ``types_insertion``. Raises
    MalformedPacket where the packet is too short, has types, or has attributes without types.
    """
    insertion = types_insertion(packet, types, has_attributes=has_attributes)
    if not insertion.inserted:
        return packet
    payload, at = insertion.beginning, HEADER + insertion.at
    announced = _announced(packet)
    length = announced + len(insertion.inserted)
    parts = (payload[HEADER:at], insertion.inserted, payload[at:])
    if announced < MAX_PAYLOAD and length < MAX_PAYLOAD:
        return b"".join((length.to_bytes(3, "little"), packet[3:HEADER], *parts))
    if announced < MAX_PAYLOAD and len(packet) == HEADER + announced:
        return frame(b"".join(parts), packet[3])
    raise PacketTooLarge("a long packet has no room for the types of its parameters")


def fitted(packet: bytes, server_id: int, types: ParameterTypes, *, has_attributes: bool) -> bytes | None:
    """A whole COM_STMT_EXECUTE about another statement, with these types if it has none of its own.

    None where it is not as simple as most are: see ``with_statement_id`` and ``types_insertion``.
    """
    flag = _simple_flag(packet, types.parameters, has_attributes)
    if not flag:
        return None
    number = server_id.to_bytes(4, "little")
    if packet[flag]:
        return b"".join((packet[:_ID], number, packet[_FLAGS:]))
    block = types.encode(named=has_attributes)
    length = len(packet) - HEADER + len(block)
    if length >= MAX_PAYLOAD:
        return None
    header = length.to_bytes(3, "little")
    return b"".join((header, packet[3:_ID], number, packet[_FLAGS:flag], b"\1", block, packet[flag + 1 :]))


def types_insertion(packet: bytes, types: ParameterTypes, *, has_attributes: bool) -> Insertion:
    """What ``with_types`` does, for a packet that is cut into frames anew (see the shifting module).

    Nothing is inserted where the statement has no parameters. Raises MalformedPacket like ``with_types``.
    """
    if not types.parameters:
        return Insertion(packet, 0, b"")
    head = _head(_reader(packet), types.parameters, has_attributes)
    if head.has_types:
        raise MalformedPacket("an execution that has its types already")
    if head.count > types.parameters and not _is_bulk(packet):
        raise MalformedPacket("attributes without their types")
    flag = packet[head.flag] | _BULK_TYPES if _is_bulk(packet) else 1
    beginning = b"".join((packet[: head.flag], bytes((flag,)), packet[head.flag + 1 :]))
    return Insertion(
        beginning, head.end - HEADER, types.encode(named=has_attributes and not _is_bulk(packet))
    )


def string_parameters(
    packet: bytes,
    types: ParameterTypes,
    positions: Sequence[int],
    *,
    has_attributes: bool,
    long_data: Container[int] = frozenset(),
) -> tuple[bytes | None, ...]:
    """The values of the parameters at these positions, which count from 0, in the client's character set.

    ``types`` are those in force, whether sent with this packet or before; ``long_data`` are the positions
    sent by COM_STMT_SEND_LONG_DATA. None stands for what is not known to be a certain string: NULL, a number
    or a time, long data, more than LONGEST_STRING bytes, whatever comes behind a value of a type without a
    certain length or behind the end of the beginning that has come, and all of COM_STMT_BULK_EXECUTE.
    """
    found: dict[int, bytes] = {}
    try:
        if positions and not _is_bulk(packet):
            _read_strings(packet, types, frozenset(positions), has_attributes, long_data, found)
    except MalformedPacket:
        # What was read before that is certain all the same.
        pass
    return tuple(found.get(position) for position in positions)


def _read_strings(
    packet: bytes,
    types: ParameterTypes,
    wanted: frozenset[int],
    has_attributes: bool,
    long_data: Container[int],
    found: dict[int, bytes],
) -> None:
    reader = _reader(packet)
    head = _head(reader, types.parameters, has_attributes)
    if head.has_types:
        _skip_types(reader, head.count, has_attributes)
    for position, kind in enumerate(types.kinds()[: max(wanted) + 1]):
        # Long data has no value here, whatever the bit for NULL says.
        if position in long_data or head.nulls[position >> 3] >> (position & 7) & 1:
            continue
        if kind in DISPUTED_KINDS:
            return
        if position in wanted and kind in STRING_KINDS:
            size = reader.lenenc_int()
            if size <= LONGEST_STRING:
                found[position] = reader.take(size)
            else:
                skip(reader, size)
        else:
            skip_value(reader, kind)


def _require_id(packet: bytes) -> None:
    if len(packet) < _FLAGS or packet[HEADER] not in _WITH_ID:
        raise MalformedPacket("a command without the id of a prepared statement")


def _simple_flag(packet: bytes, parameters: int, has_attributes: bool) -> int:
    """Where a whole COM_STMT_EXECUTE without attributes says whether it has types; 0: not such a one."""
    flag = _EXECUTE_FIELDS + (parameters + 7 >> 3)
    size = len(packet)
    if has_attributes:
        if size <= flag or packet[_EXECUTE_FIELDS] != parameters or parameters >= _LONG_COUNT:
            return 0
        flag += 1
    is_whole = flag < size == HEADER + _announced(packet)
    return flag if is_whole and packet[HEADER] == _EXECUTE else 0


def _is_bulk(packet: bytes) -> bool:
    _require_id(packet)
    command = packet[HEADER]
    if command == Command.STMT_BULK_EXECUTE:
        return True
    if command != Command.STMT_EXECUTE:
        raise MalformedPacket("not an execution of a prepared statement")
    return False


def _announced(packet: bytes) -> int:
    return int.from_bytes(packet[:3], "little")


def _reader(packet: bytes, position: int = 0) -> Reader:
    if len(packet) > HEADER + _announced(packet):
        raise MalformedPacket("bytes behind the end of a packet")
    return Reader(packet, position)


def _head(reader: Reader, parameters: int, has_attributes: bool) -> _Head:
    """Read up to the types or values. ``parameters`` is not 0."""
    packet = reader.data
    if _is_bulk(packet):
        reader.position = _FLAGS
        flags = reader.integer(2)
        return _Head(parameters, b"", _FLAGS, bool(flags & _BULK_TYPES), _BULK_FIELDS)
    reader.position = 0
    skip(reader, _EXECUTE_FIELDS)
    count = reader.lenenc_int() if has_attributes else parameters
    if not parameters <= count <= MAX_PARAMETERS:
        raise MalformedPacket("another number of parameters than the statement has")
    nulls = reader.take((count + 7) // 8)
    flag = reader.position
    return _Head(count, nulls, flag, bool(reader.integer(1)), reader.position)


def _types(reader: Reader, head: _Head, parameters: int, has_attributes: bool) -> ParameterTypes:
    if not has_attributes or _is_bulk(reader.data):
        block = reader.take(parameters * _TYPE)
        return ParameterTypes(block, head.end, reader.position)
    kinds = []
    for _ in range(head.count):
        kinds.append(reader.take(_TYPE))
        skip(reader, reader.lenenc_int())
    return ParameterTypes(b"".join(kinds[:parameters]), head.end, reader.position)


def _skip_types(reader: Reader, count: int, has_attributes: bool) -> None:
    if not has_attributes:
        skip(reader, count * _TYPE)
        return
    for _ in range(count):
        skip(reader, _TYPE)
        skip(reader, reader.lenenc_int())
