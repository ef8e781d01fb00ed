"""Compressed packets: the same bytes out however the stream is cut, or MalformedPacket; in small pieces."""

import itertools
import zlib
from typing import Any

from backports import zstd

from proxy.mysql.wire.aligned_compression import AlignedCompressor
from proxy.mysql.wire.compressed_sequences import MAX_PIPELINED, CommandSequences, ReplySequences
from proxy.mysql.wire.compression import MAX_PIECE, Algorithm, Compressor, Decompressor
from proxy.mysql.wire.datatypes import MalformedPacket
from tests.fuzz.choices import Choices, cut

#: The most that goes into one packet that is put together here.
_LONGEST = 1 << 17


def _read(pieces: list[bytes], algorithm: Algorithm) -> Any:
    """What comes out, the packets' ids, and whether the stream may stop here; or None if it is malformed."""
    ids: list[int] = []
    decompressor = Decompressor(algorithm, ids.append)
    out, fed = [], 0
    for piece in pieces:
        decompressor.feed(piece)
        fed += len(piece)
        try:
            while read := decompressor.read():
                assert len(read) <= MAX_PIECE
                out.append(read)
        except MalformedPacket:
            return None
        assert decompressor.buffered <= fed
    return b"".join(out), ids, decompressor.inside


def _packet(choices: Choices, algorithm: Algorithm) -> bytes:
    """One packet, right but for what is changed in it on purpose."""
    text = choices.text()
    if choices.below(8) == 7:
        text = (text or b"x") * (1 + choices.number(2) % (_LONGEST // (len(text) or 1)))
    packed = zlib.compress(text) if algorithm is Algorithm.ZLIB else zstd.compress(text)
    size = len(text)
    way = choices.below(16)
    if way == 1:
        size += 1 + choices.byte()
    elif way == 2:
        size = max(0, size - 1 - choices.byte())
    elif way == 3:
        packed += choices.text()
    elif way == 4:
        packed = packed[: choices.below(len(packed) + 1)]
    elif way == 5:
        at = choices.below(len(packed))
        packed = packed[:at] + bytes((choices.byte(),)) + packed[at + 1 :]
    elif way == 6:
        packed, size = text, 0
    announced = min(size, 0xFFFFFF).to_bytes(3, "little")
    return len(packed).to_bytes(3, "little") + bytes((choices.byte(),)) + announced + packed


def _aligned(data: bytes, algorithm: Algorithm, seed: int) -> None:
    """Any bytes are packets of some length; what waits is the beginning of one that is not whole."""
    aligned, sent, ids = AlignedCompressor(Compressor(algorithm)), b"", itertools.count()
    for piece in cut(data, seed):
        sent += aligned.packets(piece, lambda: next(ids) & 0xFF)
    out, _, inside = _read([sent], algorithm) if sent else (b"", [], False)
    assert out + b"".join(aligned._held) == data
    assert sum(map(len, aligned._held)) <= MAX_PIECE
    assert inside == (aligned._rest > 0)


def _sequences(choices: Choices) -> None:
    replies, commands = ReplySequences(), CommandSequences()
    while choices.left:
        for side in (replies, commands):
            way = choices.below(3)
            try:
                if way == 0:
                    side.received(choices.below(4))
                elif way == 1:
                    assert 0 <= side.next() <= 0xFF
                else:
                    side.begin_command()
            except MalformedPacket:
                return
    assert len(replies._counts) <= MAX_PIPELINED


def fuzz(data: bytes) -> None:
    """Four bytes of decisions, then the stream, or what it is put together from."""
    choices = Choices(data[:4])
    algorithm = choices.pick((Algorithm.ZLIB, Algorithm.ZSTD))
    made, seed = choices.flag(), choices.number(2)
    stream = data[4:]
    if made:
        rest, stream = Choices(stream), b""
        while rest.left:
            stream += _packet(rest, algorithm)
    expected = _read(cut(stream, 0), algorithm)
    ways = [cut(stream, seed)] + ([cut(stream, 1)] if len(stream) < 4096 else [])
    for pieces in ways:
        assert _read(pieces, algorithm) == expected
    again = Compressor(algorithm).packets(data, iter(range(256)).__next__)
    found = _read(cut(again, seed), algorithm)
    assert found == (data, list(range(len(found[1]))), False)
    _aligned(data, algorithm, seed)
    _sequences(Choices(data))
