"""caching_sha2_password: SHA-256 scrambles, and the password itself where a server's cache does not know it.

MySQL manual, "Caching_sha2_password information". The proxy knows its users' passwords, so that as a server
it needs no cache: a right scramble is a hit. A wrong one leads to full authentication, as MySQL's does: the
password travels over a secure channel or under the server's RSA key. Without either the client is refused.
Of a user whose password it does not know the proxy asks for it in the same way.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import ClassVar

import attrs

from ..auth_packets import AuthMoreData
from ..handshake import NONCE_LENGTH
from .native import expect_password
from .plugin import (
    NO_PASSWORD,
    AuthRefused,
    Channel,
    ClientExchange,
    PasswordExchange,
    ServerExchange,
    Step,
    any_proves,
    expect_nonce,
    said_password,
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
        self, passwords: Sequence[bytes], nonce: bytes, response: bytes, channel: Channel
    ) -> ServerExchange:
        """One exchange; a password that is empty or unknown is never proven by full authentication."""
        hit = any_proves(passwords, lambda password: hmac.compare_digest(scramble(password, nonce), response))
        if response in NO_PASSWORD:
            return b"" in passwords
        if hit and self.fast:
            yield Step(AuthMoreData(_FAST_AUTH_SUCCESS).encode(), awaits_reply=False)
            return True
        said = yield from _ask_for_password(nonce, channel)
        return said is not None and any_proves(passwords, lambda password: same_secret(said, password))

    def ask(self, nonce: bytes, response: bytes, channel: Channel) -> PasswordExchange:
        """Full authentication, whatever the scramble; by RSA where an insecure channel has a key."""
        if response in NO_PASSWORD:
            return b""
        return (yield from _ask_for_password(nonce, channel))


def _ask_for_password(nonce: bytes, channel: Channel) -> PasswordExchange:
    """Full authentication: the password the client says, or None if it says none that can be read."""
    if channel.secure:
        reply = yield Step(AuthMoreData(_PERFORM_FULL_AUTHENTICATION).encode())
        return said_password(reply)
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
    return said_password(xor(message, nonce))


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
        expect_password(password)
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
