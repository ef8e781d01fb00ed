from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from proxy.targets.health import HealthReason, HealthState, TargetHealth
from proxy.targets.health_machine import Standing, Use
from proxy.targets.monitor import HURRY_TIME, MonitorStopped, TargetMonitor, Timing

TIMING = Timing(interval=5.0, fast_interval=0.5, timeout=1.0)

#: Seconds; sums of it are exact.
STEP = 1 / 32


class NoRoom(Exception):
    pass


def classify(problem: BaseException) -> HealthReason:
    return HealthReason.PENDING_PROXY_CAPACITY if isinstance(problem, NoRoom) else HealthReason.UNREACHABLE


class Probe:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[str]] = []
        self.cancelled = 0
        self.stopped = False

    def ask(self) -> "Deferred[str]":
        assert not self.asked or self.asked[-1].called, "two questions at once"
        question: Deferred[str] = Deferred(self.cancel)
        self.asked.append(question)
        return question

    def cancel(self, _: Any) -> None:
        self.cancelled += 1

    def stop(self) -> None:
        self.stopped = True


class Watched:
    def __init__(self) -> None:
        self.clock = Clock()
        self.probe = Probe()
        self.timing = TIMING
        self.answers: list[str] = []
        self.healths: list[tuple[TargetHealth, TargetHealth]] = []
        self.monitor: TargetMonitor[str] = TargetMonitor(
            "db:3306",
            self.probe,
            lambda: self.timing,
            self.clock,
            self.answers.append,
            lambda before, after: self.healths.append((before, after)),
            classify,
        )

    @property
    def count(self) -> int:
        return len(self.probe.asked)

    @property
    def open(self) -> bool:
        return bool(self.probe.asked) and not self.probe.asked[-1].called

    def answer(self, text: str = "hello") -> None:
        self.probe.asked[-1].callback(text)

    def refuse(self, problem: Exception | None = None) -> None:
        self.probe.asked[-1].errback(problem or OSError("no route"))

    def advance(self, seconds: float) -> None:
        """In steps too small for a stall."""
        self.clock.pump([STEP] * round(seconds / STEP))

    def time_until_asked(self) -> float:
        count, began = self.count, self.clock.seconds()
        while self.count == count:
            assert self.clock.seconds() < began + 100
            self.advance(STEP)
        return self.clock.seconds() - began

    def settle(self) -> None:
        """Available, with nothing going on."""
        self.monitor.start()
        self.answer()
        while self.clock.seconds() < 3 * HURRY_TIME:
            self.time_until_asked()
            self.answer()


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.monitor.stop()
    assert not watched.clock.getDelayedCalls()


@pytest.fixture
def settled(watched: Watched) -> Watched:
    watched.settle()
    watched.healths.clear()
    return watched


def test_before_the_first_answer_it_is_registering(watched: Watched) -> None:
    watched.monitor.start()
    assert watched.monitor.health == TargetHealth(HealthState.REGISTERING)
    assert watched.monitor.registering
    assert not watched.monitor.is_fit
    assert watched.count == 1


def test_an_answer_makes_it_available(watched: Watched) -> None:
    watched.monitor.start()
    watched.answer()
    assert watched.monitor.health == TargetHealth(HealthState.AVAILABLE)
    assert watched.answers == ["hello"]
    assert watched.healths == [(TargetHealth(HealthState.REGISTERING), TargetHealth(HealthState.AVAILABLE))]
    assert watched.monitor.fit_since == 0.0


def test_a_first_refusal_makes_it_unavailable_and_answers_available(watched: Watched) -> None:
    watched.monitor.start()
    watched.refuse()
    assert watched.monitor.health == TargetHealth(
        HealthState.UNAVAILABLE, HealthReason.UNREACHABLE, "no route"
    )
    assert watched.monitor.fit_since is None
    for _ in range(TIMING.healthy_threshold):
        assert watched.monitor.health.state is HealthState.UNAVAILABLE
        watched.time_until_asked()
        watched.answer()
    assert watched.monitor.health.state is HealthState.AVAILABLE


def test_it_asks_at_its_interval(settled: Watched) -> None:
    assert settled.time_until_asked() == TIMING.interval
    settled.advance(0.5)
    settled.answer()
    assert settled.time_until_asked() == TIMING.interval - 0.5


def test_a_refusal_is_confirmed_at_once(settled: Watched) -> None:
    settled.time_until_asked()
    settled.refuse()
    assert settled.monitor.is_fit
    assert not settled.monitor.is_suspect
    settled.clock.advance(0.0)
    assert settled.open
    settled.refuse()
    assert settled.monitor.health.state is HealthState.UNAVAILABLE
    assert settled.time_until_asked() == TIMING.fast_interval


def test_a_lost_connection_alone_changes_nothing(settled: Watched) -> None:
    settled.time_until_asked()
    settled.refuse()
    settled.clock.advance(0.0)
    settled.answer()
    assert settled.healths == []


def test_a_hanging_question_fails_and_is_cancelled(settled: Watched) -> None:
    settled.time_until_asked()
    settled.advance(1.1)
    assert settled.probe.cancelled == 1
    assert settled.monitor.is_suspect
    assert settled.monitor.is_fit
    assert settled.open
    settled.advance(1.1)
    assert settled.probe.cancelled == 2
    assert settled.monitor.health.state is HealthState.UNAVAILABLE
    assert settled.monitor.health.reason is HealthReason.UNREACHABLE
    assert not settled.monitor.is_fit


def test_a_slow_answer_in_between_starts_the_count_again(settled: Watched) -> None:
    for _ in range(5):
        settled.time_until_asked()
        settled.advance(1.1)
        assert settled.open
        settled.advance(0.5)
        settled.answer()
    assert settled.healths == []


def test_a_target_without_room_is_told_and_stays_fit(settled: Watched) -> None:
    settled.time_until_asked()
    settled.refuse(NoRoom("too many connections"))
    assert settled.monitor.health.reason is HealthReason.PENDING_PROXY_CAPACITY
    assert settled.monitor.is_fit
    assert not settled.monitor.is_suspect
    assert len(settled.healths) == 1


def test_an_old_failure_is_asked_for_at_the_usual_interval(settled: Watched) -> None:
    settled.time_until_asked()
    settled.refuse()
    settled.clock.advance(0.0)
    settled.refuse()
    end = settled.clock.seconds() + 2 * HURRY_TIME
    while settled.clock.seconds() < end:
        settled.time_until_asked()
        settled.refuse()
    assert settled.time_until_asked() == TIMING.interval


def test_hurry_asks_at_once_and_faster_for_a_while(settled: Watched) -> None:
    settled.advance(1.0)
    settled.monitor.hurry()
    settled.clock.advance(0.0)
    assert settled.open
    settled.answer()
    assert settled.time_until_asked() == TIMING.fast_interval
    settled.answer()
    end = settled.clock.seconds() + HURRY_TIME
    while settled.clock.seconds() < end:
        settled.time_until_asked()
        settled.answer()
    assert settled.time_until_asked() == TIMING.interval


def test_a_change_of_pace_does_not_delay_a_hurried_question(settled: Watched) -> None:
    settled.time_until_asked()
    settled.answer()
    settled.monitor.hurry()
    settled.monitor.set_fast(True)
    settled.monitor.retime()
    assert settled.time_until_asked() < TIMING.fast_interval


def test_a_hundred_errors_are_a_few_questions(settled: Watched) -> None:
    settled.advance(1.0)
    count = settled.count
    for _ in range(100):
        settled.monitor.hurry()
        settled.clock.advance(0.0005)
        if settled.open:
            settled.answer()
    assert 1 <= settled.count - count <= 2


def test_without_a_writer_it_asks_fast(settled: Watched) -> None:
    settled.monitor.set_fast(True)
    for _ in range(int(2 * HURRY_TIME)):
        assert settled.time_until_asked() <= TIMING.fast_interval
        settled.answer()
    settled.monitor.set_fast(False)
    settled.time_until_asked()
    settled.answer()
    assert settled.time_until_asked() == TIMING.interval


def test_a_fresh_answer_is_asked_for_now(settled: Watched) -> None:
    settled.advance(1.0)
    fresh: list[str] = []
    settled.monitor.ask_now().addCallback(fresh.append)
    settled.clock.advance(0.0)
    settled.answer("fresh")
    assert fresh == ["fresh"]
    assert settled.answers[-1] == "fresh"


def test_an_answer_to_a_question_asked_before_is_not_fresh(settled: Watched) -> None:
    settled.time_until_asked()
    fresh: list[str] = []
    settled.monitor.ask_now().addCallback(fresh.append)
    settled.answer("old")
    assert fresh == []
    settled.clock.advance(0.0)
    settled.answer("fresh")
    assert fresh == ["fresh"]


def test_a_fresh_question_fails_as_it_does(settled: Watched) -> None:
    asked = settled.monitor.ask_now()
    given_up = settled.monitor.ask_now()
    given_up.addErrback(lambda failure: failure.trap(CancelledError))
    given_up.cancel()
    settled.clock.advance(0.0)
    settled.refuse()
    problems: list[BaseException] = []
    asked.addErrback(lambda failure: problems.append(failure.value))
    assert [type(problem) for problem in problems] == [OSError]


def test_a_stopped_monitor_gives_no_fresh_answer(settled: Watched) -> None:
    waiting, problems = settled.monitor.ask_now(), []
    settled.monitor.stop()
    for asked in (waiting, settled.monitor.ask_now()):
        asked.addErrback(lambda failure: problems.append(failure.type))
    assert problems == [MonitorStopped, MonitorStopped]


@pytest.mark.parametrize("works", [True, False])
def test_the_first_probe_is_waited_for_however_it_ends(watched: Watched, works: bool) -> None:
    fired: list[None] = []
    watched.monitor.first_probe().addCallback(fired.append)
    watched.monitor.start()
    assert fired == []
    watched.answer() if works else watched.refuse()
    assert fired == [None]
    watched.monitor.first_probe().addCallback(fired.append)
    assert fired == [None, None]


def test_stopping_lets_nobody_wait(watched: Watched) -> None:
    fired: list[None] = []
    watched.monitor.first_probe().addCallback(fired.append)
    watched.monitor.start()
    watched.monitor.stop()
    assert fired == [None]
    assert watched.probe.stopped
    assert watched.probe.cancelled == 1
    assert watched.answers == []


def test_another_interval_holds_at_once(settled: Watched) -> None:
    settled.timing = attrs.evolve(TIMING, interval=60.0)
    settled.monitor.retime()
    assert settled.time_until_asked() == 60.0
    settled.monitor.retime()
    settled.answer()
    settled.timing = TIMING
    settled.monitor.retime()
    assert settled.time_until_asked() == TIMING.interval


def test_the_elections_word_shows(settled: Watched) -> None:
    settled.monitor.stand(Standing(Use.REFUSED, "it was replaced"))
    assert settled.monitor.health.reason is HealthReason.INVALID_REPLICATION_STATE
    assert settled.monitor.is_fit
    assert settled.healths == []


def test_a_target_that_falls_unused_tells_its_fitness(settled: Watched) -> None:
    settled.monitor.stand(Standing(Use.UNUSED, "green is active"))
    settled.time_until_asked()
    settled.refuse()
    settled.clock.advance(0.0)
    settled.refuse()
    assert not settled.monitor.is_fit
    assert len(settled.healths) == 1


def test_an_answer_that_cannot_be_taken_does_not_end_the_asking(settled: Watched) -> None:
    settled.monitor._on_answer = lambda _: 1 / 0  # type: ignore[assignment, return-value]
    settled.time_until_asked()
    settled.answer()
    assert settled.time_until_asked() == TIMING.interval


def test_a_probe_that_answers_at_once_is_asked_no_more_often(watched: Watched) -> None:
    asked: list[float] = []

    def ask() -> "Deferred[str]":
        asked.append(watched.clock.seconds())
        answered: Deferred[str] = Deferred()
        answered.callback("hello")
        return answered

    watched.probe.ask = ask  # type: ignore[method-assign]
    watched.monitor.start()
    watched.advance(HURRY_TIME + 5.0)
    assert len(asked) <= HURRY_TIME / TIMING.fast_interval + 3
