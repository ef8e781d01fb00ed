"""What an authentication plugin is, in each of the proxy's two roles.

MySQL manual, "Authentication Method". A plugin is a stateless value; one exchange is one generator, which
never sees packet headers, sockets, or the OK and ERR packets that end an exchange.

Towards clients the proxy is the server. ``ServerPlugin.authenticate`` yields Steps; the caller sends each
step's payload, waits for the client's next payload if the step says so, and sends it in. The generator
returns whether the client proved that it knows one of the user's passwords: while a password is being
replaced a user has more than one. A plugin that makes the client say its password has ``PasswordAsking.ask``
too, for users whose password the proxy does not know: the generator returns what the client said.

Towards targets the proxy is the client. ``ClientPlugin.respond`` yields first the initial response, then for
the data of each AuthMoreData sent in, the next payload, or None if there is nothing to send. It never
returns: the caller closes it when OK, ERR or AuthSwitchRequest arrives.

Secrets are compared in constant time and are in no message and no repr. A plugin treats an unknown user as
a wrong password, in what it sends and in how long it takes: as many candidates are tried for either, and all
of them though the first be right.
"""

import hashlib
import hmac
import itertools
import secrets
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

import attrs

from .rsa import RsaKeyPair

__all__ = [
    "CANDIDATES",
    "MAX_PASSWORD_BYTES",
    "NO_PASSWORD",
    "AuthRefused",
    "Channel",
    "ClientExchange",
    "ClientPlugin",
    "PasswordAsking",
    "PasswordExchange",
    "ServerExchange",
    "ServerPlugin",
    "Step",
    "any_proves",
    "expect_nonce",
    "said_password",
    "same_secret",
    "xor",
]

#: What clients respond with for an empty password: nothing, or as a C string.
NO_PASSWORD = frozenset({b"", b"\0"})

#: So many passwords are tried at least, whoever logs in: a user may have a present, a coming, a former one.
CANDIDATES = 3

#: Bytes of a password that a client says, without its closing NUL; database tokens take about 2000.
MAX_PASSWORD_BYTES = 8192

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
PasswordExchange = Generator[Step, bytes, bytes | None]
ClientExchange = Generator[bytes | None, bytes, None]


class ServerPlugin(Protocol):
    """Authenticates a client."""

    @property
    def name(self) -> bytes:
        """As it stands in packets."""

    def authenticate(
        self, passwords: Sequence[bytes], nonce: bytes, response: bytes, channel: Channel
    ) -> ServerExchange:
        """One exchange, from the client's initial response on; an unknown user has no ``passwords``."""


class PasswordAsking(Protocol):
    """A server plugin that can learn a client's password."""

    @property
    def name(self) -> bytes:
        """As it stands in packets."""

    def ask(self, nonce: bytes, response: bytes, channel: Channel) -> PasswordExchange:
        """One exchange, from the client's initial response on; returns what the client says it is.

        That is b"" for a client that says it has none, and None for one that says nothing fit to be a
        password, or cannot say it over this channel. Nothing is proven by it.
        """


class ClientPlugin(Protocol):
    """Logs in to a target."""

    @property
    def name(self) -> bytes:
        """As it stands in packets."""

    def respond(self, password: bytes, nonce: bytes, channel: Channel) -> ClientExchange:
        """One exchange; raises AuthRefused where going on would be unsafe or the server breaks the rules.

        A plugin that can work with a digest of the password takes its own type of it; the others refuse it.
        """


def any_proves(passwords: Sequence[bytes], proves: Callable[[bytes], bool]) -> bool:
    """Whether ``proves`` holds for a password that is not empty; it is called at least CANDIDATES times."""
    dummy = secrets.token_bytes(_DUMMY_BYTES)
    proven = False
    for password in passwords:
        proven |= proves(password) and bool(password)
    for _ in range(CANDIDATES - len(passwords)):
        proves(dummy)
    return proven


def said_password(reply: bytes) -> bytes | None:
    """The password in a reply that a NUL closes; None for any other, and for one that is too long.

    A server would take what is in front of another NUL for the whole password: it is not the same one then.
    """
    if len(reply) > MAX_PASSWORD_BYTES + 1 or not reply.endswith(b"\0") or b"\0" in reply[:-1]:
        return None
    return reply[:-1]


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
