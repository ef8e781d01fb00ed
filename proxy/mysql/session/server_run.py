"""Whether a server has been started again while a connection to it was open, by its own ``Uptime``.

MySQL manual, "Server Status Variables". It is the difference of two times in whole seconds, the first of them
taken before any connection is let in: one answer tells the start to about two seconds, several within a
second tell it to about one.
"""

import math

import attrs

__all__ = ["CLOSE", "StartWindow"]

#: Seconds that ``Uptime`` and the two clocks may be wrong by.
CLOSE = 1.1


@attrs.define
class StartWindow:
    """Between which times, on the proxy's clock, the server was started."""

    earliest: float = -math.inf
    latest: float = math.inf

    def narrow(self, asked_at: float, answered_at: float, uptime: float) -> None:
        """Take in an answer, with the times at which the question was sent and the answer arrived."""
        earliest, latest = asked_at - uptime - CLOSE, answered_at - uptime + CLOSE
        if earliest > self.latest:
            # It was started again since the last answer.
            self.earliest, self.latest = earliest, latest
        self.earliest, self.latest = max(self.earliest, earliest), min(self.latest, latest)

    def is_after(self, opened_at: float) -> bool | None:
        """Whether the start was after a connection was opened; None if that cannot be told."""
        if opened_at < self.earliest:
            return True
        return None if opened_at < self.latest else False
