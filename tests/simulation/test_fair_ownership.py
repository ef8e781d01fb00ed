"""Thousands of random steps over `FairState`, against a model that knows every owner and every tenant.

No tenant gets more than its maximum; what is missing to the others' minimums is never given away; a waiter
is beside an idle connection it could use, or a slot, only if its tenant may have no more; every waiter ends
exactly once; all are served in the end; the books agree with what has really been lent.
"""

import attrs
import pytest

from proxy.pool.errors import TenantQueueFull
from proxy.pool.fair_state import FairState
from tests.peers.owners import COMMON, LIMITS, Model, play
from tests.peers.shares import Share, Tenant, TenantKey

STEPS = 2500
USERS = ("app", "app", "report", "batch")


class FairModel(Model):
    most_connections = 14

    def __init__(self, seed, **limits):
        super().__init__(seed, **limits)
        self.tenants = [
            Tenant("greedy", Share(max_queue_length=25)),
            Tenant("heavy", Share(weight=3.0, min_connections_percent=20)),
            Tenant("small", Share(weight=0.3, max_connections_percent=30, borrow_timeout=7.0)),
            Tenant("safe", Share(min_connections_percent=30, max_connections_percent=50)),
        ]
        #: How much was missing to minimums that is not there, and of how many tenants.
        self.shorted = self.known = 0

    def new_state(self):
        return FairState(self.limits, lambda key: key.tenant, self.random.random)

    def new_key(self):
        return TenantKey(self.random.choice(USERS))

    def borrower(self):
        tenant = self.random.choice([*self.tenants[:1] * 5, *self.tenants, None])
        return TenantKey(self.random.choice(USERS), tenant)

    def is_behind(self, key, waiter):
        return waiter.key.tenant is key.tenant

    def is_twin(self, one, other):
        return super().is_twin(one, other) and one.key.tenant is other.key.tenant

    # -- steps

    def step_exact(self):
        if self.idle:
            connection, key = self.pick(self.idle), TenantKey("app", self.pick(self.tenants))
            is_needed = self.random.random() < 0.5
            if self.state.take_exact(connection, self.now, key, is_needed=is_needed):
                self.lend(connection, key)
            else:
                assert not is_needed

    def step_cancel(self):
        super().step_cancel()
        if self.state.is_unsettled:
            assert self.state.next_deadline(self.now) == self.now
            self.settle()
            self.apply(self.state.wake(self.now))

    def step(self, name):
        used = {each.name: each.used for each in self.accounts()}
        super().step(name)
        if name != "exact":
            for each in self.accounts():
                assert each.used <= max(each.most, used.get(each.name, 0)), "above its maximum"

    def step_reload(self):
        tenant = self.pick(self.tenants)
        least = self.random.choice((0.0, 0.0, 20.0, 60.0))
        most = self.random.choice((10.0, 50.0, 100.0))
        tenant.share = attrs.evolve(
            tenant.share,
            weight=self.random.choice((0.1, 1.0, 5.0)),
            min_connections_percent=least,
            max_connections_percent=most,
            borrow_timeout=self.random.choice((None, 0.0, 7.0)),
        )
        self.apply(self.state.tick(self.now))

    # -- what must hold

    def check_refusal(self, error, key):
        if not isinstance(error, TenantQueueFull):
            super().check_refusal(error, key)
            return
        assert error.tenant == key.tenant.name == "greedy"
        assert sum(each.key.tenant is key.tenant for each in self.waiting) >= error.limit

    def check_expiry(self, waiter, error):
        super().check_expiry(waiter, error)
        assert (error is None) == (waiter.own_timeout is None)

    def check(self, name):
        super().check(name)
        self.check_books()
        self.check_minimums(name)
        self.check_waiters()

    def accounts(self):
        return self.state._shares.accounts.values()

    def check_books(self):
        owned = [each.line.account for each in self.state._ledger.openings.values() if each.line is not None]
        for account in self.accounts():
            lent = sum(key.tenant is account.tenant for key in self.owners.values())
            assert account.opening == owned.count(account)
            assert account.used == lent + account.opening
            assert account.waiting == sum(waiter.key.tenant is account.tenant for waiter in self.waiting)
            assert account.waiting == sum(len(line.waiters) for line in account.lines.values())
            for line in account.lines.values():
                assert len(line.openings) <= len(line.waiters) > 0
                assert not line.promised
        assert self.state._shares.missing == sum(max(0, each.least - each.used) for each in self.accounts())

    def check_minimums(self, name):
        """What is missing to minimums is there, or was given away before it was promised."""
        ledger = self.state._ledger
        unowned = sum(each.line is None for each in ledger.openings.values())
        there = ledger.available + ledger.closing + unowned
        before, self.shorted = self.shorted, max(0, self.state._shares.missing - there)
        if name not in ("exact", "resize", "reload", "tick"):
            grown = len(self.accounts()) - self.known
            assert self.shorted <= before or grown, "a minimum was given away"
        self.known = len(self.accounts())

    def check_waiters(self):
        ledger, shares = self.state._ledger, self.state._shares
        for waiter in self.waiting:
            line = waiter.line
            if shares.may_serve(line.account, ledger.available):
                at_most = line.account.used >= line.account.most and not line.openings
                assert not self.fitting(waiter) or at_most, "a waiter is forgotten beside an idle connection"
            if shares.may_have_more(line.account, ledger.available) and line.wanted(self.now) > 0:
                is_full = len(self.opening) >= self.limits.max_connecting
                assert is_full or (ledger.free <= 0 and ledger.closing), "nothing is opened for a waiter"

    def expire_the_hasty(self):
        """Those whose tenant has a timeout of its own."""
        self.now += 6.0
        self.apply(self.state.wake(self.now))
        self.settle()

    def drain(self):
        super().drain()
        assert not list(self.accounts())


WEATHER = {
    "calm": COMMON,
    "rough": {**COMMON, "discard": 3, "lose": 3, "fail": 5, "tick": 2, "retire": 1, "exact": 2},
    "changing": {**COMMON, "discard": 2, "fail": 2, "tick": 2, "retire": 1, "resize": 2, "reload": 3},
    "overload": {**COMMON, "borrow": 90, "closed": 6, "fail": 1},
}


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("seed", range(4))
def test_random_steps(weather, seed):
    limits = {**LIMITS, "max_connections": 10, "min_idle": seed % 2}
    model = FairModel(f"{weather} {seed}", **limits)
    play(model, STEPS, WEATHER[weather])
    assert {"granted", "cancelled"} <= set(model.ended.values())
