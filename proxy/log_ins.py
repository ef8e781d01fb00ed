"""Who may log in: brings together secrets, tokens and the target's own word about a password."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Generator
from typing import Any, Final

from twisted.internet.defer import Deferred, inlineCallbacks

from .config import Config
from .config.credential_options import IAM_AUTH, IAM_REQUIRED
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

#: The client has proven it before, not long ago.
REMEMBERED: Final = Proof(True, detail="remembered")

#: ER_CON_COUNT_ERROR, ER_SERVER_SHUTDOWN, ER_HOST_IS_BLOCKED, ER_TOO_MANY_USER_CONNECTIONS, and
#: ER_USER_LIMIT_REACHED: what a target also says to those whom it would let in.
_BUSY: Final = frozenset({1040, 1053, 1129, 1203, 1226})


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
        if options.default_auth_scheme == IAM_AUTH or self._needs_token(username):
            return Way(Method.TOKEN)
        asks = options.pass_through_users in PASSWORD_USERS
        if options.auth_query and not (secure and asks):
            return Way(Method.VERIFIER)
        if asks:
            return Way(Method.ASKED)
        return self._decoy(username)

    def _needs_token(self, username: str) -> bool:
        """Of a user who has no secret at present: whether iam_auth is required all the same."""
        named = (entry for entry in self._config().proxy.auth if entry.user_name == username != "")
        known = self._directory.store.candidates(username)
        return any(entry.iam_auth == IAM_REQUIRED for entry in named) or any(
            credential.iam_required for credential in known
        )

    def _decoy(self, username: str) -> Way:
        """The way of some user there is, always the same one: nobody can tell who exists by being asked."""
        digest = hmac.digest(self._salt, username.encode("utf-8", "surrogatepass"), hashlib.sha256)
        # As quick as finding a user that there is.
        credential = self._directory.store.any_credential(int.from_bytes(digest[:8], "big"))
        if credential is None:
            return Way(Method.PASSWORD)
        method = Method.TOKEN if credential.iam_required else Method.PASSWORD
        return Way(method, credential.client_password_auth_type or "")

    def recheck(self, username: str) -> Deferred[bool]:
        """See Accounts."""
        return self._directory.store.recheck(username)

    @inlineCallbacks
    def check_token(self, log_in: TokenLogIn) -> Generator[Deferred[Any], Any, Proof]:
        """See Accounts."""
        proof: Proof = yield self._tokens.check(log_in)
        if proof.proven and not self._directory.knows(log_in.username):
            return Proof(False, f"the token is good, but there is {_NOT_KNOWN}")
        return proof

    @inlineCallbacks
    def prove_password(self, username: str, password: bytes) -> Generator[Deferred[Any], Any, Proof]:
        """See Accounts."""
        passed = self._directory.passed
        known = passed.verify(username, password)
        if known and not passed.is_due(username):
            return REMEMBERED
        try:
            proven: bool = yield self._prover.prove(username, password)
        except (TargetError, ConnectFailed, UnfitTarget) as problem:
            reason = f"the target could not be asked: {problem}"
            if _says_nothing_of_users(problem):
                if known:
                    return _in_spite_of(reason)
                # Beside a remembered one it is a guess: that it was none would show at once.
                return Proof(False, reason, is_undecided=username not in passed)
        else:
            reason = "" if proven else "the target refuses the password"
        if not reason:
            passed.remember(username, password, self._now(), None)
            return Proof(True, detail="proven at the target")
        if known and passed.verify(username, password):
            self._directory.forget(username)
        return Proof(False, reason)

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
        is_known = known is not None and recover_digest(known, nonce, response) is not None
        if is_known and not passed.is_due(username):
            return REMEMBERED
        options = self._config().proxy
        try:
            verifier: bytes | None = yield self._prover.verifier(username, options.auth_query, self._asker())
        except (TargetError, ConnectFailed, UnfitTarget) as problem:
            is_undecided = known is None and _says_nothing_of_users(problem)
            reason = f"auth_query failed: {problem}"
            return _in_spite_of(reason) if is_known else Proof(False, reason, is_undecided=is_undecided)
        digest: NativeDigest | None = recover_digest(verifier or bytes(20), nonce, response)
        if verifier is not None and digest is not None:
            passed.remember_digest(username, digest, verifier)
            return Proof(True, detail="proven by auth_query")
        if is_known and passed.verifier(username) == known:
            self._directory.forget(username)
        return Proof(False, "wrong password" if verifier else "auth_query knows no such user")


def _in_spite_of(reason: str) -> Proof:
    """An old proof is good as long as nobody can be asked; the log has to say so."""
    return Proof(True, detail=f"remembered: {reason}")


def _says_nothing_of_users(problem: Exception) -> bool:
    """Whether the target may have answered the same to anybody."""
    if isinstance(problem, TargetError):
        return problem.packet.errno in _BUSY
    return isinstance(problem, ConnectFailed)
