"""Compressed packets towards clients, cut where the packets inside begin (MySQL manual, "Compressed Packet").

Any cut is allowed, and most clients do not mind. MySQL's Connector/Python does: it takes the header of an
inner packet for granted where it sees its first byte, and a packet's rest in one compressed packet, as
servers send them. So no header is cut in two, and no packet in three. Packets are sent as soon as they are
whole, as many as there are in one compressed packet of up to MAX_PIECE bytes; of one that is longer the
beginning is sent so, and the rest in a compressed packet that is stored as it is, whose length can be told
before the rest has come.

What waits here is the beginning of one packet of at most MAX_PIECE bytes.
"""

from collections.abc import Callable

from .compression import MAX_PIECE, Compressor, stored_header
from .framing import HEADER, MAX_PAYLOAD
from .scanner_states import header_at

__all__ = ["AlignedCompressor"]


class AlignedCompressor:
    """One stream of packets, which comes in chunks cut anywhere."""

    __slots__ = ("_compressor", "_held", "_missing", "_rest")

    def __init__(self, compressor: Compressor) -> None:
        self._compressor = compressor
        #: The beginning of a packet, and how many bytes have to come before it is looked at again.
        self._held: list[bytes] = []
        self._missing = 0
        #: Bytes that are still to come of what a stored packet has announced.
        self._rest = 0

    def packets(self, data: bytes, sequence: Callable[[], int]) -> bytes:
        """What can be sent now; ``sequence`` is asked for the id of each compressed packet."""
        out: list[bytes] = []
        if self._rest:
            piece = data[: self._rest]
            self._rest -= len(piece)
            if len(piece) == len(data):
                return data
            out.append(piece)
            data = data[len(piece) :]
        if self._held:
            self._held.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return b""
            data = b"".join(self._held)
            self._held.clear()
        self._cut(data, sequence, out)
        return b"".join(out)

    def _cut(self, data: bytes, sequence: Callable[[], int], out: list[bytes]) -> None:
        """Send the packets that ``data``, which begins with one, is made of."""
        pack = self._compressor.packet
        start = position = 0
        size = len(data)
        while size - position >= HEADER:
            end = position + HEADER + (header_at(data, position)[0] & MAX_PAYLOAD)
            if end - start > MAX_PIECE and position > start:
                out.append(pack(data[start:position], sequence()))
                start = position
            if end - start > MAX_PIECE:
                self._send_long(data[position:end], end - position, sequence, out)
                start = end
            elif end > size:
                self._missing = end - size
                break
            position = end
        else:
            self._missing = HEADER - (size - position)
        if position > start:
            out.append(pack(data[start:position], sequence()))
        if position < size:
            self._held.append(data[position:])

    def _send_long(self, piece: bytes, size: int, sequence: Callable[[], int], out: list[bytes]) -> None:
        """What is there of a packet of ``size`` bytes, and how the rest will be sent."""
        out.append(self._compressor.packet(piece[:MAX_PIECE], sequence()))
        rest = size - min(len(piece), MAX_PIECE)
        if len(piece) == size:
            out.append(self._compressor.packet(piece[MAX_PIECE:], sequence()))
        else:
            out += (stored_header(rest, sequence()), piece[MAX_PIECE:])
            self._rest = size - len(piece)
