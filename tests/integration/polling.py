"""Waiting for a condition by looking again and again, up to a generous limit that has a name."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["POLL_INTERVAL", "WAIT_LIMIT", "eventually"]

WAIT_LIMIT = 30.0
"""Seconds until a condition that should hold within moments counts as failed."""
POLL_INTERVAL = 0.02

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, limit: float = WAIT_LIMIT) -> T:
    """Return what `condition` returns once that is true; AssertionError naming `what` after `limit` s."""
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:.0f} s: {what}")
        time.sleep(POLL_INTERVAL)
