"""Length-encoded integers and strings, and a bounds-checked cursor over one packet's payload.

MySQL manual, "Protocol::LengthEncodedInteger" and "Protocol::LengthEncodedString".
"""

__all__ = ["MalformedPacket", "Reader", "lenenc_bytes", "lenenc_int"]


class MalformedPacket(Exception):
    """A packet that does not follow the protocol. The message says what was expected, never its content."""


def lenenc_int(value: int) -> bytes:
    """Encode a non-negative integer below 2**64."""
    if value < 0xFB:
        return bytes((value,))
    if value < 1 << 16:
        return b"\xfc" + value.to_bytes(2, "little")
    if value < 1 << 24:
        return b"\xfd" + value.to_bytes(3, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def lenenc_bytes(value: bytes) -> bytes:
    """Encode a string with its length in front."""
    return lenenc_int(len(value)) + value


class Reader:
    """Reads typed fields from a payload; every read past the end raises MalformedPacket."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    @property
    def remaining(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.position

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise MalformedPacket(f"field of {size} bytes runs past the end of its packet")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def integer(self, size: int) -> int:
        """A little-endian unsigned integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def lenenc_int(self) -> int:
        """A length-encoded integer; NULL (0xFB) and 0xFF are malformed here."""
        first = self.integer(1)
        if first < 0xFB:
            return first
        if first == 0xFC:
            return self.integer(2)
        if first == 0xFD:
            return self.integer(3)
        if first == 0xFE:
            return self.integer(8)
        raise MalformedPacket("invalid length-encoded integer")

    def lenenc_bytes(self) -> bytes:
        """A length-encoded string."""
        return self.take(self.lenenc_int())

    def nul_bytes(self) -> bytes:
        """A string that ends with a NUL byte, which is consumed."""
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise MalformedPacket("string without its closing NUL byte")
        piece = self.data[self.position : end]
        self.position = end + 1
        return piece

    def rest(self) -> bytes:
        """Everything up to the end of the packet."""
        return self.take(self.remaining)
