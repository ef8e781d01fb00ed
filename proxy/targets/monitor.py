"""Watches one target: asks it at an interval, tells what it learns, logs when its health changes.

One question is under way at a time, and none longer than ``Timing.timeout``. The next one is asked soon
where something is going on: a backend error was seen (``hurry``), the target's verdict is open, or the group
has no writer.
"""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from .damping import Evidence, Timing
from .deadline import OutOfTime, within
from .health import HealthReason, HealthState, TargetHealth
from .health_machine import HealthMachine, Standing

__all__ = ["FASTEST_TIME", "HURRY_TIME", "LEAST_GAP", "Asks", "MonitorStopped", "TargetMonitor", "Timing"]

#: Seconds for which a target is asked faster after a backend error or a change.
HURRY_TIME = 10.0

#: Seconds for which it is asked as often as may be, once there is no writer.
FASTEST_TIME = 3.0

#: Seconds from one question's start to the next one's, at least, except when a fresh answer is asked for or a
#: refusal is confirmed.
LEAST_GAP = 0.05

AnswerT = TypeVar("AnswerT")

#: The target lives, and refuses no more than the probe.
_ALIVE = frozenset({HealthReason.AUTH_FAILURE, HealthReason.PENDING_PROXY_CAPACITY})


class MonitorStopped(Exception):
    """Nobody is asked any more."""


class Asks(Protocol[AnswerT]):
    """What knows how to ask a target."""

    def ask(self) -> Deferred[AnswerT]:
        """Its answer; the monitor cancels it when it takes too long, and it must end then."""

    def stop(self) -> None:
        """No more questions."""


class TargetMonitor(Generic[AnswerT]):
    """``health`` is what is told of the target, ``is_fit`` what the election may count on."""

    log = Logger()

    def __init__(
        self,
        name: str,
        probe: Asks[AnswerT],
        timing: Callable[[], Timing],
        clock: Any,
        on_answer: Callable[[AnswerT], None],
        on_health: Callable[[TargetHealth, TargetHealth], None],
        classify: Callable[[BaseException], HealthReason],
    ) -> None:
        """``on_answer`` gets each answer, before health takes it in.

        ``on_health`` gets the health before and after whenever a question has changed that or ``is_fit``
        (then both may be equal), never for ``stand``.
        """
        self._name = name
        self._probe = probe
        self._timing = timing
        self._clock = clock
        self._on_answer = on_answer
        self._on_health = on_health
        self._classify = classify
        self._machine = HealthMachine()
        self._is_running = False
        self._was_asked = False
        self._is_fast = False
        self._is_urgent = False
        self._hurry_until = self._fastest_until = 0.0
        self._began = 0.0
        self._question: Deferred[AnswerT] | None = None
        self._next: Any = None
        self._first: list[Deferred[None]] = []
        #: Who waits for the answer to the question under way, and to the one after it.
        self._askers: list[Deferred[AnswerT]] = []
        self._next_askers: list[Deferred[AnswerT]] = []
        #: When the target was last found fit, in seconds of the clock; None if it is not.
        self.fit_since: float | None = None

    @property
    def health(self) -> TargetHealth:
        """State and reason, with RDS's words."""
        return self._machine.health

    @property
    def is_fit(self) -> bool:
        """Whether it answers; also while its probe alone is refused, which shows in ``health``."""
        return self._machine.is_fit

    @property
    def is_suspect(self) -> bool:
        """Whether it is fit although its last question was not answered: what it said may be old."""
        return self._machine.damping.is_suspect

    @property
    def registering(self) -> bool:
        """Whether there is no verdict on it yet."""
        return self._machine.damping.is_fit is None

    # Asking

    def start(self) -> None:
        """Ask now, and then at every interval."""
        if not self._is_running:
            self._is_running = True
            self._ask()

    def stop(self) -> None:
        """Ask no more; who waits for a fresh answer gets MonitorStopped."""
        self._is_running = False
        self._unschedule()
        question, self._question = self._question, None
        if question is not None:
            question.cancel()
        self._probe.stop()
        self._release_first()
        askers = self._askers + self._next_askers
        self._askers, self._next_askers = [], []
        for asker in askers:
            asker.errback(MonitorStopped(self._name))

    def hurry(self) -> None:
        """A backend error was seen: ask at once, unless a question is under way, and faster for a while."""
        self._hurry_until = self._clock.seconds() + HURRY_TIME
        self._is_urgent = self._question is None
        self._ask_in(self._began + LEAST_GAP - self._clock.seconds())

    def set_fast(self, is_fast: bool) -> None:
        """Ask at the fast interval, until told otherwise."""
        if is_fast is not self._is_fast:
            self._is_fast = is_fast
            self._fastest_until = self._clock.seconds() + FASTEST_TIME if is_fast else 0.0
            self.retime()

    def retime(self) -> None:
        """The timing has changed; it holds for the next question, unless that is hurried."""
        if self._next is not None and not self._is_urgent:
            self._schedule()

    def first_probe(self) -> Deferred[None]:
        """Fires when the first probe is over, however it ended."""
        if self._was_asked:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._first.append(waiting)
        return waiting

    def ask_now(self) -> Deferred[AnswerT]:
        """The answer to a question asked from now on; fails as that does, or with MonitorStopped."""
        if not self._is_running:
            return fail(MonitorStopped(self._name))
        asker: Deferred[AnswerT] = Deferred(self._forget)
        self._next_askers.append(asker)
        if self._question is None:
            self._ask_in(0.0)
        return asker

    def stand(self, standing: Standing) -> None:
        """What the election has made of it; shows in ``health``."""
        before = self.health
        self._machine.stand(standing)
        self._log_change(before)

    def _forget(self, asker: "Deferred[AnswerT]") -> None:
        for askers in (self._askers, self._next_askers):
            if asker in askers:
                askers.remove(asker)

    def _ask(self) -> None:
        self._next = None
        self._is_urgent = False
        self._began = self._clock.seconds()
        self._askers, self._next_askers = self._next_askers, []
        question = within(maybeDeferred(self._probe.ask), self._timing().timeout, self._clock)
        self._question = question
        question.addBoth(self._over, question)

    def _over(self, result: AnswerT | Failure, question: "Deferred[AnswerT]") -> None:
        if question is not self._question:
            return
        self._question = None
        askers, self._askers = self._askers, []
        self._was_asked = True
        try:
            self._take(result)
        except Exception:
            self.log.failure("probe of {target} failed unexpectedly", target=self._name)
        self._release_first()
        if self._is_running and self._question is None:
            self._schedule()
        for asker in askers:
            asker.callback(result)

    # Judging

    def _take(self, result: AnswerT | Failure) -> None:
        now, timing = self._clock.seconds(), self._timing()
        if not isinstance(result, Failure):
            self._on_answer(result)
        before, was_fit = self.health, self.is_fit
        if isinstance(result, Failure):
            self._failed(result, now, timing)
        else:
            self._machine.answered(now, timing)
        if self.is_fit != was_fit:
            self.fit_since = now if self.is_fit else None
            self._hurry_until = now + HURRY_TIME
        self._log_change(before)
        if (self.health, self.is_fit) != (before, was_fit):
            self._on_health(before, self.health)

    def _failed(self, failure: Failure, now: float, timing: Timing) -> None:
        problem = failure.value or RuntimeError()
        if isinstance(problem, OutOfTime):
            reason, evidence = HealthReason.UNREACHABLE, Evidence.SLOW
        else:
            reason = self._classify(problem)
            evidence = Evidence.ALIVE if reason in _ALIVE else Evidence.GONE
        self._machine.failed(now, timing, evidence, reason, failure.getErrorMessage())

    def _log_change(self, before: TargetHealth) -> None:
        health = self.health
        if before == health:
            return
        fields = {"target": self._name, "state": health.state.value, "description": health.description}
        if health.reason is not None:
            fields["reason"] = health.reason.value
        if health.state is HealthState.UNAVAILABLE:
            self.log.warn("target {target} is UNAVAILABLE: {reason}: {description}", **fields)
        elif health.reason is not None:
            self.log.info("target {target} is {state}: {reason}", **fields)
        elif health.description:
            self.log.info("target {target} is {state}: {description}", **fields)
        else:
            self.log.info("target {target} is {state}", **fields)

    # Pace

    def _schedule(self) -> None:
        damping, now = self._machine.damping, self._clock.seconds()
        if self._next_askers or damping.awaits_confirmation:
            self._ask_in(0.0)
            return
        timing = self._timing()
        is_fast = self._is_fast or now < self._hurry_until or not damping.is_settled
        interval = min(timing.fast_interval, timing.interval) if is_fast else timing.interval
        if now < self._fastest_until:
            # A promotion is what clients wait for now.
            interval = LEAST_GAP
        self._unschedule()
        self._ask_in(max(self._began + max(interval, LEAST_GAP) - now, 0.0))

    def _ask_in(self, delay: float) -> None:
        """Ask after a delay in seconds, or sooner if that is what stands; not beside a question under way."""
        if not self._is_running or self._question is not None:
            return
        due = self._clock.seconds() + max(delay, 0.0)
        if self._next is not None and self._next.getTime() <= due:
            return
        self._unschedule()
        self._next = self._clock.callLater(max(delay, 0.0), self._ask)

    def _unschedule(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _release_first(self) -> None:
        waiting, self._first = self._first, []
        for deferred in waiting:
            deferred.callback(None)
