"""mysql_native_password: SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password))).

MySQL manual, "Native Authentication". An empty password answers with nothing.
"""

import hashlib
import hmac
from typing import ClassVar

import attrs

from ..handshake import NONCE_LENGTH
from .plugin import (
    NO_PASSWORD,
    AuthRefused,
    Channel,
    ClientExchange,
    ServerExchange,
    expect_nonce,
    known_or_dummy,
    xor,
)

__all__ = ["NAME", "NativeClient", "NativeServer", "scramble"]

NAME = b"mysql_native_password"


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()  # noqa: S324 - fixed by the protocol


def scramble(password: bytes, nonce: bytes) -> bytes:
    """The 20 bytes that prove a password."""
    once = _sha1(password)
    return xor(once, _sha1(nonce + _sha1(once)))


@attrs.frozen
class NativeServer:
    """Authenticates a client, in one message."""

    name: ClassVar[bytes] = NAME

    def authenticate(
        self,
        password: bytes | None,
        nonce: bytes,
        response: bytes,
        channel: Channel,  # noqa: ARG002 - the scramble is safe to show
    ) -> ServerExchange:
        """Ends at once."""
        proven = hmac.compare_digest(scramble(known_or_dummy(password), nonce), response)
        if response in NO_PASSWORD:
            return password == b""
        return proven and bool(password)
        yield  # unreachable: makes a generator of an exchange without further messages


@attrs.frozen
class NativeClient:
    """Logs in to a target, in one message."""

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
