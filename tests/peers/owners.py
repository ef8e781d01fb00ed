"""A model of who has which of a pool's connections, and random steps over the pool's state beside it.

The model knows every owner. A connection has at most one, and is never lent when closing or gone; the cap
holds; equal waiters are served in order of arrival; every waiter ends exactly once; nothing leaks. What else
holds, and how clients borrow, is up to the model of each state.
"""

import random

import attrs

from proxy.pool.decisions import Abandon, Close, Expire, Grant, Open, Refuse
from proxy.pool.errors import QueueFull
from proxy.pool.limits import PoolLimits
from proxy.pool.waiters import Waiter

__all__ = ["COMMON", "LIMITS", "SETTINGS", "Connection", "Model", "play"]


@attrs.define(eq=False)
class Settings:
    """Without a schema they cannot follow settings with one."""

    has_schema: bool


@attrs.define(eq=False)
class Connection:
    key: object
    settings: Settings

    def can_become(self, settings):
        return settings.has_schema or not self.settings.has_schema

    def close(self, reason):
        raise AssertionError("the model closes")


SETTINGS = [Settings(has_schema=False), Settings(has_schema=True), Settings(has_schema=True)]


class Model:
    """Needs `new_state`, `new_key`, `borrower`, which is the key of who borrows, and `is_behind`."""

    most_connections = 12

    def __init__(self, seed, **limits):
        self.random = random.Random(seed)
        self.limits = PoolLimits(**limits)
        self.state = self.new_state()
        self.now = 0.0
        self.idle = []
        #: Of each borrowed connection the key that it was borrowed with.
        self.owners = {}
        self.closing = []
        self.opening = []
        #: All that are open, also those that nobody has for a moment.
        self.open = {}
        self.waiting = {}
        self.ended = {}
        self.total = 0

    # -- what the state decided

    def apply(self, decisions):
        for decision in decisions:
            match decision:
                case Grant(waiter, connection):
                    self.end(waiter, "granted")
                    assert connection.key == waiter.key
                    assert not [each for each in self.older(waiter) if self.is_twin(each, waiter)]
                    self.lend(connection, waiter.key)
                case Open(request):
                    self.opening.append(request)
                case Abandon(request):
                    assert request in self.opening
                case Close(connection, _):
                    if connection in self.idle:
                        self.idle.remove(connection)
                    assert connection in self.open, "closed when gone"
                    assert connection not in self.owners, "closed under its owner"
                    assert connection not in self.closing, "closed twice"
                    self.closing.append(connection)
                case Expire(waiter, _, error):
                    self.check_expiry(waiter, error)
                    self.end(waiter, "expired")
                case Refuse(waiter):
                    self.end(waiter, "refused")

    def older(self, waiter):
        return [each for each in self.waiting if each.number < waiter.number and each not in self.ended]

    def is_twin(self, one, other):
        return one.key == other.key and one.settings is other.settings

    def end(self, waiter, how):
        assert waiter not in self.ended, "ended twice"
        self.ended[waiter] = how

    def lend(self, connection, key):
        """One that is idle, or that its borrower or the connector has just left."""
        if connection in self.idle:
            self.idle.remove(connection)
        assert connection not in self.closing, "lent while closing"
        assert connection not in self.owners, "two owners"
        assert connection in self.open, "lent when gone"
        self.owners[connection] = key

    def settle(self):
        """Whoever has no owner after the decisions is idle."""
        known = {*self.owners, *self.closing, *self.idle}
        self.idle += [connection for connection in self.open if connection not in known]
        self.waiting = {waiter: None for waiter in self.waiting if waiter not in self.ended}

    # -- steps

    def step_borrow(self):
        key, settings = self.borrower(), self.random.choice(SETTINGS)
        connection = self.state.take(key, settings, self.now)
        if connection is not None:
            assert not [waiter for waiter in self.waiting if self.is_behind(key, waiter)], "overtook a waiter"
            assert connection in self.idle
            self.lend(connection, key)
            return
        waiter = Waiter(key, settings)
        try:
            decisions = self.state.enqueue(waiter, self.now)
        except QueueFull as error:
            self.check_refusal(error, key)
        else:
            self.waiting[waiter] = None
            self.apply(decisions)

    def step_give_back(self):
        if self.owners:
            connection = self.pick(self.owners)
            if self.random.random() < 0.3:
                connection.settings = self.random.choice(SETTINGS)
            del self.owners[connection]
            self.apply(self.state.give_back(connection, self.now))

    def step_discard(self):
        if self.owners:
            connection = self.pick(self.owners)
            del self.owners[connection]
            self.apply(self.state.discard(connection, self.now))

    def step_open(self):
        if self.opening:
            request = self.pick(self.opening)
            self.opening.remove(request)
            connection = Connection(request.key, request.settings)
            self.open[connection] = None
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
            del self.open[connection]
            self.apply(self.state.closed(connection, self.now))

    def step_lose(self):
        alive = [*self.idle, *self.owners]
        if alive:
            connection = self.pick(alive)
            if connection in self.idle:
                self.idle.remove(connection)
            self.owners.pop(connection, None)
            del self.open[connection]
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
            self.apply(self.state.retire(self.new_key(), self.now))

    def step_resize(self):
        self.limits = attrs.evolve(
            self.limits,
            max_connections=self.random.randint(1, self.most_connections),
            borrow_timeout=self.random.choice((0.0, 5.0, 30.0)),
        )
        self.apply(self.state.resize(self.limits, self.now))

    def pick(self, choices):
        return self.random.choice(list(choices))

    # -- what must hold

    def check_refusal(self, error, key):
        assert len(self.waiting) >= self.limits.max_queue_length

    def check_expiry(self, waiter, error):
        assert waiter.deadline <= self.now or not waiter.is_patient

    def check(self, name):
        """After the step of that name."""
        self.settle()
        metrics = self.state.metrics
        assert metrics.database_connections_idle == len(self.idle)
        assert metrics.database_connections_currently_borrowed == len(self.owners)
        assert metrics.database_connections_closing == len(self.closing)
        assert metrics.database_connections_opening == len(self.opening)
        assert metrics.waiting == len(self.waiting)
        before, self.total = self.total, self.state.total
        assert self.total <= max(before, self.limits.max_connections), "above the cap"
        assert len(self.opening) <= self.limits.max_connecting

    def fitting(self, waiter):
        """Idle connections that the waiter could have."""
        return [each for each in self.idle if each.key == waiter.key and each.can_become(waiter.settings)]

    def step(self, name):
        getattr(self, f"step_{name}")()
        self.check(name)

    def run(self, steps, weights):
        names = list(weights)
        for name in self.random.choices(names, [weights[each] for each in names], k=steps):
            self.step(name)

    def expire_the_hasty(self):
        """Nobody, unless some have less patience than others."""

    def serve_everyone(self):
        """With a sound target and prompt borrowers, all are served before their deadlines."""
        for _ in range(3000):
            if not self.waiting:
                return
            for name in ("closed", "open", "give_back"):
                self.step(name)
            self.now += 0.001
            self.apply(self.state.wake(self.now))
            self.check("time")
        raise AssertionError("waiters are forgotten")

    def drain(self):
        self.apply(self.state.drain(self.now))
        self.settle()
        assert not self.waiting
        assert not self.idle
        while self.owners or self.opening or self.closing:
            for step in (self.step_give_back, self.step_open, self.step_closed):
                step()
                self.settle()
        self.state.tick(self.now + 100_000)
        assert self.state.total == 0
        assert not self.state._buckets


#: Of the pool; a test adds how many connections there may be and how many are kept idle.
LIMITS = {
    "max_idle": 3,
    "max_connecting": 3,
    "max_queue_length": 60,
    "borrow_timeout": 20.0,
    "idle_connection_timeout": 15.0,
    "max_life": 200.0,
    "warm_key_timeout": 100.0,
}
#: How often which step is taken, at least.
COMMON = {"borrow": 30, "give_back": 22, "open": 12, "closed": 12, "time": 6, "cancel": 2}


def play(model, steps, weights):
    """Random steps; then those who come afresh are served, and the pool stops."""
    model.run(steps, weights)
    model.limits = attrs.evolve(model.limits, max_connections=5, borrow_timeout=1000.0)
    model.apply(model.state.resize(model.limits, model.now))
    model.check("resize")
    while model.waiting:
        model.step("cancel")
    for _ in range(40):
        model.step("borrow")
    model.expire_the_hasty()
    model.serve_everyone()
    model.drain()
