"""caching_sha2_password: SHA-256 scrambles, and the password itself where a server's cache does not know it.

MySQL manual, "Caching_sha2_password information". The proxy knows its users' passwords, so that as a server
it needs no cache: a right scramble is a hit. A wrong one leads to full authentication, as MySQL's does: the
password travels over a secure channel or under the server's RSA key. Without either the client is refused.
"""

import hashlib
import hmac
from collections.abc import Generator
from typing import ClassVar

import attrs

from ..auth_packets import AuthMoreData
from ..handshake import NONCE_LENGTH
from .plugin import (
    NO_PASSWORD,
    AuthRefused,
    Channel,
    ClientExchange,
    ServerExchange,
    Step,
    expect_nonce,
    known_or_dummy,
    same_secret,
    xor,
)
from .rsa import RsaKeyPair, rsa_encrypt

__all__ = ["NAME", "CachingSha2Client", "CachingSha2Server", "scramble"]

NAME = b"caching_sha2_password"

_REQUEST_PUBLIC_KEY = b"\x02"
_FAST_AUTH_SUCCESS = b"\x03"
_PERFORM_FULL_AUTHENTICATION = b"\x04"


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def scramble(password: bytes, nonce: bytes) -> bytes:
    """The 32 bytes that prove a password: SHA256(p) XOR SHA256(SHA256(SHA256(p)) + nonce)."""
    once = _sha256(password)
    return xor(once, _sha256(_sha256(once) + nonce))


@attrs.frozen
class CachingSha2Server:
    """Authenticates a client. Without ``fast`` every client is put through full authentication."""

    name: ClassVar[bytes] = NAME
    fast: bool = True

    def authenticate(
        self, password: bytes | None, nonce: bytes, response: bytes, channel: Channel
    ) -> ServerExchange:
        """One exchange; a password that is empty or unknown is never proven by full authentication."""
        secret = known_or_dummy(password)
        hit = hmac.compare_digest(scramble(secret, nonce), response)
        if response in NO_PASSWORD:
            return password == b""
        if hit and self.fast and password:
            yield Step(AuthMoreData(_FAST_AUTH_SUCCESS).encode(), awaits_reply=False)
            return True
        clear = yield from _ask_for_password(nonce, channel)
        return clear is not None and same_secret(clear, secret) and bool(password)


def _ask_for_password(nonce: bytes, channel: Channel) -> Generator[Step, bytes, bytes | None]:
    """Full authentication: the password the client says, or None if it says none that can be read."""
    if channel.secure:
        reply = yield Step(AuthMoreData(_PERFORM_FULL_AUTHENTICATION).encode())
        return _without_nul(reply)
    if channel.rsa_key is None:
        return None
    reply = yield Step(AuthMoreData(_PERFORM_FULL_AUTHENTICATION).encode())
    if reply == _REQUEST_PUBLIC_KEY:
        reply = yield Step(AuthMoreData(channel.rsa_key.public_pem).encode())
    return _decrypt(channel.rsa_key, nonce, reply)


def _decrypt(key: RsaKeyPair, nonce: bytes, ciphertext: bytes) -> bytes | None:
    try:
        message = key.decrypt(ciphertext)
    except ValueError:
        return None
    return _without_nul(xor(message, nonce))


def _without_nul(text: bytes) -> bytes | None:
    return text[:-1] if text.endswith(b"\0") else None


@attrs.frozen
class CachingSha2Client:
    """Logs in to a target.

    ``allow_public_key_retrieval`` lets it ask the server for the RSA key. An attacker in between could
    answer with a key of its own and read the password; without it an insecure channel has the fast path only.
    """

    name: ClassVar[bytes] = NAME
    allow_public_key_retrieval: bool = True

    def respond(self, password: bytes, nonce: bytes, channel: Channel) -> ClientExchange:
        """One exchange; the password leaves in clear only over a secure channel."""
        expect_nonce(nonce, NONCE_LENGTH)
        verdict = yield scramble(password, nonce) if password else b""
        if not password:
            raise AuthRefused("the server does not take the empty password for an answer")
        if verdict == _FAST_AUTH_SUCCESS:
            yield None
        elif verdict != _PERFORM_FULL_AUTHENTICATION:
            raise AuthRefused("the server sent an unknown verdict on the scramble")
        elif channel.secure:
            yield password + b"\0"
        elif self.allow_public_key_retrieval:
            public_pem = yield _REQUEST_PUBLIC_KEY
            yield _encrypt(public_pem, password, nonce)
        else:
            raise AuthRefused("the server asks for the password over an insecure channel")
        raise AuthRefused("the server sent more data than caching_sha2_password has")


def _encrypt(public_pem: bytes, password: bytes, nonce: bytes) -> bytes:
    try:
        return rsa_encrypt(public_pem, xor(password + b"\0", nonce))
    except ValueError as error:
        raise AuthRefused(f"the password cannot be encrypted for the server: {error}") from None
