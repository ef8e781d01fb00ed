"""Fields that login packets share."""

import pytest

from proxy.mysql.wire.datatypes import MalformedPacket, Reader
from proxy.mysql.wire.login_fields import (
    MAX_ATTRIBUTES,
    attributes_field,
    nul_field,
    read_attributes,
    read_trailing_name,
    short_field,
)


def test_nul_field_refuses_a_nul_inside() -> None:
    assert nul_field(b"abc") == b"abc\0"
    with pytest.raises(ValueError, match="NUL"):
        nul_field(b"a\0c")


def test_short_field_holds_255_bytes() -> None:
    assert short_field(b"x" * 255) == b"\xff" + b"x" * 255
    with pytest.raises(ValueError, match="255"):
        short_field(b"x" * 256)


def test_attributes_keep_empty_names_and_values() -> None:
    reader = Reader(b"\x05\x00\x00\x01a\x00rest")
    assert read_attributes(reader) == {b"": b"", b"a": b""}
    assert reader.rest() == b"rest"


def test_of_an_attribute_sent_twice_the_last_counts() -> None:
    assert read_attributes(Reader(b"\x08\x01a\x01b\x01a\x01c")) == {b"a": b"c"}


def test_a_name_sent_too_often_counts_each_time() -> None:
    block = b"\x01a\x00" * (MAX_ATTRIBUTES + 1)
    with pytest.raises(MalformedPacket, match="more than"):
        read_attributes(Reader(b"\xfc" + len(block).to_bytes(2, "little") + block))


def test_too_many_attributes_are_not_encoded() -> None:
    fitting = {b"%d" % number: b"" for number in range(MAX_ATTRIBUTES)}
    assert read_attributes(Reader(attributes_field(fitting))) == fitting
    with pytest.raises(ValueError, match="attributes"):
        attributes_field({**fitting, b"one more": b""})


def test_trailing_name_ends_at_its_nul_or_with_the_packet() -> None:
    reader = Reader(b"name\0more")
    assert read_trailing_name(reader) == b"name"
    assert reader.rest() == b"more"
    assert read_trailing_name(Reader(b"name")) == b"name"
    assert read_trailing_name(Reader(b"")) == b""
