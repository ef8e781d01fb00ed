"""The RSA key of SHA-2 authentication."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from proxy.mysql.wire.auth.rsa import DEFAULT_KEY_BITS, MAX_PUBLIC_KEY_BYTES, RsaKeyPair, rsa_encrypt


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    """A key file, encrypted if a password is given."""
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        protection = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_what_is_encrypted_for_it_can_be_read(rsa_key: RsaKeyPair) -> None:
    assert rsa_key.decrypt(rsa_encrypt(rsa_key.public_pem, b"message")) == b"message"


def test_a_generated_key_has_the_bits_asked_for(rsa_key: RsaKeyPair) -> None:
    public = serialization.load_pem_public_key(rsa_key.public_pem)
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == DEFAULT_KEY_BITS
    assert len(rsa_encrypt(RsaKeyPair.generate(1024).public_pem, b"m")) == 128


def test_loads_a_key_file(private_key: rsa.RSAPrivateKey) -> None:
    pair = RsaKeyPair.load(private_pem(private_key))
    assert pair.decrypt(rsa_encrypt(pair.public_pem, b"message")) == b"message"


def test_refuses_other_key_files(private_key: rsa.RSAPrivateKey) -> None:
    for pem in (b"", b"hunter2", private_pem(private_key, b"hunter2")):
        with pytest.raises(ValueError, match="unencrypted private key") as refusal:
            RsaKeyPair.load(pem)
        assert "hunter2" not in str(refusal.value)
    with pytest.raises(ValueError, match="not an RSA"):
        RsaKeyPair.load(private_pem(ec.generate_private_key(ec.SECP256R1())))


def test_refuses_a_public_key_of_another_kind() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="not an RSA"):
        rsa_encrypt(pem, b"message")


def test_refuses_an_oversized_public_key(rsa_key: RsaKeyPair) -> None:
    padded = rsa_key.public_pem + b"\n" * MAX_PUBLIC_KEY_BYTES
    with pytest.raises(ValueError, match="too long"):
        rsa_encrypt(padded, b"message")


def test_refuses_foreign_ciphertext(rsa_key: RsaKeyPair) -> None:
    foreign = rsa_encrypt(RsaKeyPair.generate(1024).public_pem, b"message")
    for ciphertext in (b"", b"x", b"x" * 256, foreign):
        with pytest.raises(ValueError, match="not encrypted for this key"):
            rsa_key.decrypt(ciphertext)


def test_no_key_material_in_the_repr(rsa_key: RsaKeyPair) -> None:
    assert repr(rsa_key) == "RsaKeyPair()"
