"""The cursor over one packet: any sequence of reads gives what a plain reading of the manual gives."""

from proxy.mysql.wire.datatypes import MalformedPacket, Reader, lenenc_bytes, lenenc_int
from tests.fuzz.choices import Choices

_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}


class _Plain:
    """The same reads, written down naively; None where the packet ends too soon."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, size: int) -> bytes | None:
        if size > len(self.data):
            return None
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def integer(self, size: int) -> int | None:
        piece = self.take(size)
        return None if piece is None else sum(byte << 8 * place for place, byte in enumerate(piece))

    def lenenc_int(self) -> int | None:
        first = self.integer(1)
        if first is None or first in (0xFB, 0xFF):
            return None
        return first if first < 0xFB else self.integer(_WIDTHS[first])

    def lenenc_bytes(self) -> bytes | None:
        size = self.lenenc_int()
        return None if size is None else self.take(size)

    def nul_bytes(self) -> bytes | None:
        piece, found, rest = self.data.partition(b"\0")
        if not found:
            return None
        self.data = rest
        return piece

    def rest(self) -> bytes | None:
        return self.take(len(self.data))


_READS = ("take", "integer", "lenenc_int", "lenenc_bytes", "nul_bytes", "rest")


def fuzz(data: bytes) -> None:
    """The first half decides what is read from the second."""
    half = len(data) // 2
    choices, packet = Choices(data[:half]), data[half:]
    reader, plain = Reader(packet), _Plain(packet)
    while choices.left:
        name = choices.pick(_READS)
        arguments = (choices.below(10),) if name in ("take", "integer") else ()
        expected = getattr(plain, name)(*arguments)
        try:
            found = getattr(reader, name)(*arguments)
        except MalformedPacket:
            assert expected is None, name
            return
        assert found == expected, name
        assert reader.remaining == len(plain.data)
    number = int.from_bytes(packet[:8], "little")
    assert Reader(lenenc_int(number)).lenenc_int() == number
    assert Reader(lenenc_bytes(packet)).lenenc_bytes() == packet
