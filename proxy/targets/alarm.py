"""One timer that is moved about: it rings no later than it was last asked to."""

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Alarm"]


class Alarm:
    """Rings at most once for each time that it is set; it may ring early, never late."""

    def __init__(self, clock: IReactorTime, ring: Callable[[], None]) -> None:
        """``ring`` looks for what is due, and sets the alarm again."""
        self._clock = clock
        self._ring = ring
        self._call: IDelayedCall | None = None

    def set(self, at: float | None) -> None:
        """Ring at this time of the clock; None ends the timer."""
        if at is None:
            if self._call is not None:
                self._call.cancel()
                self._call = None
            return
        delay = max(0.0, at - self._clock.seconds())
        if self._call is None:
            self._call = self._clock.callLater(delay, self._rung)
        elif at < self._call.getTime():
            self._call.reset(delay)

    def _rung(self) -> None:
        self._call = None
        self._ring()
