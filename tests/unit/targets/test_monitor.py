from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.targets.health import HealthReason, HealthState, TargetHealth
from proxy.targets.monitor import TargetMonitor


class Probe:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[str]] = []
        self.stopped = False

    def ask(self) -> "Deferred[str]":
        question: Deferred[str] = Deferred()
        self.asked.append(question)
        return question

    def stop(self) -> None:
        self.stopped = True


class Watched:
    def __init__(self) -> None:
        self.clock = Clock()
        self.probe = Probe()
        self.answers: list[str] = []
        self.monitor: TargetMonitor[str] = TargetMonitor(
            "db:3306", self.probe, 5.0, self.clock, self.answers.append, lambda _: HealthReason.UNREACHABLE
        )


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.monitor.stop()
    assert not watched.clock.getDelayedCalls()


def test_before_the_first_answer_it_is_registering(watched: Watched) -> None:
    watched.monitor.start()
    assert watched.monitor.health == TargetHealth(HealthState.REGISTERING)
    assert len(watched.probe.asked) == 1


def test_an_answer_makes_it_available(watched: Watched) -> None:
    watched.monitor.start()
    watched.probe.asked[0].callback("hello")
    assert watched.monitor.health == TargetHealth(HealthState.AVAILABLE)
    assert watched.answers == ["hello"]


def test_a_failure_makes_it_unavailable_and_the_next_answer_available(watched: Watched) -> None:
    watched.monitor.start()
    watched.probe.asked[0].errback(OSError("no route"))
    assert watched.monitor.health == TargetHealth(
        HealthState.UNAVAILABLE, HealthReason.UNREACHABLE, "no route"
    )
    watched.clock.advance(5.0)
    watched.probe.asked[1].callback("hello")
    assert watched.monitor.health.state is HealthState.AVAILABLE


def test_an_answer_that_is_late_delays_the_next_question(watched: Watched) -> None:
    watched.monitor.start()
    watched.clock.advance(12.0)
    assert len(watched.probe.asked) == 1
    watched.probe.asked[0].callback("late")
    watched.clock.advance(5.0)
    assert len(watched.probe.asked) == 2


@pytest.mark.parametrize("works", [True, False])
def test_the_first_probe_is_waited_for_however_it_ends(watched: Watched, works: bool) -> None:
    fired: list[None] = []
    watched.monitor.first_probe().addCallback(fired.append)
    watched.monitor.start()
    assert fired == []
    question = watched.probe.asked[0]
    question.callback("hello") if works else question.errback(OSError())
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


def test_another_interval(watched: Watched) -> None:
    watched.monitor.start()
    watched.probe.asked[0].callback("hello")
    watched.monitor.set_interval(60.0)
    for question in watched.probe.asked[1:]:
        question.callback("hello")
    asked = len(watched.probe.asked)
    watched.clock.advance(59.0)
    assert len(watched.probe.asked) == asked
    watched.clock.advance(1.0)
    assert len(watched.probe.asked) == asked + 1


def test_another_interval_while_a_question_is_open_does_not_double_them(watched: Watched) -> None:
    watched.monitor.start()
    watched.monitor.set_interval(1.0)
    for question in watched.probe.asked:
        question.callback("hello")
    asked = len(watched.probe.asked)
    for _ in range(10):
        watched.clock.advance(1.0)
        if not watched.probe.asked[-1].called:
            watched.probe.asked[-1].callback("hello")
    assert len(watched.probe.asked) <= asked + 10
    assert len(watched.clock.getDelayedCalls()) <= 1
