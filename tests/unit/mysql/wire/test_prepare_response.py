"""Answers to COM_STMT_PREPARE are kept, compared, and given to others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.prepare_response import (
    MAX_KEPT_RESPONSE,
    ColumnDefinitions,
    PrepareResponse,
    ResponseCopy,
    insert_definitions,
    result_definitions,
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
    if metadata == b"\0":
        assert response.definitions() is None
    else:
        names = tuple(p.column(b"c" + bytes((0x61 + at % 26,))) for at in range(columns))
        assert response.definitions() == ColumnDefinitions(names)


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


def test_the_same_columns() -> None:
    response = PrepareResponse.decode(answer(2, 1))
    assert response.has_same_columns(PrepareResponse.decode(answer(2, 1, number=4)))
    assert response.has_same_columns(PrepareResponse.decode(answer(2, 1, number=4, warnings=3)))
    # Their packets have other sequence ids.
    assert response.has_same_columns(PrepareResponse.decode(answer(2, 2)))
    assert not response.has_same_columns(PrepareResponse.decode(answer(2, 1, prefix=b"d")))
    assert not response.has_same_columns(PrepareResponse.decode(answer(1, 1)))
    assert not response.has_same_columns(PrepareResponse.decode(answer(2, 1, metadata=b"\0")))


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


class TestResults:
    """Definitions that come with a result, or are put into one that came without."""

    COLUMNS = (p.column(b"a"), p.column(b"b"))

    @pytest.mark.parametrize("head", [b"\2", b"\2\1"])
    def test_those_that_came(self, head: bytes) -> None:
        raw = p.packets([head, *self.COLUMNS, b"\0\0row", p.ok(header=0xFE)])
        assert result_definitions(raw) == ColumnDefinitions(self.COLUMNS)

    @pytest.mark.parametrize(
        "payloads",
        [
            [b"\2\0", b"\0\0row"],
            [p.ok()],
            [p.err()],
            [b"\2\1", p.column()],
            [b"\2\1", p.column(), p.err()],
            [],
        ],
        ids=["without", "OK", "ERR", "cut off", "error between", "nothing"],
    )
    def test_none(self, payloads: list[bytes]) -> None:
        assert result_definitions(p.packets(payloads)) is None

    @pytest.mark.parametrize("sequence", [1, 254])
    def test_put_into_a_result(self, sequence: int) -> None:
        whole = insert_definitions(p.packet(b"\2\0", 1), ColumnDefinitions(self.COLUMNS), sequence)
        assert whole == p.packets([b"\2\1", *self.COLUMNS], sequence)
        assert result_definitions(whole) == ColumnDefinitions(self.COLUMNS)

    def test_into_one_with_many_columns(self) -> None:
        columns = ColumnDefinitions((p.column(),) * 300)
        whole = insert_definitions(p.packet(p.number(300) + b"\0", 1), columns, 1)
        assert result_definitions(whole) == columns

    @pytest.mark.parametrize("payload", [b"\2", b"\2\1", b"\3\0", b"\2\0\0", b"", b"\xfb"])
    def test_results_that_need_none(self, payload: bytes) -> None:
        with pytest.raises(MalformedPacket):
            insert_definitions(p.packet(payload, 1), ColumnDefinitions(self.COLUMNS), 1)
