"""Which password of a user the proxy's connections should have been opened with.

The generation of a user grows when a younger password than before is tried first, or when the one that was is
not tried any more. While two targets take different passwords, as a replica that lags behind does in the
middle of a rotation, the older one may come first for a moment; that makes no connection old.
"""

import attrs

from .source import Credential
from .users import KnownUser
from .versions import Version

__all__ = ["Generations"]


@attrs.frozen
class _Settled:
    number: int
    #: None while there is no such user.
    password: bytes | None = attrs.field(repr=False)
    serial: int


class Generations:
    """Numbers them; they outlive their users, so that one who returns does not reuse an old number."""

    def __init__(self) -> None:
        self._settled: dict[str, _Settled] = {}

    def settle(self, user: KnownUser) -> tuple[tuple[Credential, ...], bool]:
        """What to try for a user, and whether its connections are old now."""
        candidates = user.candidates()
        if not candidates:
            return (), self.gone(user.username)
        is_old = self._settle(user.username, candidates)
        number = self._settled[user.username].number
        return tuple(user.credential(each, number) for each in candidates), is_old

    def gone(self, username: str) -> bool:
        """There is no such user any more. Tells whether there was one."""
        before = self._settled.get(username)
        if before is None or before.password is None:
            return False
        self._settled[username] = attrs.evolve(before, password=None)
        return True

    def present(self) -> list[str]:
        """All users that were settled, and are not gone."""
        return [username for username, settled in self._settled.items() if settled.password is not None]

    def _settle(self, username: str, candidates: list[Version]) -> bool:
        first = candidates[0]
        before = self._settled.get(username, _Settled(0, None, 0))
        if before.password is not None:
            is_older = first.serial < before.serial
            if first.secret.password == before.password or (
                is_older and any(each.secret.password == before.password for each in candidates)
            ):
                return False
        self._settled[username] = _Settled(before.number + 1, first.secret.password, first.serial)
        return before.password is not None
