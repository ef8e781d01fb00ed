import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket, Reader, lenenc_bytes, lenenc_int
from tests.peers import packets as p

EDGES = [0, 1, 0xFA, 0xFB, 0xFC, 0xFF, 0x100, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000, (1 << 64) - 1]


@pytest.mark.parametrize("value", EDGES)
def test_integers_follow_the_manual_and_come_back(value: int) -> None:
    encoded = lenenc_int(value)
    assert encoded == p.number(value)
    reader = Reader(encoded + b"tail")
    assert reader.lenenc_int() == value
    assert reader.rest() == b"tail"


@pytest.mark.parametrize("value", EDGES)
def test_a_cut_integer_is_malformed(value: int) -> None:
    for end in range(len(lenenc_int(value))):
        with pytest.raises(MalformedPacket):
            Reader(lenenc_int(value)[:end]).lenenc_int()


@pytest.mark.parametrize("first", [0xFB, 0xFF])
def test_null_and_ff_are_no_integers(first: int) -> None:
    with pytest.raises(MalformedPacket):
        Reader(bytes((first,)) + bytes(8)).lenenc_int()


@given(st.binary(max_size=300))
def test_strings_come_back(value: bytes) -> None:
    reader = Reader(lenenc_bytes(value) + value + b"\0" + b"x")
    assert reader.lenenc_bytes() == value
    if b"\0" not in value:
        assert reader.nul_bytes() == value
        assert reader.rest() == b"x"


def test_a_string_longer_than_its_packet_is_malformed() -> None:
    with pytest.raises(MalformedPacket):
        Reader(b"\x05four").lenenc_bytes()
    with pytest.raises(MalformedPacket):
        Reader(b"\xfe" + b"\xff" * 8 + b"abc").lenenc_bytes()
    with pytest.raises(MalformedPacket):
        Reader(b"no end").nul_bytes()


def test_positions() -> None:
    reader = Reader(b"\x01\x02\x00rest", 1)
    assert reader.remaining == 6
    assert reader.integer(2) == 2
    assert reader.take(0) == b""
    with pytest.raises(MalformedPacket):
        reader.take(5)
    with pytest.raises(MalformedPacket):
        reader.take(-1)
    assert reader.rest() == b"rest"
    assert reader.remaining == 0


def test_an_error_never_shows_the_content() -> None:
    with pytest.raises(MalformedPacket) as caught:
        Reader(b"\x30secret").lenenc_bytes()
    assert "secret" not in str(caught.value)
