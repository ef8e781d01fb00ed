"""RSA as MySQL's SHA-2 plugins use it where there is no TLS: OAEP with SHA-1, the public key as PEM.

MySQL manual, "Caching SHA-2 Pluggable Authentication". Errors are ValueError and never carry key material.
"""

from typing import Self

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["DEFAULT_KEY_BITS", "MAX_PUBLIC_KEY_BYTES", "RsaKeyPair", "rsa_encrypt"]

#: Bits of a generated key; MySQL generates as many.
DEFAULT_KEY_BITS = 2048

#: A public key in PEM form; one of 16384 bits takes about 3000 bytes.
MAX_PUBLIC_KEY_BYTES = 8192


def _oaep() -> padding.OAEP:
    return padding.OAEP(
        mgf=padding.MGF1(hashes.SHA1()),  # noqa: S303 - fixed by the protocol
        algorithm=hashes.SHA1(),  # noqa: S303 - fixed by the protocol
        label=None,
    )


def rsa_encrypt(public_pem: bytes, message: bytes) -> bytes:
    """Encrypt for the owner of ``public_pem``; ValueError if it is no RSA key or too small a one."""
    if len(public_pem) > MAX_PUBLIC_KEY_BYTES:
        raise ValueError("public key is too long")
    try:
        key = serialization.load_pem_public_key(public_pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a public key in PEM form") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA public key")
    try:
        return key.encrypt(message, _oaep())
    except ValueError:
        raise ValueError("RSA key is too small for the message") from None


@attrs.frozen(eq=False)
class RsaKeyPair:
    """The private key with which the proxy reads passwords that clients encrypted without TLS."""

    _key: rsa.RSAPrivateKey = attrs.field(repr=False)
    public_pem: bytes = attrs.field(init=False, repr=False)

    @public_pem.default
    def _encode_public_key(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @classmethod
    def generate(cls, bits: int = DEFAULT_KEY_BITS) -> Self:
        """A new key; takes some tenths of a second."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=bits))

    @classmethod
    def load(cls, pem: bytes) -> Self:
        """The unencrypted private key in ``pem``; ValueError for anything else."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("not an unencrypted private key in PEM form") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("not an RSA private key")
        return cls(key)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message; ValueError if it was not encrypted for this key. Costs about a millisecond."""
        try:
            return self._key.decrypt(ciphertext, _oaep())
        except ValueError:
            raise ValueError("not encrypted for this key") from None
