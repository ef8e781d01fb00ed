"""A statement's time, of which only the database's part counts."""

import pytest
from twisted.internet.task import Clock

from proxy.mysql.frontend.execution_limit import ExecutionLimit


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def over() -> list[float]:
    return []


@pytest.fixture
def limit(clock: Clock, over: list[float]) -> ExecutionLimit:
    return ExecutionLimit(clock, lambda: over.append(clock.seconds()))


def test_it_is_over_once(limit: ExecutionLimit, clock: Clock, over: list[float]) -> None:
    limit.begin(2.0)
    limit.go_on()
    limit.go_on()
    clock.advance(1.9)
    assert over == []
    clock.advance(5)
    limit.go_on()
    clock.advance(5)
    assert len(over) == 1


def test_it_does_not_run_before_it_goes_on(limit: ExecutionLimit, clock: Clock, over: list[float]) -> None:
    limit.begin(2.0)
    clock.advance(5)
    assert over == []


def test_pauses_do_not_count(limit: ExecutionLimit, clock: Clock, over: list[float]) -> None:
    limit.begin(2.0)
    limit.go_on()
    for _ in range(3):
        clock.advance(0.5)
        limit.pause()
        limit.pause()
        clock.advance(10)
        limit.go_on()
    clock.advance(0.4)
    assert over == []
    clock.advance(0.2)
    assert len(over) == 1


def test_the_end_ends_it(limit: ExecutionLimit, clock: Clock, over: list[float]) -> None:
    limit.begin(2.0)
    limit.go_on()
    limit.end()
    limit.go_on()
    clock.advance(5)
    assert over == []
    assert not clock.getDelayedCalls()


def test_the_next_statement_has_all_of_the_time(
    limit: ExecutionLimit, clock: Clock, over: list[float]
) -> None:
    limit.begin(2.0)
    limit.go_on()
    clock.advance(1.5)
    limit.begin(2.0)
    limit.go_on()
    clock.advance(1.5)
    assert over == []
    clock.advance(1)
    assert len(over) == 1
