"""Which reader serves the next borrower: the one with the least outstanding work for what it can take.

Theory of operation. The work of a target is who has or awaits one of its connections, relative to the most it
may have and to its share. The share of a target that has come back grows slowly, so that its cold caches do
not meet the full load. Where the work is equal (none, mostly) they take turns, by their shares. A pool that
lets somebody wait for want of a connection, or could not open one for the same key a moment ago, comes after
all others: a target that has just died seems to have nothing to do. A session returns to the target it used
last, unless that has clearly more to do than another.
"""

from collections.abc import Hashable, Iterable
from typing import Generic

import attrs

from ..pool.interface import ConnectionT
from ..pool.pool import Pool

__all__ = ["LEAST_SHARE", "STICKINESS", "TOGETHER", "Candidate", "Reader", "ReaderChoice", "fit", "share"]

LEAST_SHARE = 0.05
"""What a target gets of its full load at the moment it comes back."""

STICKINESS = 1.5
"""How many times the least work a target may have and still keep the sessions that used it last."""

TOGETHER = 5.0
"""Targets that come at most so many seconds after the first one start together with it: not slowly."""


_MOST = (True, float("inf"), float("inf"))


@attrs.frozen
class Reader(Generic[ConnectionT]):
    """A target that may be read from, as last seen."""

    name: str
    pool: Pool[ConnectionT]
    lag: float | None = None
    """Seconds behind the writer; None where that cannot be told."""
    available_since: float = 0.0
    """By the clock in use."""
    is_available: bool = True
    """False for one that is registered but may not be used now."""


def fit(reader: Reader[ConnectionT], max_lag: float) -> bool:
    """Whether it may be read from; ``max_lag`` in seconds, 0 for no limit.

    Who cannot tell its lag is taken to have none.
    """
    if not reader.is_available or reader.pool.is_stopping:
        return False
    return not max_lag or reader.lag is None or reader.lag <= max_lag


def share(available_since: float, first_since: float, now: float, slow_start: float) -> float:
    """How much of its full load a target takes now; it takes all (1) ``slow_start`` seconds after it came.

    ``first_since`` is when the first of all the targets was there. Times are in seconds.
    """
    age = now - available_since
    if age >= slow_start or available_since - first_since <= TOGETHER:
        return 1.0
    return max(LEAST_SHARE, age / slow_start)


@attrs.define(eq=False)
class Candidate(Generic[ConnectionT]):
    """A target that may be chosen."""

    pool: Pool[ConnectionT]
    capacity: int
    available_since: float
    turn: float = 0.0
    """Grows each time that it is chosen, the more the smaller its share."""
    share: float = 1.0

    def work(self, more: int = 0) -> float:
        """Its outstanding work, relative to what it may take, with so many borrowers more."""
        return (self.pool.outstanding + more) / (self.capacity * self.share)


class ReaderChoice(Generic[ConnectionT]):
    """Chooses among the targets that are fit; knows whose turn it is, and when the first one was there."""

    def __init__(self) -> None:
        self._candidates: dict[Pool[ConnectionT], Candidate[ConnectionT]] = {}
        self._turn = 0.0
        self._first_since = float("inf")
        self._slow_start = 0.0
        self._growing_until = float("-inf")
        self._grows = False

    def __contains__(self, pool: object) -> bool:
        return pool in self._candidates

    def __bool__(self) -> bool:
        return bool(self._candidates)

    @property
    def pools(self) -> Iterable[Pool[ConnectionT]]:
        """The pools that may be chosen."""
        return self._candidates.keys()

    def update(self, readers: Iterable[Reader[ConnectionT]], slow_start: float) -> None:
        """Choose among these from now on; ``slow_start`` is in seconds."""
        before = self._candidates
        self._candidates = {
            reader.pool: Candidate(
                reader.pool,
                reader.pool.limits.max_connections,
                reader.available_since,
                before[reader.pool].turn if reader.pool in before else self._turn,
            )
            for reader in readers
        }
        came = [each.available_since for each in self._candidates.values()]
        self._first_since = min([self._first_since, *came])
        self._slow_start = slow_start
        self._growing_until = max(came, default=float("-inf")) + slow_start
        self._grows = True

    def drop(self, pool: Pool[ConnectionT]) -> None:
        """Choose this one no more."""
        del self._candidates[pool]

    def choose(
        self, key: Hashable, preferred: Pool[ConnectionT] | None, now: float
    ) -> Candidate[ConnectionT] | None:
        """The one to serve the next borrower of the key, who used the preferred pool last; None if none is.

        `chosen` is to be called if that comes to pass.
        """
        candidates = self._candidates
        if len(candidates) <= 1:
            return next(iter(candidates.values()), None)
        if self._grows:
            self._grows = now < self._growing_until
            for each in candidates.values():
                each.share = share(each.available_since, self._first_since, now, self._slow_start)
        best, least = None, _MOST
        for each in candidates.values():
            pool = each.pool
            rank = (
                pool.is_short or pool.is_failing(key),
                pool.outstanding / (each.capacity * each.share),
                each.turn,
            )
            if rank < least:
                best, least = each, rank
        if best is None or preferred is None or preferred is best.pool:
            return best
        last = candidates.get(preferred)
        if last is None or _is_troubled(preferred, key) or last.work(1) > STICKINESS * best.work(1):
            return best
        return last

    def has_better(self, pool: Pool[ConnectionT], key: Hashable) -> bool:
        """Whether the pool lets the key's borrowers wait while another one would not have to."""
        return _is_troubled(pool, key) and any(not _is_troubled(each, key) for each in self._candidates)

    def chosen(self, candidate: Candidate[ConnectionT]) -> None:
        """Note that the candidate serves a borrower; who had nothing to do meanwhile saves up no turns."""
        self._turn = turn = max(self._turn, candidate.turn)
        candidate.turn = turn + 1 / candidate.share


def _is_troubled(pool: Pool[ConnectionT], key: Hashable) -> bool:
    return pool.is_short or pool.is_failing(key)
