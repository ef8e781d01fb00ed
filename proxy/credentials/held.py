"""One secret that an entry names: its history, and how its last fetches went."""

from typing import Final

from twisted.internet.defer import Deferred

from .problems import CredentialProblem, SecretStatus
from .source import SecretVersions
from .versions import SecretHistory

__all__ = ["HeldSecret"]

_NOT_READ: Final = "has not been read yet"


class HeldSecret:
    """Empty until something is ``taken``. Times: ``now`` on the clock, ``unix_now`` in Unix seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.history = SecretHistory(name)
        #: How often in a row it could not be read.
        self.failures = 0
        self._problem = ""
        self._not_found = 0
        self._fetched_at: float | None = None
        self._changed_at: float | None = None
        self._has_news = False
        #: Whether the target was behind, and at which revision of the history that was told first.
        self._is_behind, self._behind_at = False, -1
        self._waiting: list[Deferred[None]] = []

    @property
    def problem(self) -> CredentialProblem | None:
        """Why it cannot be read."""
        return CredentialProblem(self.name, self._problem) if self._problem else None

    def taken(self, versions: SecretVersions, now: float, unix_now: float) -> bool:
        """Its source has said this. Tells whether that changes anything."""
        changed = self.history.take(versions, now, unix_now)
        self._problem, self.failures, self._not_found = "", 0, 0
        self._fetched_at = unix_now
        if changed:
            self._changed_at = unix_now
            self._has_news = True
        return changed

    def next_change(self) -> Deferred[None]:
        """Fires at the next ``tell_news``. The caller may fire it sooner, or cancel it."""
        waiting: Deferred[None] = Deferred()
        self._waiting = [each for each in self._waiting if not each.called]
        self._waiting.append(waiting)
        return waiting

    def tell_news(self) -> None:
        """All know by now what was taken; nothing happens if that has changed nothing."""
        if not self._has_news:
            return
        self._has_news = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(None)

    def failed(self, reason: str, *, not_found: bool, tolerated: int) -> bool:
        """It could not be read. Tells whether it is given up, as its source does not hold it any more.

        Its source may say that it does not hold it for ``tolerated`` times in a row.
        """
        self.failures += 1
        self._problem = reason
        self._not_found = self._not_found + 1 if not_found else 0
        if self._not_found <= tolerated or self.history.current is None:
            return False
        self.history = SecretHistory(self.name)
        return True

    def news_of_target(self, username: str) -> bool | None:
        """Whether the target refuses the current login of this user and takes a former one.

        None if that is as it was. Of each version it is told once: several targets may differ.
        """
        is_behind, revision = self.history.is_behind(username), self.history.revision
        if is_behind and self._behind_at != revision:
            self._is_behind, self._behind_at = True, revision
            return True
        if self._is_behind and not is_behind and self.history.is_accepted(username):
            self._is_behind = False
            return False
        return None

    def overdue(self) -> None:
        """It should have been read by now."""
        if self.history.current is None and not self._problem:
            self._problem = _NOT_READ

    def statuses(self) -> list[SecretStatus]:
        """One for each version."""
        rest = self._fetched_at, self._changed_at, self.failures, self._problem
        found = [
            SecretStatus(self.name, version.secret.username, version.secret.version_id, version.stage, *rest)
            for version in self.history.versions()
        ]
        return found or [SecretStatus(self.name, "", "", "", *rest)]
