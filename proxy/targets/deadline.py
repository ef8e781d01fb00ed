"""A question that must be answered in time, by a clock that knows when this process itself was late."""

from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["STALL", "OutOfTime", "within"]

ResultT = TypeVar("ResultT")

#: Seconds by which a timer may be late before this process counts as having stalled.
STALL = 0.05


class OutOfTime(Exception):
    """No answer in time."""


def within(question: "Deferred[ResultT]", seconds: float, clock: Any) -> "Deferred[ResultT]":
    """The question's result, or OutOfTime after ``seconds``; it is cancelled then, or when this is.

    A reactor that comes late to its timers comes late to its sockets too: the answer may be there, unread.
    So a late timer grants once as long again as it was late, at most ``seconds``, and every one a turn of
    the reactor.
    """
    return _Bounded(question, seconds, clock).result


class _Bounded(Generic[ResultT]):
    def __init__(self, question: "Deferred[ResultT]", seconds: float, clock: Any) -> None:
        self.result: Deferred[ResultT] = Deferred(lambda _: self._give_up())
        self._question = question
        self._seconds = seconds
        self._clock = clock
        self._is_over = False
        self._due = clock.seconds() + seconds
        self._call = clock.callLater(seconds, self._late)
        question.addCallbacks(self._answered, self._failed)

    def _late(self) -> None:
        lateness = self._clock.seconds() - self._due
        grace = min(lateness, self._seconds) if lateness > STALL else 0.0
        self._call = self._clock.callLater(grace, self._last_turn if grace else self._expire)

    def _last_turn(self) -> None:
        self._call = self._clock.callLater(0.0, self._expire)

    def _expire(self) -> None:
        self._give_up()
        self.result.errback(OutOfTime(f"no answer within {self._seconds:g} s"))

    def _give_up(self) -> None:
        self._end()
        self._question.cancel()

    def _end(self) -> None:
        self._is_over = True
        if self._call.active():
            self._call.cancel()

    def _answered(self, answer: ResultT) -> None:
        if not self._is_over:
            self._end()
            self.result.callback(answer)

    def _failed(self, failure: Failure) -> None:
        if not self._is_over:
            self._end()
            self.result.errback(failure)
