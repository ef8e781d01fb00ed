"""Ids of a compressing server's inner packets become those that a plain one would have."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.compressed_sequences import CommandSequences
from proxy.mysql.wire.framing import frame
from proxy.mysql.wire.renumbering import LoweredIds, Renumbering
from tests.peers import packets as p


def sending(size: int = 1) -> tuple[CommandSequences, Renumbering]:
    """A command in ``size`` compressed packets has been sent."""
    sequences = CommandSequences()
    renumbering = Renumbering(sequences)
    for _ in range(size):
        sequences.next()
    renumbering.sent(frame(b"\x03SELECT 1"))
    return sequences, renumbering


def stream(*numbers: int, content: bytes = b"x") -> bytes:
    """Packets with these ids."""
    return b"".join(frame(content, number) for number in numbers)


def test_an_answer_begins_behind_its_command_not_behind_the_compressed_packets() -> None:
    _, renumbering = sending(46)
    assert renumbering.received(stream(46, 47, 48)) == stream(1, 2, 3)


def test_a_jump_between_two_results() -> None:
    _, renumbering = sending()
    assert renumbering.received(stream(1, 2, 3, 2, 3, 3, 4)) == stream(1, 2, 3, 4, 5, 6, 7)


def test_behind_a_file() -> None:
    _, renumbering = sending()
    assert renumbering.received(stream(1)) == stream(1)
    renumbering.sent(stream(2, 3, 4, 5) + frame(b"", 6))
    assert renumbering.received(stream(4)) == stream(7)


def test_behind_a_command_of_two_packets() -> None:
    sequences = CommandSequences()
    renumbering = Renumbering(sequences)
    sequences.next()
    whole = frame(b"\x03" + bytes(0xFFFFFF + 10))
    for start in range(0, len(whole), 60_000):
        renumbering.sent(whole[start : start + 60_000])
    assert renumbering.received(stream(1)) == stream(2)


def test_ids_start_over() -> None:
    _, renumbering = sending()
    assert renumbering.received(stream(*[9] * 257)) == stream(*[number & 0xFF for number in range(1, 258)])


def test_an_answer_that_begins_with_0_behind_256_compressed_packets() -> None:
    _, renumbering = sending(256)
    assert renumbering.received(stream(0, 1)) == stream(1, 2)


def test_the_farewell_of_a_server_keeps_its_0() -> None:
    sequences, renumbering = sending()
    sequences.received(1)
    assert renumbering.received(stream(1)) == stream(1)
    sequences.begin_command()
    sequences.next()
    renumbering.sent(frame(b"\x03SELECT 2"))
    sequences.received(2)
    assert renumbering.received(stream(0)) == stream(0)


def test_answers_to_commands_that_were_sent_at_once_stay_as_they_are() -> None:
    _, renumbering = sending()
    renumbering.sent(frame(b"\x03SELECT 2"))
    assert renumbering.received(stream(1, 2, 1, 2)[:13], change=False) == stream(1, 2, 1, 2)[:10]
    assert renumbering.received(stream(1, 2, 1, 2)[13:], change=False) == stream(1, 2, 1, 2)[10:]
    renumbering.sent(frame(b"\x03SELECT 3"))
    assert renumbering.received(stream(1, 2, 2)) == stream(1, 2, 3)


@given(
    contents=st.lists(st.binary(max_size=30), min_size=1, max_size=20),
    cuts=st.lists(st.integers(0, 700), max_size=10),
)
def test_however_the_stream_is_cut(contents: list[bytes], cuts: list[int]) -> None:
    _, renumbering = sending()
    arriving = b"".join(frame(content, 7) for content in contents)
    expected = b"".join(frame(content, number) for number, content in enumerate(contents, 1))
    edges = [0, *sorted(min(cut, len(arriving)) for cut in cuts), len(arriving)]
    pieces = [arriving[start:end] for start, end in pairwise(edges)]
    assert b"".join(renumbering.received(piece) for piece in pieces if piece) == expected


class TestLoweredIds:
    """The answer to a command that went out in one packet more."""

    ANSWER = p.packets([b"\x01", p.column(), p.row([b"x" * 300]), p.ok(header=0xFE)], 2)

    @pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
    def test_wherever_it_is_cut(self, size: int) -> None:
        lowered = LoweredIds(1)
        pieces = [lowered.received(self.ANSWER[at : at + size]) for at in range(0, len(self.ANSWER), size)]
        assert [number for number, _ in p.split(b"".join(pieces))] == [1, 2, 3, 4]

    def test_ids_begin_again_at_256(self) -> None:
        assert LoweredIds(1).received(p.packet(b"x", 0)) == p.packet(b"x", 255)
