"""Thousands of random steps over `PoolState`, against a model that knows every owner.

A connection has at most one owner, is never lent when closing or gone, and is never idle beside a waiter it
fits; the cap holds; equal waiters are served in order of arrival; every waiter ends exactly once; nothing
leaks.
"""

import pytest

from proxy.pool.errors import PoolClosed
from proxy.pool.state import PoolState
from proxy.pool.waiters import Waiter
from tests.peers.owners import COMMON, LIMITS, SETTINGS, Model, play

STEPS = 4000
KEYS = ("app", "report", "batch")


class PoolModel(Model):
    def new_state(self):
        return PoolState(self.limits, self.random.random)

    def new_key(self):
        return self.random.choice(KEYS)

    def borrower(self):
        return self.random.choice(KEYS[:1] * 3 + KEYS)

    def is_behind(self, key, waiter):
        return waiter.key == key

    def check_expiry(self, waiter, error):
        assert waiter.deadline <= self.now or self.limits.borrow_timeout == 0

    def check(self, name):
        super().check(name)
        for waiter in self.waiting:
            assert not self.fitting(waiter), "a waiter is forgotten beside an idle connection"
        self.check_opening()

    def check_opening(self):
        """Who needs a connection opened has one opening, or room is being made, or there is a reason."""
        wanting = [bucket for bucket in self.state._waiting if bucket.wanted(self.now)]
        if wanting and len(self.opening) < self.limits.max_connecting:
            assert self.total >= self.limits.max_connections, "room, but nothing is opened"
            assert self.closing or not self.idle, "no room is made"

    def drain(self):
        super().drain()
        with pytest.raises(PoolClosed):
            self.state.enqueue(Waiter("app", SETTINGS[0]), self.now)


WEATHER = {
    "calm": COMMON,
    "rough": {**COMMON, "discard": 3, "lose": 3, "fail": 5, "tick": 2, "retire": 1},
    "changing": {**COMMON, "discard": 2, "fail": 2, "tick": 2, "retire": 1, "resize": 2},
    "overload": {**COMMON, "borrow": 90, "closed": 6, "fail": 1},
}


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("seed", range(4))
def test_random_steps(weather, seed):
    limits = {**LIMITS, "max_connections": 7, "min_idle": seed % 2}
    model = PoolModel(f"{weather} {seed}", **limits)
    play(model, STEPS, WEATHER[weather])
    assert {"granted", "expired", "cancelled"} <= set(model.ended.values())
