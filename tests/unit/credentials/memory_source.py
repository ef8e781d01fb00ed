"""A source of secrets in memory, and what tests of the store need beside it."""

from collections.abc import Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from proxy.config import UserAuthConfig
from proxy.credentials.source import Password, Secret, SecretError, SecretNotFoundError, SecretVersions
from proxy.credentials.store import CredentialStore

T = TypeVar("T")
Login = tuple[str, str]
#: A login is a secret without other versions.
Outcome = Login | SecretVersions | Exception


def secret(name: str, login: Login, **rest: Any) -> Secret:
    """One version of a secret."""
    return Secret(name, login[0], Password(login[1].encode()), **rest)


def versions(
    current: Login, pending: Login | None = None, previous: Login | None = None, name: str = "s"
) -> SecretVersions:
    """A secret of up to three versions."""
    others = [None if login is None else secret(name, login) for login in (pending, previous)]
    return SecretVersions(secret(name, current), *others)


class MemorySource:
    """Secrets in a dict; with `held`, fetches stay open until `release`."""

    def __init__(self, outcomes: dict[str, Outcome], held: bool = False) -> None:
        self.outcomes = outcomes
        self.held = held
        self.refreshes = 0
        #: Names in the order in which they were fetched.
        self.fetched: list[str] = []
        self.known: list[SecretVersions | None] = []
        self._open: list[tuple[Deferred[SecretVersions], Outcome, str]] = []

    def start_refresh(self) -> None:
        self.refreshes += 1

    def fetch(self, secret_arn: str, known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        self.fetched.append(secret_arn)
        self.known.append(known)
        outcome = self.outcomes.get(secret_arn, SecretNotFoundError("is not there"))
        if self.held:
            waiting: Deferred[SecretVersions] = Deferred()
            self._open.append((waiting, outcome, secret_arn))
            return waiting
        return fail(outcome) if isinstance(outcome, Exception) else succeed(_versions(secret_arn, outcome))

    @property
    def in_flight(self) -> list[str]:
        """Names of the fetches that are open, also of those that were given up."""
        return [name for _, _, name in self._open]

    def release(self, most: int = 1000) -> None:
        """Answer open fetches with what was there when they began."""
        waiting, self._open = self._open[:most], self._open[most:]
        for deferred, outcome, name in waiting:
            if deferred.called:
                continue
            if isinstance(outcome, Exception):
                deferred.errback(outcome)
            else:
                deferred.callback(_versions(name, outcome))


def _versions(name: str, outcome: Login | SecretVersions) -> SecretVersions:
    return outcome if isinstance(outcome, SecretVersions) else SecretVersions(secret(name, outcome))


def entries(*names: str) -> Sequence[UserAuthConfig]:
    """Entries that name secrets only."""
    return [UserAuthConfig(secret_arn=name) for name in names]


def result(fired: Deferred[T]) -> T:
    """What it has fired with."""
    results: list[T] = []
    fired.addCallback(results.append)
    assert results, "it has not fired"
    return results[0]


def error_of(fetched: Deferred[SecretVersions]) -> SecretError:
    """What it has failed with; the password "hunter2" is nowhere in it."""
    failures: list[Failure] = []
    fetched.addErrback(failures.append)
    error = failures[0].value
    assert isinstance(error, SecretError)
    assert "hunter2" not in repr(error) + failures[0].getTraceback()
    return error


def passwords(store: CredentialStore, username: str) -> list[bytes]:
    """What the store tries at the target, in this order."""
    return [bytes(credential.password) for credential in store.candidates(username)]


def accepted_from_clients(store: CredentialStore, username: str) -> list[bytes]:
    """With what clients may log in."""
    account = store.account(username)
    return [] if account is None else [bytes(password) for password in account.passwords]
