"""Values in the binary protocol: how long each is (MySQL manual, "Binary Protocol Value").

Parameters of COM_STMT_EXECUTE and query attributes have the same encoding.
"""

from typing import Final

from .datatypes import MalformedPacket, Reader

__all__ = ["DISPUTED_KINDS", "STRING_KINDS", "UNSIGNED", "skip", "skip_value"]

#: The bit of a parameter's type that tells about its sign.
UNSIGNED: Final = 0x8000

#: Bytes of the values that have no length in front: TINY, SHORT, LONG, FLOAT, DOUBLE, LONGLONG.
_FIXED: Final = {0x01: 1, 0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x08: 8}
#: TIMESTAMP, DATE, TIME, DATETIME.
_WITH_LENGTH_BYTE: Final = frozenset({0x07, 0x0A, 0x0B, 0x0C})
#: DECIMAL, VARCHAR, BIT, JSON, NEWDECIMAL, ENUM, SET, the BLOBs, VAR_STRING, STRING, GEOMETRY.
_WITH_LENGTH: Final = frozenset({0x00, 0x0F, 0x10, *range(0xF5, 0x100)})

#: VARCHAR, the BLOBs, VAR_STRING, STRING: the value is the text itself, behind its length.
STRING_KINDS: Final = frozenset({0x0F, *range(0xF9, 0xFF)})

#: BIT, GEOMETRY: as parameters MySQL 9 refuses them, and MariaDB 10.11 takes no byte for their value.
DISPUTED_KINDS: Final = frozenset({0x10, 0xFF})


def skip(reader: Reader, size: int) -> None:
    """Pass over ``size`` bytes without copying them. Raises MalformedPacket past the end."""
    if size > reader.remaining:
        raise MalformedPacket(f"field of {size} bytes runs past the end of its packet")
    reader.position += size


def skip_value(reader: Reader, kind: int) -> None:
    """Pass over a value of type ``kind``, which is without UNSIGNED. Raises MalformedPacket.

    What servers make of other types may differ from version to version, so these are malformed. Where server
    and proxy disagreed about a value's length, they would read another thing behind it.
    """
    if kind in _FIXED:
        skip(reader, _FIXED[kind])
    elif kind in _WITH_LENGTH_BYTE:
        skip(reader, reader.integer(1))
    elif kind in _WITH_LENGTH:
        skip(reader, reader.lenenc_int())
    else:
        raise MalformedPacket("a value of a type that values do not have")
