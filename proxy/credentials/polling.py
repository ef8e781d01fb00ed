"""Looking at secrets again and again: all of them in an interval, and those that failed in one that grows."""

from collections.abc import Callable
from typing import Any

from .options import StoreOptions

__all__ = ["FIRST_RETRY", "LAST_RETRY", "Polling"]

#: Seconds until a secret is tried again for the first time; doubled each time, up to the refresh interval.
FIRST_RETRY = 1.0

#: The longest such wait in seconds where nothing is polled.
LAST_RETRY = 60.0

#: By which part of it an interval may be shorter or longer, so that many proxies do not poll at once.
_JITTER = 0.1


class Polling:
    """Calls ``poll`` in intervals, and ``retry`` with the name of a secret that failed; until ``stop``."""

    def __init__(
        self,
        clock: Any,
        options: Callable[[], StoreOptions],
        randomness: Callable[[], float],
        poll: Callable[[], None],
        retry: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._options = options
        self._randomness = randomness
        self._poll = poll
        self._retry = retry
        self._timer: Any = None
        self._retries: dict[str, Any] = {}
        self.is_running = False

    def start(self) -> None:
        """Poll after an interval, and then again."""
        self.is_running = True
        self.retime()

    def stop(self) -> None:
        """Neither poll nor retry any more."""
        self.is_running = False
        self._cancel()
        for name in list(self._retries):
            self.recovered(name)

    def retime(self) -> None:
        """The interval may have changed, or everything has just been fetched: count from now."""
        self._cancel()
        interval = self._options().secret_refresh_interval
        if self.is_running and interval > 0:
            self._timer = self._clock.callLater(self._about(interval), self._due)

    def failed(self, name: str, failures: int) -> None:
        """A secret could not be fetched, for the ``failures``-th time in a row."""
        self.recovered(name)
        if not self.is_running:
            return
        longest = max(FIRST_RETRY, self._options().secret_refresh_interval or LAST_RETRY)
        delay = min(longest, FIRST_RETRY * 2.0 ** min(failures - 1, 30))
        self._retries[name] = self._clock.callLater(self._about(delay), self._due_again, name)

    def recovered(self, name: str) -> None:
        """A secret was fetched, or is not wanted any more."""
        timer = self._retries.pop(name, None)
        if timer is not None and timer.active():
            timer.cancel()

    def is_failing(self, name: str) -> bool:
        """Whether it will be tried again without a poll."""
        return name in self._retries

    def _about(self, seconds: float) -> float:
        return seconds * (1 - _JITTER + 2 * _JITTER * self._randomness())

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _due(self) -> None:
        self.retime()
        self._poll()

    def _due_again(self, name: str) -> None:
        # The outcome brings the next one.
        del self._retries[name]
        self._retry(name)
