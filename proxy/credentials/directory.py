"""All users, wherever the proxy knows from what to log in with: secrets, own tokens, clients' passwords.

A user whose secret the proxy holds logs in with that; any other with a token, where the proxy logs in by IAM;
else, and where it can make no token or the target refuses it, with what a client of this user has proven to
the target.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .passed import PassedCredentials
from .source import Credential, Password, SecretError
from .store import CredentialStore

__all__ = ["Directory", "TokenSource"]


class TokenSource(Protocol):
    """Makes the tokens that the proxy itself logs in with."""

    def token(self, host: str, port: int, username: str) -> Deferred[bytes]:
        """A token for a database and user; fails with SecretError."""

    def suspect(self, token: bytes) -> None:
        """The database has refused this one: make another."""


class Directory:
    """A CredentialProvider that asks each source in turn."""

    log = Logger()

    def __init__(self, store: CredentialStore, passed: PassedCredentials) -> None:
        self.store = store
        self.passed = passed
        #: Makes the tokens that the proxy logs in with; None where it does not log in by IAM.
        self.tokens: TokenSource | None = None
        #: Called with a user whose credential is no longer any good.
        self.on_forgotten: Callable[[str], None] = lambda _username: None

    def knows(self, username: str) -> bool:
        """Whether there may be something to log in with as this user."""
        return bool(
            self.tokens is not None or self.store.candidates(username) or self.passed.candidates(username)
        )

    def candidates(self, username: str, host: str, port: int) -> Deferred[Sequence[Credential]]:
        """See CredentialProvider."""
        known: Sequence[Credential] = self.store.candidates(username)
        if known:
            return succeed(known)
        if self.tokens is None:
            return succeed(self.passed.candidates(username))

        def made(token: bytes) -> Sequence[Credential]:
            own = Credential(username, Password(token), "", 0, stage="")
            return [own, *self.passed.candidates(username)]

        def not_made(failure: Failure) -> Sequence[Credential] | Failure:
            failure.trap(SecretError)
            return self.passed.candidates(username) or failure

        return self.tokens.token(host, port, username).addCallbacks(made, not_made)

    def accepted(self, credential: Credential) -> None:
        """See CredentialProvider."""
        if credential.secret_name:
            self.store.accepted(credential)

    def suspect(self, credential: Credential) -> Deferred[None]:
        """See CredentialProvider. What a client has said is forgotten: the next one is asked again."""
        if credential.secret_name:
            return self.store.suspect(credential)
        if credential in self.passed.candidates(credential.username):
            # Another may have been proven since.
            self.forget(credential.username)
        elif self.tokens is not None:
            self.tokens.suspect(bytes(credential.password))
        return succeed(None)

    def forget(self, username: str) -> None:
        """The target does not take any more what a client of this user has proven."""
        self.log.info("user {user}: the target refuses the password that it has taken before", user=username)
        self.passed.forget(username)
        self.on_forgotten(username)
