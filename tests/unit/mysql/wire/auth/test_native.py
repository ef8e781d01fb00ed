"""mysql_native_password in both roles, against PyMySQL's implementation."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql import _auth

from proxy.mysql.wire.auth.native import NativeClient, NativeServer, scramble
from proxy.mysql.wire.auth.plugin import AuthRefused, Channel

NONCE = b"0123456789abcdefghij"
INSECURE = Channel(secure=False)
PASSWORDS = [b"", b"secret", "pässwörd 🔑".encode(), b"x" * 200, b" ", b"nul\0inside"]


def verdict(password: bytes | None, response: bytes) -> bool:
    """What the server decides, which takes no further message."""
    with pytest.raises(StopIteration) as end:
        next(NativeServer().authenticate(password, NONCE, response, INSECURE))
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
