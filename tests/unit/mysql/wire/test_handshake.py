"""The server's greeting, against the bytes of real servers and against a builder of its own."""

import struct

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.capabilities import OFFERED_TO_CLIENTS, Capability
from proxy.mysql.wire.datatypes import MalformedPacket
from proxy.mysql.wire.handshake import NONCE_LENGTH, HandshakeV10, ObsoleteProtocol, fresh_nonce
from proxy.mysql.wire.status import Status

#: Recorded from a MariaDB 10.11.19 of Debian.
MARIADB = bytes.fromhex(
    "0a352e352e352d31302e31312e31392d4d6172696144422d302b6465623132753100"
    "0400000075422943576b345f00fef7080200ff81150000000000001d000000"
    "62504b64392d737e40635047006d7973716c5f6e61746976655f70617373776f726400"
)
NONCE = b"abcdefgh" + b"ijklmnopqrst"


def greeting(capabilities: int, reserved: bytes = bytes(10), plugin: bytes = b"some_plugin\0") -> bytes:
    """A greeting as the manual lays it out, built with struct."""
    return (
        b"\x0a8.4.5\0"
        + struct.pack("<I8sxHBHHB", 77, NONCE[:8], capabilities & 0xFFFF, 255, 2, capabilities >> 16, 21)
        + reserved
        + NONCE[8:]
        + b"\0"
        + plugin
    )


MYSQL_FLAGS = Capability.LONG_PASSWORD | Capability.PROTOCOL_41 | Capability.PLUGIN_AUTH
MYSQL = HandshakeV10(
    server_version=b"8.4.5",
    connection_id=77,
    nonce=NONCE,
    capabilities=MYSQL_FLAGS,
    collation=255,
    status=Status.AUTOCOMMIT,
    auth_plugin=b"some_plugin",
)


def test_reads_a_real_mariadb() -> None:
    packet = HandshakeV10.decode(MARIADB)
    assert packet.server_version == b"5.5.5-10.11.19-MariaDB-0+deb12u1"
    assert packet.is_mariadb
    assert packet.connection_id == 4
    assert packet.nonce == b"uB)CWk4_bPKd9-s~@cPG"
    assert packet.capabilities == 0x1D_81FFF7FE
    assert packet.collation == 8
    assert packet.status == Status.AUTOCOMMIT
    assert packet.auth_plugin == b"mysql_native_password"


def test_writes_what_the_real_mariadb_wrote() -> None:
    assert HandshakeV10.decode(MARIADB).encode() == MARIADB


def test_agrees_with_the_layout_of_the_manual() -> None:
    assert MYSQL.encode() == greeting(MYSQL_FLAGS)
    assert HandshakeV10.decode(greeting(MYSQL_FLAGS)) == MYSQL


def test_reserved_bytes_of_a_mysql_mean_nothing() -> None:
    packet = HandshakeV10.decode(greeting(MYSQL_FLAGS, reserved=b"\xff" * 10))
    assert packet.capabilities == MYSQL_FLAGS
    assert attrs.evolve(MYSQL, capabilities=MYSQL_FLAGS | 5 << 32).encode() == greeting(MYSQL_FLAGS)


def test_a_plugin_name_may_lack_its_nul() -> None:
    assert HandshakeV10.decode(greeting(MYSQL_FLAGS, plugin=b"some_plugin")) == MYSQL


def test_without_plugin_auth_no_plugin_is_named() -> None:
    packet = attrs.evolve(MYSQL, capabilities=Capability.PROTOCOL_41, auth_plugin=b"ignored")
    assert HandshakeV10.decode(packet.encode()) == attrs.evolve(packet, auth_plugin=b"")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (b"8.0.36", False),
        (b"5.7.44-log", False),
        (b"5.5.5-10.6.18", True),
        (b"11.4.2-MariaDB-log", True),
    ],
)
def test_tells_a_mariadb_by_its_version(version: bytes, expected: bool) -> None:
    assert attrs.evolve(MYSQL, server_version=version).is_mariadb is expected


def test_refuses_another_protocol_version() -> None:
    with pytest.raises(MalformedPacket, match="version 10"):
        HandshakeV10.decode(b"\xff\x10\x04Too many connections")


def test_refuses_a_server_before_4_1() -> None:
    with pytest.raises(ObsoleteProtocol):
        HandshakeV10.decode(greeting(MYSQL_FLAGS & ~Capability.PROTOCOL_41))


def test_every_truncation_is_malformed_up_to_the_plugin_name() -> None:
    name = len(b"mysql_native_password\0")
    for size in range(len(MARIADB) - name):
        with pytest.raises(MalformedPacket):
            HandshakeV10.decode(MARIADB[:size])
    for size in range(len(MARIADB) - name, len(MARIADB)):
        assert b"mysql_native_password".startswith(HandshakeV10.decode(MARIADB[:size]).auth_plugin)


@given(st.binary(max_size=200))
def test_garbage_is_malformed_or_a_greeting(garbage: bytes) -> None:
    for payload in (garbage, b"\x0a" + garbage, MARIADB[:40] + garbage):
        try:
            assert len(HandshakeV10.decode(payload).nonce) == NONCE_LENGTH
        except MalformedPacket:
            continue


@given(
    version=st.binary(max_size=60).map(lambda text: text.replace(b"\0", b"x")),
    connection_id=st.integers(0, 2**32 - 1),
    nonce=st.binary(min_size=20, max_size=20),
    capabilities=st.integers(0, 2**32 - 1),
    collation=st.integers(0, 255),
    status=st.integers(0, 0xFFFF),
    extended=st.integers(0, 2**32 - 1),
)
def test_round_trip(
    *,
    version: bytes,
    connection_id: int,
    nonce: bytes,
    capabilities: int,
    collation: int,
    status: int,
    extended: int,
) -> None:
    flags = Capability(capabilities) | Capability.PROTOCOL_41 | Capability.PLUGIN_AUTH
    if Capability.LONG_PASSWORD not in flags:
        flags |= Capability(extended << 32)
    packet = HandshakeV10(version, connection_id, nonce, flags, collation, Status(status), b"plugin")
    assert HandshakeV10.decode(packet.encode()) == packet


def test_refuses_values_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        attrs.evolve(MYSQL, nonce=b"short")
    with pytest.raises(ValueError, match="NUL"):
        attrs.evolve(MYSQL, server_version=b"8\0").encode()
    with pytest.raises(ValueError, match="range"):
        attrs.evolve(MYSQL, collation=256).encode()


def test_the_nonce_is_not_in_the_repr() -> None:
    assert "abcdefgh" not in repr(MYSQL)


def test_what_the_proxy_offers_has_room_for_a_plugin() -> None:
    packet = attrs.evolve(MYSQL, capabilities=OFFERED_TO_CLIENTS, nonce=fresh_nonce())
    assert HandshakeV10.decode(packet.encode()) == packet


def test_a_fresh_nonce_is_text_to_a_c_client() -> None:
    nonces = [fresh_nonce() for _ in range(300)]
    assert {len(nonce) for nonce in nonces} == {NONCE_LENGTH}
    assert len(set(nonces)) == len(nonces)
    used = set(b"".join(nonces))
    assert used <= set(range(1, 128)) - {ord("$")}
    assert len(used) > 100
