"""mysql_native_password in both roles, against PyMySQL's implementation."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql import _auth

from proxy.mysql.wire.auth.native import (
    NativeClient,
    NativeDigest,
    NativeServer,
    expect_password,
    recover_digest,
    scramble,
)
from proxy.mysql.wire.auth.plugin import AuthRefused, Channel
from tests.peers.packets import verifier_of

NONCE = b"0123456789abcdefghij"
INSECURE = Channel(secure=False)
PASSWORDS = [b"", b"secret", "pässwörd 🔑".encode(), b"x" * 200, b" ", b"nul\0inside"]


def verdict(password: bytes | None, response: bytes) -> bool:
    """What the server decides, which takes no further message."""
    with pytest.raises(StopIteration) as end:
        next(NativeServer().authenticate([] if password is None else [password], NONCE, response, INSECURE))
    return end.value.value is True


def test_a_scramble_recorded_from_a_real_login() -> None:
    # A MariaDB 10.11 took this scramble of the password "pw" from PyMySQL.
    nonce = b"uB)CWk4_bPKd9-s~@cPG"
    assert scramble(b"pw", nonce).hex() == "712cd37b7d4d9485a51bb86b1f7922e30d2259ab"


@given(st.binary(min_size=1, max_size=200), st.binary(min_size=20, max_size=20))
def test_scrambles_as_pymysql_does(password: bytes, nonce: bytes) -> None:
    assert scramble(password, nonce) == _auth.scramble_native_password(password, nonce)


@pytest.mark.parametrize("password", PASSWORDS)
def test_takes_what_pymysql_sends(password: bytes) -> None:
    assert verdict(password, _auth.scramble_native_password(password, NONCE))


@pytest.mark.parametrize("password", PASSWORDS)
def test_client_and_server_agree(password: bytes, converse: Callable[..., object]) -> None:
    outcome = converse(
        NativeServer(), NativeClient(), known=password, said=password, nonce=NONCE, channel=INSECURE
    )
    assert outcome.proven  # type: ignore[attr-defined]


@pytest.mark.parametrize("said", PASSWORDS)
@pytest.mark.parametrize("known", [*PASSWORDS, None])
def test_only_the_right_password_is_proven(known: bytes | None, said: bytes) -> None:
    assert verdict(known, _auth.scramble_native_password(said, NONCE)) is (known == said)


def test_an_empty_password_may_come_as_a_c_string() -> None:
    assert verdict(b"", b"\0")
    assert not verdict(b"secret", b"\0")
    assert not verdict(None, b"\0")


def test_the_scramble_of_the_empty_password_proves_nothing() -> None:
    assert not verdict(b"", scramble(b"", NONCE))


@given(st.binary(max_size=64))
def test_garbage_proves_nothing(response: bytes) -> None:
    assert not verdict(b"secret", response)
    assert not verdict(None, response)


def test_client_sends_nothing_for_an_empty_password() -> None:
    assert next(NativeClient().respond(b"", NONCE, INSECURE)) == b""


@pytest.mark.parametrize("nonce", [b"", b"short", b"n" * 21])
def test_client_refuses_a_nonce_of_another_length(nonce: bytes) -> None:
    with pytest.raises(AuthRefused, match="nonce"):
        next(NativeClient().respond(b"secret", nonce, INSECURE))


def test_client_refuses_further_data() -> None:
    exchange = NativeClient().respond(b"secret", NONCE, INSECURE)
    next(exchange)
    with pytest.raises(AuthRefused, match="more data"):
        exchange.send(b"\x04")


@pytest.mark.parametrize("said", [b"new", b"coming", b"old"])
def test_any_of_the_passwords_will_do(said: bytes) -> None:
    response = scramble(said, NONCE)
    with pytest.raises(StopIteration) as end:
        next(NativeServer().authenticate([b"new", b"coming", b"old"], NONCE, response, INSECURE))
    assert end.value.value is True
    with pytest.raises(StopIteration) as end:
        next(NativeServer().authenticate([b"newer", b"older"], NONCE, response, INSECURE))
    assert end.value.value is False


class TestDigest:
    DIGEST = hashlib.sha1(b"secret").digest()

    def test_a_verifier_is_what_mysql_shows_of_a_password(self) -> None:
        # SELECT PASSWORD('secret') of MariaDB.
        assert verifier_of(b"secret").hex().upper() == "14E65567ABDB5135D0CFD9A70B3032C179A49EE7"

    @given(st.binary(min_size=1, max_size=100), st.binary(min_size=20, max_size=20))
    def test_a_right_response_reveals_the_digest(self, password: bytes, nonce: bytes) -> None:
        response = _auth.scramble_native_password(password, nonce)
        digest = recover_digest(verifier_of(password), nonce, response)
        assert digest == hashlib.sha1(password).digest()
        assert isinstance(digest, NativeDigest)

    @given(st.binary(max_size=40))
    def test_a_wrong_response_reveals_nothing(self, response: bytes) -> None:
        assert recover_digest(verifier_of(b"secret"), NONCE, response) is None

    @pytest.mark.parametrize("verifier", [b"", b"v" * 19, b"v" * 21])
    def test_a_verifier_of_another_length_is_nobodys(self, verifier: bytes) -> None:
        assert recover_digest(verifier, NONCE, scramble(b"secret", NONCE)) is None

    def test_a_response_to_another_nonce_reveals_nothing(self) -> None:
        assert recover_digest(verifier_of(b"secret"), NONCE[::-1], scramble(b"secret", NONCE)) is None

    def test_logs_in_like_the_password(self) -> None:
        digest = NativeDigest(self.DIGEST)
        (response, by_password) = (
            next(NativeClient().respond(secret, NONCE, INSECURE)) for secret in (digest, b"secret")
        )
        assert response == by_password
        assert response is not None
        assert verdict(b"secret", response)

    def test_the_same_bytes_as_a_password_are_another_password(self) -> None:
        assert scramble(self.DIGEST, NONCE) != scramble(NativeDigest(self.DIGEST), NONCE)

    def test_never_shows_itself(self) -> None:
        digest = NativeDigest(self.DIGEST)
        assert f"{digest} {digest!r} {digest:>30} {[digest]}" == "<hidden> <hidden> <hidden> [<hidden>]"

    @pytest.mark.parametrize("size", [0, 19, 21])
    def test_has_20_bytes(self, size: int) -> None:
        with pytest.raises(ValueError, match="20 bytes"):
            NativeDigest(bytes(size))

    def test_is_no_password(self) -> None:
        expect_password(b"secret")
        with pytest.raises(AuthRefused, match="digest"):
            expect_password(NativeDigest(self.DIGEST))
