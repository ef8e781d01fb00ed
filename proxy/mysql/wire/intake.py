"""Cuts what a client sends into commands (MySQL manual, "Command Phase").

A command that fits into ``whole`` bytes is handed out in one piece, so that it can be screened. Of a longer
one the beginning is handed out as soon as that much is there, and the rest is passed on as it arrives.
"""

from .datatypes import MalformedPacket
from .framing import HEADER, MAX_PAYLOAD, PacketTooLarge

__all__ = ["WHOLE_COMMAND", "CommandIntake", "OutOfOrder"]

#: Longest command that is held to be screened as a whole, in bytes.
WHOLE_COMMAND = 128 * 1024


class OutOfOrder(MalformedPacket):
    """A command whose sequence id is not 0."""


class CommandIntake:
    """``feed`` chunks; ``take`` a command; while ``uploading``, ``upload`` the rest of it."""

    __slots__ = (
        "_at",
        "_buffer",
        "_file",
        "_file_sequence",
        "_left",
        "_limit",
        "_more",
        "_size",
        "_whole",
        "ignores_ids",
        "sequence",
        "text",
        "uploading",
    )

    def __init__(self, max_statement_size: int, whole: int = WHOLE_COMMAND) -> None:
        self._buffer = b""
        #: Where in the buffer the next packet begins.
        self._at = 0
        self._limit = max_statement_size
        self._whole = whole
        #: Bytes of the current packet that are still to come, and whether another packet continues it.
        self._left = 0
        self._more = False
        self._file = False
        self._file_sequence = 0
        #: The client's own ids mean nothing, as to a server where it compresses: packets are numbered here.
        self.ignores_ids = False
        self._size = 0
        #: A command's end has not been handed out yet.
        self.uploading = False
        #: What ``upload`` handed out last, without the headers of packets that begin in it.
        self.text = b""
        #: The sequence id with which to answer the last packet seen.
        self.sequence = 1

    @property
    def buffered(self) -> int:
        """Bytes that wait for their turn."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        """Add a chunk."""
        if self._at < len(self._buffer):
            data = self._buffer[self._at :] + data
        self._buffer = data
        self._at = 0

    def take(self) -> bytes | None:
        """The next command with its header, or the beginning of a long one, or None if it is not there yet.

        Raises OutOfOrder, PacketTooLarge or MalformedPacket.
        """
        data, at = self._buffer, self._at
        size = len(data) - at
        if size < HEADER:
            return None
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        is_numbered = data[at + 3] > 0
        if is_numbered and not self.ignores_ids:
            raise OutOfOrder("a command's sequence id is not 0")
        if not length:
            raise MalformedPacket("empty command")
        if length > self._limit:
            raise PacketTooLarge("statement is longer than max_statement_size")
        end = HEADER + length
        self.sequence = 1
        if size == end and not at and length < MAX_PAYLOAD and not is_numbered:
            self._buffer = b""
            return data
        if size < end and (end <= self._whole or size < self._whole):
            return None
        head = self._cut(end)
        self._left = end - len(head)
        self._more = length == MAX_PAYLOAD
        self._size = length
        self.uploading = self._left > 0 or self._more
        return head[:3] + b"\0" + head[HEADER:] if is_numbered else head

    def _cut(self, size: int) -> bytes:
        """Take at most ``size`` bytes off the buffer; a buffer that is used up is not kept."""
        at = self._at
        piece = self._buffer[at : at + size]
        self._at = at + len(piece)
        if self._at >= len(self._buffer):
            self._buffer = b""
            self._at = 0
        return piece

    def upload(self) -> bytes:
        """What has arrived of a long command since; ``uploading`` ends with its last byte."""
        out: list[bytes] = []
        text: list[bytes] = []
        while self.uploading and self._buffer:
            if self._left:
                piece = self._cut(self._left)
                self._left -= len(piece)
                out.append(piece)
                text.append(piece)
                self.uploading = self._left > 0 or self._more
            elif not self._continue(out):
                break
        self.text = b"".join(text)
        return b"".join(out)

    def _continue(self, out: list[bytes]) -> bool:
        """Begin the next packet of a command; False while its header is incomplete."""
        if self.buffered < HEADER:
            return False
        header = self._cut(HEADER)
        self._left = int.from_bytes(header[:3], "little")
        if self.ignores_ids:
            header = header[:3] + bytes((self.sequence,))
        elif header[3] != self.sequence:
            # The database would answer a command that it has not got whole.
            raise OutOfOrder("a command's packets are not numbered one after the other")
        self.sequence = (header[3] + 1) & 0xFF
        self._more = self._left == MAX_PAYLOAD
        self._size += self._left
        if self._size > self._limit:
            raise PacketTooLarge("statement is longer than max_statement_size")
        out.append(header)
        self.uploading = self._left > 0 or self._more
        return True

    def begin_file(self, sequence: int = 1) -> None:
        """LOCAL INFILE: the client now sends packets until an empty one.

        ``sequence`` is the id with which the database has asked for the file.
        """
        self._file_sequence = sequence
        self._left = 0
        self._file = True
        self.uploading = True

    def upload_file(self, sequence_offset: int | None) -> bytes:
        """What has arrived of the file; ``uploading`` ends with the empty packet. Raises OutOfOrder.

        ``sequence_offset`` is how much higher the client counts than the database; None for a file that goes
        nowhere, whose numbers do not matter.
        """
        out = []
        while self.uploading and self._buffer:
            if self._left:
                piece = self._cut(self._left)
                self._left -= len(piece)
                out.append(piece)
                continue
            if self.buffered < HEADER:
                break
            header = self._cut(HEADER)
            self._left = int.from_bytes(header[:3], "little")
            sequence = self._file_sequence = (self._file_sequence + 1) & 0xFF
            if not self.ignores_ids and sequence_offset is not None:
                self.sequence = (header[3] + 1) & 0xFF
                if header[3] != (sequence + sequence_offset) & 0xFF:
                    # A database says so once, and then nothing more to whoever comes next.
                    raise OutOfOrder("a file's packets are not numbered one after the other")
            out.append(header[:3] + bytes((sequence,)))
            self.uploading = self._file = self._left > 0
        return b"".join(out)

    def skip(self) -> None:
        """Drop what has arrived of a long command or a file."""
        if self._file:
            self.upload_file(None)
        else:
            self.upload()
            self.text = b""
