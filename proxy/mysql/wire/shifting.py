"""Puts a few bytes into a command that is too long to be held, and cuts it into packets anew.

Theory of operation. With k bytes more in it, a long command's packets no longer end where they ended: each
full one gives its last k bytes to the next. A packet's length must be known before its first byte is sent,
but the length of the one that comes in tells enough: behind a full packet another follows, so that a full one
goes out at once, and the k bytes left over wait for the next header. MySQL manual, "Sending More Than 16Mb".
"""

from .datatypes import MalformedPacket
from .framing import HEADER, MAX_PAYLOAD

__all__ = ["LONGEST_INSERTION", "ShiftedFrames"]

#: Bytes that may be inserted, which is also what may be held: more than the types of as many parameters as
#: there can be, with an empty name behind each.
LONGEST_INSERTION = 256 * 1024


class ShiftedFrames:
    """One command on its way: ``feed`` takes its packets as they come, cut anywhere, and gives out others.

    Sequence ids count from 0. At most the inserted bytes, or as many of the command's, are held.
    """

    __slots__ = (
        "_before",
        "_final",
        "_header",
        "_held",
        "_in_frame",
        "_in_frames",
        "_inserted",
        "_is_last",
        "_out_frame",
        "_sequence",
        "_started",
        "_unframed",
        "done",
    )

    def __init__(self, insertion_at: int, inserted: bytes) -> None:
        """``inserted`` goes behind the first ``insertion_at`` bytes of the payload. Raises ValueError.

        The place must be in the first packet, and not all too much may be inserted.
        """
        if not 0 <= insertion_at < MAX_PAYLOAD or len(inserted) > LONGEST_INSERTION:
            raise ValueError("an insertion that does not fit in a command's first packet")
        self._inserted = inserted
        #: Bytes of the payload in front of the insertion that are still to come; None behind it.
        self._before: int | None = insertion_at
        self._header = b""
        #: Bytes left of the packet that comes in; whether it is the last one.
        self._in_frame = self._in_frames = 0
        self._is_last = False
        self._started = False
        #: Bytes left of the packet that goes out, and announced bytes that are not in a packet yet.
        self._out_frame = 0
        self._unframed = 0
        #: The packet that goes out is the last one.
        self._final = False
        self._held = bytearray()
        self._sequence = 0
        #: The command's last byte has been given out.
        self.done = False

    @property
    def more_packets(self) -> int:
        """How many packets more have gone out than have come in; a response is numbered after them."""
        return (self._sequence - self._in_frames) & 0xFF if self.done else 0

    def feed(self, piece: bytes) -> bytes:
        """The bytes to send in place of ``piece``.

        Raises MalformedPacket where the command ends before the insertion, and for bytes behind its end.
        """
        out = bytearray()
        position, size = 0, len(piece)
        while position < size:
            if self.done:
                raise MalformedPacket("data after the end of a command")
            if not self._in_frame:
                taken = HEADER - len(self._header)
                self._header += piece[position : position + taken]
                position += taken
                if len(self._header) == HEADER:
                    self._begin_frame(out)
                continue
            part = piece[position : position + self._in_frame]
            position += len(part)
            self._in_frame -= len(part)
            self._take(part)
            self._give(out)
        return bytes(out)

    def _begin_frame(self, out: bytearray) -> None:
        length = int.from_bytes(self._header[:3], "little")
        self._header = b""
        self._in_frames += 1
        self._in_frame = length
        self._is_last = length < MAX_PAYLOAD
        self._unframed += length
        if not self._started:
            self._started = True
            if self._before is not None and length < self._before:
                raise MalformedPacket("a command that ends too early")
            self._unframed += len(self._inserted)
            self._take(b"")
        self._give(out)

    def _take(self, part: bytes) -> None:
        """Line up payload that has come, with the insertion in its place."""
        if self._before is None:
            self._held += part
        elif len(part) < self._before:
            self._before -= len(part)
            self._held += part
        else:
            self._held += part[: self._before]
            self._held += self._inserted
            self._held += part[self._before :]
            self._before = None

    def _give(self, out: bytearray) -> None:
        """Send on what can be put into packets."""
        while self._out_frame or self._open(out):
            if not self._held:
                return
            size = min(len(self._held), self._out_frame)
            out += self._held[:size]
            del self._held[:size]
            self._out_frame -= size
        self.done = self._final

    def _open(self, out: bytearray) -> bool:
        """Begin a packet, if its length is known; whether it has a payload."""
        length = min(self._unframed, MAX_PAYLOAD)
        if self._final or (length < MAX_PAYLOAD and not self._is_last):
            return False
        out += length.to_bytes(3, "little")
        out.append(self._sequence)
        self._sequence = (self._sequence + 1) & 0xFF
        self._unframed -= length
        self._out_frame = length
        self._final = length < MAX_PAYLOAD
        return length > 0
