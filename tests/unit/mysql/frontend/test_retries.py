"""How often, and how fast, a statement that was not sent yet tries another connection."""

from typing import Any

import attrs
import pytest
from twisted.internet.task import Clock

from proxy.mysql.frontend.retries import MAX_RETRIES, RETRY_PAUSE, Retries
from tests.peers.world import OPTIONS

TIMEOUT = 1.0
WITH_TIMEOUT = attrs.evolve(OPTIONS, connection_borrow_timeout=TIMEOUT)


@attrs.define
class Context:
    """As much of an endpoint's context as is read here."""

    clock: Clock = attrs.field(factory=Clock)
    options: Any = WITH_TIMEOUT


class Work:
    """Something that fails each time."""

    def __init__(self) -> None:
        self.context = Context()
        self.clock = self.context.clock
        self.retries = Retries(self.context)  # type: ignore[arg-type]
        self.times: list[float] = []
        self.given_up = False

    def __call__(self) -> None:
        self.times.append(self.clock.seconds())
        self.fails()

    def fails(self) -> None:
        self.given_up = not self.retries.again(self)


@pytest.fixture
def work() -> Work:
    return Work()


def test_the_first_tries_are_made_at_once(work: Work) -> None:
    work.fails()
    assert work.times == [0.0] * MAX_RETRIES
    assert len(work.clock.getDelayedCalls()) == 1


def test_further_ones_after_pauses(work: Work) -> None:
    work.fails()
    work.clock.advance(RETRY_PAUSE)
    work.clock.advance(RETRY_PAUSE / 2)
    assert work.times == [0.0] * MAX_RETRIES + [RETRY_PAUSE]


def test_they_end_when_nobody_waits_for_a_connection_any_longer(work: Work) -> None:
    work.fails()
    while not work.given_up:
        work.clock.advance(RETRY_PAUSE)
        assert work.clock.seconds() < 2 * TIMEOUT
    assert work.clock.seconds() > TIMEOUT
    assert work.times[-1] > TIMEOUT
    assert not work.clock.getDelayedCalls()


def test_another_statement_has_as_many(work: Work) -> None:
    work.fails()
    work.retries.stop()
    work.clock.advance(5 * TIMEOUT)
    work.times.clear()
    work.retries.begin()
    work.fails()
    assert work.times == [5 * TIMEOUT] * MAX_RETRIES
    assert not work.given_up
    work.retries.stop()


def test_whoever_leaves_tries_no_more(work: Work) -> None:
    work.fails()
    work.retries.stop()
    assert not work.clock.getDelayedCalls()
    work.clock.advance(5 * TIMEOUT)
    assert len(work.times) == MAX_RETRIES
    work.retries.stop()
