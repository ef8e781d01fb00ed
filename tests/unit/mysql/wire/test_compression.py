"""Compressed packets: what comes out is what went in, piece by piece; everything else is refused."""

import itertools
import random
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.compression import (
    COMPRESSED_HEADER,
    MAX_CONTENT,
    MAX_PIECE,
    MIN_COMPRESS_LENGTH,
    Algorithm,
    Compressor,
    Decompressor,
)
from proxy.mysql.wire.datatypes import MalformedPacket

ALGORITHMS = tuple(Algorithm)
MEBIBYTE = 1 << 20
PACK: dict[Algorithm, Callable[[bytes], bytes]] = {
    Algorithm.ZLIB: zlib.compress,
    Algorithm.ZSTD: zstd.compress,
}
both = pytest.mark.parametrize("algorithm", ALGORITHMS)


def count(start: int = 0) -> Callable[[], int]:
    """Sequence ids."""
    numbers = itertools.count(start)
    return lambda: next(numbers) & 0xFF


def packet(content: bytes, announced: int, sequence: int = 0) -> bytes:
    """A compressed packet made by hand."""
    return len(content).to_bytes(3, "little") + bytes((sequence,)) + announced.to_bytes(3, "little") + content


def headers(stream: bytes) -> list[tuple[int, int, int]]:
    """(length, sequence id, uncompressed length) of the packets in ``stream``."""
    found = []
    while stream:
        length = int.from_bytes(stream[:3], "little")
        found.append((length, stream[3], int.from_bytes(stream[4:7], "little")))
        stream = stream[COMPRESSED_HEADER + length :]
    return found


def decode(algorithm: Algorithm, stream: bytes, step: int = MAX_PIECE) -> bytes:
    """What ``stream`` holds, fed in chunks of ``step`` bytes."""
    decompressor = Decompressor(algorithm, lambda _sequence: None)
    out = []
    for start in range(0, len(stream), step):
        decompressor.feed(stream[start : start + step])
        while piece := decompressor.read():
            assert len(piece) <= MAX_PIECE
            out.append(piece)
    assert not decompressor.inside
    return b"".join(out)


def refusal(algorithm: Algorithm, stream: bytes) -> str:
    """Why ``stream`` is malformed."""
    with pytest.raises(MalformedPacket) as caught:
        decode(algorithm, stream)
    return str(caught.value)


@both
def test_short_payloads_stay_plain(algorithm: Algorithm) -> None:
    data = b"x" * (MIN_COMPRESS_LENGTH - 1)
    assert Compressor(algorithm).packets(data, count(7)) == packet(data, 0, 7)


@both
def test_what_does_not_shrink_stays_plain(algorithm: Algorithm) -> None:
    data = random.Random(1).randbytes(5000)
    assert Compressor(algorithm).packets(data, count()) == packet(data, 0)


@both
def test_the_shortest_payload_that_is_compressed(algorithm: Algorithm) -> None:
    stream = Compressor(algorithm).packets(b"x" * MIN_COMPRESS_LENGTH, count())
    assert headers(stream)[0][2] == MIN_COMPRESS_LENGTH
    assert len(stream) < MIN_COMPRESS_LENGTH


@both
def test_as_few_packets_as_can_be(algorithm: Algorithm) -> None:
    stream = Compressor(algorithm).packets(b"x" * (2 * MAX_CONTENT + 1), count(254))
    assert [(sequence, size) for _length, sequence, size in headers(stream)] == [
        (254, MAX_CONTENT),
        (255, MAX_CONTENT),
        (0, 0),
    ]


@both
def test_nothing_makes_no_packet(algorithm: Algorithm) -> None:
    assert Compressor(algorithm).packets(b"", count()) == b""


def test_zstd_levels() -> None:
    data = b"".join(b"%d," % number for number in range(10000))
    sizes = {level: len(Compressor(Algorithm.ZSTD, level).packets(data, count())) for level in (1, 22)}
    assert sizes[22] < sizes[1]
    for level in (0, 23, -1):
        with pytest.raises(ValueError, match="zstd level"):
            Compressor(Algorithm.ZSTD, level)


@both
@given(data=st.data())
def test_round_trip_however_it_is_cut(algorithm: Algorithm, data: st.DataObject) -> None:
    content = data.draw(st.one_of(st.binary(max_size=2000), st.builds(bytes, st.integers(0, 300_000))))
    stream = Compressor(algorithm).packets(content, count())
    step = data.draw(st.integers(1 if len(stream) < 5000 else 100, 70_000))
    assert decode(algorithm, stream, step) == content


@both
def test_sequence_ids_are_heard_as_packets_begin(algorithm: Algorithm) -> None:
    heard: list[int] = []
    decompressor = Decompressor(algorithm, heard.append)
    decompressor.feed(packet(b"one", 0, 3) + packet(b"two", 0, 4) + packet(b"three", 0, 9)[:6])
    assert (decompressor.read(), heard) == (b"one", [3])
    assert (decompressor.read(), heard) == (b"two", [3, 4])
    assert (decompressor.read(), heard) == (b"", [3, 4])
    assert decompressor.inside


@both
def test_a_bomb_is_defused_piece_by_piece(algorithm: Algorithm) -> None:
    size = 15 * MEBIBYTE
    decompressor = Decompressor(algorithm, lambda _sequence: None)
    decompressor.feed(packet(PACK[algorithm](bytes(size)), size))
    before = decompressor.buffered
    assert len(decompressor.read()) == MAX_PIECE
    assert decompressor.inside
    assert decompressor.buffered <= before
    total = MAX_PIECE
    while piece := decompressor.read():
        assert len(piece) <= MAX_PIECE
        total += len(piece)
    assert total == size
    assert not decompressor.inside


@both
def test_a_bomb_that_announces_less_is_refused_unread(algorithm: Algorithm) -> None:
    decompressor = Decompressor(algorithm, lambda _sequence: None)
    decompressor.feed(packet(PACK[algorithm](bytes(15 * MEBIBYTE)), 100))
    with pytest.raises(MalformedPacket, match="more than it announced"):
        decompressor.read()


@both
@pytest.mark.parametrize(
    ("announced", "text"), [(99, "more than it announced"), (101, "less than it announced"), (1, "more than")]
)
def test_a_wrong_length(algorithm: Algorithm, announced: int, text: str) -> None:
    assert text in refusal(algorithm, packet(PACK[algorithm](b"x" * 100), announced))


@both
def test_garbage(algorithm: Algorithm) -> None:
    assert f"not valid {algorithm.value}" in refusal(algorithm, packet(b"garbage" * 10, 100))


@both
def test_damage_in_the_middle(algorithm: Algorithm) -> None:
    content = bytearray(PACK[algorithm](random.Random(2).randbytes(500) * 4))
    content[len(content) // 2] ^= 0xFF
    whole = packet(bytes(content), 2000)
    if algorithm is Algorithm.ZLIB:
        assert refusal(algorithm, whole)
    else:
        # Frames of MySQL's peers have no checksum: the length is all there is to check.
        assert len(decode(algorithm, whole)) == 2000


@both
def test_a_truncated_stream(algorithm: Algorithm) -> None:
    content = PACK[algorithm](random.Random(3).randbytes(500) * 4)
    assert "ends before its data" in refusal(algorithm, packet(content[:-6], 2000))


@both
def test_nothing_where_compressed_data_are_announced(algorithm: Algorithm) -> None:
    assert "ends before its data" in refusal(algorithm, packet(b"", 100))


@both
def test_trailing_garbage(algorithm: Algorithm) -> None:
    assert "after the end of its data" in refusal(algorithm, packet(PACK[algorithm](b"x" * 100) + b"!", 100))


@both
def test_a_second_frame_in_one_packet(algorithm: Algorithm) -> None:
    content = PACK[algorithm](b"x" * 100) * 2
    assert refusal(algorithm, packet(content, 100))
    assert refusal(algorithm, packet(content, 200))


def test_a_window_larger_than_any_packet_is_refused() -> None:
    block = (100 << 3 | 1).to_bytes(3, "little") + b"x" * 100
    for window, fits in ((24, True), (25, False), (31, False)):
        frame = b"\x28\xb5\x2f\xfd\x00" + bytes(((window - 10) << 3,)) + block
        if fits:
            assert decode(Algorithm.ZSTD, packet(frame, 100)) == b"x" * 100
        else:
            assert "not valid zstd" in refusal(Algorithm.ZSTD, packet(frame, 100))


@both
def test_an_empty_packet_is_passed_over(algorithm: Algorithm) -> None:
    assert decode(algorithm, packet(b"", 0) + packet(b"next", 0, 1)) == b"next"


@both
@given(stream=st.binary(max_size=300), damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255))))
def test_any_bytes_end_in_pieces_or_a_refusal(
    algorithm: Algorithm, stream: bytes, damage: list[tuple[int, int]]
) -> None:
    damaged = bytearray(Compressor(algorithm).packets(b"some text " * 20 + stream, count()))
    for position, value in damage:
        damaged[position % len(damaged)] = value
    decompressor = Decompressor(algorithm, lambda _sequence: None)
    decompressor.feed(bytes(damaged))
    try:
        while decompressor.read():
            pass
    except MalformedPacket:
        return
    assert decompressor.buffered < COMPRESSED_HEADER or decompressor.inside
