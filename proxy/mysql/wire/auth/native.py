"""mysql_native_password: SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))).

MySQL manual, "Native Authentication". An empty password answers with nothing. A server keeps the verifier
SHA1(SHA1(password)). Who knows it learns SHA1(password) from a client's right answer, and that is all a
client needs to log in elsewhere: a NativeDigest, as good as the password for this plugin and for no other.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import ClassVar, Self

import attrs

from ....hidden import HiddenBytes
from ..handshake import NONCE_LENGTH
from .plugin import (
    NO_PASSWORD,
    AuthRefused,
    Channel,
    ClientExchange,
    ServerExchange,
    any_proves,
    expect_nonce,
    xor,
)

__all__ = [
    "NAME",
    "NativeClient",
    "NativeDigest",
    "NativeServer",
    "expect_password",
    "recover_digest",
    "scramble",
]

NAME = b"mysql_native_password"

_DIGEST_BYTES = 20


class NativeDigest(HiddenBytes):
    """SHA1(password)."""

    __slots__ = ()

    def __new__(cls, digest: bytes) -> Self:
        """ValueError unless it has 20 bytes."""
        if len(digest) != _DIGEST_BYTES:
            raise ValueError(f"a digest of mysql_native_password has {_DIGEST_BYTES} bytes")
        return super().__new__(cls, digest)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()  # noqa: S324 - fixed by the protocol


def scramble(password: bytes, nonce: bytes) -> bytes:
    """The 20 bytes that prove a password, or the password of a NativeDigest."""
    once = password if isinstance(password, NativeDigest) else _sha1(password)
    return xor(once, _sha1(nonce + _sha1(once)))


def recover_digest(verifier: bytes, nonce: bytes, response: bytes) -> NativeDigest | None:
    """What a client's response reveals to one who knows its verifier; None if it proves nothing."""
    if len(verifier) != _DIGEST_BYTES or len(response) != _DIGEST_BYTES:
        return None
    once = xor(response, _sha1(nonce + verifier))
    return NativeDigest(once) if hmac.compare_digest(_sha1(once), verifier) else None


def expect_password(password: bytes) -> None:
    """AuthRefused for a NativeDigest: for the plugins that need the password itself."""
    if isinstance(password, NativeDigest):
        raise AuthRefused("only the digest of mysql_native_password is known of this user's password")


@attrs.frozen
class NativeServer:
    """Authenticates a client, in one message."""

    name: ClassVar[bytes] = NAME

    def authenticate(
        self,
        passwords: Sequence[bytes],
        nonce: bytes,
        response: bytes,
        channel: Channel,  # noqa: ARG002 - the scramble is safe to show
    ) -> ServerExchange:
        """Ends at once."""
        proven = any_proves(
            passwords, lambda password: hmac.compare_digest(scramble(password, nonce), response)
        )
        if response in NO_PASSWORD:
            return b"" in passwords
        return proven
        yield  # unreachable: makes a generator of an exchange without further messages


@attrs.frozen
class NativeClient:
    """Logs in to a target, in one message, by password or NativeDigest."""

    name: ClassVar[bytes] = NAME

    def respond(
        self,
        password: bytes,
        nonce: bytes,
        channel: Channel,  # noqa: ARG002 - the scramble is safe to show
    ) -> ClientExchange:
        """Responds to the nonce; the server has nothing more to say."""
        expect_nonce(nonce, NONCE_LENGTH)
        yield scramble(password, nonce) if password else b""
        raise AuthRefused("the server sent more data than mysql_native_password has")
