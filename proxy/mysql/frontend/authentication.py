"""Proving who a client is, in the way its user has (MySQL manual, "Authentication Method").

Unknown users take the way of others, and fail as a wrong password does. A token or password is never asked
for in clear on a connection that others can read along.
"""

import re
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks

from ...errors import access_denied, connection_lost, tls_required
from ..wire.auth.plugin import MAX_PASSWORD_BYTES, NO_PASSWORD, Channel, Step
from ..wire.auth.registry import ASKING_PLUGINS, SERVER_PLUGINS
from ..wire.auth_packets import AuthSwitchRequest
from ..wire.handshake import fresh_nonce
from .accounts import Method, Proof, TokenLogIn, Way
from .attempt import ClientGone
from .context import EndpointContext

if TYPE_CHECKING:
    from .client import ClientConnection

__all__ = ["Claim", "authenticate", "default_plugin"]

NATIVE: Final = b"mysql_native_password"
CACHING_SHA2: Final = b"caching_sha2_password"
CLEAR: Final = b"mysql_clear_password"
_PLUGINS: Final = {"MYSQL_NATIVE_PASSWORD": NATIVE, "MYSQL_CACHING_SHA2_PASSWORD": CACHING_SHA2}

#: How often a password is looked at again, while it turns out that something about its user is new.
MAX_RECHECKS: Final = 3

#: A look takes this part of handshake_timeout at most, or counts as one that has found nothing.
RECHECK_PART: Final = 2

#: For clients of a Unix socket.
DEFAULT_PORT: Final = 3306

#: At the end of a name; an IPv6 address stands in brackets.
_PORT: Final = re.compile(r":[0-9]+\Z")

_Exchange = Generator[Step, bytes, Any]


@attrs.frozen
class Claim:
    """Who a client says it is, and its first answer to a challenge, if it has given one."""

    username: str
    response: bytes = attrs.field(repr=False)
    plugin: bytes | None
    #: The challenge that ``response`` answers; None where it answers none.
    nonce: bytes | None = attrs.field(repr=False)
    #: A user that is changed answers the challenge of its log-in.
    is_change: bool = False


class _Asked:
    """What a client was asked, and its answers: they can be judged again without asking anew."""

    def __init__(self, client: "ClientConnection", channel: Channel, way: Way) -> None:
        self.client = client
        self.channel = channel
        #: As it is known by now.
        self.way = way
        self.nonce = b""
        self.response = b""
        self.answers: list[bytes] = []

    @inlineCallbacks
    def converse(self, exchange: _Exchange) -> Generator[Deferred[bytes], bytes, Any]:
        """Run an exchange with the client; what it returns."""
        self.answers.clear()
        answer = None
        while True:
            try:
                step = next(exchange) if answer is None else exchange.send(answer)
            except StopIteration as end:
                return end.value
            self.client.send(step.payload)
            answer = (yield self.client.next_payload()) if step.awaits_reply else b""
            self.answers.append(answer)

    def judge_again(self, exchange: _Exchange) -> Any:
        """What another exchange makes of the same answers; None if it would have asked more."""
        answers = iter(self.answers)
        try:
            next(exchange)
            while True:
                exchange.send(next(answers))
        except StopIteration as end:
            return end.value


def default_plugin(context: EndpointContext) -> bytes:
    """RDS's defaults: caching_sha2_password for MySQL, mysql_native_password for MariaDB."""
    configured = _PLUGINS.get(context.options.default_auth_type)
    if configured is not None:
        return configured
    return NATIVE if context.facts().is_mariadb else CACHING_SHA2


@inlineCallbacks
def authenticate(
    client: "ClientConnection", context: EndpointContext, claim: Claim
) -> Generator[Deferred[Any], Any, Way]:
    """Find out whether a client is who it says; raises ClientError if not. Returns the way it was proven.

    Ending the row of failures is left to the caller.
    """
    way = context.accounts.way(claim.username, secure=client.secure)
    client.attempt.method = way.method.value
    plugin = _plugin(context, way, claim)
    client.attempt.plugin = plugin.decode("ascii")
    if plugin == CLEAR or way.method is Method.ASKED:
        _expect_secure(client)
    asked = _Asked(client, Channel(secure=client.secure, rsa_key=context.rsa_key), way)
    yield _challenge(asked, claim, plugin)
    address = client.peer.address
    # The right password waits as long as a wrong one, or the time would tell which it is.
    yield context.failed_log_ins.wait(address, claim.username)
    try:
        proof: Proof = yield _PROVE[way.method](asked, context, claim, plugin)
    except (ClientGone, CancelledError):
        # Who hangs up when asked for more has had the answer to a guess.
        context.failed_log_ins.failed(address, claim.username)
        raise
    client.attempt.detail = proof.detail
    if proof.is_undecided:
        client.attempt.reason = proof.reason
        raise connection_lost(f"{proof.asked} could not be asked")
    if not proof.proven:
        client.attempt.is_repeated = context.failed_log_ins.failed(address, claim.username)
        client.attempt.reason = proof.reason
        raise access_denied(claim.username, using_password=asked.response not in NO_PASSWORD)
    client.attempt.method = proof.method or client.attempt.method
    return asked.way


def _plugin(context: EndpointContext, way: Way, claim: Claim) -> bytes:
    """The plugin by which a user logs in."""
    if way.method is Method.TOKEN:
        return CLEAR
    if way.method is Method.VERIFIER:
        return NATIVE
    if way.method is Method.ASKED:
        return CLEAR if claim.plugin == CLEAR else CACHING_SHA2
    return _PLUGINS.get(way.auth_type, default_plugin(context))


def _expect_secure(client: "ClientConnection") -> None:
    """ClientError on a plain connection: what would be said there in clear is not asked for."""
    if not client.secure:
        client.attempt.reason = "a token or password in clear needs TLS"
        raise tls_required()


@inlineCallbacks
def _challenge(asked: _Asked, claim: Claim, plugin: bytes) -> Generator[Deferred[bytes], bytes, None]:
    """Get the client's first answer by this plugin, unless it is there already."""
    client = asked.client
    if claim.plugin == plugin and (claim.nonce is not None or plugin == CLEAR):
        asked.nonce, asked.response = claim.nonce or b"", claim.response
        return
    if not claim.is_change:
        client.nonce = fresh_nonce()
    asked.nonce = client.nonce
    client.send(AuthSwitchRequest(plugin, asked.nonce).encode())
    asked.response = yield client.next_payload()


@inlineCallbacks
def _by_password(
    asked: _Asked, context: EndpointContext, claim: Claim, plugin: bytes
) -> Generator[Deferred[Any], Any, Proof]:
    server = SERVER_PLUGINS[plugin]

    def exchange(passwords: tuple[bytes, ...]) -> _Exchange:
        return server.authenticate(passwords, asked.nonce, asked.response, asked.channel)

    proven: bool = yield asked.converse(exchange(asked.way.passwords))
    if proven:
        return Proof(True)
    # The client may know of a rotation before the proxy does.
    for _ in range(MAX_RECHECKS):
        is_more_known = yield _recheck(context, claim)
        # Also where it took too long: this secret may have been read, and another one not.
        asked.way = way = context.accounts.way(claim.username, secure=asked.client.secure)
        if way.method is Method.PASSWORD and asked.judge_again(exchange(way.passwords)):
            return Proof(True)
        if not is_more_known:
            break
    return Proof(False, "wrong password" if asked.way.passwords else "no secret for this user")


def _recheck(context: EndpointContext, claim: Claim) -> Deferred[bool]:
    """Whether more is known by now, or soon: the client is to hear a verdict before its time is over."""
    seconds = context.options.handshake_timeout / RECHECK_PART
    looked = context.accounts.recheck(claim.username)
    return looked.addTimeout(seconds, context.clock, onTimeoutCancel=lambda *_: False)


@inlineCallbacks
def _by_token(
    asked: _Asked, context: EndpointContext, claim: Claim, plugin: bytes
) -> Generator[Deferred[Any], Any, Proof]:
    token: bytes | None = yield asked.converse(_asking(asked, plugin))
    if not token:
        return Proof(False, f"no token of 1 to {MAX_PASSWORD_BYTES} bytes")
    proof: Proof = yield context.accounts.check_token(
        TokenLogIn(token, claim.username, asked.client.peer.address, _names(asked.client, context))
    )
    return proof


@inlineCallbacks
def _by_asking(
    asked: _Asked, context: EndpointContext, claim: Claim, plugin: bytes
) -> Generator[Deferred[Any], Any, Proof]:
    password: bytes | None = yield asked.converse(_asking(asked, plugin))
    if not password:
        return Proof(False, f"no password of 1 to {MAX_PASSWORD_BYTES} bytes")
    proof: Proof = yield context.accounts.prove_password(claim.username, password)
    return proof


def _by_verifier(asked: _Asked, context: EndpointContext, claim: Claim, _plugin: bytes) -> Deferred[Proof]:
    return context.accounts.prove_scramble(claim.username, asked.nonce, asked.response)


def _names(client: "ClientConnection", context: EndpointContext) -> frozenset[str]:
    """What a token may have been made for; a name alone has the port that the client came to."""
    port = getattr(client.transport.getHost(), "port", DEFAULT_PORT)
    return frozenset(name if _PORT.search(name) else f"{name}:{port}" for name in context.endpoint_names)


def _asking(asked: _Asked, plugin: bytes) -> _Exchange:
    return ASKING_PLUGINS[plugin].ask(asked.nonce, asked.response, asked.channel)


_PROVE: Final[dict[Method, Callable[..., Deferred[Proof]]]] = {
    Method.PASSWORD: _by_password,
    Method.TOKEN: _by_token,
    Method.ASKED: _by_asking,
    Method.VERIFIER: _by_verifier,
}
