import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.mysql.wire.framing import MAX_PAYLOAD, PacketReader, PacketTooLarge, frame
from tests.peers import packets as p
from tests.peers.cutting import pieces, same_however_cut


def read(chunks: list[bytes]) -> tuple[list[tuple[int, bytes]], bytes]:
    reader = PacketReader(1 << 26)
    found = []
    for chunk in chunks:
        reader.feed(chunk)
        found += [(reader.sequence, payload) for payload in reader.payloads()]
    return found, reader.rest()


def test_payloads_come_out_whole_with_their_numbers() -> None:
    stream = p.packet(b"one", 0) + p.packet(b"", 1) + p.packet(b"two", 255)
    assert same_however_cut(read, stream) == ([(0, b"one"), (1, b""), (255, b"two")], b"")


def test_what_is_no_packet_yet_is_the_rest() -> None:
    assert same_however_cut(read, p.packet(b"one") + b"\x05\x00\x00\x01ab") == (
        [(0, b"one")],
        b"\x05\x00\x00\x01ab",
    )


@pytest.mark.parametrize("size", [0, 1, MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD])
@pytest.mark.parametrize("sequence", [0, 255])
def test_frame_follows_the_manual(size: int, sequence: int) -> None:
    payload = bytes(size)
    assert frame(payload, sequence) == p.packet(payload, sequence)


@pytest.mark.parametrize("size", [MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD])
def test_a_payload_over_several_packets_is_joined(size: int) -> None:
    payload = b"ab" * (size // 2) + b"c" * (size % 2)
    stream = p.packet(payload, 3) + p.packet(b"next", 0)
    for cut in (2, MAX_PAYLOAD + 1, MAX_PAYLOAD + 5):
        found, rest = read(pieces(stream, [cut]))
        assert [each for _, each in found] == [payload, b"next"]
        assert rest == b""


@pytest.mark.parametrize("split", [False, True])
def test_a_payload_above_the_limit_is_refused_from_its_header(split: bool) -> None:
    reader = PacketReader(10)
    stream = p.packet(bytes(11))[:4]
    for chunk in pieces(stream, [2] if split else []):
        reader.feed(chunk)
    with pytest.raises(PacketTooLarge):
        list(reader.payloads())


def test_the_limit_covers_all_packets_of_a_payload() -> None:
    reader = PacketReader(MAX_PAYLOAD + 4)
    reader.feed(p.packet(bytes(MAX_PAYLOAD + 5)))
    with pytest.raises(PacketTooLarge):
        list(reader.payloads())


def test_the_limit_itself_is_allowed() -> None:
    reader = PacketReader(10)
    reader.feed(p.packet(bytes(10)))
    assert list(reader.payloads()) == [bytes(10)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=6))
def test_garbage_raises_nothing_but_too_large(chunks: list[bytes]) -> None:
    reader = PacketReader(1000)
    try:
        for chunk in chunks:
            reader.feed(chunk)
            assert all(len(payload) <= 1000 for payload in reader.payloads())
    except PacketTooLarge:
        pass
