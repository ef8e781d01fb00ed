"""One secret over time: which logins it has held, which of them the target takes, and which clients may use.

A login is a user name and a password. What is known of it stays while its version goes from stage to stage:
pending, current, previous, and then former for those that the source has forgotten already.

Clients may use the current login, the pending one as soon as the target has taken it, and any that was
replaced less than the grace time ago, but no more than MAX_FORMER beside the previous one. The proxy tries
the login that the target has taken last, then the current, pending and previous one; but the previous one
before the pending one of a user who is not the current one. A new current login is believed at once: a
rotation tests it before it moves the stage.
"""

from collections.abc import Iterator
from itertools import count
from typing import Final

import attrs

from .source import CURRENT, PENDING, PREVIOUS, Password, Secret, SecretVersions

__all__ = ["MAX_FORMER", "SecretHistory", "Version"]

#: Logins that a secret has given up, beside the previous one, with which clients may still log in.
MAX_FORMER = 3

_FORMER: Final = ""
_ORDER: Final = {CURRENT: 0, PENDING: 1, PREVIOUS: 2}

#: Serial numbers grow over all secrets: a user may move from one to another.
_serials = count(1)

_Login = tuple[str, Password]


@attrs.define
class Version:
    """A login of a secret. ``serial`` grows with its age of discovery: younger is higher."""

    secret: Secret
    serial: int
    stage: str
    #: On the clock, when it ceased to be current; None if it has not.
    replaced_at: float | None = None
    #: The target has let it in, since it is known.
    is_accepted: bool = False
    #: The target has refused it, since it was last let in and since the secret last changed.
    is_refused: bool = False

    def is_open_to_clients(self, now: float, grace: float) -> bool:
        """Whether a client may log in with it."""
        if self.stage == CURRENT or (self.stage == PENDING and self.is_accepted):
            return True
        return self.replaced_at is not None and now - self.replaced_at < grace


class SecretHistory:
    """The logins of the secret ``name``; empty until ``take``. Times are on one clock, in seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: What the source said last.
        self.known: SecretVersions | None = None
        #: Grows with each change of what the proxy or clients may log in with.
        self.revision = 0
        self._versions: dict[_Login, Version] = {}
        #: By user name, the login that the target has taken last.
        self._worked: dict[str, _Login] = {}

    @property
    def current(self) -> Secret | None:
        """What the database should take."""
        return None if self.known is None else self.known.current

    def take(self, versions: SecretVersions, now: float, unix_now: float) -> bool:
        """The source says this. Tells whether that changes anything."""
        before, self.known = self.known, versions
        if versions is before:
            return False
        fresh = self._placed(versions)
        for version in fresh.values():
            if version.stage == PREVIOUS and version.replaced_at is None:
                version.replaced_at = _replaced(versions, now, unix_now) if before is None else now
        self._keep_former(fresh, has_previous=versions.previous is not None, now=now)
        changed = _shape(fresh) != _shape(self._versions) or before is None
        self._versions = fresh
        if changed:
            self._changed(before)
        return changed

    def _placed(self, versions: SecretVersions) -> dict[_Login, Version]:
        """The versions the source has, each login once: AWS leaves its pending stage on the current one."""
        stages = ((PREVIOUS, versions.previous), (PENDING, versions.pending), (CURRENT, versions.current))
        wanted = {_login(secret): (stage, secret) for stage, secret in stages if secret is not None}
        placed = {}
        # Serial numbers in the order in which a rotation makes the versions.
        for login, (stage, secret) in sorted(wanted.items(), key=_by_age):
            old = self._versions.get(login)
            version = old and attrs.evolve(old, secret=secret, stage=stage)
            placed[login] = version or Version(secret, next(_serials), stage)
            if stage == CURRENT:
                placed[login].replaced_at = None
        return placed

    def _keep_former(self, fresh: dict[_Login, Version], *, has_previous: bool, now: float) -> None:
        """What the source has forgotten: if it tells no previous one, that is the latest of these."""
        former = [
            attrs.evolve(version, stage=_FORMER, replaced_at=_known_time(version, now))
            for login, version in self._versions.items()
            if login not in fresh and (version.stage != PENDING or version.replaced_at is not None)
        ]
        former.sort(key=lambda version: (version.replaced_at, version.serial), reverse=True)
        if former and not has_previous:
            former[0].stage = PREVIOUS
            kept = former[: MAX_FORMER + 1]
        else:
            kept = former[:MAX_FORMER]
        fresh.update((_login(version.secret), version) for version in kept)

    def _changed(self, before: SecretVersions | None) -> None:
        self.revision += 1
        for version in self._versions.values():
            version.is_refused = False
        assert self.known is not None
        if before is None or _login(before.current) != _login(self.known.current):
            self._worked.clear()

    def usernames(self) -> set[str]:
        """Everybody this secret has to do with."""
        return {username for username, _ in self._versions}

    def versions(self) -> Iterator[Version]:
        """Those that the source has, by stage."""
        staged = (version for version in self._versions.values() if version.stage in _ORDER)
        return iter(sorted(staged, key=lambda version: _ORDER[version.stage]))

    def candidates(self, username: str) -> list[Version]:
        """What the proxy tries for this user, in this order."""
        found = [version for version in self.versions() if version.secret.username == username]
        if not found:
            # Sessions of a user that a rotation has left behind may go on.
            found = [each for login, each in self._versions.items() if login[0] == username][:1]
        if found[:1] and found[0].stage == PENDING:
            # Of alternating users the other one: its previous password is good until its pending one is.
            found.reverse()
        worked = self._worked.get(username)
        return sorted(found, key=lambda version: _login(version.secret) != worked)

    def for_clients(self, username: str, now: float, grace: float) -> list[Version]:
        """What a client may log in with as this user, the present one first; ``grace`` in seconds."""
        ours = [version for version in self._versions.values() if version.secret.username == username]
        ours = [version for version in ours if version.is_open_to_clients(now, grace)]
        ours.sort(key=lambda version: (_ORDER.get(version.stage, len(_ORDER)), -version.serial))
        return ours

    def accepted(self, username: str, password: bytes, revision: int) -> bool:
        """The target has let this login in. Tells whether that changes what is tried, or who may log in."""
        login = username, Password(password)
        version = self._versions.get(login)
        if version is None:
            return False
        changed = not version.is_accepted and version.stage == PENDING
        version.is_accepted, version.is_refused = True, False
        # What was true before the secret changed says nothing of now.
        if revision == self.revision and self._worked.get(username) != login:
            self._worked[username] = login
            changed = True
        return changed

    def is_accepted(self, username: str) -> bool:
        """The target has taken the current login, which is this user's."""
        if self.current is None or self.current.username != username:
            return False
        return self._versions[_login(self.current)].is_accepted

    def is_behind(self, username: str) -> bool:
        """The target has refused the current login of this user, and taken a former one."""
        if self.current is None or self.current.username != username:
            return False
        worked = self._versions.get(self._worked.get(username, _login(self.current)))
        is_former = worked is not None and worked.stage in (PREVIOUS, _FORMER)
        return is_former and self._versions[_login(self.current)].is_refused

    def refused(self, username: str, password: bytes) -> bool:
        """The target has refused this login. Tells whether that changes what is tried."""
        login = username, Password(password)
        version = self._versions.get(login)
        if version is None:
            return False
        version.is_refused = True
        if self._worked.get(username) != login:
            return False
        del self._worked[username]
        return True


def _login(secret: Secret) -> _Login:
    return secret.username, secret.password


def _by_age(item: tuple[_Login, tuple[str, Secret]]) -> int:
    stage = item[1][0]
    return {PREVIOUS: 0, CURRENT: 1, PENDING: 2}[stage]


def _replaced(versions: SecretVersions, now: float, unix_now: float) -> float:
    """When the previous version was replaced, for a proxy that was not there."""
    created = versions.current.created_at
    return now if created is None else now - max(0.0, unix_now - created)


def _known_time(version: Version, now: float) -> float:
    return now if version.replaced_at is None else version.replaced_at


def _shape(versions: dict[_Login, Version]) -> dict[_Login, tuple[str, bool]]:
    return {login: (version.stage, version.secret.read_only) for login, version in versions.items()}
