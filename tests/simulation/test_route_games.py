"""Routes and their pools through every order of failures that Hypothesis, or chance, comes up with.

Never a lost waiter: who waits is in one queue and no other, until its time is over at the latest. Never a
timer left. A writer's borrowers are served in order of arrival, and only by the pool in use. Every borrow
ends in exactly one of: connection, BorrowTimeout, QueueFull, NoReader, PoolClosed, fatal error of the
connector, cancelled.
"""

import random

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from proxy.pool.errors import BorrowTimeout, PoolClosed, QueueFull
from proxy.targets.errors import NoReader
from proxy.targets.reader_route import Reader, ReaderOptions, ReaderRoute
from proxy.targets.routes import WriterRoute
from tests.peers.lenders import Lender

TARGETS = 3
FALLBACKS = ("error", "wait", "writer")


class AccessDenied(Exception):
    fatal = True


@attrs.define(eq=False)
class Client:
    """One borrow; ``then`` is what it does in the callback, before anything else happens."""

    game: "Game" = attrs.field(repr=False)
    number: int
    reads: bool
    arrived: float
    then: str
    borrow: object = attrs.field(default=None, repr=False)
    has_arrived: bool = False
    outcome: object = None

    def granted(self, loan):
        self.end(loan)
        assert not loan.is_closing
        assert loan in loan.lender.alive
        assert loan not in self.game.loans, "two owners"
        self.game.check_grant(self, loan)
        self.game.loans.append(loan)
        self.game.react(self.then)

    def failed(self, failure):
        assert failure.check(*self.possible_failures()), failure
        self.end(failure.value)
        if failure.check(BorrowTimeout):
            waited = self.game.clock.seconds() - self.arrived
            assert waited >= self.game.options.borrow_timeout - 1e-6
        self.game.react(self.then)

    def possible_failures(self):
        yield from (BorrowTimeout, CancelledError, AccessDenied)
        if self.reads:
            yield NoReader
        if not self.has_arrived:
            # Who has been let in is not turned away later.
            yield QueueFull
        if self.game.is_over:
            yield PoolClosed

    def end(self, outcome):
        assert self.outcome is None, "ended twice"
        self.outcome = outcome
        self.game.waiting.pop(self, None)


class Game:
    """Three targets, a route to the writer and one to the readers. Each public method is a move."""

    def __init__(self, patient=True):
        self.clock = Clock()
        self.timeout = 10.0 if patient else 0.0
        self.options = ReaderOptions(borrow_timeout=self.timeout, max_queue_length=12, fallback_wait=2.0)
        self.lenders = [self.new_lender(number) for number in range(TARGETS)]
        self.is_over = False
        self.failures = []
        self.stopped_pools = []
        self.writer = WriterRoute(lambda: self.options, self.clock)
        self.reader = ReaderRoute(self.writer, lambda: self.options, self.clock)
        self.clients = []
        self.waiting = {}
        self.loans = []
        self.readers = []

    def new_lender(self, number):
        limits = {"max_connections": 2 + number, "borrow_timeout": self.timeout, "max_queue_length": 8}
        lender = Lender(self.clock, prompt=number > 0, **limits)
        lender.pool.start()
        return lender

    # -- clients

    def borrow(self, reads, then="nothing"):
        client = Client(self, len(self.clients), reads, self.clock.seconds(), then)
        self.clients.append(client)
        self.waiting[client] = None
        route = self.reader if reads else self.writer
        client.borrow = route.borrow("app", None)
        client.borrow.addCallbacks(client.granted, client.failed)
        client.borrow.addErrback(self.failures.append)
        client.has_arrived = True

    def take(self, reads):
        overtaken = [client for client in self.waiting if client.reads == reads]
        loan = (self.reader if reads else self.writer).take("app", None)
        if loan is not None:
            assert reads or not overtaken
            assert loan not in self.loans
            self.loans.append(loan)

    def cancel(self, which):
        waiting = list(self.waiting)
        if waiting:
            waiting[which % len(waiting)].borrow.cancel()

    def give_back(self, which):
        if self.loans:
            loan = self.loans.pop(which % len(self.loans))
            loan.pool.give_back(loan)

    def discard(self, which):
        if self.loans:
            loan = self.loans.pop(which % len(self.loans))
            loan.pool.discard(loan)

    # -- targets

    def accept(self, which):
        lender = self.lenders[which % TARGETS]
        if lender.pending:
            lender.accept()

    def refuse(self, which, fatal):
        lender = self.lenders[which % TARGETS]
        if lender.pending:
            lender.refuse(AccessDenied() if fatal else OSError("no route"))

    def lose(self, which):
        alive = self.lenders[which % TARGETS].alive
        if alive:
            loan = alive[0]
            if loan in self.loans:
                self.loans.remove(loan)
            loan.gone()

    def die(self, which, is_told_first):
        """The target is left by everyone, in one order or the other."""
        pool = self.lenders[which % TARGETS].pool
        if is_told_first:
            self.leave(pool)
        pool.evacuate()
        self.leave(pool)
        assert not pool.waiting

    def replace(self, which):
        """The target is removed from the group, and another one registered."""
        lender = self.lenders[which % TARGETS]
        self.lenders[which % TARGETS] = self.new_lender(which % TARGETS)
        self.stopped_pools.append(lender)
        lender.pool.stop()
        self.leave(lender.pool)
        assert not lender.pool.waiting

    def leave(self, pool):
        self.set_readers([each for each in self.readers if each.pool is not pool])
        if self.writer._pool is pool:
            self.writer.use(None)

    def elect(self, which):
        self.writer.use(None if which >= TARGETS else self.lenders[which].pool)

    def hold(self):
        self.writer.hold()

    def release(self):
        self.writer.release()

    def read_from(self, states, fallback):
        self.options = attrs.evolve(self.options, fallback=fallback, max_replica_lag=1.0)
        now = self.clock.seconds()
        lags = {"fit": 0.0, "late": 9.0, "away": None}
        pairs = [pair for pair in zip(self.lenders, states, strict=True) if pair[1] in lags]
        self.set_readers([Reader("r", each.pool, lags[state], now, state != "away") for each, state in pairs])

    def set_readers(self, readers):
        self.readers = readers
        self.reader.set_readers(readers)

    def advance(self, seconds):
        self.clock.advance(seconds)

    # -- rules

    def react(self, then):
        """What a client's callback does at once."""
        if then == "borrow":
            self.borrow(reads=False)
        elif then == "read":
            self.borrow(reads=True)
        elif then == "give back":
            self.give_back(-1)
        elif then == "hold":
            self.hold()
        elif then == "elect":
            self.elect(len(self.clients) % (TARGETS + 1))

    def check_grant(self, client, loan):
        if client.reads:
            fit = [each.pool for each in self.readers if each.is_available and (each.lag or 0) <= 1.0]
            assert loan.pool in fit or loan.pool is self.writer.pool
            return
        assert loan.pool is self.writer.pool
        older = [each for each in self.waiting if not each.reads and each.number < client.number]
        assert not older, "overtaken"

    def check(self):
        self.check_callbacks()
        routes = (self.writer, self.reader)
        assert sum(route.waiters for route in routes) == len(self.waiting), "lost, or forgotten"
        queued = sum(route.waiters - route._waits.parked for route in routes)
        assert sum(each.pool.metrics.waiting for each in [*self.lenders, *self.stopped_pools]) == queued
        now = self.clock.seconds()
        if self.timeout:
            assert all(client.arrived + self.timeout > now for client in self.waiting), "waits for ever"
        if self.writer.pool is None:
            assert self.writer.take("app", None) is None
        elif not self.writer._waits.parked:
            assert self.writer.take == self.writer.pool.take
        alarms = [call for call in self.clock.getDelayedCalls() if "Alarm" in str(call.func)]
        assert len(alarms) == sum(route._waits.parked > 0 for route in routes), "a timer too many or too few"

    def check_callbacks(self):
        for failure in self.failures:
            failure.raiseException()

    def finish(self):
        for client in self.clients:
            client.then = "nothing"
        self.is_over = True
        self.reader.stop()
        self.writer.stop()
        self.check_callbacks()
        assert not self.waiting
        stopped = [each.pool.stop() for each in self.lenders]
        while self.loans:
            self.discard(0)
        self.clock.pump([0.0] * 5)
        assert all(each.called for each in stopped)
        assert all(client.outcome is not None for client in self.clients)
        assert self.clock.getDelayedCalls() == []
        self.check_callbacks()


WHICH = st.integers(0, TARGETS - 1)
THEN = st.sampled_from(("nothing", "nothing", "borrow", "read", "give back", "hold", "elect"))
STATES = st.tuples(*[st.sampled_from(("fit", "fit", "late", "away", "no"))] * TARGETS)


class RouteGames(RuleBasedStateMachine):
    """Hypothesis makes the moves."""

    @initialize(patient=st.booleans(), writer=st.integers(0, TARGETS))
    def begin(self, patient, writer):
        self.game = Game(patient)
        self.game.elect(writer)

    @rule(reads=st.booleans(), then=THEN)
    def borrow(self, reads, then):
        self.game.borrow(reads, then)

    @rule(reads=st.booleans())
    def take(self, reads):
        self.game.take(reads)

    @rule(which=st.integers(0, 20))
    def cancel(self, which):
        self.game.cancel(which)

    @rule(which=st.integers(0, 20), clean=st.booleans())
    def end_use(self, which, clean):
        (self.game.give_back if clean else self.game.discard)(which)

    @rule(which=WHICH)
    def accept(self, which):
        self.game.accept(which)

    @rule(which=WHICH, fatal=st.booleans())
    def refuse(self, which, fatal):
        self.game.refuse(which, fatal)

    @rule(which=WHICH)
    def lose(self, which):
        self.game.lose(which)

    @rule(which=WHICH, is_told_first=st.booleans())
    def die(self, which, is_told_first):
        self.game.die(which, is_told_first)

    @rule(which=WHICH)
    def replace(self, which):
        self.game.replace(which)

    @rule(which=st.integers(0, TARGETS))
    def elect(self, which):
        self.game.elect(which)

    @rule(held=st.booleans())
    def switch(self, held):
        (self.game.hold if held else self.game.release)()

    @rule(states=STATES, fallback=st.sampled_from(FALLBACKS))
    def read_from(self, states, fallback):
        self.game.read_from(states, fallback)

    @rule(seconds=st.sampled_from((0.0, 0.1, 1.0, 2.0, 5.0, 11.0)))
    def advance(self, seconds):
        self.game.advance(seconds)

    @invariant()
    def holds(self):
        if hasattr(self, "game"):
            self.game.check()

    def teardown(self):
        if hasattr(self, "game"):
            self.game.finish()


RouteGames.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestRouteGames = RouteGames.TestCase


@pytest.mark.parametrize("seed", range(6))
def test_long_games(seed):
    chance = random.Random(seed)
    game = Game(patient=seed % 3 != 2)
    thens = ("nothing",) * 6 + ("borrow", "read", "give back", "hold", "elect")
    states = ("fit", "fit", "late", "away", "no")
    moves = (
        [lambda: game.borrow(chance.random() < 0.5, chance.choice(thens))] * 8
        + [lambda: game.take(chance.random() < 0.5)] * 2
        + [lambda: game.give_back(chance.randrange(20))] * 4
        + [lambda: game.accept(chance.randrange(TARGETS))] * 6
        + [lambda: game.refuse(chance.randrange(TARGETS), chance.random() < 0.2)] * 2
        + [lambda: game.elect(chance.randrange(TARGETS + 1))] * 2
        + [lambda: game.read_from(chance.choices(states, k=TARGETS), chance.choice(FALLBACKS))] * 2
        + [lambda: game.advance(chance.choice((0.0, 0.05, 0.2, 1.0)))] * 4
        + [game.hold, game.release, game.release]
        + [lambda: game.cancel(chance.randrange(20))]
        + [lambda: game.discard(chance.randrange(20))]
        + [lambda: game.lose(chance.randrange(TARGETS))]
        + [lambda: game.die(chance.randrange(TARGETS), chance.random() < 0.5)]
        + [lambda: game.replace(chance.randrange(TARGETS))]
    )
    for _ in range(2500):
        chance.choice(moves)()
        game.check()
    ends = {type(client.outcome).__name__ for client in game.clients if client.outcome is not None}
    expected = {"Loan", "BorrowTimeout", "CancelledError", "AccessDenied", "NoReader"}
    assert expected <= ends
    game.finish()
