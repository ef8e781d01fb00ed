"""A target group in memory for switchovers: servers that are read-only or not, and calls that go wrong."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from proxy.targets.observation import Observation, Role
from proxy.targets.rows import TargetRow
from proxy.targets.switchover import Fence, Running, SwitchoverOptions, SwitchoverReport
from proxy.targets.switchover_procedure import SwitchoverProcedure

__all__ = ["Executed", "FakeGroup", "FakeServer", "Refused"]

OLD, NEW, THIRD = "old:1", "new:1", "third:1"


class Refused(Exception):
    """What a fake server says."""


@attrs.frozen
class Executed:
    """A position: transactions are numbered."""

    last: int

    def covers(self, other: Any) -> bool:
        return self.last >= other.last

    def __str__(self) -> str:
        return f"1-{self.last}"


@attrs.define
class FakeServer:
    writable: bool = False
    executed: int | None = 7
    replicates: bool | None = True
    source: str = OLD
    identity: str = "one"
    lag: float | None = 0.0
    problem: str = ""
    topology: str = "replication"
    in_transition: bool = False
    deployment: str = "blue"
    state: str = "AVAILABLE"

    def observation(self) -> Observation:
        return Observation(
            role=Role.READ_WRITE if self.writable else Role.READ_ONLY,
            identity=self.identity,
            position=None if self.executed is None else Executed(self.executed),
            source=self.source,
            replicates=self.replicates,
            lag=self.lag,
            problem=self.problem,
            topology=self.topology,
            in_transition=self.in_transition,
        )


class FakeGroup:
    """A Switchable. ``plans`` say by call, such as "fence" or "observe new:1", what happens instead."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.servers = {
            OLD: FakeServer(writable=True, replicates=None, source="", lag=None),
            NEW: FakeServer(),
        }
        self.writer: str | None = OLD
        self.held = False
        self.present = Running()
        self.calls: list[str] = []
        self.plans: dict[str, Callable[[], Deferred[Any] | None]] = {}
        self.cut: list[tuple[str, bool]] = []
        #: Whether connections that are cut are gone at once.
        self.cut_works = True
        self.worst = 1

    # What tests do

    def procedure(self, target: str = NEW, **options: Any) -> SwitchoverProcedure:
        return SwitchoverProcedure(self, target, SwitchoverOptions(**options), self.clock, "boss")

    def begin(self, target: str = NEW, **options: Any) -> list[SwitchoverReport]:
        """Begin one; its report is in the list once it has ended."""
        ended: list[SwitchoverReport] = []
        self.procedure(target, **options).run().addCallback(ended.append)
        return ended

    def run(self, target: str = NEW, seconds: float = 300.0, **options: Any) -> SwitchoverReport:
        """Run one to its end; then no timer must be left."""
        ended = self.begin(target, **options)
        self.pass_time(seconds, until=ended)
        [report] = ended
        assert not self.held
        assert not self.clock.getDelayedCalls()
        return report

    def pass_time(self, seconds: float, until: Sequence[Any] = ()) -> None:
        for _ in range(int(seconds * 40)):
            if until:
                return
            self.clock.advance(0.025)
            self.look()

    def look(self) -> None:
        self.worst = max(self.worst, sum(server.writable for server in self.servers.values()))

    def hang(self, call: str) -> None:
        self.plans[call] = Deferred

    def refuse(self, call: str, problem: Exception | None = None) -> None:
        self.plans[call] = lambda: fail(problem or Refused(f"no {call}"))

    def _do(self, call: str, name: str, effect: Callable[[], Any] = lambda: None) -> Deferred[Any]:
        """Carry out a plan, or the effect; a plan that answers None is followed by the effect."""
        self.calls.append(f"{call} {name}")
        plan = self.plans.get(f"{call} {name}", self.plans.get(call))
        answer = plan() if plan is not None else None
        if answer is None:
            answer = succeed(effect())
        self.look()
        return answer

    # Switchable

    def targets(self) -> Sequence[TargetRow]:
        return [
            TargetRow(name, "", server.deployment, server.state, "" if server.state == "AVAILABLE" else "WHY")
            for name, server in self.servers.items()
        ]

    def hold(self) -> None:
        self.calls.append("hold")
        self.held = True

    def release(self) -> None:
        assert self.held
        self.calls.append("release")
        self.held = False

    def running(self) -> Running:
        return self.present

    def cut_running(self, why: str, *, idle_only: bool) -> int:
        self.cut.append((why, idle_only))
        before = self.present
        if self.cut_works:
            self.present = Running(before.busy if idle_only else 0, 0)
        return before.idle if idle_only else before.busy + before.idle

    def observe(self, name: str) -> Deferred[Observation]:
        return self._do("observe", name, self.servers[name].observation)

    def rehearse(self, writer: str, target: str) -> Deferred[None]:
        return self._do("rehearse", f"{writer} {target}")

    def fence(self, name: str, seconds: float) -> Deferred[Fence]:
        assert self.held
        assert seconds
        return self._do("fence", name, lambda: self._make(name, writable=False))

    def unfence(self, name: str) -> Deferred[None]:
        return self._do("unfence", name, lambda: self._make(name, writable=True))

    def promote(self, name: str) -> Deferred[None]:
        assert self.held
        return self._do("promote", name, lambda: self._make(name, writable=True))

    def settle(self, name: str) -> Deferred[bool]:
        return self._do("settle", name, lambda: self.servers[name].writable)

    def adopt(self, name: str) -> None:
        self._do("adopt", name)
        self.writer = name

    def complete(self, name: str, fence: Fence) -> Deferred[Sequence[str]]:
        assert fence.runs_events
        return self._do("complete", name, list)

    def follow(self, name: str, source: str) -> Deferred[None]:
        return self._do("follow", f"{name} {source}")

    def _make(self, name: str, *, writable: bool) -> Fence:
        self.servers[name].writable = writable
        return Fence(runs_events=True)
