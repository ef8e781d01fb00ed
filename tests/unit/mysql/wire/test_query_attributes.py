"""Where a statement's text begins behind its attributes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.query_attributes import MAX_ATTRIBUTES, NO_ATTRIBUTES, text_start
from tests.peers import packets as p

COMMAND = b"\0\0\0\0\x03"
TEXT = b"SELECT 1"

FIXED = {0x01: 1, 0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x08: 8}
TIMES = (0x07, 0x0A, 0x0B, 0x0C)
STRINGS = (0x0F, 0xFC, 0xFD, 0xFE, 0xF6, 0x10)


@st.composite
def attributes(draw: st.DrawFn) -> tuple[int, bytes | None]:
    """The type and value of one; None for NULL."""
    kind = draw(st.sampled_from((*FIXED, *TIMES, *STRINGS, 0x06)))
    if kind == 0x06 or draw(st.integers(0, 3)) == 0:
        return kind, None
    if kind in FIXED:
        return kind, draw(st.binary(min_size=FIXED[kind], max_size=FIXED[kind]))
    value = draw(st.binary(max_size=12 if kind in TIMES else 300))
    return kind, bytes((len(value),)) + value if kind in TIMES else p.text(value)


def encoded(items: list[tuple[int, bytes | None]]) -> bytes:
    nulls = sum(1 << at for at, (_, value) in enumerate(items) if value is None)
    out = p.number(len(items)) + b"\1" + nulls.to_bytes((len(items) + 7) // 8, "little") + b"\1"
    for at, (kind, _) in enumerate(items):
        out += struct.pack("<H", kind | (0x8000 if at % 2 else 0)) + p.text(b"name" * (at % 3))
    return out + b"".join(value or b"" for _, value in items)


def test_none() -> None:
    command = COMMAND + NO_ATTRIBUTES + TEXT
    assert command[text_start(command, len(COMMAND)) :] == TEXT


@given(st.lists(attributes(), min_size=1, max_size=20))
def test_any(items: list[tuple[int, bytes | None]]) -> None:
    head = encoded(items)
    command = COMMAND + head + TEXT
    assert command[text_start(command, len(COMMAND)) :] == TEXT
    for end in range(len(head)):
        with pytest.raises(MalformedPacket):
            text_start(COMMAND + head[:end], len(COMMAND))


@pytest.mark.parametrize(
    "head",
    [
        b"\0\2",
        b"\1\2\0\1\x08\0\0" + bytes(8),
        b"\1\1\0\0",
        b"\xfb\1",
        p.number(MAX_ATTRIBUTES + 1) + b"\1" + bytes(5000),
        b"\xfe" + b"\xff" * 8 + b"\1",
    ],
    ids=["two sets of none", "two sets", "no types", "null", "too many", "far too many"],
)
def test_what_no_client_sends(head: bytes) -> None:
    with pytest.raises(MalformedPacket):
        text_start(COMMAND + head + TEXT, len(COMMAND))


def test_as_many_as_allowed() -> None:
    items: list[tuple[int, bytes | None]] = [(0x01, b"x")] * MAX_ATTRIBUTES
    command = COMMAND + encoded(items) + TEXT
    assert command[text_start(command, len(COMMAND)) :] == TEXT


@pytest.mark.parametrize("kind", [0x06, 0x09, 0x0D, 0x11, 0x42, 0x4008])
def test_types_whose_values_have_no_certain_length(kind: int) -> None:
    """Where the server read another length, it would run another text."""
    head = b"\1\1\0\1" + struct.pack("<H", kind) + b"\0"
    with pytest.raises(MalformedPacket):
        text_start(COMMAND + head + bytes(8) + TEXT, len(COMMAND))
