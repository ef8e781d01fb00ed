"""How long the database may be busy with one statement (a tenant's ``max_execution_time``).

What the client takes to send the rest of a statement, or to read what there is, does not count.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["ExecutionLimit"]


class ExecutionLimit:
    """One session's; ``clock`` is the reactor's, and ``over`` is called once the time is."""

    __slots__ = ("_clock", "_left", "_over", "_since", "_timer")

    def __init__(self, clock: Any, over: Callable[[], None]) -> None:
        self._clock = clock
        self._over = over
        self._left = 0.0
        self._since = 0.0
        self._timer: Any = None

    def begin(self, seconds: float) -> None:
        """A statement has so many seconds; they begin with ``go_on``."""
        self.end()
        self._left = seconds

    def go_on(self) -> None:
        """It is the database's turn."""
        if self._timer is None and self._left > 0:
            self._since = self._clock.seconds()
            self._timer = self._clock.callLater(self._left, self._is_over)

    def pause(self) -> None:
        """It is the client's turn."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            # A client that stops reading over and over must not get more time by that.
            self._left = max(self._left - (self._clock.seconds() - self._since), 0.001)

    def end(self) -> None:
        """The statement has ended."""
        self._left = 0.0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_over(self) -> None:
        self._timer = None
        self._left = 0.0
        self._over()
