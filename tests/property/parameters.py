"""Values of COM_STMT_EXECUTE. MySQL manual, "Binary Protocol Value"."""

import struct

import attrs

__all__ = ["Parameter", "blob", "date", "decimal", "double", "integer", "null", "string", "tiny"]

TINY, DOUBLE, NULL, LONGLONG, DATE, NEWDECIMAL, BLOB, VAR_STRING = 1, 5, 6, 8, 10, 246, 252, 253
UNSIGNED = 0x8000


@attrs.frozen
class Parameter:
    """A value with the type that goes with it; `data` is None for NULL."""

    type: int
    data: bytes | None
    text: str
    """As SQL, for the reader of a failure."""

    def __str__(self) -> str:
        return self.text


def null() -> Parameter:
    """NULL, of the type NULL."""
    return Parameter(NULL, None, "NULL")


def tiny(value: int) -> Parameter:
    """A signed integer of 1 byte."""
    return Parameter(TINY, struct.pack("<b", value), f"{value}")


def integer(value: int) -> Parameter:
    """An integer of 8 bytes, unsigned when it must be."""
    if value >= 1 << 63:
        return Parameter(LONGLONG | UNSIGNED, struct.pack("<Q", value), f"{value}")
    return Parameter(LONGLONG, struct.pack("<q", value), f"{value}")


def double(value: float) -> Parameter:
    """A double."""
    return Parameter(DOUBLE, struct.pack("<d", value), f"{value}e0")


def decimal(value: str) -> Parameter:
    """A decimal from its digits."""
    return Parameter(NEWDECIMAL, _short(value.encode()), value)


def string(value: str) -> Parameter:
    """A string of up to 250 bytes in the client's character set, which must be utf8mb4 for others than ASCII."""
    return Parameter(VAR_STRING, _short(value.encode()), repr(value))


def blob(value: bytes) -> Parameter:
    """A binary string of up to 250 bytes."""
    return Parameter(BLOB, _short(value), f"X'{value.hex()}'")


def date(year: int, month: int, day: int) -> Parameter:
    """A date."""
    return Parameter(DATE, struct.pack("<BHBB", 4, year, month, day), f"DATE'{year:04}-{month:02}-{day:02}'")


def _short(value: bytes) -> bytes:
    return bytes((len(value),)) + value
