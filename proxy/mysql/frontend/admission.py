"""Who may still come in: clients per second, per address, per user."""

from collections import Counter
from typing import Any

__all__ = ["ConnectionRate", "Occupancy"]


class ConnectionRate:
    """A token bucket that holds one second's worth of connections, and starts full."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._tokens = float("inf")
        self._filled = clock.seconds()

    def allows(self, limit: int) -> bool:
        """Whether one more may come at ``limit`` per second, 0 for any; what is refused does not count."""
        if not limit:
            return True
        now = self._clock.seconds()
        self._tokens = min(float(limit), self._tokens + (now - self._filled) * limit)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Occupancy:
    """Counts holders of a place by name. A limit of 0 is none; an empty name takes no place."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def __getitem__(self, name: str) -> int:
        return self._held.get(name, 0)

    def __len__(self) -> int:
        return len(self._held)

    def take(self, name: str, limit: int) -> bool:
        """Take one place, if there is one; to be given back with ``leave``."""
        if not name:
            return True
        held = self._held.get(name, 0)
        if 0 < limit <= held:
            return False
        self._held[name] = held + 1
        return True

    def leave(self, name: str) -> None:
        """Give a place back; a name that holds none is left alone."""
        held = self._held.get(name, 0)
        if held > 1:
            self._held[name] = held - 1
        elif held:
            del self._held[name]
