"""Packets of an authentication exchange and COM_CHANGE_USER, against recorded and hand-built bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.auth_packets import AuthMoreData, AuthSwitchRequest, ChangeUser
from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.datatypes import MalformedPacket

#: Recorded from a MariaDB 10.11.19: ed25519's nonce has no closing NUL.
ED25519_SWITCH = bytes.fromhex(
    "fe636c69656e745f6564323535313900a31f494c2ae3273f4fba230c77cda24a877ca51adfadd652d2bc7b695f756be0"
)

MODERN = Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH | Capability.CONNECT_ATTRS
CHANGE = b"\x11me\0\x05proofdb\0\xff\x00plugin\0\x06\x01a\x03bcd"


class TestAuthSwitchRequest:
    def test_reads_a_real_mariadb(self) -> None:
        packet = AuthSwitchRequest.decode(ED25519_SWITCH)
        assert packet == AuthSwitchRequest(b"client_ed25519", ED25519_SWITCH[-32:])
        assert packet.encode() == ED25519_SWITCH

    def test_a_nonce_of_mysql_is_closed_by_a_nul(self) -> None:
        payload = b"\xfemysql_native_password\0" + b"n" * 20 + b"\0"
        packet = AuthSwitchRequest(b"mysql_native_password", b"n" * 20)
        assert AuthSwitchRequest.decode(payload) == packet
        assert packet.encode() == payload

    def test_a_binary_nonce_may_end_in_nul(self) -> None:
        nonce = b"n" * 31 + b"\0"
        assert AuthSwitchRequest.decode(b"\xfeclient_ed25519\0" + nonce).nonce == nonce

    def test_refuses_passwords_before_4_1(self) -> None:
        with pytest.raises(MalformedPacket, match=r"before MySQL 4\.1"):
            AuthSwitchRequest.decode(b"\xfe")

    @pytest.mark.parametrize("payload", [b"", b"\x00ok\0", b"\xfeno_nul"])
    def test_refuses_other_packets(self, payload: bytes) -> None:
        with pytest.raises(MalformedPacket):
            AuthSwitchRequest.decode(payload)

    @given(
        st.binary(max_size=40).map(lambda name: name.replace(b"\0", b"-")),
        st.binary(max_size=64).filter(lambda nonce: len(nonce) != 21),
    )
    def test_round_trip(self, plugin: bytes, nonce: bytes) -> None:
        packet = AuthSwitchRequest(plugin, nonce)
        assert AuthSwitchRequest.decode(packet.encode()) == packet


class TestAuthMoreData:
    @given(st.binary(max_size=300))
    def test_round_trip(self, data: bytes) -> None:
        assert AuthMoreData(data).encode() == b"\x01" + data
        assert AuthMoreData.decode(b"\x01" + data) == AuthMoreData(data)

    @pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff\x15\x04"])
    def test_refuses_other_packets(self, payload: bytes) -> None:
        with pytest.raises(MalformedPacket):
            AuthMoreData.decode(payload)

    def test_data_is_not_in_the_repr(self) -> None:
        assert "hunter2" not in repr(AuthMoreData(b"hunter2"))


class TestChangeUser:
    def test_agrees_with_the_layout_of_the_manual(self) -> None:
        packet = ChangeUser(b"me", b"proof", b"db", 255, b"plugin", {b"a": b"bcd"})
        assert ChangeUser.decode(CHANGE, MODERN) == packet
        assert packet.encode(MODERN) == CHANGE

    def test_collations_have_two_bytes(self) -> None:
        assert ChangeUser.decode(b"\x11me\0\0\0\x34\x01", MODERN).collation == 308
        assert ChangeUser(b"me", b"", None, 308).encode(Capability.SECURE_CONNECTION)[-2:] == b"\x34\x01"

    def test_an_old_client_ends_with_the_database(self) -> None:
        packet = ChangeUser(b"me", b"proof", b"db")
        assert ChangeUser.decode(b"\x11me\0\x05proofdb\0", MODERN) == packet
        assert packet.encode(MODERN) == b"\x11me\0\x05proofdb\0"

    def test_a_client_without_secure_connection(self) -> None:
        packet = ChangeUser(b"me", b"proof", b"db", 8)
        assert ChangeUser.decode(b"\x11me\0proof\0db\0\x08\0", Capability(0)) == packet
        assert packet.encode(Capability(0)) == b"\x11me\0proof\0db\0\x08\0"

    def test_an_empty_database_means_none(self) -> None:
        assert ChangeUser.decode(b"\x11me\0\0\0", MODERN).database is None

    def test_refuses_other_commands(self) -> None:
        with pytest.raises(MalformedPacket, match="COM_CHANGE_USER"):
            ChangeUser.decode(b"\x03SELECT 1", MODERN)

    def test_every_truncation_is_malformed_or_a_login(self) -> None:
        database_end = CHANGE.index(b"db\0") + 3
        for size in range(len(CHANGE)):
            try:
                packet = ChangeUser.decode(CHANGE[:size], MODERN)
            except MalformedPacket:
                continue
            assert size >= database_end
            assert (packet.username, packet.auth_response, packet.database) == (b"me", b"proof", b"db")

    @given(st.binary(max_size=120), st.integers(0, 2**32 - 1))
    def test_garbage_is_malformed_or_a_login(self, garbage: bytes, flags: int) -> None:
        for payload in (garbage, b"\x11" + garbage):
            for decode in (AuthSwitchRequest.decode, AuthMoreData.decode):
                try:
                    decode(payload)
                except MalformedPacket:
                    continue
            try:
                ChangeUser.decode(payload, Capability(flags))
            except MalformedPacket:
                continue

    @given(
        username=st.binary(max_size=80).map(lambda name: name.replace(b"\0", b"-")),
        auth_response=st.binary(max_size=255),
        collation=st.integers(0, 0xFFFF),
        attributes=st.dictionaries(st.binary(max_size=40), st.binary(max_size=300), max_size=8),
    )
    def test_round_trip(
        self, username: bytes, auth_response: bytes, collation: int, attributes: dict[bytes, bytes]
    ) -> None:
        packet = ChangeUser(username, auth_response, b"db", collation, b"plugin", attributes)
        assert ChangeUser.decode(packet.encode(MODERN), MODERN) == packet

    @pytest.mark.parametrize(
        ("packet", "capabilities"),
        [
            (ChangeUser(b"me", b"", collation=8, auth_plugin=b"p"), Capability.SECURE_CONNECTION),
            (ChangeUser(b"me", b"", collation=8, attributes={b"a": b"b"}), Capability.PLUGIN_AUTH),
            (ChangeUser(b"me", b"", auth_plugin=b"p"), MODERN),
            (ChangeUser(b"me", b"x" * 256), MODERN),
            (ChangeUser(b"me", b"x\0y"), Capability(0)),
        ],
    )
    def test_nothing_is_dropped_unseen(self, packet: ChangeUser, capabilities: Capability) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - each refusal has its own message
            packet.encode(capabilities)

    def test_the_proof_is_not_in_the_repr(self) -> None:
        assert "hunter2" not in repr(ChangeUser(b"me", b"hunter2"))
