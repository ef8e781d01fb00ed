"""client_ed25519 against MariaDB's own hashes, a recorded login, PyMySQL and an independent verifier."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pymysql import _auth

from proxy.mysql.wire.auth.ed25519 import NONCE_BYTES, Ed25519Client, public_key, sign
from proxy.mysql.wire.auth.native import NativeDigest
from proxy.mysql.wire.auth.plugin import AuthRefused, Channel

INSECURE = Channel(secure=False)
PASSWORDS = [b"", b"secret", "pässwörd 🔑".encode(), b"x" * 200]


@pytest.mark.parametrize(
    ("password", "stored"),
    [
        ("secret", "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY"),
        ("foo", "vubFBzIrapbfHct1/J72dnUryz5VS7lA6XHH8sIx4TI"),
        ("pässwörd 🔑", "mLcZqW0cHS/hzfieWckUA9yG3lPlwrDd0zkfYsk2tnE"),
    ],
)
def test_public_key_is_what_mariadb_stores(password: str, stored: str) -> None:
    assert base64.b64encode(public_key(password.encode())) == stored.encode() + b"="


def test_a_signature_recorded_from_a_real_login() -> None:
    nonce = bytes.fromhex("a31f494c2ae3273f4fba230c77cda24a877ca51adfadd652d2bc7b695f756be0")
    assert sign(b"secret", nonce).hex() == (
        "aa840277f272f462583ba5425da1ec168c69cd6848b301a510dc21169cf5650f"
        "f5fae42f0ea887c29325aba7411a54fb29390e7fee654fa6390677d7ddec9409"
    )


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_signs_as_pymysql_does_and_verifies(password: bytes, nonce: bytes) -> None:
    signature = sign(password, nonce)
    assert signature == _auth.ed25519_password(password, nonce)
    Ed25519PublicKey.from_public_bytes(public_key(password)).verify(signature, nonce)


@pytest.mark.parametrize("password", PASSWORDS)
def test_the_response_is_the_signature(password: bytes) -> None:
    nonce = bytes(range(NONCE_BYTES))
    assert next(Ed25519Client().respond(password, nonce, INSECURE)) == sign(password, nonce)


@pytest.mark.parametrize("size", [0, 20, 31, 33])
def test_refuses_a_nonce_of_another_length(size: int) -> None:
    with pytest.raises(AuthRefused, match="nonce"):
        next(Ed25519Client().respond(b"secret", bytes(size), INSECURE))


def test_refuses_further_data() -> None:
    exchange = Ed25519Client().respond(b"secret", bytes(NONCE_BYTES), INSECURE)
    next(exchange)
    with pytest.raises(AuthRefused, match="more data"):
        exchange.send(b"x")


def test_has_no_use_for_a_digest() -> None:
    with pytest.raises(AuthRefused, match="digest"):
        next(Ed25519Client().respond(NativeDigest(bytes(20)), bytes(NONCE_BYTES), INSECURE))
