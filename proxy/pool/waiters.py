"""Waiters for a connection, and their deadlines."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator

import attrs

__all__ = ["Deadlines", "Waiter"]


@attrs.define(eq=False)
class Waiter:
    """One wish to borrow. Compared by identity, and good for one wait."""

    key: Hashable
    settings: object
    context: object = attrs.field(default=None, repr=False)
    """Handed to the connector when a connection is opened for this waiter."""
    number: int = attrs.field(default=0, init=False)
    """Place in the order of arrival over all keys."""
    enqueued_at: float = attrs.field(default=0.0, init=False)
    deadline: float = attrs.field(default=0.0, init=False)
    timeout: float = attrs.field(default=0.0, init=False)
    skipped: int = attrs.field(default=0, init=False)
    """How often a younger waiter was served first."""


class Deadlines:
    """All waiters by deadline: arrival, expiry and removal in constant time.

    Waiters with the same timeout expire in order of arrival, and a pool has few different timeouts, so there
    is one queue for each of them and no heap that keeps entries of waiters served long ago.
    """

    def __init__(self) -> None:
        self._queues: dict[float, OrderedDict[Waiter, None]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, waiter: Waiter) -> bool:
        queue = self._queues.get(waiter.timeout)
        return queue is not None and waiter in queue

    def __iter__(self) -> Iterator[Waiter]:
        for queue in self._queues.values():
            yield from queue

    def add(self, waiter: Waiter, now: float, timeout: float) -> None:
        """Let the waiter expire ``timeout`` seconds from ``now``."""
        waiter.timeout = timeout
        waiter.deadline = now + timeout
        self._queues.setdefault(timeout, OrderedDict())[waiter] = None
        self._length += 1

    def remove(self, waiter: Waiter) -> None:
        """Take out a waiter that is in; raises KeyError for another."""
        queue = self._queues[waiter.timeout]
        del queue[waiter]
        self._length -= 1
        if not queue:
            del self._queues[waiter.timeout]

    def first(self) -> Waiter | None:
        """Return the waiter that expires first."""
        heads = [next(iter(queue)) for queue in self._queues.values()]
        return min(heads, key=lambda waiter: waiter.deadline, default=None)
