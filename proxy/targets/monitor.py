"""Watches one target: asks it at an interval, tells what it learns, logs when its health changes."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .health import HealthReason, HealthState, TargetHealth

__all__ = ["Asks", "TargetMonitor"]

AnswerT = TypeVar("AnswerT")


class Asks(Protocol[AnswerT]):
    """What knows how to ask a target."""

    def ask(self) -> Deferred[AnswerT]:
        """Its answer, within a bounded time."""

    def stop(self) -> None:
        """No more questions."""


class TargetMonitor(Generic[AnswerT]):
    """``health`` is what the last probe found."""

    log = Logger()

    def __init__(
        self,
        name: str,
        probe: Asks[AnswerT],
        interval: float,
        clock: Any,
        on_answer: Callable[[AnswerT], None],
        classify: Callable[[BaseException], HealthReason],
    ) -> None:
        """``interval`` in seconds; ``on_answer`` is called with each answer."""
        self.health = TargetHealth(HealthState.REGISTERING)
        self._name = name
        self._probe = probe
        self._interval = interval
        self._on_answer = on_answer
        self._classify = classify
        self._first: list[Deferred[None]] = []
        self._clock = clock
        self._loop = LoopingCall(self._ask)

    def start(self) -> None:
        """Ask now and at every interval; an answer that is late delays the next question."""
        # A new object each time: one that is stopped while its probe is under way would go on beside it.
        self._loop = LoopingCall(self._ask)
        self._loop.clock = self._clock
        self._loop.start(self._interval).addErrback(
            lambda failure: self.log.failure("the monitor of {target} stopped", failure, target=self._name)
        )

    def set_interval(self, interval: float) -> None:
        """Ask at another interval, in seconds."""
        if interval != self._interval:
            self._interval = interval
            if self._loop.running:
                self._loop.stop()
                self.start()

    def stop(self) -> None:
        """Ask no more."""
        if self._loop.running:
            self._loop.stop()
        self._probe.stop()
        self._release_waiters()

    def first_probe(self) -> Deferred[None]:
        """Fires when the first probe is over, however it ended."""
        if self.health.state is not HealthState.REGISTERING:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._first.append(waiting)
        return waiting

    def _ask(self) -> Deferred[None]:
        return self._probe.ask().addCallbacks(self._answered, self._failed).addErrback(self._broken)

    def _answered(self, answer: AnswerT) -> None:
        self._on_answer(answer)
        self._become(TargetHealth(HealthState.AVAILABLE))

    def _failed(self, failure: Failure) -> None:
        reason = self._classify(failure.value or RuntimeError())
        self._become(TargetHealth(HealthState.UNAVAILABLE, reason, failure.getErrorMessage()))

    def _broken(self, failure: Failure) -> None:
        self.log.failure("probe of {target} failed unexpectedly", failure, target=self._name)
        self._release_waiters()

    def _become(self, health: TargetHealth) -> None:
        before, self.health = self.health, health
        if before != health:
            if health.reason is None:
                self.log.info("target {target} is AVAILABLE", target=self._name)
            else:
                self.log.warn(
                    "target {target} is UNAVAILABLE: {reason}: {description}",
                    target=self._name,
                    reason=health.reason.value,
                    description=health.description,
                )
        self._release_waiters()

    def _release_waiters(self) -> None:
        waiting, self._first = self._first, []
        for deferred in waiting:
            deferred.callback(None)
