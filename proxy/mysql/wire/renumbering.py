"""Gives the packets of a compressing server the sequence ids they would have without compression.

A server that compresses numbers its inner packets after its compressed ones: an answer begins with the count
of compressed packets that carried the command, and jumps at every flush (between two results, behind a file).
MariaDB 10.11 and MySQL 9 do so; their own clients look only at the compressed packets. Clients that get the
inner packets without compression count them (MySQL manual, "Sequence ID").
"""

from .compressed_sequences import CommandSequences
from .framing import HEADER, MAX_PAYLOAD

__all__ = ["LoweredIds", "Renumbering"]


class _Walk:
    """Finds packet headers in a stream that is cut anywhere."""

    __slots__ = ("_held", "_skip")

    def __init__(self) -> None:
        self._held = b""
        self._skip = 0

    def headers(self, data: bytes) -> tuple[bytes, list[int]]:
        """What can be passed on, and where packets begin in it; the beginning of a header is held back."""
        if self._held:
            data = self._held + data
            self._held = b""
        found = []
        position, size = self._skip, len(data)
        while position + HEADER <= size:
            found.append(position)
            position += HEADER + (int.from_bytes(data[position : position + 3], "little") & MAX_PAYLOAD)
        if position < size:
            self._held = data[position:]
            self._skip = 0
            return data[:position], found
        self._skip = position - size
        return data, found


class LoweredIds:
    """The answer to a command that went out in more packets than it had come in."""

    __slots__ = ("_by", "_walk")

    def __init__(self, by: int) -> None:
        self._by = by
        self._walk = _Walk()

    def received(self, data: bytes) -> bytes:
        """Bytes of the answer as its client counts; a header's beginning waits for the rest of it."""
        data, positions = self._walk.headers(data)
        numbered = bytearray(data)
        for position in positions:
            numbered[position + 3] = (data[position + 3] - self._by) & 0xFF
        return bytes(numbered)


class Renumbering:
    """One connection to a server: hears what is sent, and numbers what is received."""

    __slots__ = ("_answered", "_next", "_received", "_sent", "_sequences")

    def __init__(self, sequences: CommandSequences) -> None:
        self._sequences = sequences
        self._sent = _Walk()
        self._received = _Walk()
        self._next = 0
        self._answered = False

    def sent(self, data: bytes) -> None:
        """Bytes on the way to the server, as it would count them."""
        data, positions = self._sent.headers(data)
        if positions:
            self._next = (data[positions[-1] + 3] + 1) & 0xFF
            self._answered = False

    def received(self, data: bytes, *, change: bool = True) -> bytes:
        """Bytes of the answer with their ids changed; a header's beginning waits for the rest of it.

        Without ``change`` they stay: where several commands are sent at once, nobody here knows which answer
        begins. That of a command in one compressed packet then begins with 1, as it should.
        """
        data, positions = self._received.headers(data)
        if not positions or not change:
            return data
        numbered = bytearray(data)
        for position in positions:
            numbered[position + 3] = self._number(data[position + 3])
        return bytes(numbered)

    def _number(self, sequence: int) -> int:
        if not self._answered and not sequence and self._sequences.sent:
            # No answer: a server that ends the connection begins at 0, whatever it has got.
            return 0
        number = self._next
        self._next = (number + 1) & 0xFF
        self._answered = True
        return number
