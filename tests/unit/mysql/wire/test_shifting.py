"""A command with bytes inserted is cut into packets anew, however it comes."""

import itertools
import random
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.mysql.wire import shifting
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.shifting import LONGEST_INSERTION, ShiftedFrames
from tests.peers import packets as p

#: Stands in for the longest payload of a packet, so that short commands are long ones.
LIMIT = 12


@pytest.fixture(scope="class")
def short_packets() -> Iterator[None]:
    """Commands are cut at LIMIT bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shifting, "MAX_PAYLOAD", LIMIT)
        patch.setattr(p, "LIMIT", LIMIT)
        yield


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def command(size: int) -> bytes:
    return bytes(0x41 + at % 26 for at in range(size))


def expected(payload: bytes, at: int, inserted: bytes) -> bytes:
    return p.packet(payload[:at] + inserted + payload[at:])


@pytest.mark.usefixtures("short_packets")
class TestShortPackets:
    """Where a packet is full with LIMIT bytes."""

    @given(
        size=st.integers(0, 5 * LIMIT),
        at=st.integers(0, LIMIT - 1),
        inserted=st.integers(0, 4 * LIMIT),
        places=st.lists(st.integers(0, 1000), max_size=30),
    )
    @example(size=LIMIT - 3, at=5, inserted=3, places=[])
    @example(size=LIMIT, at=5, inserted=LIMIT, places=[])
    @example(size=2 * LIMIT, at=0, inserted=0, places=[1, 2])
    @example(size=0, at=0, inserted=LIMIT, places=[1, 2, 3])
    def test_like_the_whole_payload(self, size: int, at: int, inserted: int, places: list[int]) -> None:
        payload = command(size)
        at = min(at, size)
        shifted = ShiftedFrames(at, b"+" * inserted)
        pieces = cut(p.packet(payload), places)
        assert b"".join([shifted.feed(piece) for piece in pieces]) == expected(payload, at, b"+" * inserted)
        assert shifted.done
        with pytest.raises(MalformedPacket):
            shifted.feed(b"x")

    @pytest.mark.parametrize("inserted", [0, 1, LIMIT, 3 * LIMIT])
    @pytest.mark.parametrize("size", range(4, 4 * LIMIT))
    def test_byte_by_byte_no_more_is_held_than_inserted(self, size: int, inserted: int) -> None:
        payload = command(size)
        shifted = ShiftedFrames(4, b"+" * inserted)
        stream = p.packet(payload)
        out = b""
        for at in range(len(stream)):
            assert not shifted.done
            out += shifted.feed(stream[at : at + 1])
            assert len(shifted._held) <= inserted
        assert out == expected(payload, 4, b"+" * inserted)
        assert shifted.done

    def test_a_packet_of_known_length_begins_at_once(self) -> None:
        shifted = ShiftedFrames(1, b"++")
        assert shifted.feed(b"\x05\0\0\0") == b"\x07\0\0\0"
        assert shifted.feed(b"a") == b"a++"
        assert shifted.feed(b"bcde") == b"bcde"
        assert shifted.done

    def test_what_the_packets_are_numbered_does_not_matter(self) -> None:
        shifted = ShiftedFrames(0, b"+")
        stream = bytearray(p.packet(command(3 * LIMIT)))
        stream[3] = 77
        assert shifted.feed(bytes(stream)) == expected(command(3 * LIMIT), 0, b"+")

    def test_the_ids_of_very_many_packets_begin_anew(self) -> None:
        payload = command(300 * LIMIT)
        assert ShiftedFrames(2, b"+++").feed(p.packet(payload)) == expected(payload, 2, b"+++")

    def test_a_command_that_ends_before_the_insertion(self) -> None:
        with pytest.raises(MalformedPacket):
            ShiftedFrames(6, b"+").feed(p.packet(b"short"))

    @pytest.mark.parametrize(
        ("at", "inserted"), [(-1, b""), (LIMIT, b""), (0, bytes(LONGEST_INSERTION + 1))], ids=str
    )
    def test_insertions_without_a_place(self, at: int, inserted: bytes) -> None:
        with pytest.raises(ValueError, match="does not fit"):
            ShiftedFrames(at, inserted)


@pytest.mark.parametrize("size", [p.LIMIT - 7, p.LIMIT, 2 * p.LIMIT - 7])
def test_packets_of_16_mib(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    inserted = b"\3\0\xfd\0\xfd\0\0"
    shifted = ShiftedFrames(14, inserted)
    stream = p.packet(payload)
    out = [shifted.feed(stream[at : at + 65_536]) for at in range(0, len(stream), 65_536)]
    assert b"".join(out) == expected(payload, 14, inserted)
    assert shifted.done


@pytest.mark.usefixtures("short_packets")
@pytest.mark.parametrize(
    ("size", "inserted", "more"),
    [
        (LIMIT - 9, 5, 0),
        (LIMIT - 5, 4, 0),
        (LIMIT - 5, 5, 1),
        (LIMIT - 1, 5, 1),
        (LIMIT, 5, 0),
        (2 * LIMIT - 3, 5, 1),
    ],
)
def test_how_many_packets_more(size: int, inserted: int, more: int) -> None:
    """A server numbers its answer after those it has got."""
    command = p.packet(b"x" * size)
    shifted = ShiftedFrames(3, b"y" * inserted)
    out = shifted.feed(command[:-1])
    assert shifted.more_packets == 0
    out += shifted.feed(command[-1:])
    assert shifted.more_packets == more == len(p.split(out)) - len(p.split(command))
