"""The ends of a switchover: back to the writer of before, or what is left to do once traffic has moved."""

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from .observation import Role
from .switchover import Outcome, SwitchoverReport
from .switchover_run import SwitchoverRun

__all__ = ["GRACE", "RETRY", "SwitchoverEnds"]

#: Seconds between two attempts to learn what a server that does not answer is.
RETRY = 1.0
#: Seconds by which a wait outlasts the time that was given to the server.
GRACE = 5.0


class SwitchoverEnds(SwitchoverRun):
    """Goes back, or completes."""

    @inlineCallbacks
    def _go_back(self, why: str) -> Generator[Deferred[Any], Any, SwitchoverReport]:
        self._step("go back", why)
        if self._has_fenced:
            seen = yield self._seen(self._target)
            if seen is not None and seen.role is Role.READ_WRITE:
                return self._unresolved(
                    f"{why}; {self._target} is writable, so {self._writer} stays read-only",
                    f"if {self._target} is not to be the writer, make it read-only, then SET GLOBAL"
                    f" read_only = 0 on {self._writer}",
                )
            undone: bool = yield self._unfenced()
            if not undone:
                return self._unresolved(
                    f"{why}; {self._writer} could not be made writable again",
                    f"SET GLOBAL read_only = 0 on {self._writer}",
                )
        self._release()
        return self._report(Outcome.WENT_BACK, why)

    @inlineCallbacks
    def _unfenced(self) -> Generator[Deferred[Any], Any, bool]:
        deadline = self._clock.seconds() + self._options.doubt_timeout
        seconds = self._options.fence_timeout + GRACE
        while self._group.writer in (None, self._writer):
            try:
                yield self._limited(self._group.unfence(self._writer), seconds, "making it writable again")
            except Exception as problem:
                self.log.error(
                    "switchover to {target}: {writer} could not be made writable again: {problem}",
                    target=self._target,
                    writer=self._writer,
                    problem=self._reason(problem),
                )
                # It may be dead, and somebody else about to make a third server the writer.
                self._release()
                if self._clock.seconds() >= deadline:
                    return False
                yield self._pause(RETRY)
            else:
                self._step("unfence", f"{self._writer} is writable")
                # What it said last is that it is read-only: by that it would not be the writer any more.
                yield self._seen(self._writer)
                return True
        # That one must stay the only one.
        return False

    @inlineCallbacks
    def _finish(self) -> Generator[Deferred[Any], Any, None]:
        """What nobody has to wait for; where it fails, there is a note."""
        seconds = self._options.follow_timeout
        try:
            notes = yield self._limited(self._group.complete(self._target, self._fence), seconds, "that")
            self._notes += notes
        except Exception as problem:
            self._notes.append(f"{self._target} is writable, but not all is done: {self._reason(problem)}")
        self._notes.append(
            f"{self._writer} is read-only until it restarts: set read_only in its option file, and see that"
            f" the one of {self._target} does not set it"
        )
        if not self._options.follow:
            self._notes.append(f"{self._writer} is read-only and replicates from nobody")
            return
        followers = yield self._followers()
        for name in followers:
            try:
                work = self._group.follow(name, self._target)
                yield self._limited(work, seconds, "making it replicate")
            except Exception as problem:
                self._notes.append(f"{name} does not replicate from {self._target}: {self._reason(problem)}")
            else:
                self._step("follow", f"{name} replicates from {self._target}")

    @inlineCallbacks
    def _followers(self) -> Generator[Deferred[Any], Any, list[str]]:
        """The former writer and its replicas, but none of another deployment: it is kept as it was."""
        deployments = {row.name: row.deployment for row in self._group.targets()}
        deployment = deployments.get(self._target)
        if deployments.get(self._writer) != deployment:
            self._notes.append(f"{self._writer} is of another deployment: it is read-only, and left alone")
            return []
        sources = {self._writer, self._before[self._target].source} - {""}
        found = [self._writer]
        for name, theirs in deployments.items():
            if name not in (self._writer, self._target) and theirs == deployment:
                seen = yield self._seen(name)
                if seen is None:
                    self._notes.append(f"{name} does not answer: see what it replicates from")
                elif seen.source in sources:
                    found.append(name)
        return found
