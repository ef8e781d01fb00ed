"""Whether a server has been started again while a connection to it was open, by its own ``Uptime``.

MySQL manual, "Server Status Variables". It is in whole seconds, begins before the first connection is let in,
and comes with the delay of its answer: close to the moment of the start nothing can be said.
"""

__all__ = ["CLOSE", "was_restarted"]

#: Seconds that ``Uptime`` and the two clocks may be wrong by.
CLOSE = 1.5


def was_restarted(opened_at: float, asked_at: float, answered_at: float, uptime: float) -> bool | None:
    """Whether the server that answers with ``uptime`` began to run after the connection was opened.

    Times in seconds on the proxy's clock: when the connection was open, when the question was sent, when the
    answer arrived. None if that cannot be told.
    """
    earliest, latest = asked_at - uptime - CLOSE, answered_at - uptime + CLOSE
    if opened_at < earliest:
        return True
    return None if opened_at < latest else False
