"""How long a value of the binary protocol is."""

import pytest

from proxy.mysql.wire.binary_values import STRING_KINDS, skip, skip_value
from proxy.mysql.wire.datatypes import MalformedPacket, Reader
from tests.peers import packets as p

VALUES = [
    (0x01, b"x"),
    (0x02, b"xx"),
    (0x03, b"xxxx"),
    (0x04, b"xxxx"),
    (0x05, b"xxxxxxxx"),
    (0x08, b"xxxxxxxx"),
    *((kind, b"\4xxxx") for kind in (0x07, 0x0A, 0x0B, 0x0C)),
    *((kind, p.text(b"x" * 300)) for kind in (0x00, 0x0F, 0x10, *range(0xF5, 0x100))),
]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_a_value_ends_where_it_should(kind: int, value: bytes) -> None:
    reader = Reader(b"-" + value + b"rest", 1)
    skip_value(reader, kind)
    assert reader.rest() == b"rest"
    for end in range(len(value)):
        with pytest.raises(MalformedPacket):
            skip_value(Reader(value[:end]), kind)


@pytest.mark.parametrize("kind", [0x06, 0x09, 0x0D, 0x0E, 0x11, 0x42, 0x4008])
def test_types_whose_values_have_no_certain_length(kind: int) -> None:
    with pytest.raises(MalformedPacket):
        skip_value(Reader(bytes(20)), kind)


def test_strings_have_a_length_in_front() -> None:
    for kind in STRING_KINDS:
        reader = Reader(p.text(b"abc") + b"d")
        skip_value(reader, kind)
        assert reader.rest() == b"d"


def test_a_length_behind_the_end_moves_nothing() -> None:
    reader = Reader(b"abc")
    with pytest.raises(MalformedPacket):
        skip(reader, 4)
    assert reader.position == 0
