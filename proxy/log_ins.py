"""Who may log in: brings together secrets, tokens and the target's own word about a password."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from .config import Config
from .config.credential_options import IAM_AUTH
from .credentials.directory import Directory
from .mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from .mysql.backend.proving import Prover
from .mysql.frontend.accounts import Method, Proof, TokenLogIn, Way
from .mysql.wire.auth.native import NativeDigest, recover_digest
from .token_checks import TokenChecks

__all__ = ["LogIns"]

#: Of pass_through_users: clients are asked for their password.
PASSWORD_USERS = ("password",)

_NOT_KNOWN = "no secret for this user"


class LogIns:
    """The frontend's Accounts."""

    def __init__(
        self,
        config: Callable[[], Config],
        directory: Directory,
        tokens: TokenChecks,
        prover: Prover,
        now: Callable[[], float],
    ) -> None:
        self._config = config
        self._directory = directory
        self._tokens = tokens
        self._prover = prover
        self._now = now
        self._salt = secrets.token_bytes(16)

    def way(self, username: str, *, secure: bool) -> Way:
        """See Accounts."""
        account = self._directory.store.account(username)
        if account is not None:
            method = Method.TOKEN if account.iam_required else Method.PASSWORD
            return Way(
                method, account.auth_type or "", tuple(account.passwords), is_read_only=account.read_only
            )
        options = self._config().proxy
        if options.default_auth_scheme == IAM_AUTH:
            return Way(Method.TOKEN)
        asks = options.pass_through_users in PASSWORD_USERS
        if options.auth_query and not (secure and asks):
            return Way(Method.VERIFIER)
        if asks:
            return Way(Method.ASKED)
        return self._decoy(username)

    def _decoy(self, username: str) -> Way:
        """The way of some user there is, always the same one: nobody can tell who exists by being asked."""
        credentials = self._directory.store.credentials()
        if not credentials:
            return Way(Method.PASSWORD)
        digest = hmac.digest(self._salt, username.encode("utf-8", "surrogatepass"), hashlib.sha256)
        credential = credentials[int.from_bytes(digest[:8], "big") % len(credentials)]
        method = Method.TOKEN if credential.iam_required else Method.PASSWORD
        return Way(method, credential.client_password_auth_type or "")

    def recheck(self, username: str) -> Deferred[bool]:
        """See Accounts."""
        return self._directory.store.recheck(username)

    def check_token(self, log_in: TokenLogIn) -> Deferred[Proof]:
        """See Accounts."""
        return self._check_token(log_in)

    @inlineCallbacks
    def _check_token(self, log_in: TokenLogIn) -> Generator[Deferred[Any], Any, Proof]:
        proof: Proof = yield self._tokens.check(log_in)
        if proof.proven and not self._directory.knows(log_in.username):
            return Proof(False, f"the token is good, but there is {_NOT_KNOWN}")
        return proof

    @inlineCallbacks
    def prove_password(self, username: str, password: bytes) -> Generator[Deferred[Any], Any, Proof]:
        """See Accounts."""
        passed = self._directory.passed
        if passed.verify(username, password):
            return Proof(True, detail="remembered")
        try:
            proven: bool = yield self._prover.prove(username, password)
        except (TargetError, ConnectFailed, UnfitTarget) as problem:
            return Proof(False, f"the target could not be asked: {problem}")
        if not proven:
            return Proof(False, "the target refuses the password")
        passed.remember(username, password, self._now(), None)
        return Proof(True, detail="proven at the target")

    def _asker(self) -> str:
        """Who asks auth_query."""
        name: str = self._config().proxy.auth_query_user_name
        credentials = self._directory.store.credentials()
        return name or (credentials[0].username if credentials else "")

    @inlineCallbacks
    def prove_scramble(
        self, username: str, nonce: bytes, response: bytes
    ) -> Generator[Deferred[Any], Any, Proof]:
        """See Accounts."""
        passed = self._directory.passed
        known = passed.verifier(username)
        if known is not None and recover_digest(known, nonce, response) is not None:
            return Proof(True, detail="remembered")
        options = self._config().proxy
        try:
            verifier: bytes | None = yield self._prover.verifier(username, options.auth_query, self._asker())
        except (TargetError, ConnectFailed, UnfitTarget) as problem:
            return Proof(False, f"auth_query failed: {problem}")
        digest: NativeDigest | None = recover_digest(verifier or bytes(20), nonce, response)
        if verifier is None or digest is None:
            return Proof(False, "wrong password" if verifier else "auth_query knows no such user")
        passed.remember_digest(username, digest, verifier)
        return Proof(True, detail="proven by auth_query")
