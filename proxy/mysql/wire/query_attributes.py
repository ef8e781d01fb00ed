"""Where the text of a COM_QUERY begins behind its query attributes (MySQL manual, "COM_QUERY").

With CLIENT_QUERY_ATTRIBUTES a statement's text comes after the number of its attributes and the attributes
themselves, in the manner of COM_STMT_EXECUTE's parameters.
"""

from typing import Final

from .datatypes import MalformedPacket, Reader

__all__ = ["MAX_ATTRIBUTES", "NO_ATTRIBUTES", "text_start"]

#: What stands in front of a text without attributes: their number, and that of the sets of them.
NO_ATTRIBUTES: Final = b"\0\1"

#: Attributes of one statement. Clients send a handful; MySQL would take 65,535.
MAX_ATTRIBUTES = 1024

#: Bytes of the values that have no length in front: TINY, SHORT, LONG, FLOAT, DOUBLE, LONGLONG.
_FIXED: Final = {0x01: 1, 0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x08: 8}
#: TIMESTAMP, DATE, TIME, DATETIME.
_WITH_LENGTH_BYTE: Final = frozenset({0x07, 0x0A, 0x0B, 0x0C})
#: DECIMAL, VARCHAR, BIT, JSON, NEWDECIMAL, ENUM, SET, the BLOBs, VAR_STRING, STRING, GEOMETRY.
_WITH_LENGTH: Final = frozenset({0x00, 0x0F, 0x10, *range(0xF5, 0x100)})
_UNSIGNED: Final = 0x8000


def text_start(command: bytes, position: int) -> int:
    """Where the text begins in a command whose attributes begin at ``position``. Raises MalformedPacket.

    MalformedPacket is raised too where ``command`` is only the beginning of a long one and ends before that.
    """
    if command.startswith(NO_ATTRIBUTES, position):
        return position + 2
    reader = Reader(command, position)
    count = reader.lenenc_int()
    if reader.lenenc_int() != 1:
        raise MalformedPacket("more than one set of query attributes")
    if not count:
        return reader.position
    if count > MAX_ATTRIBUTES:
        raise MalformedPacket(f"more than {MAX_ATTRIBUTES} query attributes")
    nulls = int.from_bytes(reader.take((count + 7) // 8), "little")
    if reader.integer(1) != 1:
        raise MalformedPacket("query attributes without their types")
    for at, kind in enumerate(_types(reader, count)):
        if not nulls >> at & 1:
            _skip_value(reader, kind)
    return reader.position


def _types(reader: Reader, count: int) -> list[int]:
    types = []
    for _ in range(count):
        types.append(reader.integer(2) & ~_UNSIGNED)
        reader.lenenc_bytes()
    return types


def _skip_value(reader: Reader, kind: int) -> None:
    """Pass over a value. What the server makes of other types may differ from version to version.

    Where the two disagreed about a value's length, the server would run another text than was screened.
    """
    if kind in _FIXED:
        reader.take(_FIXED[kind])
    elif kind in _WITH_LENGTH_BYTE:
        reader.take(reader.integer(1))
    elif kind in _WITH_LENGTH:
        reader.lenenc_bytes()
    else:
        raise MalformedPacket("a query attribute of a type that values do not have")
