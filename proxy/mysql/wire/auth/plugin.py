"""What an authentication plugin is, in each of the proxy's two roles.

MySQL manual, "Authentication Method". A plugin is a stateless value; one exchange is one generator, which
never sees packet headers, sockets, or the OK and ERR packets that end an exchange.

Towards clients the proxy is the server. ``ServerPlugin.authenticate`` yields Steps; the caller sends each
step's payload, waits for the client's next payload if the step says so, and sends it in. The generator
returns whether the client proved that it knows the password.

Towards targets the proxy is the client. ``ClientPlugin.respond`` yields first the initial response, then for
the data of each AuthMoreData sent in, the next payload, or None if there is nothing to send. It never
returns: the caller closes it when OK, ERR or AuthSwitchRequest arrives.

Secrets are compared in constant time and are in no message and no repr. A plugin treats an unknown user as
a wrong password, in what it sends and in how long it takes.
"""

import hashlib
import hmac
import itertools
import secrets
from collections.abc import Generator
from typing import Protocol

import attrs

from .rsa import RsaKeyPair

__all__ = [
    "NO_PASSWORD",
    "AuthRefused",
    "Channel",
    "ClientExchange",
    "ClientPlugin",
    "ServerExchange",
    "ServerPlugin",
    "Step",
    "expect_nonce",
    "known_or_dummy",
    "same_secret",
    "xor",
]

#: What clients respond with for an empty password: nothing, or as a C string.
NO_PASSWORD = frozenset({b"", b"\0"})

_DUMMY_BYTES = 32


class AuthRefused(Exception):
    """A client plugin must not or cannot go on. The message holds no secret."""


@attrs.frozen
class Channel:
    """What an exchange runs over; ``secure`` means that nobody can read along (TLS, unix socket)."""

    secure: bool
    rsa_key: RsaKeyPair | None = None


@attrs.frozen
class Step:
    """A payload for the client. Without ``awaits_reply`` the client stays silent: resume with ``b""``."""

    payload: bytes = attrs.field(repr=False)
    awaits_reply: bool = True


ServerExchange = Generator[Step, bytes, bool]
ClientExchange = Generator[bytes | None, bytes, None]


class ServerPlugin(Protocol):
    """Authenticates a client."""

    @property
    def name(self) -> bytes:
        """As it stands in packets."""

    def authenticate(
        self, password: bytes | None, nonce: bytes, response: bytes, channel: Channel
    ) -> ServerExchange:
        """One exchange, from the client's initial response on; ``password`` is None for an unknown user."""


class ClientPlugin(Protocol):
    """Logs in to a target."""

    @property
    def name(self) -> bytes:
        """As it stands in packets."""

    def respond(self, password: bytes, nonce: bytes, channel: Channel) -> ClientExchange:
        """One exchange; raises AuthRefused where going on would be unsafe or the server breaks the rules."""


def known_or_dummy(password: bytes | None) -> bytes:
    """The password to compute with: for an unknown user one that nobody knows."""
    dummy = secrets.token_bytes(_DUMMY_BYTES)
    return dummy if password is None else password


def same_secret(one: bytes, other: bytes) -> bool:
    """Whether two secrets are equal; the time taken does not depend on where or in how much they differ."""
    return hmac.compare_digest(hashlib.sha256(one).digest(), hashlib.sha256(other).digest())


def xor(data: bytes, key: bytes) -> bytes:
    """``data`` with ``key`` laid over it, repeated as often as needed; ``key`` is not empty."""
    return bytes(left ^ right for left, right in zip(data, itertools.cycle(key), strict=False))


def expect_nonce(nonce: bytes, size: int) -> None:
    """AuthRefused unless the server's nonce has ``size`` bytes."""
    if len(nonce) != size:
        raise AuthRefused(f"the server's nonce does not have {size} bytes")
