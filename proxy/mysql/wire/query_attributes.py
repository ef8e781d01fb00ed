"""Where the text of a COM_QUERY begins behind its query attributes (MySQL manual, "COM_QUERY").

With CLIENT_QUERY_ATTRIBUTES a statement's text comes after the number of its attributes and the attributes
themselves, in the manner of COM_STMT_EXECUTE's parameters.
"""

from typing import Final

from .binary_values import UNSIGNED, skip, skip_value
from .datatypes import MalformedPacket, Reader

__all__ = ["MAX_ATTRIBUTES", "NO_ATTRIBUTES", "text_start"]

#: What stands in front of a text without attributes: their number, and that of the sets of them.
NO_ATTRIBUTES: Final = b"\0\1"

#: Attributes of one statement. Clients send a handful; MySQL would take 65,535.
MAX_ATTRIBUTES = 1024


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
            skip_value(reader, kind)
    return reader.position


def _types(reader: Reader, count: int) -> list[int]:
    types = []
    for _ in range(count):
        types.append(reader.integer(2) & ~UNSIGNED)
        skip(reader, reader.lenenc_int())
    return types
