"""Remembers which tokens were let in, and limits how many new ones are looked at.

A token is kept as a keyed hash only. Refusals are not remembered, so that nobody can push out others'
verdicts with tokens that cost nothing to make up.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

from .verifier import Verdict

__all__ = ["DEFAULT_RATE_LIMIT", "MAX_VERDICTS", "IamRate", "VerdictCache"]

#: Most verdicts that are remembered.
MAX_VERDICTS = 10_000

#: New log-ins by token that RDS takes per second.
DEFAULT_RATE_LIMIT = 200


class VerdictCache:
    """Verdicts that let somebody in, by token, user, endpoint and client's address, until they expire.

    `clock` gives Unix seconds. At most `size` are kept; the one not asked for longest makes room.
    """

    def __init__(self, clock: Callable[[], float], size: int = MAX_VERDICTS) -> None:
        self._clock = clock
        self._size = size
        self._key = secrets.token_bytes(32)
        self._verdicts: OrderedDict[bytes, Verdict] = OrderedDict()
        #: Grows when all is forgotten. What was being verified then is not to be remembered afterwards.
        self.era = 0
        #: How often a verdict was found, and how often none.
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._verdicts)

    def get(self, token: bytes, username: str, endpoint: str, source_address: str) -> Verdict | None:
        """The verdict about the same token under the same circumstances."""
        name = self._name(token, username, endpoint, source_address)
        verdict = self._verdicts.get(name)
        if verdict is not None and self._clock() < verdict.expires_at:
            self._verdicts.move_to_end(name)
            self.hits += 1
            return verdict
        if verdict is not None:
            del self._verdicts[name]
        self.misses += 1
        return None

    def put(
        self,
        token: bytes,
        username: str,
        endpoint: str,
        source_address: str,
        verdict: Verdict,
        era: int | None = None,
    ) -> None:
        """Remember a verdict, if it lets the client in and will do so for a while.

        One that took time to reach has the `era` in which it was begun, and counts in no later one.
        """
        if not verdict.allowed or self._clock() >= verdict.expires_at or self._size < 1:
            return
        if era is not None and era != self.era:
            return
        name = self._name(token, username, endpoint, source_address)
        self._verdicts[name] = verdict
        self._verdicts.move_to_end(name)
        if len(self._verdicts) > self._size:
            self._verdicts.popitem(last=False)

    def forget(self, token: bytes, username: str, endpoint: str, source_address: str) -> None:
        """Forget one verdict: the database has refused the token."""
        self._verdicts.pop(self._name(token, username, endpoint, source_address), None)

    def forget_all(self) -> None:
        """Forget all verdicts: keys, policies or names have changed."""
        self._verdicts.clear()
        self.era += 1

    def _name(self, token: bytes, *parts: str) -> bytes:
        digest = blake2b(key=self._key, digest_size=32)
        for part in (token, *(each.encode("utf-8", "surrogatepass") for each in parts)):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.digest()


class IamRate:
    """New tokens per second: a token bucket of one second's worth that starts full; `clock` gives seconds.

    Only what VerdictCache does not know counts.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = float("inf")
        self._filled = clock()
        #: How many were refused.
        self.refused = 0

    def allows(self, limit: int = DEFAULT_RATE_LIMIT) -> bool:
        """Whether one more may be looked at, at `limit` a second, 0 for any; one refused does not count."""
        if not limit:
            return True
        now = self._clock()
        self._left = min(float(limit), self._left + max(0.0, now - self._filled) * limit)
        self._filled = now
        if self._left < 1:
            self.refused += 1
            return False
        self._left -= 1
        return True
