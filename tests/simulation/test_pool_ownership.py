"""Thousands of random steps over `PoolState`, against a model that knows every owner.

A connection has at most one owner, is never lent when closing or gone, and is never idle beside a waiter it
fits; the cap holds; equal waiters are served in order of arrival; every waiter ends exactly once; nothing
leaks.
"""

import random

import attrs
import pytest

from proxy.pool.decisions import Abandon, Close, Expire, Grant, Open, Refuse
from proxy.pool.errors import PoolClosed, QueueFull
from proxy.pool.limits import PoolLimits
from proxy.pool.state import PoolState
from proxy.pool.waiters import Waiter

STEPS = 4000
KEYS = ("app", "report", "batch")


@attrs.define(eq=False)
class Settings:
    """Without a schema they cannot follow settings with one."""

    has_schema: bool


@attrs.define(eq=False)
class Connection:
    key: str
    settings: Settings

    def can_become(self, settings):
        return settings.has_schema or not self.settings.has_schema

    def close(self, reason):
        raise AssertionError("the model closes")


SETTINGS = [Settings(has_schema=False), Settings(has_schema=True), Settings(has_schema=True)]


class Model:
    def __init__(self, seed, **limits):
        self.random = random.Random(seed)
        self.limits = PoolLimits(**limits)
        self.state = PoolState(self.limits, self.random.random)
        self.now = 0.0
        self.idle = []
        self.borrowed = []
        self.owned = set()
        self.closing = []
        self.opening = []
        self.waiting = []
        self.ended = {}
        self.total = 0

    # -- what the state decided

    def apply(self, decisions):
        for decision in decisions:
            match decision:
                case Grant(waiter, connection):
                    self.end(waiter, "granted")
                    older = self.waiting[: self.waiting.index(waiter)]
                    assert not [
                        each for each in older if each.key == waiter.key and each.settings is waiter.settings
                    ]
                    assert connection.key == waiter.key
                    self.lend(connection)
                case Open(request):
                    self.opening.append(request)
                case Abandon(request):
                    assert request in self.opening
                case Close(connection, _):
                    (self.idle if connection in self.idle else self.borrowed).remove(connection)
                    self.closing.append(connection)
                case Expire(waiter):
                    assert waiter.deadline <= self.now or self.limits.borrow_timeout == 0
                    self.end(waiter, "expired")
                case Refuse(waiter):
                    self.end(waiter, "refused")

    def end(self, waiter, how):
        assert waiter not in self.ended, "ended twice"
        self.ended[waiter] = how

    def lend(self, connection):
        """Make a connection borrowed that is idle, or that its borrower or the connector has just left."""
        if connection in self.idle:
            self.idle.remove(connection)
            self.borrowed.append(connection)
        assert connection not in self.closing, "lent while closing"
        assert connection in self.borrowed, "lent when gone"
        assert connection not in self.owned, "two owners"
        self.owned.add(connection)

    def release(self, connection):
        self.owned.discard(connection)

    def settle(self):
        """Whoever has no owner after the decisions is idle."""
        for connection in [each for each in self.borrowed if each not in self.owned]:
            self.borrowed.remove(connection)
            self.idle.append(connection)
        self.waiting = [waiter for waiter in self.waiting if waiter not in self.ended]

    # -- steps

    def step_borrow(self):
        key = self.random.choice(KEYS[:1] * 3 + KEYS)
        settings = self.random.choice(SETTINGS)
        connection = self.state.take(key, settings, self.now)
        if connection is not None:
            assert not [waiter for waiter in self.waiting if waiter.key == key], "overtook a waiter"
            assert connection in self.idle
            self.lend(connection)
            return
        waiter = Waiter(key, settings)
        try:
            decisions = self.state.enqueue(waiter, self.now)
        except QueueFull:
            assert len(self.waiting) >= self.limits.max_queue_length
            return
        self.waiting.append(waiter)
        self.apply(decisions)

    def step_give_back(self):
        if self.owned:
            connection = self.pick(self.borrowed)
            if self.random.random() < 0.3:
                connection.settings = self.random.choice(SETTINGS)
            self.release(connection)
            self.apply(self.state.give_back(connection, self.now))

    def step_discard(self):
        if self.owned:
            connection = self.pick(self.borrowed)
            self.release(connection)
            self.apply(self.state.discard(connection))

    def step_open(self):
        if self.opening:
            request = self.pick(self.opening)
            self.opening.remove(request)
            connection = Connection(request.key, request.settings)
            self.borrowed.append(connection)
            self.apply(self.state.opened(request, connection, self.now))

    def step_fail(self):
        if self.opening:
            request = self.pick(self.opening)
            self.opening.remove(request)
            fatal = self.random.random() < 0.2
            self.apply(self.state.open_failed(request, OSError("down"), fatal, self.now))

    def step_closed(self):
        if self.closing:
            connection = self.pick(self.closing)
            self.closing.remove(connection)
            self.apply(self.state.closed(connection, self.now))

    def step_lose(self):
        alive = self.idle + self.borrowed
        if alive:
            connection = self.pick(alive)
            (self.idle if connection in self.idle else self.borrowed).remove(connection)
            self.release(connection)
            self.apply(self.state.closed(connection, self.now))

    def step_cancel(self):
        if self.waiting:
            waiter = self.pick(self.waiting)
            assert self.state.cancel(waiter)
            self.end(waiter, "cancelled")

    def step_time(self):
        self.now += self.random.choice((0.001, 0.1, 2.0))
        self.apply(self.state.wake(self.now))
        assert not [each for each in self.waiting if each not in self.ended and each.deadline <= self.now]

    def step_tick(self):
        self.now += self.random.choice((1.0, 20.0))
        self.apply(self.state.tick(self.now))

    def step_retire(self):
        if self.random.random() < 0.5:
            self.apply(self.state.retire_all(self.now))
        else:
            self.apply(self.state.retire(self.random.choice(KEYS), self.now))

    def step_resize(self):
        self.limits = attrs.evolve(
            self.limits,
            max_connections=self.random.randint(1, 12),
            borrow_timeout=self.random.choice((0.0, 5.0, 30.0)),
        )
        self.apply(self.state.resize(self.limits, self.now))

    def pick(self, choices):
        return self.random.choice(choices)

    # -- what must hold

    def check(self):
        self.settle()
        metrics = self.state.metrics
        assert metrics.database_connections_idle == len(self.idle)
        assert metrics.database_connections_currently_borrowed == len(self.borrowed) == len(self.owned)
        assert metrics.database_connections_closing == len(self.closing)
        assert metrics.database_connections_opening == len(self.opening)
        assert metrics.waiting == len(self.waiting)
        before, self.total = self.total, self.state.total
        assert self.total <= max(before, self.limits.max_connections), "above the cap"
        assert len(self.opening) <= self.limits.max_connecting
        for waiter in self.waiting:
            fitting = [
                each for each in self.idle if each.key == waiter.key and each.can_become(waiter.settings)
            ]
            assert not fitting, "a waiter is forgotten beside an idle connection"
        self.check_opening()

    def check_opening(self):
        """Who needs a connection opened has one opening, or room is being made, or there is a reason."""
        wanting = [bucket for bucket in self.state._waiting if bucket.wanted(self.now)]
        if wanting and len(self.opening) < self.limits.max_connecting:
            assert self.total >= self.limits.max_connections, "room, but nothing is opened"
            assert self.closing or not self.idle, "no room is made"

    def run(self, steps, weights):
        names = list(weights)
        for name in self.random.choices(names, [weights[each] for each in names], k=steps):
            getattr(self, f"step_{name}")()
            self.check()

    def serve_everyone(self):
        """With a sound target and prompt borrowers, all are served before their deadlines."""
        for _ in range(2000):
            if not self.waiting:
                return
            for step in (self.step_closed, self.step_open, self.step_give_back):
                step()
                self.check()
            self.now += 0.01
            self.apply(self.state.wake(self.now))
            self.check()
        raise AssertionError("waiters are forgotten")

    def drain(self):
        self.apply(self.state.drain(self.now))
        self.settle()
        assert not self.waiting
        assert not self.idle
        while self.borrowed or self.opening or self.closing:
            for step in (self.step_give_back, self.step_open, self.step_closed):
                step()
                self.settle()
        with pytest.raises(PoolClosed):
            self.state.enqueue(Waiter("app", SETTINGS[0]), self.now)
        self.state.tick(self.now + 100_000)
        assert self.state.total == 0
        assert not self.state._buckets


COMMON = {"borrow": 30, "give_back": 22, "open": 12, "closed": 12, "time": 6, "cancel": 2}
WEATHER = {
    "calm": COMMON,
    "rough": {**COMMON, "discard": 3, "lose": 3, "fail": 5, "tick": 2, "retire": 1},
    "changing": {**COMMON, "discard": 2, "fail": 2, "tick": 2, "retire": 1, "resize": 2},
    "overload": {**COMMON, "borrow": 90, "closed": 6, "fail": 1},
}


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("seed", range(4))
def test_random_steps(weather, seed):
    model = Model(
        f"{weather} {seed}",
        max_connections=7,
        max_idle=3,
        min_idle=1 if seed % 2 else 0,
        max_connecting=3,
        max_queue_length=60,
        borrow_timeout=20.0,
        idle_connection_timeout=15.0,
        max_life=200.0,
        warm_key_timeout=100.0,
    )
    model.run(STEPS, WEATHER[weather])
    model.limits = attrs.evolve(model.limits, max_connections=5, borrow_timeout=1000.0)
    model.apply(model.state.resize(model.limits, model.now))
    model.check()
    for waiter in list(model.waiting):
        model.state.cancel(waiter)
        model.end(waiter, "cancelled")
    model.settle()
    for _ in range(40):
        model.step_borrow()
        model.check()
    model.serve_everyone()
    model.drain()
    assert {"granted", "expired", "cancelled"} <= set(model.ended.values())
