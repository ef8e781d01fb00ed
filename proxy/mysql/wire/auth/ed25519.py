"""client_ed25519, MariaDB's signature plugin, for logging in to targets.

MariaDB knowledge base, "Authentication Plugin - ed25519". It is Ed25519 of RFC 8032 with SHA512(password) in
the place of the expanded secret key; the server keeps the public key, and sends a nonce of 32 bytes to sign.
"""

import hashlib
from typing import ClassVar

import attrs
from nacl import bindings

from .native import expect_password
from .plugin import AuthRefused, Channel, ClientExchange, expect_nonce

__all__ = ["NAME", "NONCE_BYTES", "Ed25519Client", "public_key", "sign"]

NAME = b"client_ed25519"

#: MariaDB's challenge for this plugin. It is binary, and no NUL closes it.
NONCE_BYTES = 32


def _expand(password: bytes) -> tuple[bytes, bytes]:
    """The clamped secret scalar, and the prefix that makes the signature's own scalar secret."""
    digest = hashlib.sha512(password).digest()
    scalar = bytearray(digest[:32])
    scalar[0] &= 0xF8
    scalar[31] = scalar[31] & 0x7F | 0x40
    return bytes(scalar), digest[32:]


def _point(scalar: bytes) -> bytes:
    return bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)


def _hash_to_scalar(data: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(data).digest())


def public_key(password: bytes) -> bytes:
    """The 32 bytes that MariaDB stores for a password, there in base64 without padding."""
    return _point(_expand(password)[0])


def sign(password: bytes, nonce: bytes) -> bytes:
    """The 64-byte signature of ``nonce``."""
    scalar, prefix = _expand(password)
    once = _hash_to_scalar(prefix + nonce)
    commitment = _point(once)
    challenge = _hash_to_scalar(commitment + _point(scalar) + nonce)
    product = bindings.crypto_core_ed25519_scalar_mul(challenge, scalar)
    return commitment + bindings.crypto_core_ed25519_scalar_add(product, once)


@attrs.frozen
class Ed25519Client:
    """Logs in to a MariaDB target, in one message."""

    name: ClassVar[bytes] = NAME

    def respond(
        self,
        password: bytes,
        nonce: bytes,
        channel: Channel,  # noqa: ARG002 - the signature is safe to show
    ) -> ClientExchange:
        """Responds to the nonce; the server has nothing more to say."""
        expect_password(password)
        expect_nonce(nonce, NONCE_BYTES)
        yield sign(password, nonce)
        raise AuthRefused("the server sent more data than client_ed25519 has")
