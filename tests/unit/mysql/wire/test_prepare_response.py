"""Answers to COM_STMT_PREPARE are kept and given to others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.prepare_response import (
    MAX_KEPT_RESPONSE,
    PrepareResponse,
    ResponseCopy,
)
from tests.peers import packets as p

PROGRESS = b"\xff\xff\xff\1\1\2\0\0\0\4text"


def answer(
    columns: int,
    parameters: int,
    *,
    number: int = 3,
    warnings: int = 0,
    metadata: bytes = b"",
    prefix: bytes = b"c",
) -> bytes:
    definitions = [p.column(b"?")] * parameters
    definitions += [p.column(prefix + bytes((0x61 + at % 26,))) for at in range(columns)]
    head = p.prepared(number, columns, parameters, warnings) + metadata
    return p.packets([head] if metadata == b"\0" else [head, *definitions])


@given(
    columns=st.integers(0, 30),
    parameters=st.integers(0, 300),
    metadata=st.sampled_from((b"", b"\0", b"\1")),
)
def test_any_answer(columns: int, parameters: int, metadata: bytes) -> None:
    raw = answer(columns, parameters, number=9, warnings=2, metadata=metadata)
    response = PrepareResponse.decode(raw)
    assert (response.columns, response.parameters, response.warnings) == (columns, parameters, 2)
    assert response.statement_id == 9
    assert response.with_id(0x01020304) == answer(
        columns, parameters, number=0x01020304, warnings=2, metadata=metadata
    )
    assert response.has_definitions is (metadata != b"\0")
    first = p.split(raw)[0][1]
    assert PrepareResponse.definitions_in(first) == len(p.split(raw)) - 1


def test_anything_but_a_whole_answer() -> None:
    raw = answer(2, 1)
    for end in range(len(raw)):
        with pytest.raises(MalformedPacket):
            PrepareResponse.decode(raw[:end])
    for other in (raw + p.packet(b"x"), p.packets([p.err()]), p.packets([p.ok()]), p.packet(b"")):
        with pytest.raises(MalformedPacket):
            PrepareResponse.decode(other)


def test_packets_that_are_not_counted_from_1() -> None:
    """A client that gets them later would take them for another answer's."""
    assert PrepareResponse.decode(answer(300, 1))
    raw = bytearray(answer(2, 0))
    for changed in (3, len(p.packet(p.prepared(3, 2, 0))) + 3):
        raw[changed] += 1
        with pytest.raises(MalformedPacket):
            PrepareResponse.decode(bytes(raw))
        raw[changed] -= 1


@pytest.mark.parametrize("between", [PROGRESS, p.err(), p.eof()])
def test_not_only_definitions(between: bytes) -> None:
    raw = p.packets([p.prepared(1, 2, 0), p.column(), between])
    with pytest.raises(MalformedPacket):
        PrepareResponse.decode(raw)


@pytest.mark.parametrize("first", [b"", p.ok(), p.err(), p.prepared(1, 2, 3)[:-1]])
def test_first_packets_of_other_answers(first: bytes) -> None:
    with pytest.raises(MalformedPacket):
        PrepareResponse.definitions_in(first)


class TestCopy:
    """An answer is kept while it passes."""

    @pytest.mark.parametrize("step", [1, 7, 1000])
    def test_in_pieces(self, step: int) -> None:
        raw = answer(2, 1)
        copy = ResponseCopy()
        for at in range(0, len(raw), step):
            assert copy.response() is None
            copy.feed(raw[at : at + step])
        assert copy.response() == PrepareResponse.decode(raw)
        assert copy.raw() == raw

    def test_a_long_one_is_dropped(self) -> None:
        raw = answer(2, 1)
        copy = ResponseCopy(len(raw))
        copy.feed(raw)
        assert copy.response() is not None
        copy.feed(b"x")
        assert copy.is_too_long
        assert (copy.response(), copy.raw()) == (None, b"")
        copy.feed(raw)
        assert copy.response() is None

    def test_the_limit(self) -> None:
        copy = ResponseCopy()
        copy.feed(bytes(MAX_KEPT_RESPONSE + 1))
        assert copy.is_too_long

    def test_an_error(self) -> None:
        copy = ResponseCopy()
        copy.feed(p.packets([p.err()]))
        assert copy.response() is None
        assert not copy.is_too_long
