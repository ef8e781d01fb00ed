"""Which user belongs to which secret, and what the proxy knows of a user.

A secret has the user of its current version, and those of its other versions that no secret has for its own:
a rotation of alternating users moves between them. Of two secrets for one user the first entry's counts.
"""

from collections.abc import Iterable, Mapping

import attrs

from ..config import UserAuthConfig
from .problems import CredentialProblem
from .source import Credential, Password
from .versions import SecretHistory, Version

__all__ = ["Account", "KnownUser", "UserDirectory", "direct"]


@attrs.frozen
class Account:
    """What a client has to prove to be let in as a user: any of the ``passwords``, the present one first.

    ``auth_type`` is RDS's client_password_auth_type, or None where the proxy's default holds.
    """

    username: str
    passwords: tuple[Password, ...] = attrs.field(repr=False)
    auth_type: str | None
    iam_required: bool
    read_only: bool
    secret_name: str


@attrs.frozen
class KnownUser:
    """A user, and the secret that it is from."""

    username: str
    entry: UserAuthConfig
    history: SecretHistory

    def account(self, now: float, grace: float) -> Account | None:
        """None if no password is good any more; ``grace`` in seconds."""
        versions = self.history.for_clients(self.username, now, grace)
        if not versions:
            return None
        return Account(
            self.username,
            tuple(dict.fromkeys(version.secret.password for version in versions)),
            self.entry.client_password_auth_type or None,
            self._is_iam_required,
            versions[0].secret.read_only,
            self.entry.secret_arn,
        )

    def candidates(self) -> list[Version]:
        """What the proxy tries, in this order."""
        return self.history.candidates(self.username)

    def credential(self, version: Version, generation: int) -> Credential:
        """What the proxy logs in with."""
        return Credential(
            self.username,
            version.secret.password,
            self.entry.secret_arn,
            generation,
            self.entry.client_password_auth_type or None,
            stage=version.stage,
            iam_required=self._is_iam_required,
            read_only=version.secret.read_only,
            revision=self.history.revision,
        )

    @property
    def _is_iam_required(self) -> bool:
        return self.entry.iam_auth == "REQUIRED"


@attrs.frozen
class UserDirectory:
    """All users; ``first`` are those of current versions, in the order of the entries."""

    users: Mapping[str, KnownUser]
    first: tuple[str, ...]
    problems: tuple[CredentialProblem, ...]


def direct(entries: Iterable[UserAuthConfig], histories: Mapping[str, SecretHistory]) -> UserDirectory:
    """Find the users of these entries by what their secrets hold."""
    users: dict[str, KnownUser] = {}
    problems: list[CredentialProblem] = []
    for entry in entries:
        history = histories.get(entry.secret_arn)
        if history is None or history.current is None:
            continue
        username = history.current.username
        wrong = _conflict(entry, username, users)
        if wrong is None:
            users[username] = KnownUser(username, entry, history)
        else:
            problems.append(CredentialProblem(entry.secret_arn, wrong))
    first = tuple(users)
    for username in first:
        owner = users[username]
        for other in sorted(owner.history.usernames()):
            users.setdefault(other, attrs.evolve(owner, username=other))
    return UserDirectory(users, first, tuple(problems))


def _conflict(entry: UserAuthConfig, username: str, users: Mapping[str, KnownUser]) -> str | None:
    if entry.user_name and entry.user_name != username:
        return f"its username is {username!r}, but user_name is {entry.user_name!r}"
    first = users.get(username)
    if first is not None:
        return f"its user {username!r} is already that of secret {first.entry.secret_arn}"
    return None
