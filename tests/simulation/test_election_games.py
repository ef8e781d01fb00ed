"""Three servers and a green one, their monitors and the electorate, through random failures on a fake clock.

Hypothesis plays the operator, the network and the failover tool, also badly: it promotes two at once,
restarts a dead primary as one, demotes and fences whom it likes, and what a probe says may be overtaken.
"""

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.targets.candidates import Candidate
from proxy.targets.election import Electorate
from proxy.targets.health import HealthReason, HealthState
from proxy.targets.monitor import TargetMonitor, Timing
from proxy.targets.observation import Observation, Role

TIMING = Timing(interval=1.0, fast_interval=0.2, timeout=1.0)
NAMES = ("a:1", "b:1", "c:1", "green:1")
#: Seconds in which what has come to rest is seen, after the longest patience with a flapping target.
REST = 8.0


class NoRoom(Exception):
    pass


@attrs.frozen
class Done:
    transactions: frozenset

    def covers(self, other):
        return self.transactions >= other.transactions


@attrs.define(eq=False)
class Server:
    """What it is, and how it answers: one answer after ``latency``, with what held when it was asked."""

    name: str
    clock: Clock
    read_only: bool = True
    source: str = ""
    applies: bool = True
    has_positions: bool = True
    done: frozenset = frozenset()
    up: bool = True
    frozen: bool = False
    full: bool = False
    latency: float = 0.01
    asked: list = attrs.field(factory=list)

    @property
    def takes_writes(self):
        return self.up and not self.frozen and not self.read_only

    def ask(self):
        assert all(question.called for question in self.asked), "two questions at once"
        question = Deferred()
        self.asked = [question]
        self.clock.callLater(self.latency, self.answer, question, self.observed())
        return question

    def stop(self):
        pass

    def observed(self):
        return Observation(
            Role.READ_ONLY if self.read_only else Role.READ_WRITE,
            identity=self.name.upper(),
            position=Done(self.done) if self.has_positions else None,
            source=self.source,
            replicates=self.applies if self.source else None,
            topology="replication",
        )

    def answer(self, question, observation):
        if question.called or self.frozen:
            return
        if not self.up:
            question.errback(OSError("refused"))
        elif self.full:
            question.errback(NoRoom("too many connections"))
        else:
            question.callback(observation)


def reason(problem):
    return HealthReason.PENDING_PROXY_CAPACITY if isinstance(problem, NoRoom) else HealthReason.UNREACHABLE


@attrs.define(eq=False)
class Unit:
    server: Server
    monitor: TargetMonitor = None
    observation: Observation = None
    fenced: bool = False


class Games(RuleBasedStateMachine):
    """``replaced``: former writers, never read-only since, under a writer that has not given up."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.electorate = Electorate()
        self.units = {}
        self.outcome = None
        self.writer = None
        self.replaced = set()
        self.numbers = iter(range(10**9))
        self.deciding = False
        self.violations = []

    @initialize(positions=st.booleans(), primary=st.sampled_from(NAMES[:3]))
    def begin(self, positions, primary):
        for name in NAMES:
            server = Server(name, self.clock, has_positions=positions)
            server.read_only = name != primary
            server.source = "" if name == primary else primary
            unit = self.units[name] = Unit(server)

            def answered(observation, unit=unit):
                unit.observation = observation
                self.decide()

            unit.monitor = TargetMonitor(
                name, server, lambda: TIMING, self.clock, answered, lambda *_: self.decide(), reason
            )
        for unit in self.units.values():
            unit.monitor.start()
        self.rest(1.0)
        assert self.outcome.writer == primary
        assert set(self.outcome.readers) == set(NAMES[:3]) - {primary}

    # The group

    def decide(self):
        assert not self.deciding
        self.deciding = True
        outcome = self.electorate.decide(
            [
                Candidate(
                    name,
                    unit.observation,
                    unit.monitor.is_fit,
                    unit.fenced,
                    "green" if name == NAMES[3] else "blue",
                    unit.monitor.registering,
                    unit.monitor.is_suspect,
                )
                for name, unit in self.units.items()
            ]
        )
        for name, unit in self.units.items():
            unit.monitor.stand(outcome.standing(name))
            unit.monitor.set_fast(outcome.writer is None)
        self.outcome = outcome
        self.deciding = False
        if outcome.writer is not None and outcome.writer != self.writer:
            if self.writer is not None and not self.units[self.writer].server.read_only:
                self.replaced.add(self.writer)
            self.writer = outcome.writer
            self.replaced.discard(self.writer)
        # A monitor outlives what its listeners raise: this is told by an invariant.
        try:
            self.check()
        except AssertionError as violation:
            self.violations.append(violation)

    def check(self):
        outcome = self.outcome
        served = [*outcome.readers, *([outcome.writer] if outcome.writer else [])]
        every = [*served, *outcome.refused, *outcome.unused]
        assert len(every) == len(set(every)), "a target with two parts"
        assert not [name for name in served if self.units[name].fenced]
        assert not [name for name in served if not self.units[name].monitor.is_fit]
        assert not self.replaced & set(served), "a replaced writer is served"
        assert outcome.split <= set(outcome.refused)
        assert outcome.lost == (outcome.writer is None and self.writer is not None)

    def changed(self, name):
        """An operator's act, after which a replaced writer may rightly come back."""
        if self.units[name].server.read_only:
            self.replaced.discard(name)
        if name == self.writer and (self.units[name].server.read_only or self.units[name].fenced):
            self.replaced.clear()

    # What happens

    name = st.sampled_from(NAMES)

    @rule(name=name)
    def dies(self, name):
        self.units[name].server.up = False

    @rule(name=name, read_only=st.booleans())
    def starts(self, name, read_only):
        server = self.units[name].server
        if not server.up:
            server.up, server.frozen, server.read_only = True, False, read_only
            self.changed(name)

    @rule(name=name, frozen=st.booleans())
    def freezes_or_thaws(self, name, frozen):
        self.units[name].server.frozen = frozen

    @rule(name=name, full=st.booleans())
    def has_no_room(self, name, full):
        self.units[name].server.full = full

    @rule(name=name, latency=st.sampled_from([0.0, 0.01, 0.3, 0.9, 1.5]))
    def is_slow(self, name, latency):
        self.units[name].server.latency = latency

    @rule(name=name, forgets=st.booleans())
    def is_promoted(self, name, forgets):
        server = self.units[name].server
        server.read_only = False
        if forgets:
            server.source = ""

    @rule(name=name)
    def is_demoted(self, name):
        self.units[name].server.read_only = True
        self.changed(name)

    @rule(name=name, other=name, read_only=st.booleans())
    def follows(self, name, other, read_only):
        if name != other:
            server = self.units[name].server
            server.source, server.applies, server.read_only = other, True, read_only
            self.changed(name)

    @rule(name=name)
    def stops_to_replicate(self, name):
        self.units[name].server.applies = False

    @rule(name=name, fenced=st.booleans())
    def is_fenced(self, name, fenced):
        self.units[name].fenced = fenced
        self.changed(name)
        self.decide()

    @rule()
    def a_client_writes(self):
        if self.outcome.writer is not None:
            self.write(self.outcome.writer)

    @rule(name=name)
    def somebody_else_writes(self, name):
        self.write(name)

    def write(self, name):
        server = self.units[name].server
        if server.takes_writes:
            server.done |= {next(self.numbers)}

    @rule(name=name)
    def catches_up(self, name):
        server = self.units[name].server
        if server.source in self.units and server.applies:
            server.done |= self.units[server.source].server.done

    @rule(name=name)
    def a_connection_breaks(self, name):
        self.units[name].monitor.hurry()

    @rule()
    def the_writer_refuses_a_write(self):
        writer = self.outcome.writer
        if writer is not None and self.units[writer].server.read_only:
            self.electorate.doubt(writer)
            self.decide()
            assert self.outcome.writer != writer
            self.units[writer].monitor.hurry()

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0, 3.0]))
    def time_passes(self, seconds):
        self.rest(seconds)

    @rule(seconds=st.floats(0.1, 5.0))
    def the_proxy_stalls(self, seconds):
        self.clock.advance(seconds)

    def rest(self, seconds):
        """Each timer rings in time."""
        end = self.clock.seconds() + seconds
        while calls := [call for call in self.clock.getDelayedCalls() if call.getTime() <= end]:
            due = min(call.getTime() for call in calls)
            self.clock.rightNow = max(self.clock.rightNow, due)
            self.clock.advance(0.0)
        self.clock.rightNow = max(self.clock.rightNow, end)

    # What must come of it

    @invariant()
    def nobody_gets_what_is_not_his(self):
        assert not self.deciding
        assert self.violations == []

    @invariant()
    def no_timer_is_lost(self):
        if self.units:
            questions = sum(call.func.__name__ == "answer" for call in self.clock.getDelayedCalls())
            assert len(self.clock.getDelayedCalls()) - questions == len(self.units)

    @precondition(lambda self: self.units)
    @rule(name=st.sampled_from(NAMES[:3]))
    def one_remains(self, name):
        """All others are gone, and this one was put right: it writes; those that follow it are read from."""
        self.calm()
        for unit in self.units.values():
            unit.server.up = False
        server = self.units[name].server
        server.up, server.read_only, server.source, server.applies = True, True, "elsewhere:1", True
        self.changed(name)
        self.rest(REST)
        if self.writer is not None and not self.units[self.writer].server.read_only:
            server.done |= self.units[self.writer].server.done
        server.read_only, server.source = False, ""
        self.rest(REST)
        if self.outcome.active == "green":
            return
        assert self.outcome.writer == name, self.outcome
        for other in NAMES:
            if other != name:
                server = self.units[other].server
                server.up, server.read_only, server.source, server.applies = True, True, name, True
                self.changed(other)
        self.rest(REST)
        assert self.outcome.writer == name
        assert set(self.outcome.readers) == set(NAMES[:3]) - {name}
        assert self.outcome.refused == {}
        assert self.units[NAMES[3]].monitor.health.state is HealthState.UNUSED

    @precondition(lambda self: self.units)
    @rule()
    def all_is_well(self):
        """A quiet cluster loses nobody."""
        self.calm()
        self.rest(REST)
        before = self.outcome
        for unit in self.units.values():
            assert unit.monitor.is_fit == unit.server.up
        self.rest(REST)
        assert (self.outcome.writer, self.outcome.readers) == (before.writer, before.readers)

    def calm(self):
        for unit in self.units.values():
            unit.fenced = False
            unit.server.full = unit.server.frozen = False
            unit.server.latency = 0.01

    def teardown(self):
        for unit in self.units.values():
            unit.monitor.stop()
        self.rest(5.0)
        assert not self.clock.getDelayedCalls()


TestGames = Games.TestCase
TestGames.settings = settings(
    max_examples=120,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
