"""The client's login, against the bytes of real clients and against a builder of its own."""

import struct

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.capabilities import OFFERED_TO_CLIENTS, Capability
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.handshake import ObsoleteProtocol
from proxy.mysql.wire.login import HandshakeResponse41, SSLRequest, is_ssl_request
from proxy.mysql.wire.login_fields import MAX_ATTRIBUTES, MAX_ATTRIBUTES_BYTES, MAX_USERNAME_BYTES

ALL = Capability(0xFFFFFFFF)
BASE = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION

#: Recorded from PyMySQL 1.2.4.
PYMYSQL = bytes.fromhex(
    "0da23a00ffffff002d0000000000000000000000000000000000000000000000"
    "6e6174001471 2cd37b7d4d9485a51bb86b1f7922e30d2259ab"
    "696e666f726d6174696f6e5f736368656d6100"
    "6d7973716c5f6e61746976655f70617373776f726400"
    "360c5f636c69656e745f6e616d650770796d7973716c0f5f636c69656e745f76657273696f6e05312e322e34"
    "045f706964053135333532"
)

#: Recorded from the command line client of MariaDB 10.11 (its extended capabilities end the filler).
LIBMARIADB = bytes.fromhex(
    "8ca2bf00000000102100000000000000000000000000000000000000 1d000000"
    "6e617400 14f7ae9bb7635bb297b34f835e4c8be6ceb5e5504a"
    "696e666f726d6174696f6e5f736368656d6100"
    "6d7973716c5f6e61746976655f70617373776f726400"
    "7f035f6f73054c696e75780c5f636c69656e745f6e616d650a6c69626d617269616462045f706964053135333536"
    "0f5f636c69656e745f76657273696f6e06332e332e3230095f706c6174666f726d067838365f3634"
    "0c70726f6772616d5f6e616d65056d7973716c0c5f7365727665725f686f7374093132372e302e302e31"
)

#: The example of the MySQL manual.
MANUAL = bytes.fromhex(
    "8da60f000000000108" + "00" * 23 + "70616d00"
    "14ab09eef6bcb1323e61143865c0991d957d75d447"
    "7465737400"
    "6d7973716c5f6e61746976655f70617373776f726400"
)


def login(capabilities: int, fields: bytes) -> bytes:
    """The first 32 bytes built with struct, and what follows them."""
    return struct.pack("<IIB23x", capabilities, 0x1000000, 45) + fields


def test_reads_pymysql() -> None:
    packet = HandshakeResponse41.decode(PYMYSQL, ALL)
    assert packet.capabilities == 0x003AA20D
    assert packet.max_packet_size == 0xFFFFFF
    assert packet.collation == 45
    assert packet.username == b"nat"
    assert packet.auth_response.hex() == "712cd37b7d4d9485a51bb86b1f7922e30d2259ab"
    assert packet.database == b"information_schema"
    assert packet.auth_plugin == b"mysql_native_password"
    assert packet.attributes == {b"_client_name": b"pymysql", b"_client_version": b"1.2.4", b"_pid": b"15352"}
    assert packet.encode() == PYMYSQL


def test_reads_libmariadb() -> None:
    packet = HandshakeResponse41.decode(LIBMARIADB, ALL)
    assert (packet.username, packet.database) == (b"nat", b"information_schema")
    assert packet.max_packet_size == 1 << 28
    assert packet.attributes[b"_client_name"] == b"libmariadb"
    assert packet.attributes[b"_server_host"] == b"127.0.0.1"
    filler = slice(28, 32)
    assert packet.encode() == LIBMARIADB[: filler.start] + bytes(4) + LIBMARIADB[filler.stop :]


def test_reads_the_example_of_the_manual() -> None:
    packet = HandshakeResponse41.decode(MANUAL, ALL)
    assert (packet.username, packet.database) == (b"pam", b"test")
    assert packet.auth_plugin == b"mysql_native_password"
    assert packet.attributes == {}
    assert packet.encode() == MANUAL


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (Capability.PROTOCOL_41, b"proof\0"),
        (BASE, b"\x05proof"),
        (BASE | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA, b"\x05proof"),
    ],
)
def test_each_form_of_the_auth_response(flags: Capability, field: bytes) -> None:
    packet = HandshakeResponse41(flags, 0x1000000, 45, b"me", b"proof")
    assert HandshakeResponse41.decode(login(flags, b"me\0" + field), ALL) == packet
    assert packet.encode() == login(flags, b"me\0" + field)


def test_a_long_auth_response_needs_a_length_encoded_field() -> None:
    flags = BASE | Capability.PLUGIN_AUTH_LENENC_CLIENT_DATA
    payload = login(flags, b"me\0\xfc\x00\x02" + b"t" * 512)
    assert HandshakeResponse41.decode(payload, ALL).auth_response == b"t" * 512
    assert HandshakeResponse41(flags, 0x1000000, 45, b"me", b"t" * 512).encode() == payload
    with pytest.raises(ValueError, match="255 bytes"):
        HandshakeResponse41(BASE, 0, 45, b"me", b"t" * 512).encode()


def test_a_bit_that_was_not_offered_promises_no_field() -> None:
    flags = BASE | Capability.CONNECT_ATTRS | Capability.PLUGIN_AUTH | Capability.CONNECT_WITH_DB
    packet = HandshakeResponse41.decode(login(flags, b"me\0\0"), BASE)
    assert packet.capabilities == BASE
    assert (packet.database, packet.auth_plugin, packet.attributes) == (None, None, {})


def test_an_empty_database_means_none() -> None:
    flags = BASE | Capability.CONNECT_WITH_DB
    packet = HandshakeResponse41.decode(login(flags, b"me\0\0\0"), ALL)
    assert packet.database is None
    assert packet.encode() == login(flags, b"me\0\0\0")


def test_an_empty_plugin_name_means_none() -> None:
    flags = BASE | Capability.PLUGIN_AUTH
    assert HandshakeResponse41.decode(login(flags, b"me\0\0\0"), ALL).auth_plugin is None
    assert HandshakeResponse41.decode(login(flags, b"me\0\0"), ALL).auth_plugin is None
    assert HandshakeResponse41.decode(login(flags, b"me\0\0plug"), ALL).auth_plugin == b"plug"


def test_refuses_a_client_before_4_1() -> None:
    with pytest.raises(ObsoleteProtocol):
        HandshakeResponse41.decode(bytes.fromhex("85240000006f6c640047445343515952 5f"), ALL)
    with pytest.raises(ObsoleteProtocol):
        SSLRequest.decode(b"\x00\x08\x00\x00\x00")


def test_limits_the_user_name() -> None:
    for size in (MAX_USERNAME_BYTES, MAX_USERNAME_BYTES + 1):
        payload = login(BASE, b"u" * size + b"\0\0")
        if size == MAX_USERNAME_BYTES:
            assert len(HandshakeResponse41.decode(payload, ALL).username) == size
        else:
            with pytest.raises(MalformedPacket, match="user name"):
                HandshakeResponse41.decode(payload, ALL)


@pytest.mark.parametrize(
    "block",
    [
        b"\x05\x01a",
        b"\x02\x01a",
        b"\x03\x01a\x02",
        b"\xfb",
        b"",
        b"\xfd" + (MAX_ATTRIBUTES_BYTES + 1).to_bytes(3, "little") + bytes(MAX_ATTRIBUTES_BYTES + 1),
        b"\xfc" + (2 * MAX_ATTRIBUTES + 2).to_bytes(2, "little") + bytes(2 * MAX_ATTRIBUTES + 2),
    ],
    ids=["past the end", "no value", "short value", "null", "missing", "too large", "too many"],
)
def test_refuses_broken_attributes(block: bytes) -> None:
    with pytest.raises(MalformedPacket):
        HandshakeResponse41.decode(login(BASE | Capability.CONNECT_ATTRS, b"me\0\0" + block), ALL)


def test_takes_attributes_up_to_the_limit() -> None:
    flags = BASE | Capability.CONNECT_ATTRS
    value = b"v" * (MAX_ATTRIBUTES_BYTES - 5)
    block = b"\x01n\xfc" + len(value).to_bytes(2, "little") + value
    payload = login(flags, b"me\0\0\xfd" + len(block).to_bytes(3, "little") + block)
    packet = HandshakeResponse41.decode(payload, ALL)
    assert packet.attributes == {b"n": value}
    assert packet.encode() == payload
    with pytest.raises(ValueError, match="attributes"):
        attrs.evolve(packet, attributes={b"n": value + b"v"}).encode()


@pytest.mark.parametrize("payload", [PYMYSQL, LIBMARIADB, MANUAL])
def test_every_truncation_is_malformed_or_a_login(payload: bytes) -> None:
    whole = HandshakeResponse41.decode(payload, ALL)
    refused = 0
    for size in range(len(payload)):
        try:
            packet = HandshakeResponse41.decode(payload[:size], ALL)
        except MalformedPacket:
            refused += 1
        else:
            assert packet.username == whole.username
            assert packet.database == whole.database
    assert refused > len(payload) // 2


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_garbage_is_malformed_or_a_login(garbage: bytes, flags: int) -> None:
    for payload in (garbage, login(flags | Capability.PROTOCOL_41, garbage)):
        for decode in (lambda data: HandshakeResponse41.decode(data, ALL), SSLRequest.decode):
            try:
                decode(payload)
            except MalformedPacket:
                continue


names = st.binary(max_size=80).map(lambda text: text.replace(b"\0", b"-"))


@given(
    flags=st.integers(0, 2**32 - 1),
    username=names,
    auth_response=st.binary(max_size=255),
    database=names.map(lambda name: name or None),
    plugin=names.map(lambda name: name or None),
    attributes=st.dictionaries(st.binary(max_size=40), st.binary(max_size=300), max_size=8),
)
def test_round_trip(
    *,
    flags: int,
    username: bytes,
    auth_response: bytes,
    database: bytes | None,
    plugin: bytes | None,
    attributes: dict[bytes, bytes],
) -> None:
    capabilities = Capability(flags) | BASE
    packet = HandshakeResponse41(
        capabilities,
        max_packet_size=1 << 24,
        collation=255,
        username=username,
        auth_response=auth_response,
        database=database if Capability.CONNECT_WITH_DB in capabilities else None,
        auth_plugin=plugin if Capability.PLUGIN_AUTH in capabilities else None,
        attributes=attributes if Capability.CONNECT_ATTRS in capabilities else {},
    )
    assert HandshakeResponse41.decode(packet.encode(), ALL) == packet
    assert HandshakeResponse41.decode(packet.encode(), capabilities) == packet


@pytest.mark.parametrize(
    "change",
    [
        {"database": b"db"},
        {"auth_plugin": b"plug"},
        {"attributes": {b"a": b"b"}},
        {"username": b"a\0b"},
        {"capabilities": Capability.SECURE_CONNECTION},
        {"collation": 256},
    ],
)
def test_nothing_is_dropped_unseen(change: dict[str, object]) -> None:
    packet = HandshakeResponse41(BASE, 0, 45, b"me", b"")
    assert packet.encode()
    with pytest.raises(ValueError):  # noqa: PT011 - each refusal has its own message
        attrs.evolve(packet, **change).encode()  # type: ignore[arg-type]


def test_the_proof_is_not_in_the_repr() -> None:
    assert "hunter2" not in repr(HandshakeResponse41(BASE, 0, 45, b"me", b"hunter2"))


def test_tls_request_is_the_first_half_of_a_login() -> None:
    flags = OFFERED_TO_CLIENTS | Capability.SSL
    payload = login(flags, b"")
    assert SSLRequest(flags, 0x1000000, 45).encode() == payload
    assert SSLRequest(OFFERED_TO_CLIENTS, 0x1000000, 45).encode() == payload
    assert SSLRequest.decode(payload) == SSLRequest(flags, 0x1000000, 45)
    assert is_ssl_request(payload)


def test_a_login_is_no_tls_request() -> None:
    assert not is_ssl_request(login(OFFERED_TO_CLIENTS, b""))
    assert not is_ssl_request(login(OFFERED_TO_CLIENTS | Capability.SSL, b"me\0"))
    assert not is_ssl_request(PYMYSQL)
    assert not is_ssl_request(b"")
    with pytest.raises(MalformedPacket, match="SSL capability"):
        SSLRequest.decode(login(OFFERED_TO_CLIENTS, b""))
    with pytest.raises(MalformedPacket, match="longer"):
        SSLRequest.decode(login(OFFERED_TO_CLIENTS | Capability.SSL, b"me\0"))


def test_every_truncation_of_a_tls_request_is_malformed() -> None:
    payload = SSLRequest(OFFERED_TO_CLIENTS, 0x1000000, 45).encode()
    for size in range(len(payload)):
        with pytest.raises(MalformedPacket):
            SSLRequest.decode(payload[:size])
