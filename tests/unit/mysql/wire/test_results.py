import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.results import (
    EOF,
    ErrorPacket,
    OkPacket,
    SessionChanges,
    decode_session_changes,
    with_session,
)
from proxy.mysql.wire.status import Status
from tests.peers import packets as p

OKS = [
    {},
    {"affected": 251, "insert_id": 1 << 33, "status": 0x0003, "warnings": 7},
    {"info": b"Rows matched: 3"},
    {"session": p.schema(b"shop")},
    {"info": b"i" * 300, "session": p.variable(b"sql_mode", b"ANSI"), "header": 0xFE},
]


@pytest.mark.parametrize("fields", OKS)
@pytest.mark.parametrize("session", [b"", p.schema(b"other"), p.variable(b"sql_mode", b"ANSI" * 100)])
def test_with_another_session_block(fields: dict[str, object], session: bytes) -> None:
    payload = p.ok(**{"session": p.schema(b"shop"), **fields})  # type: ignore[arg-type]
    assert with_session(payload, session) == p.ok(**{**fields, "session": session})  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", OKS)
def test_ok_comes_back_byte_for_byte(fields: dict[str, object]) -> None:
    payload = p.ok(**fields)  # type: ignore[arg-type]
    assert OkPacket.decode(payload).encode() == payload


def test_the_fields_of_ok() -> None:
    packet = OkPacket.decode(p.ok(3, 9, 0x4003, 2, b"hi", p.schema(b"a"), 0xFE))
    assert packet.affected_rows == 3
    assert packet.last_insert_id == 9
    assert packet.status == Status.IN_TRANS | Status.AUTOCOMMIT | Status.SESSION_STATE_CHANGED
    assert (packet.warnings, packet.info, packet.session, packet.header) == (2, b"hi", p.schema(b"a"), EOF)


def test_a_change_flag_without_a_block_is_cleared() -> None:
    assert OkPacket.decode(p.ok(status=0x4002)).encode() == p.ok(status=0x0002)


@pytest.mark.parametrize("fields", OKS)
def test_a_cut_ok_is_malformed_or_shorter(fields: dict[str, object]) -> None:
    payload = p.ok(**fields)  # type: ignore[arg-type]
    for end in range(7):
        with pytest.raises(MalformedPacket):
            OkPacket.decode(payload[:end])
    for end in range(7, len(payload)):
        try:
            assert OkPacket.decode(payload[:end]) != OkPacket.decode(payload)
        except MalformedPacket:
            continue


@pytest.mark.parametrize("payload", [b"", p.err(), b"\xfb", p.row([b"x"])])
def test_what_is_no_ok_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedPacket):
        OkPacket.decode(payload)


def test_errors() -> None:
    payload = p.err(1064, "größer".encode(), b"42000")
    packet = ErrorPacket.decode(payload)
    assert packet == ErrorPacket(1064, "42000", "größer")
    assert packet.encode() == payload


def test_an_error_before_the_greeting_has_no_state() -> None:
    assert ErrorPacket.decode(b"\xff\x10\x04Too many") == ErrorPacket(1040, "HY000", "Too many")


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\xff\x01", b"\x00\x01\x02"])
def test_what_is_no_error_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedPacket):
        ErrorPacket.decode(payload)


def test_session_changes() -> None:
    block = (
        p.variable(b"SQL_MODE", b"ANSI")
        + p.schema(b"shop")
        + b"\x03" + p.text(b"\x00" + p.text(b"gtid"))
        + p.STATE_CHANGE
        + p.characteristics(b"SET TRANSACTION READ ONLY;")
        + b"\x05" + p.text(p.text(b"T_______"))
        + b"\x63" + p.text(b"unknown")
        + p.variable(b"time_zone", b"")
    )  # fmt: skip
    assert decode_session_changes(block) == SessionChanges(
        (("sql_mode", "ANSI"), ("time_zone", "")), "shop", True, "SET TRANSACTION READ ONLY;", "gtid"
    )


def test_a_gtid_alone() -> None:
    gtid = b"3e11fa47-71ca-11e1-9e33-c80aa9429562:23"
    block = b"\x03" + p.text(b"\x00" + p.text(gtid))
    assert decode_session_changes(block) == SessionChanges(gtid=gtid.decode())
    assert decode_session_changes(block + b"\x05" + p.text(p.text(b"________"))).gtid == gtid.decode()


@pytest.mark.parametrize("size", [0, 1, 245, 246, 247, 248, 300])
def test_gtids_of_any_length(size: int) -> None:
    block = b"\x03" + p.text(b"\x00" + p.text(b"g" * size))
    assert decode_session_changes(block).gtid == "g" * size
    assert decode_session_changes(block + p.schema(b"")).schema == ""


def test_a_gtid_in_an_unknown_encoding_is_skipped() -> None:
    for entry in (b"\x01rest", b""):
        assert decode_session_changes(b"\x03" + p.text(entry)) == SessionChanges()


def test_two_variables_in_one_entry() -> None:
    pairs = p.text(b"a") + p.text(b"1") + p.text(b"b") + p.text(b"2")
    assert decode_session_changes(b"\x00" + p.text(pairs)).variables == (("a", "1"), ("b", "2"))


@pytest.mark.parametrize("flag", [b"1", p.text(b"1")])
def test_the_state_flag_comes_with_or_without_a_length(flag: bytes) -> None:
    assert decode_session_changes(b"\x02" + p.text(flag)).state_changed


def test_no_state_change_and_no_schema() -> None:
    changes = decode_session_changes(b"\x02" + p.text(b"0") + p.schema(b"") + p.characteristics(b""))
    assert changes == SessionChanges((), "", False, "")
    assert decode_session_changes(b"") == SessionChanges()


def test_a_value_that_is_no_utf8_comes_back_as_it_was() -> None:
    [(_, value)] = decode_session_changes(p.variable(b"x", b"\xff\xfe")).variables
    assert value.encode("utf-8", "surrogateescape") == b"\xff\xfe"


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_garbage_raises_nothing_but_malformed(block: bytes) -> None:
    for parse in (decode_session_changes, OkPacket.decode, ErrorPacket.decode):
        try:
            parse(block)
        except MalformedPacket:
            continue
