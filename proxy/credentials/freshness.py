"""When which secret is fetched: a few at a time, each one once at a time, and not too soon after the last.

Whoever asks waits for a fetch that begins after that: an older one may have seen what was before. All who
wait for the same secret share its next fetch.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults

__all__ = ["MAX_FETCHES", "Freshness"]

#: Fetches of secrets under way at a time.
MAX_FETCHES = 4

_LONG_AGO = float("-inf")
_NEVER = float("inf")


@attrs.define(eq=False)
class _Slot:
    """One secret."""

    name: str
    started_at: float = _LONG_AGO
    is_running: bool = False
    is_queued: bool = False
    #: Begins the next fetch when it may begin.
    timer: Any = None
    #: For whoever has asked while one was running, when the next may begin.
    not_before: float = _NEVER
    #: The next one goes before those of other secrets.
    is_urgent: bool = False
    #: They wait for the fetch that runs, and for the next.
    waiting: list[Deferred[None]] = attrs.Factory(list)
    waiting_for_next: list[Deferred[None]] = attrs.Factory(list)

    def cancel_timer(self) -> None:
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.timer = None


class Freshness:
    """``fetch`` fetches one secret; its Deferred never fails. ``prepare`` is called before each or many."""

    def __init__(
        self, clock: Any, fetch: Callable[[str], Deferred[None]], prepare: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._fetch = fetch
        self._prepare = prepare
        self._slots: dict[str, _Slot] = {}
        self._queue: deque[_Slot] = deque()
        self._in_flight = 0
        self._is_pumping = False
        self._is_prepared = False
        self._is_stopped = False

    def is_busy(self, name: str) -> bool:
        """Whether a fetch of this secret is under way or about to begin."""
        slot = self._slots.get(name)
        return slot is not None and (slot.is_running or slot.is_queued)

    def ask(self, name: str, interval: float = 0.0, *, urgent: bool = False) -> Deferred[None]:
        """Fires when a fetch has ended that begins from now on, ``interval`` seconds after the last or later.

        ``urgent`` ones go before all others. A caller may cancel its Deferred.
        """
        waiting: Deferred[None] = Deferred()
        if self._is_stopped:
            waiting.callback(None)
            return waiting
        slot = self._slots.setdefault(name, _Slot(name))
        slot.waiting_for_next.append(waiting)
        slot.is_urgent |= urgent
        self._schedule(slot, slot.started_at + interval, interval)
        self._pump()
        return waiting

    def ask_all(self, names: Iterable[str], interval: float = 0.0) -> Deferred[None]:
        """Fires when all of these have been fetched, as ``ask`` has it."""
        # Prepared once for all: a file that answers at once is read once.
        self._prepare()
        self._is_prepared = True
        try:
            waiting = [self.ask(name, interval) for name in names]
        finally:
            self._is_prepared = False
        return gatherResults(waiting).addCallback(lambda _: None)

    def forget(self, names: Iterable[str]) -> None:
        """These will not be fetched again; who waits for them waits no more."""
        for name in names:
            slot = self._slots.pop(name, None)
            if slot is not None:
                self._release(slot)

    def stop(self) -> None:
        """Begin no fetch any more."""
        self._is_stopped = True
        for slot in self._slots.values():
            self._release(slot)

    def _release(self, slot: _Slot) -> None:
        slot.cancel_timer()
        if slot.is_queued:
            slot.is_queued = False
            self._queue.remove(slot)
        waiting = slot.waiting + slot.waiting_for_next
        slot.waiting, slot.waiting_for_next = [], []
        _fire(waiting)

    def _schedule(self, slot: _Slot, not_before: float, interval: float) -> None:
        if slot.is_running:
            slot.not_before = min(slot.not_before, not_before)
            return
        if slot.is_queued:
            if slot.is_urgent:
                self._queue.remove(slot)
                self._queue.appendleft(slot)
            return
        # However the clock was set, nobody waits longer than that.
        delay = min(not_before - self._clock.seconds(), interval)
        if delay <= 0:
            self._enqueue(slot)
        elif slot.timer is None or slot.timer.getTime() > self._clock.seconds() + delay:
            slot.cancel_timer()
            slot.timer = self._clock.callLater(delay, self._due, slot)

    def _due(self, slot: _Slot) -> None:
        self._enqueue(slot)
        self._pump()

    def _enqueue(self, slot: _Slot) -> None:
        slot.cancel_timer()
        slot.is_queued = True
        if slot.is_urgent:
            self._queue.appendleft(slot)
        else:
            self._queue.append(slot)

    def _pump(self) -> None:
        """Begin what may begin; a source that answers at once must not make this deep."""
        if self._is_pumping:
            return
        self._is_pumping = True
        try:
            while self._queue and self._in_flight < MAX_FETCHES:
                self._start(self._queue.popleft())
        finally:
            self._is_pumping = False

    def _start(self, slot: _Slot) -> None:
        slot.is_queued, slot.is_running = False, True
        slot.started_at = self._clock.seconds()
        slot.not_before, slot.is_urgent = _NEVER, False
        slot.waiting, slot.waiting_for_next = slot.waiting_for_next, []
        self._in_flight += 1
        if not self._is_prepared:
            self._prepare()
        self._fetch(slot.name).addBoth(self._ended, slot)

    def _ended(self, _: object, slot: _Slot) -> None:
        self._in_flight -= 1
        slot.is_running = False
        waiting, slot.waiting = slot.waiting, []
        _fire(waiting)
        if slot.waiting_for_next and not slot.is_running and not slot.is_queued and slot.timer is None:
            self._schedule(slot, slot.not_before, slot.not_before - slot.started_at)
        self._pump()


def _fire(waiting: Iterable[Deferred[None]]) -> None:
    for each in waiting:
        if not each.called:
            each.callback(None)
