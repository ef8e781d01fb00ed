"""Executions of prepared statements that are changed to fit another connection."""

import struct

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.execute_packets import (
    LONGEST_STRING,
    MAX_PARAMETERS,
    ParameterTypes,
    cursor_flags,
    fitted,
    parameter_types,
    size_with_types,
    statement_id,
    string_parameters,
    types_insertion,
    with_statement_id,
    with_types,
)
from proxy.mysql.wire.framing import HEADER, MAX_PAYLOAD, PacketTooLarge
from proxy.mysql.wire.shifting import ShiftedFrames
from tests.peers import packets as p

EXECUTE, LONG_DATA, CLOSE, RESET, FETCH, BULK = 0x17, 0x18, 0x19, 0x1A, 0x1C, 0xFA
FIXED = {0x01: 1, 0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x08: 8}
TIMES = (0x07, 0x0A, 0x0B, 0x0C)
STRINGS = (0x0F, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE)
OTHERS = (0x00, 0xF5, 0xF6)


@attrs.frozen
class Parameter:
    """``value`` as it is sent; None for NULL. ``text`` is what a string says."""

    kind: int
    value: bytes | None
    text: bytes | None = None
    name: bytes = b""
    is_long: bool = False


@st.composite
def parameters(draw: st.DrawFn) -> Parameter:
    kind = draw(st.sampled_from((*FIXED, *TIMES, *STRINGS, *OTHERS)))
    sign, name = draw(st.sampled_from((0, 0x8000))), draw(st.sampled_from((b"", b"name", b"n" * 300)))
    state = draw(st.integers(0, 5))
    if state == 0:
        return Parameter(kind | sign, None, name=name)
    if state == 1 and kind in STRINGS:
        return Parameter(kind | sign, b"", name=name, is_long=True)
    if kind in FIXED:
        return Parameter(kind | sign, draw(st.binary(min_size=FIXED[kind], max_size=FIXED[kind])), name=name)
    text = draw(st.binary(max_size=12 if kind in TIMES else 300))
    return Parameter(kind | sign, p.text(text), text if kind in STRINGS else None, name)


def types(items: list[Parameter]) -> ParameterTypes:
    return ParameterTypes(b"".join(struct.pack("<H", item.kind) for item in items))


def execution(
    items: list[Parameter],
    *,
    sends_types: bool = True,
    named: bool = False,
    cursor: int = 0,
    number: int = 7,
    keep_names: bool = True,
) -> bytes:
    """A COM_STMT_EXECUTE by the manual's table, for a statement with parameters."""
    out = struct.pack("<BIBI", EXECUTE, number, cursor | (8 if named else 0), 1)
    if named:
        out += p.number(len(items))
    nulls = sum(1 << at for at, item in enumerate(items) if item.value is None)
    out += nulls.to_bytes((len(items) + 7) // 8, "little") + bytes((sends_types,))
    for item in items if sends_types else ():
        out += struct.pack("<H", item.kind) + (p.text(item.name if keep_names else b"") if named else b"")
    return p.packet(out + b"".join(item.value or b"" for item in items))


def bulk(items: list[Parameter], *, sends_types: bool, flags: int = 0) -> bytes:
    out = struct.pack("<BIH", BULK, 7, flags | (0x80 if sends_types else 0))
    for item in items if sends_types else ():
        out += struct.pack("<H", item.kind)
    return p.packet(out + b"".join(b"\0" + (item.value or b"") for item in items))


SOME = [Parameter(0x03, bytes(4)), Parameter(0xFD, p.text(b"abc"), b"abc"), Parameter(0x8008, None)]
several = st.lists(parameters(), min_size=1, max_size=20)


class TestStatementIds:
    """Which statement a command means."""

    @pytest.mark.parametrize("command", [EXECUTE, LONG_DATA, CLOSE, RESET, FETCH, BULK])
    def test_another_id(self, command: int) -> None:
        packet = p.packet(struct.pack("<BI", command, 3) + b"rest")
        assert statement_id(packet) == 3
        changed = with_statement_id(packet, 0xFEDCBA98)
        assert changed == p.packet(struct.pack("<BI", command, 0xFEDCBA98) + b"rest")
        assert statement_id(changed) == 0xFEDCBA98

    def test_of_the_beginning_of_a_long_command(self) -> None:
        beginning = p.packet(struct.pack("<BIH", LONG_DATA, 3, 0) + bytes(100))[:20]
        assert with_statement_id(beginning, 4) == beginning[:5] + b"\4\0\0\0" + beginning[9:]

    @pytest.mark.parametrize("payload", [b"", b"\x17", b"\x17\1\2\3", b"\x03SELECT 1", b"\x16SELECT 1"])
    def test_commands_without_one(self, payload: bytes) -> None:
        for asked in (statement_id, cursor_flags, lambda packet: with_statement_id(packet, 1)):
            with pytest.raises(MalformedPacket):
                asked(p.packet(payload))


class TestCursors:
    """What an execution says about a cursor."""

    @pytest.mark.parametrize("named", [False, True])
    @pytest.mark.parametrize("cursor", [0, 1, 2, 4])
    def test_flags(self, cursor: int, named: bool) -> None:
        assert cursor_flags(execution(SOME, cursor=cursor, named=named)) == cursor

    def test_bulk_has_none(self) -> None:
        assert cursor_flags(bulk(SOME, sends_types=True, flags=0x47)) == 0

    @pytest.mark.parametrize("payload", [b"\x17\1\0\0\0", b"\x19\1\0\0\0", b"\x1c\1\0\0\0\1\0\0\0"])
    def test_not_an_execution(self, payload: bytes) -> None:
        with pytest.raises(MalformedPacket):
            cursor_flags(p.packet(payload))


class TestTypes:
    """Types are found, remembered, and put where they are missing."""

    @given(items=several, attributes=several, named=st.booleans())
    def test_those_sent_are_found(
        self, items: list[Parameter], attributes: list[Parameter], named: bool
    ) -> None:
        packet = execution(items + (attributes if named else []), named=named)
        found = parameter_types(packet, len(items), has_attributes=named)
        assert found == types(items)
        assert found is not None
        assert found.parameters == len(items)
        assert packet[found.start - 1] == 1
        assert packet[found.end :] == b"".join(
            item.value or b"" for item in items + (attributes if named else [])
        )
        for end in range(found.end):
            with pytest.raises(MalformedPacket):
                parameter_types(packet[:end], len(items), has_attributes=named)
        # The values need not be there yet.
        assert parameter_types(packet[: found.end], len(items), has_attributes=named) == found

    @given(items=several, named=st.booleans())
    def test_those_missing_are_put_in(self, items: list[Parameter], named: bool) -> None:
        packet = execution(items, sends_types=False, named=named)
        assert parameter_types(packet, len(items), has_attributes=named) is None
        whole = execution(items, named=named, keep_names=False)
        assert with_types(packet, types(items), has_attributes=named) == whole
        # The rest of a command goes out behind its beginning as it is.
        cut = len(packet) - len(b"".join(item.value or b"" for item in items)) // 2
        changed = with_types(packet[:cut], types(items), has_attributes=named)
        assert changed + packet[cut:] == whole
        with pytest.raises(MalformedPacket):
            with_types(whole, types(items), has_attributes=named)

    @given(items=several)
    def test_bulk(self, items: list[Parameter]) -> None:
        packet = bulk(items, sends_types=False, flags=0x40)
        whole = bulk(items, sends_types=True, flags=0x40)
        assert parameter_types(packet, len(items), has_attributes=False) is None
        assert parameter_types(whole, len(items), has_attributes=False) == types(items)
        assert with_types(packet, types(items), has_attributes=False) == whole
        with pytest.raises(MalformedPacket):
            with_types(whole, types(items), has_attributes=False)

    def test_a_statement_without_parameters(self) -> None:
        packet = p.packet(struct.pack("<BIBI", EXECUTE, 1, 0, 1))
        attribute = p.packet(struct.pack("<BIBI", EXECUTE, 1, 8, 1) + b"\1\0\1\xfe\0\1n\1v")
        for sent in (packet, attribute):
            assert parameter_types(sent, 0, has_attributes=True) is None
            assert with_types(sent, ParameterTypes(b""), has_attributes=True) == sent

    def test_as_many_as_can_be(self) -> None:
        many = [Parameter(0x01, b"x")] * MAX_PARAMETERS
        for named in (False, True):
            packet = execution(many, sends_types=False, named=named)
            whole = with_types(packet, types(many), has_attributes=named)
            found = parameter_types(whole, MAX_PARAMETERS, has_attributes=named)
            assert found == types(many)
            if not named:
                beginning = whole[: size_with_types(MAX_PARAMETERS)]
                assert parameter_types(beginning, MAX_PARAMETERS, has_attributes=False) == found

    @pytest.mark.parametrize("count", [b"\2", b"\0", b"\xfb", b"\xfd\0\0\1", b"\xfe" + b"\xff" * 8])
    def test_counts_that_do_not_fit_the_statement(self, count: bytes) -> None:
        packet = p.packet(struct.pack("<BIBI", EXECUTE, 1, 8, 1) + count + bytes(2) + bytes(70_000))
        with pytest.raises(MalformedPacket):
            with_types(packet, types(SOME), has_attributes=True)
        with pytest.raises(MalformedPacket):
            parameter_types(packet, len(SOME), has_attributes=True)

    def test_attributes_whose_types_nobody_knows(self) -> None:
        packet = execution([*SOME, Parameter(0x01, b"x")], sends_types=False, named=True)
        with pytest.raises(MalformedPacket):
            with_types(packet, types(SOME), has_attributes=True)

    def test_bytes_behind_the_packet(self) -> None:
        packet = execution(SOME)
        with pytest.raises(MalformedPacket):
            parameter_types(packet + b"\0", len(SOME), has_attributes=False)


class TestFitted:
    @given(several, st.booleans(), st.booleans(), st.integers(0, 0xFFFFFFFF))
    def test_it_is_what_the_others_do_one_after_the_other(
        self, items: list[Parameter], sends_types: bool, named: bool, number: int
    ) -> None:
        packet = execution(items, sends_types=sends_types, named=named)
        expected = with_statement_id(packet, number)
        if not sends_types:
            expected = with_types(expected, types(items), has_attributes=named)
        assert fitted(packet, number, types(items), has_attributes=named) == expected

    @pytest.mark.parametrize("sends_types", [True, False])
    def test_more_attributes_than_parameters_need_a_closer_look(self, sends_types: bool) -> None:
        packet = execution(SOME, sends_types=sends_types, named=True)
        assert fitted(packet, 1, types(SOME[:2]), has_attributes=True) is None

    def test_so_do_others_and_those_that_are_not_all_there(self) -> None:
        packet = execution(SOME, sends_types=False)
        assert fitted(packet[:-1], 1, types(SOME), has_attributes=False) is None
        assert fitted(bulk(SOME, sends_types=False), 1, types(SOME), has_attributes=False) is None

    def test_so_do_those_that_get_too_long(self) -> None:
        value = bytes(longest_value(SOME) - 1)
        packet = execution([*SOME, Parameter(0xFC, value)], sends_types=False)
        assert fitted(packet, 1, types([*SOME, Parameter(0xFC, value)]), has_attributes=False) is None


def longest_value(items: list[Parameter]) -> int:
    """Bytes of a value that makes an execution without types as long as a single packet can be."""
    return MAX_PAYLOAD - len(execution([*items, Parameter(0xFC, b"")], sends_types=False)) + HEADER


class TestLongCommands:
    """Packets that are full, or become so."""

    def long(self, size: int, *, sends_types: bool) -> bytes:
        items = [*SOME, Parameter(0xFC, p.text(bytes(size)))]
        return execution(items, sends_types=sends_types)

    @pytest.mark.parametrize("size", [p.LIMIT - 32, p.LIMIT - 26])
    def test_a_whole_packet_becomes_two(self, size: int) -> None:
        packet = self.long(size, sends_types=False)
        whole = self.long(size, sends_types=True)
        kinds = types([*SOME, Parameter(0xFC, b"")])
        assert len(packet) - 4 < p.LIMIT <= len(whole) - 4
        assert len(p.split(packet)) == 1
        assert len(p.split(whole)) == 2
        assert with_types(packet, kinds, has_attributes=False) == whole
        with pytest.raises(PacketTooLarge):
            with_types(packet[:1000], kinds, has_attributes=False)

    @pytest.mark.parametrize("size", [p.LIMIT - 40, p.LIMIT, p.LIMIT + 9])
    def test_while_it_passes(self, size: int) -> None:
        packet = self.long(size, sends_types=False)
        kinds = types([*SOME, Parameter(0xFC, b"")])
        insertion = types_insertion(packet[:1000], kinds, has_attributes=False)
        shifted = ShiftedFrames(insertion.at, insertion.inserted)
        out = shifted.feed(insertion.beginning) + shifted.feed(packet[1000:])
        assert out == self.long(size, sends_types=True)
        assert shifted.done

    def test_the_beginning_of_a_full_packet(self) -> None:
        packet = self.long(p.LIMIT, sends_types=False)[:1000]
        with pytest.raises(PacketTooLarge):
            with_types(packet, types([*SOME, Parameter(0xFC, b"")]), has_attributes=False)


class TestStrings:
    """The values of some parameters are read."""

    @given(items=several, attributes=several, named=st.booleans(), sends_types=st.booleans())
    def test_any(
        self, items: list[Parameter], attributes: list[Parameter], named: bool, sends_types: bool
    ) -> None:
        more = attributes if named and sends_types else []
        packet = execution(items + more, named=named, sends_types=sends_types)
        long_data = {at for at, item in enumerate(items) if item.is_long}
        positions = [*range(len(items)), len(items), 0]
        found = string_parameters(packet, types(items), positions, has_attributes=named, long_data=long_data)
        texts = [item.text for item in items]
        assert found == (*texts, None, texts[0])
        for end in range(0, len(packet), 7):
            part = string_parameters(
                packet[:end], types(items), positions, has_attributes=named, long_data=long_data
            )
            assert all(value is None or value == all_ for value, all_ in zip(part, found, strict=True))

    def test_long_data_is_not_there_even_if_null(self) -> None:
        items = [Parameter(0xFC, None), Parameter(0xFD, p.text(b"name"), b"name")]
        packet = execution(items)
        asked = string_parameters(packet, types(items), [0, 1], has_attributes=False, long_data={0})
        assert asked == (None, b"name")

    def test_behind_a_value_without_a_certain_length_nothing_is_known(self) -> None:
        items = [
            Parameter(0xFD, p.text(b"a"), b"a"),
            Parameter(0x09, bytes(4)),
            Parameter(0xFD, b"\1b", b"b"),
        ]
        packet = execution(items)
        assert string_parameters(packet, types(items), [0, 1, 2], has_attributes=False) == (b"a", None, None)

    def test_long_ones_are_passed_over(self) -> None:
        items = [Parameter(0xFD, p.text(bytes(LONGEST_STRING + 1))), Parameter(0xFD, b"\1b", b"b")]
        assert string_parameters(execution(items), types(items), [0, 1], has_attributes=False) == (None, b"b")

    def test_none_of_many_executions(self) -> None:
        assert string_parameters(bulk(SOME, sends_types=True), types(SOME), [1], has_attributes=False) == (
            None,
        )

    @pytest.mark.parametrize("packet", [b"", b"\0\0\0\0", p.packet(b"\x19\1\0\0\0"), p.packet(b"\x17\1")])
    def test_what_is_no_execution(self, packet: bytes) -> None:
        assert string_parameters(packet, types(SOME), [1], has_attributes=False) == (None,)
