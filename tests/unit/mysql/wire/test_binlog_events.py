"""Single events; those of real servers are as MySQL 9.7 and MariaDB 10.11 have sent them."""

import struct

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.binlog_events import Event, EventType, UnreadableEvent
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.gtid import Gtid
from tests.peers import binlog
from tests.peers import packets as p

UUID = "bc0fc0ca-e64d-11f1-a27a-02fc00000001"
CRC = 4
#: AUTOMATIC:tag1, the first one; cut off behind the tag.
TAGGED = bytes.fromhex(
    "2ca6026b2a0100000050000000160100000000"
    "0272000000"
    "02f1021e0103290399039a22c5038902f404f10300000002"
    "0404"
    "060874616731"
    "08000a04"
)
#: XA PREPARE 'x' of MariaDB: its name, and a number of engines behind that.
PREPARED = bytes.fromhex(
    "3ca4026ba2010000002d000000ed0b000008000f00000000000000000000004c0100000001007801ff02a734bf"
)


def test_a_mysql_gtid() -> None:
    event = Event.of(binlog.mysql_gtid(UUID, 17, server_id=3), CRC)
    assert (event.type, event.server_id, event.mysql_gtid()) == (EventType.GTID, 3, Gtid(UUID, 17))


def test_a_tagged_gtid_of_a_real_server() -> None:
    assert Event.of(TAGGED).tagged_gtid() == Gtid(f"{UUID}:tag1", 1)


@pytest.mark.parametrize("at", [19, 22, 24, 48])
def test_a_tagged_gtid_in_another_form(at: int) -> None:
    changed = bytearray(TAGGED)
    changed[at] = 0x3E
    with pytest.raises(MalformedPacket):
        Event.of(bytes(changed)).tagged_gtid()


def test_a_mariadb_gtid() -> None:
    event = Event.of(binlog.mariadb_gtid(5, 7, 1 << 40), CRC)
    assert event.mariadb_gtid() == Gtid("5-7", 1 << 40)
    assert event.mariadb_thread() is None


def test_a_prepared_transaction_of_a_real_server_names_no_connection() -> None:
    event = Event.of(PREPARED, CRC)
    assert event.mariadb_gtid() == Gtid("0-1", 15)
    assert event.mariadb_thread() is None


@pytest.mark.parametrize(
    ("flags", "more"),
    [
        (0, b"\x10"),
        (2, bytes(8) + b"\x10"),
        (2, bytes(8) + b"\x11\x02"),
        (0x40, struct.pack("<IBB", 1, 2, 1) + b"abc" + b"\x10"),
        (0x80 | 2, bytes(8) + struct.pack("<IBB", 1, 1, 0) + b"a" + b"\x15\x01" + bytes(8)),
    ],
)
def test_a_mariadb_gtid_with_its_connection(flags: int, more: bytes) -> None:
    event = Event.of(binlog.mariadb_gtid(0, 1, 9, flags, more + struct.pack("<I", 70)), CRC)
    assert event.mariadb_thread() == 70


def test_a_checksum_is_no_field() -> None:
    """Behind a group commit's number there are just the four bytes of it."""
    assert Event.of(binlog.mariadb_gtid(0, 1, 9, 2, bytes(8)), CRC).mariadb_thread() is None


@pytest.mark.parametrize(
    ("text", "is_a_clients"),
    [
        (b"INSERT INTO t VALUES (1)", True),
        (b"ALTER TABLE t ADD x INT", True),
        (b"BEGIN", False),
        (b"COMMIT", False),
        (b"XA START X'78',X'',1", False),
        (b"", False),
    ],
)
def test_statements(text: bytes, is_a_clients: bool) -> None:
    event = Event.of(binlog.query(70, text), CRC)
    assert event.query_thread() == 70
    assert event.is_a_clients() is is_a_clients


def test_a_statement_behind_more_variables_than_are_kept() -> None:
    head = binlog.query(70, b"INSERT INTO t VALUES (1)")[:40]
    with pytest.raises(MalformedPacket):
        Event.of(head, CRC).is_a_clients()


def test_format_descriptions() -> None:
    assert Event.of(binlog.description(checksum=1)).checksum() == CRC
    assert Event.of(binlog.description(checksum=0), CRC).checksum() == 0
    assert Event.of(binlog.description(created=1_700_000_000)).was_created_at_start()
    assert not Event.of(binlog.description()).was_created_at_start()
    with pytest.raises(UnreadableEvent):
        Event.of(binlog.description(checksum=2)).checksum()


def payload(inside: bytes, algorithm: int = 0, packed: bytes | None = None) -> Event:
    packed = zstd.compress(inside) if packed is None else packed
    fields = b"\2" + p.text(p.number(algorithm)) + b"\3" + p.text(p.number(len(inside)))
    fields += b"\1" + p.text(p.number(len(packed))) + b"\0"
    return Event.of(binlog.event(40, fields + packed), CRC)


def test_a_compressed_transaction() -> None:
    begin = binlog.query(70, b"BEGIN")
    assert payload(begin + binlog.rows(100_000)).payload_thread() == 70
    assert payload(binlog.rows() + begin).payload_thread() is None
    assert payload(begin, algorithm=250).payload_thread() is None
    assert payload(begin, packed=b"garbage").payload_thread() is None


@given(st.binary(max_size=90), st.sampled_from([2, 15, 33, 40, 42, 162]))
def test_any_body_is_read_or_malformed(body: bytes, kind: int) -> None:
    event = Event.of(binlog.event(kind, body), CRC)
    for read in (
        event.checksum,
        event.was_created_at_start,
        event.mysql_gtid,
        event.tagged_gtid,
        event.mariadb_gtid,
        event.mariadb_thread,
        event.query_thread,
        event.is_a_clients,
        event.payload_thread,
    ):
        try:
            read()
        except MalformedPacket:
            continue


@given(st.binary(max_size=18))
def test_less_than_a_header(head: bytes) -> None:
    with pytest.raises(MalformedPacket):
        Event.of(head)
