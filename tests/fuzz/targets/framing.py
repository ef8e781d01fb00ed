"""Packets out of a stream: the same however it is cut, and never more held than the limit allows."""

from proxy.mysql.wire.framing import HEADER, PacketReader, PacketTooLarge, frame
from tests.fuzz.choices import cut, head_and_stream


def _read(pieces: list[bytes], limit: int) -> tuple[list[tuple[int, bytes]], bool, bytes]:
    reader = PacketReader(limit)
    found: list[tuple[int, bytes]] = []
    for piece in pieces:
        reader.feed(piece)
        try:
            for payload in reader.payloads():
                found.append((reader.sequence, payload))
        except PacketTooLarge:
            return found, True, b""
    rest = reader.rest()
    assert len(rest) < HEADER + limit
    return found, False, rest


def _plain(stream: bytes, limit: int) -> tuple[list[tuple[int, bytes]], bool, bytes]:
    found = []
    while len(stream) >= HEADER:
        length = int.from_bytes(stream[:3], "little")
        if length > limit:
            return found, True, b""
        if len(stream) < HEADER + length:
            break
        found.append((stream[3], stream[HEADER : HEADER + length]))
        stream = stream[HEADER + length :]
    return found, False, stream


def fuzz(data: bytes) -> None:
    """Three bytes of decisions, then the stream, too short for a packet that another one continues."""
    choices, stream = head_and_stream(data, 3)
    limit = choices.pick((1 << 16, 8, 64, 1))
    seed = choices.number(2)
    expected = _plain(stream, limit)
    for pieces in (cut(stream, 0), cut(stream, 1), cut(stream, seed)):
        assert _read(pieces, limit) == expected
    again = b"".join(frame(payload, sequence) for sequence, payload in expected[0])
    assert _read([again], limit)[0] == expected[0]
