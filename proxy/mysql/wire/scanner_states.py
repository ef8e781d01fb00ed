"""What a response scanner can expect next, and how it tells packets apart."""

import enum
import struct

from .commands import ResponseKind
from .datatypes import MalformedPacket
from .framing import MAX_PAYLOAD
from .results import EOF, ERR

__all__ = ["FIRST_STATE", "Farewell", "State", "closes", "header_at"]

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


def closes(first: int, length: int) -> bool:
    """Whether a packet where a row could stand ends the rows instead."""
    return first == ERR or (first == EOF and length < MAX_PAYLOAD)
