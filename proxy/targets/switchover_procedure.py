"""The steps of one switchover: nobody is disconnected, no write is lost, never two writers.

New transactions are held back while those that run finish; what still runs after the timeout is cut. Then
the writer is made read-only, the target must have executed all that the writer has, it is made writable, and
traffic goes there. Any doubt before the target is told to be writable leads back: the writer is made writable
again. Once the target may have been told, it is asked until its word is certain. Where it does not answer,
neither of the two is made writable by the proxy, since the other one could be the second writer.

With ``promote`` off, as for RDS and Aurora, the promotion is somebody else's: transactions are held until it
is seen.
"""

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from .observation import Observation, Position, Role
from .switchover import Outcome, PromotionUndone, SwitchoverReport
from .switchover_ends import GRACE, RETRY, SwitchoverEnds
from .switchover_run import Doubt

__all__ = ["CUT_TIMEOUT", "POLL", "PROMOTABLE", "SwitchoverProcedure"]

#: Seconds between two looks at what runs, or at how far the target is.
POLL = 0.05
#: Seconds that connections which were cut have to be gone.
CUT_TIMEOUT = 5.0
#: How often the group looks at a target that has become writable.
LOOKS = 5
#: Kinds of topology in which the proxy can promote; others have an operator of their own.
PROMOTABLE = frozenset(("static", "replication"))

_Steps = Generator[Deferred[Any], Any, None]


class SwitchoverProcedure(SwitchoverEnds):
    """One switchover; ``run`` it once."""

    @inlineCallbacks
    def run(self) -> Generator[Deferred[Any], Any, SwitchoverReport]:
        """Do it; whatever happens nobody is held back any more in the end."""
        try:
            yield self._check()
        except Exception as problem:
            return self._report(Outcome.REFUSED, self._reason(problem))
        try:
            report: SwitchoverReport = yield self._run()
        finally:
            self._release()
        return report

    @inlineCallbacks
    def _run(self) -> Generator[Deferred[Any], Any, SwitchoverReport]:
        report: SwitchoverReport | None = None
        try:
            self._hold()
            yield self._drain()
            if self._options.promote:
                yield self._take_writes_away()
                yield self._catch_up()
            else:
                yield self._await_promotion()
        except Exception as problem:
            report = yield self._go_back(self._reason(problem))
        else:
            if self._options.promote:
                report = yield self._promote()
            if report is None:
                report = yield self._switch()
        assert report is not None
        return report

    # Whether it can be done

    @inlineCallbacks
    def _check(self) -> _Steps:
        group, target = self._group, self._target
        rows = {row.name: row for row in group.targets()}
        if target not in rows:
            raise Doubt(f"there is no such target: there are {', '.join(rows)}")
        if group.writer is None:
            raise Doubt("no target is the writer now, there is nothing to switch from")
        self._writer = group.writer
        if target == self._writer:
            raise Doubt("it is the writer already")
        row = rows[target]
        if row.state not in ("AVAILABLE", "UNUSED"):
            raise Doubt(f"it is {row.state}: {row.reason} {row.description}".rstrip(" :"))
        for name in (self._writer, target):
            self._before[name] = yield self._observed(name)
        self._judge_writer(self._before[self._writer])
        self._judge_target(self._before[target])
        if self._options.promote:
            seconds = self._options.observe_timeout
            yield self._limited(group.rehearse(self._writer, target), seconds, "checking the privileges")
        lag = self._before[target].lag
        self._step(
            "check",
            f"from {self._writer}"
            + (f", {lag:g} s behind" if lag is not None else "")
            + (f", asked for by {self._asked_by}" if self._asked_by else ""),
        )

    def _judge_writer(self, seen: Observation) -> None:
        if seen.role is not Role.READ_WRITE:
            raise Doubt(f"the present writer {self._writer} is not writable")
        if self._options.promote and seen.topology not in PROMOTABLE:
            raise Doubt(
                f"{self._writer} is of the kind {seen.topology}, which the proxy does not promote in: set"
                " target_group.switchover.promote = false and fail over there"
            )
        if self._options.promote and seen.position is None:
            raise Doubt(f"{self._writer} has no GTIDs, so that positions cannot be compared")

    def _judge_target(self, seen: Observation) -> None:
        options = self._options
        if seen.problem:
            raise Doubt(seen.problem)
        if seen.role is Role.READ_WRITE:
            raise Doubt(f"it is writable, and so is {self._writer}: there must not be two writers")
        if seen.lag is not None and seen.lag > options.max_lag:
            raise Doubt(f"it is {seen.lag:g} s behind, more than {options.max_lag:g} s")
        if seen.replicates is False:
            raise Doubt("its replication does not run")
        if not options.promote:
            return
        if seen.topology not in PROMOTABLE:
            raise Doubt(f"it is of the kind {seen.topology}, which the proxy does not promote in")
        if seen.in_transition:
            raise Doubt("it is being switched or promoted by somebody else")
        if not seen.replicates:
            raise Doubt("it does not replicate, or the monitor's user may not ask whether it does")
        if seen.position is None:
            raise Doubt("it has no GTIDs, so that positions cannot be compared")

    # New ones wait, running ones finish

    def _hold(self) -> None:
        self._held_at = self._clock.seconds()
        self._group.hold()
        running = self._group.running()
        self._step(
            "hold",
            f"new transactions wait; {running.busy} running ones have {self._options.timeout:g} s to finish,"
            f" {running.idle} idle pinned sessions",
        )

    @inlineCallbacks
    def _drain(self) -> _Steps:
        deadline = self._clock.seconds() + self._options.timeout
        while True:
            self._check_wanted()
            running = self._group.running()
            if not running.busy:
                break
            if self._clock.seconds() >= deadline:
                self._cut_them(idle_only=False)
                break
            yield self._pause(POLL)
        if self._group.running().idle:
            self._cut_them(idle_only=True)
        yield self._until_gone()
        self._step("drain", f"nothing runs on {self._writer}, {self._cut} sessions were cut")

    def _cut_them(self, *, idle_only: bool) -> None:
        count = self._group.cut_running(f"switchover to {self._target}", idle_only=idle_only)
        self._cut += count
        if not idle_only:
            self._step("cut", f"{count} sessions, still busy after {self._options.timeout:g} s")

    @inlineCallbacks
    def _until_gone(self) -> _Steps:
        deadline = self._clock.seconds() + CUT_TIMEOUT
        while (running := self._group.running()).busy or running.idle:
            if self._clock.seconds() >= deadline:
                raise Doubt(f"connections to {self._writer} that were cut are not gone")
            yield self._pause(POLL)

    # Read-only, and equal

    @inlineCallbacks
    def _take_writes_away(self) -> _Steps:
        seconds = self._options.fence_timeout
        self._check_wanted()
        self._has_fenced = True
        self._fence = yield self._limited(
            self._group.fence(self._writer, seconds), seconds + GRACE, f"making {self._writer} read-only"
        )
        self._notes += self._fence.notes
        self._step(
            "fence",
            f"{self._writer} is read-only; SET GLOBAL read_only = 0 there undoes it should the proxy end now",
        )

    @inlineCallbacks
    def _catch_up(self) -> _Steps:
        target, seconds = self._target, self._options.catch_up_timeout
        deadline = self._clock.seconds() + seconds
        final = self._final = yield self._final_position()
        while True:
            self._check_wanted()
            seen: Observation = yield self._observed(target)
            self._check_same(target, seen)
            if seen.problem:
                raise Doubt(seen.problem)
            if seen.role is Role.READ_WRITE:
                raise Doubt(f"somebody else has made {target} writable")
            if seen.position is not None and seen.position.covers(final):
                break
            if seen.replicates is False:
                raise Doubt(f"the replication of {target} has stopped before it had everything")
            if self._clock.seconds() >= deadline:
                raise Doubt(
                    f"{target} has not caught up within {seconds:g} s: it has {seen.position},"
                    f" {self._writer} has {final}"
                )
            yield self._pause(POLL)
        again = yield self._final_position()
        if not final.covers(again):
            raise Doubt(f"somebody writes to {self._writer} although it is read-only: it has {again} by now")
        self._step("catch up", f"{target} has all that {self._writer} has: {final}")

    @inlineCallbacks
    def _final_position(self) -> Generator[Deferred[Any], Any, Position]:
        seen: Observation = yield self._observed(self._writer)
        self._check_same(self._writer, seen)
        if seen.role is not Role.READ_ONLY:
            raise Doubt(f"{self._writer} was made read-only, but is not")
        if seen.position is None:
            raise Doubt(f"{self._writer} does not tell its position")
        return seen.position

    def _check_same(self, name: str, seen: Observation) -> None:
        if seen.identity != self._before[name].identity:
            raise Doubt(f"{name} is another server than it was")

    @inlineCallbacks
    def _await_promotion(self) -> _Steps:
        """Somebody else promotes: the target must be writable, and the former writer must not be."""
        target, seconds = self._target, self._options.timeout
        deadline = self._clock.seconds() + seconds
        self._step("await", f"promote {target} now, within {seconds:g} s; the proxy does not")
        while True:
            self._check_wanted()
            seen = yield self._seen(target)
            if seen is not None and seen.role is Role.READ_WRITE and not seen.problem:
                former = yield self._seen(self._writer)
                if former is None or former.role is not Role.READ_WRITE:
                    break
            if self._clock.seconds() >= deadline:
                raise Doubt(f"nobody has promoted it within {seconds:g} s")
            yield self._pause(POLL)
        if former is None:
            self._notes.append(f"{self._writer} does not answer: nobody can tell whether {target} has it all")
        elif former.position is not None and not (seen.position and seen.position.covers(former.position)):
            self._notes.append(
                f"{self._writer} has executed what {target} has not: {former.position},"
                f" against {seen.position}"
            )
        self._step("promoted", f"{target} is writable, {self._writer} is not")

    # The point of no return

    @inlineCallbacks
    def _promote(self) -> Generator[Deferred[Any], Any, SwitchoverReport | None]:
        """None once the target is writable, else how it has ended."""
        seconds = self._options.promote_timeout + GRACE
        try:
            yield self._limited(self._group.promote(self._target), seconds, f"promoting {self._target}")
        except PromotionUndone as refusal:
            report: SwitchoverReport = yield self._go_back(f"{self._target} could not be promoted: {refusal}")
            return report
        except Exception as problem:
            reason = self._reason(problem)
            self._step("doubt", f"{reason}; asking {self._target} what it is")
            is_writable: bool | None = yield self._settled()
            if is_writable is None:
                return self._unresolved(
                    f"{self._target} may be writable and does not answer; {self._writer} is read-only",
                    f"if {self._target} is gone for good, SET GLOBAL read_only = 0 on {self._writer}",
                )
            if not is_writable:
                report = yield self._go_back(reason)
                return report
        yield self._group_knows()
        self._step("promote", f"{self._target} is writable")
        return None

    @inlineCallbacks
    def _group_knows(self) -> _Steps:
        """The group is to have seen it itself, or it would look for another writer as soon as it may."""
        for _ in range(LOOKS):
            seen: Observation | None = yield self._seen(self._target)
            if seen is not None and seen.role is Role.READ_WRITE:
                return
            yield self._pause(POLL)

    @inlineCallbacks
    def _settled(self) -> Generator[Deferred[Any], Any, bool | None]:
        """Whether the target is writable, None if that cannot be learnt."""
        deadline = self._clock.seconds() + self._options.doubt_timeout
        while True:
            seconds = self._options.promote_timeout
            try:
                is_writable: bool = yield self._limited(
                    self._group.settle(self._target), seconds, "asking it"
                )
            except Exception as problem:
                self.log.error(
                    "switchover to {target}: whether it is writable is not known: {problem}",
                    target=self._target,
                    problem=self._reason(problem),
                )
                if self._clock.seconds() >= deadline:
                    return None
                yield self._pause(RETRY)
            else:
                return is_writable

    @inlineCallbacks
    def _switch(self) -> Generator[Deferred[Any], Any, SwitchoverReport]:
        self._group.adopt(self._target)
        self._release()
        self._step("switch", f"traffic goes to {self._target}; clients waited {self._held:.3f} s")
        if self._options.promote:
            yield self._finish()
        return self._report(Outcome.SWITCHED)
