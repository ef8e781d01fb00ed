"""Values of COM_STMT_EXECUTE. MySQL manual, "Binary Protocol Value"."""

import ast
import re
import struct
from collections.abc import Callable

import attrs

__all__ = ["Parameter", "blob", "date", "decimal", "double", "integer", "null", "parsed", "string", "tiny"]

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
    return Parameter(TINY, struct.pack("<b", value), f"TINY {value}")


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
    """A string of up to 250 bytes in UTF-8."""
    return Parameter(VAR_STRING, _short(value.encode()), repr(value))


def blob(value: bytes) -> Parameter:
    """A binary string of up to 250 bytes."""
    return Parameter(BLOB, _short(value), f"X'{value.hex()}'")


def date(year: int, month: int, day: int) -> Parameter:
    """A date."""
    return Parameter(DATE, struct.pack("<BHBB", 4, year, month, day), f"DATE'{year:04}-{month:02}-{day:02}'")


def parsed(text: str) -> Parameter:
    """The parameter from its text. Raises ValueError."""
    for pattern, make in _FORMS:
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found:
            return make(found[1])
    raise ValueError(f"no parameter: {text}")


def _date(text: str) -> Parameter:
    year, month, day = text.split("-")
    return date(int(year), int(month), int(day))


_FORMS: tuple[tuple[str, Callable[[str], Parameter]], ...] = (
    (r"(NULL)", lambda _: null()),
    (r"TINY (-?\d+)", lambda text: tiny(int(text))),
    (r"(-?\d+)", lambda text: integer(int(text))),
    (r"(-?[\d.]+)", decimal),
    (r"(-?[\d.]+)e0", lambda text: double(float(text))),
    (r"X'(.*)'", lambda text: blob(bytes.fromhex(text))),
    (r"DATE'(.*)'", _date),
    (r"('.*'|\".*\")", lambda text: string(ast.literal_eval(text))),
)


def _short(value: bytes) -> bytes:
    return bytes((len(value),)) + value
