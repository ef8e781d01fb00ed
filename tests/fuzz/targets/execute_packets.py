"""Executions of prepared statements: what is put into them is found there again, and nothing else changes."""

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.execute_packets import (
    ParameterTypes,
    cursor_flags,
    parameter_types,
    statement_id,
    string_parameters,
    types_insertion,
    with_statement_id,
    with_types,
)
from proxy.mysql.wire.framing import HEADER, frame
from tests.fuzz.choices import Choices, head_and_stream


def _found(packet: bytes, parameters: int, has_attributes: bool) -> ParameterTypes | None:
    """The types that a packet has; None where it has none, and where it is malformed."""
    try:
        return parameter_types(packet, parameters, has_attributes=has_attributes)
    except MalformedPacket:
        return None


def _other_id(packet: bytes) -> bytes | None:
    try:
        changed = with_statement_id(packet, 0xFEDCBA98)
    except MalformedPacket:
        return None
    assert statement_id(changed) == 0xFEDCBA98
    assert with_statement_id(changed, statement_id(packet)) == packet
    return changed


def _filled(packet: bytes, types: ParameterTypes, has_attributes: bool) -> None:
    """The packet with types that it lacks."""
    try:
        whole = with_types(packet, types, has_attributes=has_attributes)
    except MalformedPacket:
        return
    assert _found(whole, types.parameters, has_attributes) == types
    assert cursor_flags(whole) == cursor_flags(packet)
    insertion = types_insertion(packet, types, has_attributes=has_attributes)
    at, size = HEADER + insertion.at, len(insertion.inserted)
    assert whole[at : at + size] == insertion.inserted
    assert whole[at + size :] == packet[at:]
    places = range(types.parameters)
    assert string_parameters(packet, types, places, has_attributes=has_attributes) == string_parameters(
        whole, types, places, has_attributes=has_attributes
    )


def _strings(packet: bytes, types: ParameterTypes, has_attributes: bool, choices: Choices) -> None:
    places = list(range(types.parameters))
    long_data = {place for place in places if choices.flag()}
    whole = string_parameters(packet, types, places, has_attributes=has_attributes, long_data=long_data)
    for end in (len(packet) // 2, max(0, len(packet) - 1)):
        part = string_parameters(
            packet[:end], types, places, has_attributes=has_attributes, long_data=long_data
        )
        assert all(value in (None, known) for value, known in zip(part, whole, strict=True))
    for place in long_data:
        assert whole[place] is None


def fuzz(data: bytes) -> None:
    """A flag, how many parameters there are, two bytes for their types and for long data; then a command."""
    choices, payload = head_and_stream(data, 6)
    has_attributes, parameters = choices.flag(), choices.number(1)
    kind, long_data = choices.take(2).ljust(2, b"\0"), Choices(choices.take(2))
    packet = frame(payload)
    changed = _other_id(packet)
    types = _found(packet, parameters, has_attributes)
    assert parameters or types is None
    if types is not None:
        assert types.parameters == parameters
        assert HEADER < types.start <= types.end <= len(packet)
        assert changed is not None
        assert _found(changed, parameters, has_attributes) == types
        assert _found(packet[: types.end], parameters, has_attributes) == types
        assert _found(packet[: types.end - 1], parameters, has_attributes) is None
    elif parameters:
        types = ParameterTypes(kind * parameters)
        _filled(packet, types, has_attributes)
    if types is not None:
        _strings(packet, types, has_attributes, long_data)
