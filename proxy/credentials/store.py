"""The users clients may log in as, held in memory and refreshed from a source.

A refresh never fails as a whole: what is wrong with one secret is a problem to report, and the others load.
A secret that could not be read this time keeps its last good content; one that its source no longer holds
loses its user.
"""

from collections.abc import Sequence

import attrs
from twisted.internet.defer import Deferred, DeferredList, DeferredLock, maybeDeferred
from twisted.python.failure import Failure

from ..config import UserAuthConfig
from .source import Credential, CredentialSource, Secret, SecretError, SecretNotFoundError

__all__ = ["CredentialProblem", "CredentialStore"]


@attrs.frozen
class CredentialProblem:
    """Why the secret `secret_name` gives no (new) credential. Neither part holds any of its content."""

    secret_name: str
    reason: str

    def __str__(self) -> str:
        return f"secret {self.secret_name}: {self.reason}"


class CredentialStore:
    """Credentials by user name, from the `[[proxy.auth]]` entries and a source; empty until a refresh."""

    def __init__(self, entries: Sequence[UserAuthConfig], source: CredentialSource) -> None:
        self._entries = tuple(entries)
        self._source = source
        self._credentials: dict[str, Credential] = {}
        self._last_good: dict[str, Secret] = {}
        # Outlives the credential, so that a user who returns does not reuse an old generation.
        self._generations: dict[str, int] = {}
        self._refreshing = DeferredLock()

    def lookup(self, username: str) -> Credential | None:
        """The credential of `username` (case matters), from memory."""
        return self._credentials.get(username)

    def credentials(self) -> tuple[Credential, ...]:
        """All credentials, in the order of the entries."""
        return tuple(self._credentials.values())

    def replace(self, entries: Sequence[UserAuthConfig], source: CredentialSource) -> None:
        """Use other entries and another source from the next refresh on."""
        self._entries = tuple(entries)
        self._source = source

    def refresh(self) -> Deferred[list[CredentialProblem]]:
        """Fetch every secret again. Fires with what was wrong; does not fail.

        Refreshes run one after the other.
        """
        return self._refreshing.run(self._refresh)

    def _refresh(self) -> Deferred[list[CredentialProblem]]:
        entries, source = self._entries, self._source
        source.start_refresh()
        names = tuple(dict.fromkeys(entry.secret_arn for entry in entries))
        fetches = [maybeDeferred(source.fetch, name) for name in names]

        def take(results: list[tuple[bool, Secret]]) -> list[CredentialProblem]:
            # Where the flag is false a Failure stands in the Secret's place.
            outcomes: dict[str, object] = dict(zip(names, (result for _, result in results), strict=True))
            return self._take(entries, outcomes)

        fetched: Deferred[list[CredentialProblem]]
        fetched = DeferredList(fetches, consumeErrors=True).addCallback(take)
        return fetched

    def _take(
        self, entries: tuple[UserAuthConfig, ...], outcomes: dict[str, object]
    ) -> list[CredentialProblem]:
        problems: list[CredentialProblem] = []
        secrets: dict[str, Secret] = {}
        for name, outcome in outcomes.items():
            secret = outcome if isinstance(outcome, Secret) else self._last_good.get(name)
            if isinstance(outcome, Failure):
                problems.append(CredentialProblem(name, _reason(outcome)))
                if outcome.check(SecretNotFoundError):
                    secret = None
            if secret is not None:
                secrets[name] = secret
        self._last_good = secrets
        self._credentials = self._build(entries, secrets, problems)
        return problems

    def _build(
        self,
        entries: tuple[UserAuthConfig, ...],
        secrets: dict[str, Secret],
        problems: list[CredentialProblem],
    ) -> dict[str, Credential]:
        built: dict[str, Credential] = {}
        for entry in entries:
            secret = secrets.get(entry.secret_arn)
            if secret is None:
                continue
            wrong = _conflict(entry, secret, built)
            if wrong is not None:
                problems.append(CredentialProblem(entry.secret_arn, wrong))
                continue
            built[secret.username] = self._credential(entry, secret)
        return built

    def _credential(self, entry: UserAuthConfig, secret: Secret) -> Credential:
        before = self._credentials.get(secret.username)
        generation = self._generations.get(secret.username, 0)
        if before is None or before.password != secret.password:
            generation += 1
            self._generations[secret.username] = generation
        return Credential(
            secret.username,
            secret.password,
            entry.secret_arn,
            generation,
            entry.client_password_auth_type or None,
        )


def _conflict(entry: UserAuthConfig, secret: Secret, built: dict[str, Credential]) -> str | None:
    if entry.user_name and entry.user_name != secret.username:
        return f"its username is {secret.username!r}, but user_name is {entry.user_name!r}"
    first = built.get(secret.username)
    if first is not None:
        return f"its user {secret.username!r} is already that of secret {first.secret_name}"
    return None


def _reason(failure: Failure) -> str:
    error = failure.value
    # The text of an error that is not ours may quote the secret; its type does not.
    return error.reason if isinstance(error, SecretError) else f"failed with {type(error).__name__}"
