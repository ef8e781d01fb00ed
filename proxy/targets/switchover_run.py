"""One switchover's state: its steps as they are told, its waits, the hold it has on clients, its report."""

from collections.abc import Generator
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from .observation import Observation, Position
from .switchover import (
    Fence,
    Outcome,
    PromotionUndone,
    Step,
    Switchable,
    SwitchoverOptions,
    SwitchoverReport,
)

__all__ = ["Doubt", "SwitchoverRun"]

_T = TypeVar("_T")


class Doubt(Exception):
    """Why it does not go on; the message is for the operator."""


class SwitchoverRun:
    """What the steps have in common."""

    log = Logger()

    def __init__(
        self, group: Switchable, target: str, options: SwitchoverOptions, clock: Any, asked_by: str = ""
    ) -> None:
        self._group = group
        self._target = target
        self._options = options
        self._clock = clock
        self._asked_by = asked_by
        self._began = clock.seconds()
        self._writer = ""
        self._before: dict[str, Observation] = {}
        self._final: Position | None = None
        self._fence = Fence()
        #: The writer was, or may have been, told to be read-only.
        self._has_fenced = False
        self._held_at: float | None = None
        self._held = 0.0
        self._cut = 0
        self._give_up = ""
        self._steps: list[Step] = []
        self._notes: list[str] = []

    def give_up(self, why: str) -> None:
        """Go back as soon as may be, unless the target was told already."""
        self._give_up = why

    # Waits

    def _check_wanted(self) -> None:
        if self._give_up:
            raise Doubt(self._give_up)

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds)

    def _observed(self, name: str) -> Deferred[Observation]:
        seconds = self._options.observe_timeout
        return self._limited(self._group.observe(name), seconds, f"asking {name}")

    @inlineCallbacks
    def _seen(self, name: str) -> Generator[Deferred[Any], Any, Observation | None]:
        try:
            seen: Observation = yield self._observed(name)
        except Doubt:
            return None
        return seen

    def _limited(self, work: Deferred[_T], seconds: float, what: str) -> Deferred[_T]:
        def describe(failure: Failure) -> Failure:
            if failure.check(TimeoutError, CancelledError):
                return Failure(Doubt(f"{what} took more than {seconds:g} s"))
            if failure.check(PromotionUndone):
                return failure
            return Failure(Doubt(f"{what}: {failure.getErrorMessage()}"))

        return work.addTimeout(seconds, self._clock).addErrback(describe)

    def _reason(self, problem: Exception) -> str:
        if not isinstance(problem, Doubt):
            self.log.failure("unforeseen failure")
            return f"unforeseen failure: {type(problem).__name__}"
        return str(problem)

    # How it goes, and how it ends

    def _step(self, name: str, detail: str) -> None:
        self.log.info(
            "switchover to {target}: {step}: {detail}", target=self._target, step=name, detail=detail
        )
        self._steps.append(Step(name, self._clock.seconds() - self._began, detail))

    def _release(self) -> None:
        if self._held_at is not None:
            self._held = self._clock.seconds() - self._held_at
            self._held_at = None
            self._group.release()

    def _unresolved(self, why: str, advice: str) -> SwitchoverReport:
        # Held no longer: whichever of them turns out to be writable alone is served from.
        self._release()
        self._notes.append(advice)
        return self._report(Outcome.UNRESOLVED, why)

    def _report(self, outcome: Outcome, why: str = "") -> SwitchoverReport:
        report = SwitchoverReport(
            outcome,
            self._target,
            self._writer,
            why,
            self._held,
            self._cut,
            tuple(self._steps),
            tuple(self._notes),
        )
        _log_end(self.log, report)
        return report


def _log_end(log: Logger, report: SwitchoverReport) -> None:
    for note in report.notes:
        log.warn("switchover to {target}: to be seen to: {note}", target=report.target, note=note)
    if report.outcome is Outcome.SWITCHED:
        log.info(
            "switchover to {target} is complete: clients waited {held:.3f} s, {cut} sessions were cut",
            target=report.target,
            held=report.held,
            cut=report.cut,
        )
    elif report.outcome is Outcome.REFUSED:
        log.warn("switchover to {target} is refused: {why}", target=report.target, why=report.why)
    elif report.outcome is Outcome.WENT_BACK:
        log.error(
            "switchover to {target} was given up, {writer} is the writer as before: {why}",
            target=report.target,
            writer=report.writer,
            why=report.why,
        )
    else:
        log.critical(
            "switchover to {target} is UNRESOLVED, there may be no writer: {why}",
            target=report.target,
            why=report.why,
        )
