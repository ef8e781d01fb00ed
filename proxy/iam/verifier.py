"""Decides whether a database token lets a client in.

The token is read, its claims are compared with the log-in, its signature is computed again with the secret of
the access key it names, and the policies of that key's principal are asked for `rds-db:connect`. What a token
claims is public to the one who sent it, so these checks may end early; those that need a secret take as long
for an access key that is not known.
"""

import hmac
import ipaddress
from collections.abc import Callable, Iterable

import attrs

from ..networks import plain_address
from .conditions import Circumstances
from .keys import AccessKey, KeyStore
from .policy import Policy, Resource, decide
from .presigned import TokenError
from .signature import signature, signing_key
from .token import SERVICE, DatabaseToken, parse_token

__all__ = ["DEFAULT_CLOCK_SKEW", "MAX_TOKEN_SIZE", "TokenOptions", "TokenVerifier", "Verdict"]

#: Seconds that a token's date may lie in the future.
DEFAULT_CLOCK_SKEW = 300.0

#: Longest token in bytes; one with a session token has about 1,500.
MAX_TOKEN_SIZE = 8192


@attrs.frozen
class TokenOptions:
    """Region of the tokens; account and resource id (prx-…) of the proxy in policies. Times in seconds."""

    region: str
    account_id: str
    resource_id: str
    clock_skew: float = DEFAULT_CLOCK_SKEW
    max_token_size: int = MAX_TOKEN_SIZE


@attrs.frozen
class Verdict:
    """Whether a client may log in. `reason` is for the log, not for the client, and holds no part of a token.

    `principal` is known only of one that proved who it is, `access_key_id` also of one that did not.
    `expires_at` is the Unix time up to which the same token gets the same answer. `claim`, for the log too,
    is what was wanted: what the token was made for, or what the policies were asked for in vain.
    """

    allowed: bool
    reason: str = ""
    principal: str = ""
    access_key_id: str = ""
    expires_at: float = 0.0
    claim: str = ""


class TokenVerifier:
    """Verifies tokens by the access keys of a KeyStore; `clock` gives Unix seconds."""

    def __init__(self, keys: KeyStore, clock: Callable[[], float], options: TokenOptions) -> None:
        self._keys = keys
        self._clock = clock
        self._options = options

    def replace(self, keys: KeyStore, options: TokenOptions) -> None:
        """Use other keys and options from now on. Verdicts kept elsewhere are to be forgotten."""
        self._keys = keys
        self._options = options

    def examine(self, token: bytes, username: str, endpoint_names: frozenset[str]) -> DatabaseToken:
        """Everything about a token that needs no key: its form, its claims and its time.

        Raises TokenError. Proves nothing: who accepts it has to ask somebody who can verify it.
        """
        options = self._options
        found = parse_token(token, options.max_token_size)
        if found.username != username:
            raise TokenError("is for another user", f"for user {found.username}")
        if found.endpoint not in endpoint_names:
            raise TokenError("is for another endpoint", f"for {found.endpoint}")
        # Without one it is left to whoever verifies the signature.
        if options.region and found.query.region != options.region:
            raise TokenError("is for another region", f"for region {found.query.region}")
        found.query.check_time(self._clock(), options.clock_skew)
        return found

    def verify(
        self, token: bytes, username: str, endpoint_names: frozenset[str], source_address: str, secure: bool
    ) -> Verdict:
        """Decide about the token that a client sent as the password of `username`.

        `endpoint_names` are the names of the endpoint as host:port in lower case, `source_address` is the
        client's, empty on a Unix socket. `secure` says whether nobody else can read the connection, by TLS or
        because it is local; nothing is let in over another.
        """
        if not secure:
            return Verdict(False, "the connection is not encrypted")
        if not self._options.region:
            return Verdict(False, "the token cannot be verified: no region is configured")
        try:
            found = self.examine(token, username, endpoint_names)
        except TokenError as error:
            return Verdict(False, f"the token {error.reason}", claim=error.claim)
        key = self._keys.find(found.query.access_key_id)
        proven = _is_signed_by(found, key or self._keys.stand_in)
        claimed = found.query.access_key_id
        if key is None:
            return Verdict(False, "the token's access key is not known", access_key_id=claimed)
        if not proven:
            return Verdict(False, "the token's signature or session token is wrong", access_key_id=claimed)
        return self._authorise_key(found, key, username, source_address)

    def _authorise_key(
        self, found: DatabaseToken, key: AccessKey, username: str, source_address: str
    ) -> Verdict:
        end = found.query.expires_at
        if key.expires_at is not None:
            if self._clock() >= key.expires_at:
                return Verdict(False, "the access key has expired", key.principal, key.access_key_id)
            end = min(end, key.expires_at)
        verdict = self.authorise(key.principal, key.policies, username, source_address, True, end)
        return attrs.evolve(verdict, access_key_id=key.access_key_id)

    def authorise(
        self,
        principal: str,
        policies: Iterable[Policy],
        username: str,
        source_address: str,
        secure: bool,
        expires_at: float,
    ) -> Verdict:
        """Ask the policies of a principal that has proved who it is, until `expires_at`, for `username`."""
        options = self._options
        try:
            source = _source(source_address)
        except ValueError:
            return Verdict(False, "the client's address is not known", principal)
        name = f"dbuser:{options.resource_id}/{username}"
        resource = Resource(options.region, options.account_id, name)
        given = Circumstances(principal, source, secure, self._clock())
        decision = decide(policies, resource, given)
        claim = "" if decision.allowed else f"for {resource.arn}"
        until = min(expires_at, decision.until)
        return Verdict(decision.allowed, decision.reason, principal, expires_at=until, claim=claim)


def _source(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    return plain_address(address) if address else None


def _is_signed_by(token: DatabaseToken, key: AccessKey) -> bool:
    """Whether a key has signed a token; every step is taken, whatever the one before it gave."""
    query = token.query
    derived = signing_key(key.secret_access_key, query.timestamp[:8], query.region, SERVICE)
    signed = False
    for host in token.signed_hosts():
        headers = {"host": host}
        expected = signature(derived, query.timestamp, query.region, SERVICE, query.canonical, headers)
        signed |= hmac.compare_digest(expected, query.signature)
    session = hmac.compare_digest(query.session_token.encode(), key.signed_session_token)
    return signed and session
