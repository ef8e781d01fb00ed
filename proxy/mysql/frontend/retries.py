"""Tries again, at once and then with pauses, when connections turn out dead before a statement is sent."""

from collections.abc import Callable
from typing import Any

from .context import EndpointContext

__all__ = ["MAX_RETRIES", "RETRY_PAUSE", "Retries"]

#: Connections tried at once for one statement; a target that is going takes many with it.
MAX_RETRIES = 3

#: Seconds between two further tries, which end when a client waits no longer for a connection.
RETRY_PAUSE = 0.03


class Retries:
    """For one statement at a time."""

    __slots__ = ("_call", "_context", "_count", "_since")

    def __init__(self, context: EndpointContext) -> None:
        self._context = context
        self._count = 0
        self._since = 0.0
        self._call: Any = None

    def begin(self) -> None:
        """Another statement."""
        self._count = 0

    def again(self, work: Callable[[], None]) -> bool:
        """Do the work once more, now or soon; False if that has been done for long enough."""
        clock = self._context.clock
        if not self._count:
            self._since = clock.seconds()
        self._count += 1
        if self._count <= MAX_RETRIES:
            work()
            return True
        if clock.seconds() - self._since > self._context.options.connection_borrow_timeout:
            return False

        def due() -> None:
            self._call = None
            work()

        self._call = clock.callLater(RETRY_PAUSE, due)
        return True

    def stop(self) -> None:
        """Whoever wanted it is gone."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
