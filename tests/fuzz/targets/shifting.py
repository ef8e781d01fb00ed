"""Long commands with bytes inserted: whole packets with the same payload, however the command comes."""

from unittest import mock

from proxy.mysql.wire import framing, shifting
from proxy.mysql.wire.datatypes import MalformedPacket
from tests.fuzz.choices import cut, head_and_stream

#: Stands in for the longest payload of a packet, so that short inputs reach it.
LIMIT = 20


def _shifted(pieces: list[bytes], at: int, inserted: bytes) -> bytes:
    shifted = shifting.ShiftedFrames(at, inserted)
    out = b"".join([shifted.feed(piece) for piece in pieces])
    assert shifted.done
    return out


def fuzz(data: bytes) -> None:
    """Two bytes about the cuts, one for the place, one for how much is inserted; the rest is the payload."""
    choices, payload = head_and_stream(data, 4)
    seed, at, size = choices.number(2), choices.below(LIMIT), choices.number(1)
    inserted = b"+" * size
    with mock.patch.object(framing, "MAX_PAYLOAD", LIMIT), mock.patch.object(shifting, "MAX_PAYLOAD", LIMIT):
        stream = framing.frame(payload)
        if at > min(len(payload), LIMIT):
            try:
                _shifted([stream], at, inserted)
            except MalformedPacket:
                return
            raise AssertionError("inserted behind the end")
        expected = framing.frame(payload[:at] + inserted + payload[at:])
        for how in (0, 1, seed):
            assert _shifted(cut(stream, how), at, inserted) == expected
