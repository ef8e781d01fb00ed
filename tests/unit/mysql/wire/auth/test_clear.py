"""mysql_clear_password in both roles."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire.auth.clear import ClearClient, ClearServer
from proxy.mysql.wire.auth.native import NativeDigest
from proxy.mysql.wire.auth.plugin import MAX_PASSWORD_BYTES, AuthRefused, Channel
from proxy.mysql.wire.auth.rsa import RsaKeyPair

NONCE = b"0123456789abcdefghij"
SECURE = Channel(secure=True)
INSECURE = Channel(secure=False)
TOKEN = b"db.example:3306/?Action=connect&" + b"t" * 1700


def verdict(passwords: list[bytes], response: bytes, channel: Channel = SECURE) -> bool:
    """What the server decides, which takes no message."""
    with pytest.raises(StopIteration) as end:
        next(ClearServer().authenticate(passwords, NONCE, response, channel))
    assert isinstance(end.value.value, bool)
    return end.value.value


def learnt(response: bytes, channel: Channel = SECURE) -> bytes | None:
    """What the server is told, which takes no message."""
    with pytest.raises(StopIteration) as end:
        next(ClearServer().ask(NONCE, response, channel))
    said: bytes | None = end.value.value
    return said


class TestServer:
    @pytest.mark.parametrize(
        "password", [b"secret", "pässwörd 🔑".encode(), TOKEN, b"x" * MAX_PASSWORD_BYTES]
    )
    def test_takes_the_password_with_a_nul_behind_it(self, password: bytes) -> None:
        assert verdict([password], password + b"\0")
        assert learnt(password + b"\0") == password

    @pytest.mark.parametrize(
        "response",
        [b"secret", b"secret\0\0", b"\0secret\0", b"Secret\0", b"secre\0", b"secret \0", b"\0", b""],
    )
    def test_what_is_not_the_password(self, response: bytes) -> None:
        assert not verdict([b"secret"], response)
        assert not verdict([], response)

    def test_any_of_the_passwords_will_do(self) -> None:
        for response in (b"new\0", b"coming\0", b"old\0"):
            assert verdict([b"new", b"coming", b"old"], response)
        assert not verdict([b"new", b"coming", b"old"], b"older\0")

    @pytest.mark.parametrize("response", [b"", b"\0"])
    def test_the_empty_password_is_for_who_has_it(self, response: bytes) -> None:
        assert verdict([b""], response)
        assert verdict([b"secret", b""], response)
        assert learnt(response) == b""

    @pytest.mark.parametrize("channel", [INSECURE, Channel(secure=False, rsa_key=RsaKeyPair.generate())])
    @pytest.mark.parametrize("response", [b"secret\0", b"secret", b"", b"\0"])
    def test_nothing_is_sent_taken_or_learnt_over_an_insecure_channel(
        self, channel: Channel, response: bytes
    ) -> None:
        for passwords in ([b"secret"], [b""], []):
            assert not verdict(passwords, response, channel)
        assert learnt(response, channel) is None

    def test_what_is_too_long_is_not_looked_at(self) -> None:
        long = b"x" * (MAX_PASSWORD_BYTES + 1)
        assert not verdict([long], long + b"\0")
        assert learnt(long + b"\0") is None

    @given(st.binary(max_size=64))
    def test_garbage_proves_nothing(self, response: bytes) -> None:
        assert not verdict([b"secret"], response)
        assert not verdict([], response)


class TestClient:
    def test_sends_the_password_over_a_secure_channel(self) -> None:
        exchange = ClearClient().respond(b"token", b"", SECURE)
        assert next(exchange) == b"token\0"
        with pytest.raises(AuthRefused, match="more data"):
            exchange.send(b"again")

    @pytest.mark.parametrize("password", [b"", b"hunter2"])
    def test_sends_nothing_over_an_insecure_channel(self, password: bytes) -> None:
        with pytest.raises(AuthRefused, match="insecure channel") as refusal:
            next(ClearClient().respond(password, b"", INSECURE))
        assert "hunter2" not in str(refusal.value)

    def test_has_no_use_for_a_digest(self) -> None:
        with pytest.raises(AuthRefused, match="digest"):
            next(ClearClient().respond(NativeDigest(b"d" * 20), b"", SECURE))


@pytest.mark.parametrize("password", [b"", b"secret", TOKEN])
def test_client_and_server_agree(password: bytes, converse: Callable[..., Any]) -> None:
    outcome = converse(
        ClearServer(), ClearClient(), known=password, said=password, nonce=NONCE, channel=SECURE
    )
    assert outcome.proven
    assert outcome.transcript == [password + b"\0"]
