"""Looking at all secrets because a client's password was wrong: it may know of a rotation already.

Guessing passwords must not become a storm of fetches, and must not keep those out who know a new one. So a
user name whose look finds nothing has to wait for the next, ever longer, and all names together have few of
them. Who has to wait is told so at once. Names that do not exist are treated as others are.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import attrs
from twisted.internet.defer import Deferred, succeed

from .options import StoreOptions

__all__ = ["MAX_FRUITLESS", "MAX_USERNAMES", "Rechecks"]

#: Looks in a row that may find nothing, whoever has asked; after that one for each recheck interval.
MAX_FRUITLESS = 12

#: User names that are remembered for having asked in vain.
MAX_USERNAMES = 1000

#: How many recheck intervals one user name has to wait at most.
MAX_BACK_OFF = 12

#: A change this many seconds ago may be younger than the beginning of the log-in that asks.
RECENT: Final = 10.0


@attrs.define(eq=False)
class _Waiter:
    username: str
    #: What was known when it asked.
    known: object
    answer: Deferred[bool]

    def tell(self, changed: bool) -> None:
        if not self.answer.called:
            self.answer.callback(changed)


@attrs.frozen
class _Wait:
    until: float
    back_off: int


class Rechecks:
    """``look`` fetches all secrets; ``known`` numbers what is known of all, and tells since when (clock)."""

    def __init__(
        self,
        clock: Any,
        options: Callable[[], StoreOptions],
        look: Callable[[], Deferred[bool]],
        known: Callable[[], tuple[int, float]],
    ) -> None:
        self._clock = clock
        self._options = options
        self._look = look
        self._known = known
        self._is_looking = False
        self._waiting: list[_Waiter] = []
        self._in_vain: OrderedDict[str, _Wait] = OrderedDict()
        self._fruitless = 0.0
        self._counted_at = clock.seconds()

    def ask(self, username: str) -> Deferred[bool]:
        """Whether more may be known of a user than when it began to log in. Does not fail.

        A change of any secret counts: the answer must not tell whether there is such a user.
        """
        known, since = self._known()
        if self._must_wait(username):
            return succeed(self._is_recent(since))
        answer: Deferred[bool] = Deferred()
        self._waiting.append(_Waiter(username, known, answer))
        self._begin()
        if answer.called:
            return answer
        timeout = self._options().secret_fetch_timeout
        return answer.addTimeout(timeout, self._clock, onTimeoutCancel=lambda *_: False)

    def something_changed(self) -> None:
        """Whoever has asked in vain may ask again."""
        self._in_vain.clear()
        self._fruitless = 0.0

    def _must_wait(self, username: str) -> bool:
        now = self._clock.seconds()
        interval = self._options().secret_recheck_interval
        passed = max(0.0, now - self._counted_at)
        self._counted_at = now
        self._fruitless = max(0.0, self._fruitless - passed / interval) if interval > 0 else 0.0
        wait = self._in_vain.get(username)
        if wait is not None and now < wait.until <= now + wait.back_off * interval:
            return True
        return self._fruitless > MAX_FRUITLESS - 1

    def _begin(self) -> None:
        if self._is_looking or not self._waiting:
            return
        self._is_looking = True
        waiting, self._waiting = self._waiting, []
        self._look().addCallback(self._looked, waiting)

    def _looked(self, changed: bool, waiting: list[_Waiter]) -> None:
        self._is_looking = False
        if changed:
            self.something_changed()
        news = {waiter: self._has_news(waiter) for waiter in waiting}
        if not changed and not all(news.values()):
            self._fruitless += 1
        for waiter, has_news in news.items():
            if not changed and not has_news:
                self._note_in_vain(waiter.username)
            waiter.tell(has_news)
        self._release_early()
        self._begin()

    def _has_news(self, waiter: _Waiter) -> bool:
        known, since = self._known()
        return known != waiter.known or self._is_recent(since)

    def _is_recent(self, since: float) -> bool:
        passed: float = self._clock.seconds() - since
        return passed < RECENT

    def _release_early(self) -> None:
        """They came during a look that has found something; they may ask again."""
        now = self._known()[0]
        early = [waiter for waiter in self._waiting if waiter.known != now]
        self._waiting = [waiter for waiter in self._waiting if waiter.known == now]
        # Only now: whoever is told may ask again at once.
        for waiter in early:
            waiter.tell(True)

    def _note_in_vain(self, username: str) -> None:
        before = self._in_vain.pop(username, None)
        now, interval = self._clock.seconds(), self._options().secret_recheck_interval
        is_new = before is None or now > before.until + MAX_BACK_OFF * interval
        back_off = 1 if before is None or is_new else min(before.back_off * 2, MAX_BACK_OFF)
        until = now + back_off * interval
        self._in_vain[username] = _Wait(until, back_off)
        if len(self._in_vain) > MAX_USERNAMES:
            self._in_vain.popitem(last=False)
