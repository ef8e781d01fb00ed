"""Compressed packets towards clients: no inner header is cut in two, no inner packet in three."""

import itertools
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.aligned_compression import AlignedCompressor
from proxy.mysql.wire.compression import COMPRESSED_HEADER, MAX_PIECE, Algorithm, Compressor, Decompressor
from proxy.mysql.wire.framing import HEADER, MAX_PAYLOAD, frame

both = pytest.mark.parametrize("algorithm", Algorithm)


class Stream:
    """What a client gets."""

    def __init__(self, algorithm: Algorithm = Algorithm.ZLIB) -> None:
        self.algorithm = algorithm
        self._numbers = itertools.count()
        self._aligned = AlignedCompressor(Compressor(algorithm))
        self.sent = b""

    def write(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.sent += self._aligned.packets(piece, lambda: next(self._numbers) & 0xFF)

    def contents(self) -> list[bytes]:
        """What each compressed packet holds; the last may be incomplete."""
        found: list[bytes] = []
        stream = self.sent
        for number in itertools.count():
            if not stream:
                return found
            assert stream[3] == number & 0xFF
            size = COMPRESSED_HEADER + int.from_bytes(stream[:3], "little")
            decompressor = Decompressor(self.algorithm, lambda _: None)
            decompressor.feed(stream[:size])
            found.append(b"".join(iter(decompressor.read, b"")))
            stream = stream[size:]
        raise AssertionError

    def check(self) -> bytes:
        """Read as Connector/Python does, and all of it at once."""
        contents = iter(self.contents())
        whole = b""
        while content := next(contents, b""):
            position = 0
            while position < len(content):
                assert len(content) - position >= HEADER, "a header is cut in two"
                end = position + HEADER + int.from_bytes(content[position : position + 3], "little")
                if end > len(content):
                    content += next(contents)
                    assert end <= len(content), "a packet is cut in three"
                position = end
            whole += content
        return whole


def cut(data: bytes, *edges: int) -> list[bytes]:
    """Pieces of ``data``."""
    inside = sorted(min(edge, len(data)) for edge in edges)
    return [data[start:end] for start, end in pairwise([0, *inside, len(data)]) if end > start]


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@both
def test_small_packets_share_one(algorithm: Algorithm) -> None:
    stream = Stream(algorithm)
    answer = b"".join(frame(b"row", number) for number in range(20))
    stream.write(answer)
    assert stream.contents() == [answer]


@both
def test_a_packet_that_is_whole_does_not_wait(algorithm: Algorithm) -> None:
    stream = Stream(algorithm)
    first, second = frame(b"one", 1), frame(b"x" * 1000, 2)
    stream.write(first + second[:3])
    assert stream.contents() == [first]
    for piece in cut(second[3:], 1, 2, 500, 999):
        assert stream.contents() == [first]
        stream.write(piece)
    assert stream.contents() == [first, second]


def test_groups_are_bounded() -> None:
    stream = Stream()
    packet = frame(noise(1000), 1)
    stream.write(packet * 500)
    assert stream.check() == packet * 500
    sizes = [len(content) for content in stream.contents()]
    assert max(sizes) <= MAX_PIECE
    assert min(sizes[:-1]) > MAX_PIECE - len(packet)


@both
@pytest.mark.parametrize("step", [1000, 10_000, MAX_PIECE, 3 * MAX_PIECE])
@pytest.mark.parametrize("size", [MAX_PIECE - HEADER, MAX_PIECE - HEADER + 1, 300_000, 1_000_000])
def test_long_packets_take_two(algorithm: Algorithm, size: int, step: int) -> None:
    stream = Stream(algorithm)
    long = frame(noise(size), 2)
    answer = frame(b"head", 1) + long + frame(b"tail", 3) + long + frame(b"end", 5)
    stream.write(*cut(answer, *range(0, len(answer), step)))
    assert stream.check() == answer


def test_the_longest_packets_there_are() -> None:
    answer = frame(b"head", 1) + frame(bytes(2 * MAX_PAYLOAD), 2) + frame(b"end", 5)
    stream = Stream()
    stream.write(*cut(answer, *range(6, len(answer), MAX_PIECE)))
    assert stream.check() == answer
    at_once = Stream()
    at_once.write(answer)
    assert at_once.check() == answer


def test_a_long_packet_is_streamed() -> None:
    stream = Stream()
    long = frame(noise(1_000_000), 1)
    stream.write(long[:HEADER])
    assert stream.contents() == [long[:HEADER], b""]
    for piece in cut(long[HEADER:], *range(0, len(long), 999)):
        before = len(stream.sent)
        stream.write(piece)
        assert stream.sent[before:] == piece


@given(
    sizes=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 200_000)), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 400_000), max_size=10),
    algorithm=st.sampled_from(list(Algorithm)),
)
def test_however_it_comes(sizes: list[int], cuts: list[int], algorithm: Algorithm) -> None:
    packets = [frame(bytes((number,)) * size, number) for number, size in enumerate(sizes)]
    answer = b"".join(packets)
    stream = Stream(algorithm)
    arrived = 0
    for piece in cut(answer, *cuts):
        stream.write(piece)
        arrived += len(piece)
        got = sum(map(len, stream.contents()))
        whole = max(end for end in [0, *itertools.accumulate(map(len, packets))] if end <= arrived)
        assert whole <= got <= arrived
        assert arrived - got <= MAX_PIECE
    assert stream.check() == answer
