from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock

from proxy.targets.deadline import STALL, OutOfTime, within

Results = list[Any]


def results(deferred: "Deferred[Any]") -> Results:
    found: Results = []
    deferred.addCallbacks(found.append, lambda failure: found.append(failure.type))
    return found


def in_small_steps(clock: Clock, seconds: float) -> None:
    clock.pump([STALL / 2] * round(seconds / STALL * 2))


@pytest.mark.parametrize("late", [False, True])
def test_an_answer_in_time(late: bool) -> None:
    clock = Clock()
    question: Deferred[str] = Deferred()
    found = results(within(question, 1.0, clock))
    in_small_steps(clock, 0.9 if late else 0.0)
    question.callback("yes")
    assert found == ["yes"]
    assert not clock.getDelayedCalls()


def test_answers_that_are_there_already() -> None:
    clock = Clock()
    assert results(within(succeed("yes"), 1.0, clock)) == ["yes"]
    assert results(within(fail(OSError()), 1.0, clock)) == [OSError]
    assert not clock.getDelayedCalls()


def test_no_answer_in_time_and_the_question_is_cancelled() -> None:
    clock = Clock()
    cancelled: Results = []
    question: Deferred[str] = Deferred(cancelled.append)
    found = results(within(question, 1.0, clock))
    in_small_steps(clock, 1.1)
    assert found == [OutOfTime]
    assert cancelled == [question]
    assert not clock.getDelayedCalls()


def test_a_question_that_answers_its_cancellation_is_not_heard() -> None:
    clock = Clock()
    question: Deferred[str] = Deferred(lambda this: this.callback("too late"))
    found = results(within(question, 1.0, clock))
    in_small_steps(clock, 1.1)
    assert found == [OutOfTime]


def test_a_stalled_process_grants_as_long_again() -> None:
    clock = Clock()
    question: Deferred[str] = Deferred()
    found = results(within(question, 1.0, clock))
    clock.advance(1.5)
    in_small_steps(clock, 0.4)
    assert found == []
    question.callback("was there all the time")
    assert found == ["was there all the time"]
    assert not clock.getDelayedCalls()


def test_a_stalled_process_grants_it_once() -> None:
    clock = Clock()
    found = results(within(Deferred(), 1.0, clock))
    clock.advance(10.0)
    assert found == []
    clock.advance(10.0)
    assert found == [OutOfTime]


def test_cancelling_cancels_the_question() -> None:
    clock = Clock()
    cancelled: Results = []
    bounded = within(Deferred(cancelled.append), 1.0, clock)
    found = results(bounded)
    bounded.cancel()
    assert found == [CancelledError]
    assert len(cancelled) == 1
    assert not clock.getDelayedCalls()
