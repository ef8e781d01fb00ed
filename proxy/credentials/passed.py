"""What clients have proven to the target themselves: for users whose secret the proxy does not hold.

A password, or what a client's answer to a challenge reveals of it, is kept as long as it is used, but for no
longer than it is good, and until the target refuses it. The next client of the user is checked against a
salted digest, which takes the same time for a user that is not known. After a while the target is asked again
all the same: it tells nobody that it has changed its mind.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b, sha1
from itertools import count
from typing import Any, Final

import attrs

from .source import Credential, Password

__all__ = ["CACHE_TIME", "MAX_PASSED", "PassedCredentials"]

#: Seconds without use after which a password is forgotten, and since its proof until it is to be proven anew.
CACHE_TIME = 1800.0

#: Users whose passwords are remembered; beyond them the one that was used longest ago is forgotten.
MAX_PASSED = 10_000

#: Seconds between two looks for what is to be forgotten.
SWEEP_INTERVAL = 60.0

_SALT_LENGTH: Final = 16


def _sha1(data: bytes) -> bytes:
    return sha1(data).digest()  # noqa: S324 - fixed by the plugin


@attrs.define
class _Passed:
    """``used_at``, ``proven_at`` and ``expires_at`` are on the clock."""

    credential: Credential
    salt: bytes = attrs.field(repr=False)
    digest: bytes = attrs.field(repr=False)
    used_at: float
    expires_at: float | None
    proven_at: float = 0.0
    #: What the target keeps of the password, where it was read from there.
    verifier: bytes | None = attrs.field(default=None, repr=False)
    #: The credential has SHA1 of the password only.
    is_digest: bool = False


class PassedCredentials:
    """The last proven password of each user, ``limit`` users at most; ``cache_time`` tells CACHE_TIME."""

    def __init__(
        self, clock: Any, limit: int = MAX_PASSED, cache_time: Callable[[], float] = lambda: CACHE_TIME
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._cache_time = cache_time
        #: The one used longest ago comes first.
        self._users: OrderedDict[str, _Passed] = OrderedDict()
        self._numbers = count(1)
        # The digests are of no use to who sees them without this.
        self._key = secrets.token_bytes(32)
        self._nobody = _Passed(Credential("", Password(), "", 0), bytes(_SALT_LENGTH), bytes(64), 0.0, None)
        self._sweeping: Any = None
        #: Tells of a user whose sessions may need a connection at any time.
        self.is_connected: Callable[[str], bool] = lambda _username: False

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, username: str) -> bool:
        return username in self._users

    def remember(
        self, username: str, password: bytes, verified_at: float, expires_at: float | None = None
    ) -> None:
        """The target has taken this password. Times are on the clock; it is good until ``expires_at``."""
        hidden = Password(password) if type(password) is bytes else password
        before = self._users.get(username)
        found = self._remember(username, hidden, verified_at, expires_at)
        if before is not None and before.verifier == _sha1(_sha1(hidden)):
            found.verifier = before.verifier

    def remember_digest(self, username: str, stage1: bytes, verifier: bytes) -> None:
        """For mysql_native_password: SHA1 of the password, as the object it is, and SHA1 of that."""
        now = self._clock.seconds()
        found = self._users.get(username)
        if found is None or not hmac.compare_digest(_sha1(found.credential.password), stage1):
            found = self._remember(username, stage1, now, None)
            found.is_digest = True
        # The password itself is good for more plugins than this one.
        found.verifier, found.proven_at = verifier, now
        self._use(username, found)

    def verify(self, username: str, password: bytes) -> bool:
        """Whether this is the password that the target has taken; takes the same time for an unknown user."""
        found = self._present(username)
        checked = found or self._nobody
        is_right = hmac.compare_digest(self._digest(checked.salt, password), checked.digest)
        # What stands for a password of mysql_native_password is none that anybody could say.
        if found is None or not is_right or found.is_digest:
            return False
        self._use(username, found)
        return True

    def verifier(self, username: str) -> bytes | None:
        """What the target keeps of the password: SHA1 of its SHA1; None where it was not read from there."""
        found = self._present(username)
        if found is None:
            return None
        self._use(username, found)
        return found.verifier

    def candidates(self, username: str) -> tuple[Credential, ...]:
        """What to log in to the target with: one or nothing."""
        found = self._present(username)
        if found is None:
            return ()
        self._use(username, found)
        return (found.credential,)

    def is_due(self, username: str) -> bool:
        """Whether the last proof is so old that the target is to be asked again."""
        found = self._present(username)
        age = float("inf") if found is None else self._clock.seconds() - found.proven_at
        return age >= self._cache_time()

    def doubt(self) -> None:
        """Have every password proven again before it lets anybody in."""
        for found in self._users.values():
            found.proven_at = float("-inf")

    def forget(self, username: str) -> None:
        """The target does not take it any more."""
        self._users.pop(username, None)

    def stop(self) -> None:
        """Forget everything."""
        self._users.clear()
        if self._sweeping is not None and self._sweeping.active():
            self._sweeping.cancel()
        self._sweeping = None

    def _remember(
        self, username: str, password: bytes, verified_at: float, expires_at: float | None
    ) -> _Passed:
        before = self._users.pop(username, None)
        if before is None or before.credential.password != password:
            credential = Credential(username, password, "", next(self._numbers))
        else:
            credential = before.credential
        salt = secrets.token_bytes(_SALT_LENGTH)
        digest = self._digest(salt, password)
        found = _Passed(credential, salt, digest, verified_at, expires_at, verified_at)
        self._users[username] = found
        if len(self._users) > self._limit:
            self._users.popitem(last=False)
        if self._sweeping is None:
            self._sweeping = self._clock.callLater(SWEEP_INTERVAL, self._sweep)
        return found

    def _digest(self, salt: bytes, password: bytes) -> bytes:
        return blake2b(password, key=self._key, salt=salt).digest()

    def _use(self, username: str, found: _Passed) -> None:
        found.used_at = self._clock.seconds()
        self._users.move_to_end(username)

    def _present(self, username: str) -> _Passed | None:
        found = self._users.get(username)
        if found is not None and self._is_over(found):
            del self._users[username]
            return None
        return found

    def _is_over(self, found: _Passed) -> bool:
        now: float = self._clock.seconds()
        if found.expires_at is not None and now >= found.expires_at:
            return True
        is_idle = now - found.used_at >= self._cache_time()
        return is_idle and not self.is_connected(found.credential.username)

    def _sweep(self) -> None:
        self._sweeping = None
        for username in [name for name, found in self._users.items() if self._is_over(found)]:
            del self._users[username]
        if self._users:
            self._sweeping = self._clock.callLater(SWEEP_INTERVAL, self._sweep)
