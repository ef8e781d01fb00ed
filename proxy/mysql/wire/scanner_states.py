"""What a response scanner can expect next, and how it tells packets apart."""

import enum
import struct

from .commands import ResponseKind
from .datatypes import MalformedPacket
from .framing import MAX_PAYLOAD
from .results import EOF, ERR

__all__ = ["FIRST_STATE", "Farewell", "State", "closes", "header_at", "skip_definitions"]

#: A packet's header as one number.
header_at = struct.Struct("<I").unpack_from


class State(enum.IntEnum):
    """Which packet is expected next."""

    HEAD = 0
    COLUMNS = 1
    ROWS = 2
    PREPARE = 3
    FIELDS = 4
    STRING = 5
    DONE = 6


FIRST_STATE = {
    ResponseKind.RESULT: State.HEAD,
    ResponseKind.PREPARE: State.PREPARE,
    ResponseKind.ROWS: State.ROWS,
    ResponseKind.FIELDS: State.FIELDS,
    ResponseKind.STRING: State.STRING,
    ResponseKind.NONE: State.DONE,
}


class Farewell(MalformedPacket):
    """The server speaks first: it is about to close."""


def skip_definitions(data: bytes, position: int, left: int) -> tuple[int, int]:
    """Skip column definitions but for the last one; returns where the next packet begins, and what is left.

    Stops at whatever needs a closer look: a packet of which the first byte is not there, an empty or a very
    long one, an error, a progress report.
    """
    last = len(data) - 5
    while left > 1 and position <= last:
        length = header_at(data, position)[0] & MAX_PAYLOAD
        if length == MAX_PAYLOAD or not length or data[position + 4] == ERR:
            break
        position += 4 + length
        left -= 1
    return position, left


def closes(first: int, length: int) -> bool:
    """Whether a packet where a row could stand ends the rows instead."""
    return first == ERR or (first == EOF and length < MAX_PAYLOAD)
