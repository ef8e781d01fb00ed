"""Thousands of random steps over `FairState`, against a model that knows every owner and every tenant.

No tenant gets more than its maximum; what is missing to the others' minimums is never given away; a waiter
is beside an idle connection it could use, or a slot, only if its tenant may have no more; every waiter ends
exactly once; all are served in the end; the books agree with what has really been lent.
"""

import random

import attrs
import pytest

from proxy.pool.decisions import Abandon, Close, Expire, Grant, Open, Refuse
from proxy.pool.errors import QueueFull, TenantQueueFull
from proxy.pool.fair_state import FairState
from proxy.pool.limits import PoolLimits
from proxy.pool.waiters import Waiter

STEPS = 2500


@attrs.frozen
class Share:
    weight: float = 1.0
    min_connections_percent: float = 0.0
    max_connections_percent: float = 100.0
    max_queue_length: int = 0
    borrow_timeout: float | None = None


@attrs.define(eq=False)
class Tenant:
    name: str
    share: Share = Share()


@attrs.frozen
class Key:
    """Connections are shared by user, whatever the tenant."""

    user: str
    tenant: Tenant | None = attrs.field(default=None, eq=False)


@attrs.define(eq=False)
class Settings:
    """Without a schema they cannot follow settings with one."""

    has_schema: bool


@attrs.define(eq=False)
class Connection:
    key: Key
    settings: Settings

    def can_become(self, settings):
        return settings.has_schema or not self.settings.has_schema


SETTINGS = [Settings(has_schema=False), Settings(has_schema=True), Settings(has_schema=True)]
USERS = ("app", "app", "report", "batch")


class Model:
    def __init__(self, seed, **limits):
        self.random = random.Random(seed)
        self.limits = PoolLimits(**limits)
        self.state = FairState(self.limits, lambda key: key.tenant, self.random.random)
        self.now = 0.0
        self.tenants = [
            Tenant("greedy", Share(max_queue_length=25)),
            Tenant("heavy", Share(weight=3.0, min_connections_percent=20)),
            Tenant("small", Share(weight=0.3, max_connections_percent=30, borrow_timeout=7.0)),
            Tenant("safe", Share(min_connections_percent=30, max_connections_percent=50)),
        ]
        self.idle = []
        self.owners = {}
        self.closing = []
        self.opening = []
        self.waiting = {}
        self.ended = {}
        self.shorted = 0
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
                    assert connection not in self.owners, "closed under its owner"
                    self.closing.append(connection)
                case Expire(waiter, _, error):
                    assert waiter.deadline <= self.now or not waiter.is_patient
                    assert (error is None) == (waiter.own_timeout is None)
                    self.end(waiter, "expired")
                case Refuse(waiter):
                    self.end(waiter, "refused")

    def older(self, waiter):
        return [each for each in self.waiting if each.number < waiter.number and each not in self.ended]

    def is_twin(self, one, other):
        same = one.key == other.key and one.key.tenant is other.key.tenant
        return same and one.settings is other.settings

    def end(self, waiter, how):
        assert waiter not in self.ended, "ended twice"
        self.ended[waiter] = how

    def lend(self, connection, key):
        if connection in self.idle:
            self.idle.remove(connection)
        assert connection not in self.closing, "lent while closing"
        assert connection not in self.owners, "two owners"
        assert connection in self.state._slots, "lent when gone"
        self.owners[connection] = key.tenant

    def settle(self):
        """Whoever has no owner after the decisions is idle."""
        known = [*self.owners, *self.closing, *self.idle]
        self.idle += [connection for connection in self.state._slots if connection not in known]
        self.waiting = {waiter: None for waiter in self.waiting if waiter not in self.ended}

    # -- steps

    def step_borrow(self):
        tenant = self.random.choice([*self.tenants[:1] * 5, *self.tenants, None])
        key = Key(self.random.choice(USERS), tenant)
        settings = self.random.choice(SETTINGS)
        connection = self.state.take(key, settings, self.now)
        if connection is not None:
            own = [waiter for waiter in self.waiting if waiter.key.tenant is tenant]
            assert not own, "overtook a waiter of its tenant"
            assert connection in self.idle
            self.lend(connection, key)
            return
        waiter = Waiter(key, settings)
        try:
            decisions = self.state.enqueue(waiter, self.now)
        except QueueFull as error:
            self.check_refusal(error, tenant)
        else:
            self.waiting[waiter] = None
            self.apply(decisions)

    def check_refusal(self, error, tenant):
        if isinstance(error, TenantQueueFull):
            assert error.tenant == tenant.name == "greedy"
            assert sum(each.key.tenant is tenant for each in self.waiting) >= error.limit
        else:
            assert len(self.waiting) >= self.limits.max_queue_length

    def step_exact(self):
        if self.idle:
            connection, key = self.pick(self.idle), Key("app", self.pick(self.tenants))
            is_needed = self.random.random() < 0.5
            if self.state.take_exact(connection, self.now, key, is_needed=is_needed):
                self.lend(connection, key)
            else:
                assert not is_needed

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
        alive = [*self.idle, *self.owners]
        if alive:
            connection = self.pick(alive)
            if connection in self.idle:
                self.idle.remove(connection)
            self.owners.pop(connection, None)
            self.apply(self.state.closed(connection, self.now))

    def step_cancel(self):
        if self.waiting:
            waiter = self.pick(self.waiting)
            assert self.state.cancel(waiter)
            self.end(waiter, "cancelled")
            if self.state.is_unsettled:
                assert self.state.next_deadline(self.now) == self.now
                self.settle()
                self.apply(self.state.wake(self.now))

    def step_time(self):
        self.now += self.random.choice((0.001, 0.1, 2.0))
        self.apply(self.state.wake(self.now))

    def step_tick(self):
        self.now += self.random.choice((1.0, 20.0))
        self.apply(self.state.tick(self.now))

    def step_retire(self):
        if self.random.random() < 0.5:
            self.apply(self.state.retire_all(self.now))
        else:
            self.apply(self.state.retire(Key(self.random.choice(USERS)), self.now))

    def step_resize(self):
        self.limits = attrs.evolve(
            self.limits,
            max_connections=self.random.randint(1, 14),
            borrow_timeout=self.random.choice((0.0, 5.0, 30.0)),
        )
        self.apply(self.state.resize(self.limits, self.now))

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

    def pick(self, choices):
        return self.random.choice(list(choices))

    # -- what must hold

    def check(self, name):
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
        self.check_books()
        self.check_minimums(name)
        self.check_waiters()

    def accounts(self):
        return self.state._shares.accounts.values()

    def check_books(self):
        owned = [each.line.account for each in self.state._ledger.openings.values() if each.line is not None]
        for account in self.accounts():
            lent = sum(tenant is account.tenant for tenant in self.owners.values())
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

    known = 0

    def check_waiters(self):
        ledger, shares = self.state._ledger, self.state._shares
        for waiter in self.waiting:
            line = waiter.line
            if shares.may_serve(line.account, ledger.available):
                fits = [
                    each for each in self.idle if each.key == waiter.key and each.can_become(waiter.settings)
                ]
                at_most = line.account.used >= line.account.most and not line.openings
                assert not fits or at_most, "a waiter is forgotten beside an idle connection"
            if shares.may_have_more(line.account, ledger.available) and line.wanted(self.now) > 0:
                is_full = len(self.opening) >= self.limits.max_connecting
                assert is_full or (ledger.free <= 0 and ledger.closing), "nothing is opened for a waiter"

    def run(self, steps, weights):
        names = list(weights)
        for name in self.random.choices(names, [weights[each] for each in names], k=steps):
            used = {each.name: each.used for each in self.accounts()}
            getattr(self, f"step_{name}")()
            self.check(name)
            if name != "exact":
                for each in self.accounts():
                    assert each.used <= max(each.most, used.get(each.name, 0)), "above its maximum"

    def serve_everyone(self):
        """With a sound target and prompt borrowers, all are served before their deadlines."""
        for _ in range(3000):
            if not self.waiting:
                return
            for step in ("closed", "open", "give_back"):
                getattr(self, f"step_{step}")()
                self.check(step)
            self.now += 0.001
            self.apply(self.state.wake(self.now))
            self.check("time")
        raise AssertionError("waiters are forgotten")

    def drain(self):
        self.apply(self.state.drain(self.now))
        self.settle()
        assert not self.waiting
        while self.owners or self.opening or self.closing:
            for step in (self.step_give_back, self.step_open, self.step_closed):
                step()
                self.settle()
        self.state.tick(self.now + 100_000)
        assert self.state.total == 0
        assert not self.state._buckets
        assert not list(self.accounts())


COMMON = {"borrow": 30, "give_back": 22, "open": 12, "closed": 12, "time": 6, "cancel": 2}
WEATHER = {
    "calm": COMMON,
    "rough": {**COMMON, "discard": 3, "lose": 3, "fail": 5, "tick": 2, "retire": 1, "exact": 2},
    "changing": {**COMMON, "discard": 2, "fail": 2, "tick": 2, "retire": 1, "resize": 2, "reload": 3},
    "overload": {**COMMON, "borrow": 90, "closed": 6, "fail": 1},
}


@pytest.mark.parametrize("weather", WEATHER)
@pytest.mark.parametrize("seed", range(4))
def test_random_steps(weather, seed):
    model = Model(
        f"{weather} {seed}",
        max_connections=10,
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
    model.check("resize")
    for waiter in list(model.waiting):
        model.state.cancel(waiter)
        model.end(waiter, "cancelled")
    model.settle()
    for _ in range(40):
        model.step_borrow()
    model.now += 6.0
    model.apply(model.state.wake(model.now))
    model.settle()
    model.serve_everyone()
    model.drain()
    assert {"granted", "cancelled"} <= set(model.ended.values())
