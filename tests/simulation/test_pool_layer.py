"""The pool with its Deferreds and timers over a slow, failing target, under random load on a fake clock."""

import random

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from proxy.pool.errors import BorrowTimeout, PoolError, TenantTimeout
from proxy.pool.limits import PoolLimits
from proxy.pool.pool import Pool
from tests.peers.shares import Share, Tenant

CAP = 6


TENANTS = {
    "app": Tenant("app", Share(max_connections_percent=70, borrow_timeout=0.7)),
    "report": Tenant("report", Share(min_connections_percent=20)),
}


@attrs.define(eq=False)
class Connection:
    target: "Target" = attrs.field(repr=False)
    key: str
    settings: object
    owner: object = None
    is_closing: bool = False
    is_gone: bool = False

    def can_become(self, settings):
        return True

    def close(self, reason):
        assert self.owner is None, "closed under its owner"
        self.is_closing = True
        self.target.later(0.2, self.target.end, self)


class Target:
    """A connector; counts the connections it serves."""

    def __init__(self, seed, clock):
        self.random = random.Random(seed)
        self.clock = clock
        self.pool = None
        self.alive = {}
        self.connecting = 0
        self.peak = 0

    def later(self, at_most, function, *arguments):
        return self.clock.callLater(self.random.uniform(0, at_most), function, *arguments)

    def open(self, request):
        self.connecting += 1
        self.peak = max(self.peak, len(self.alive) + self.connecting)
        opening = Deferred(lambda _: self.give_up(call))
        call = self.later(0.5, self.decide, request, opening)
        return opening

    def give_up(self, call):
        call.cancel()
        self.connecting -= 1

    def decide(self, request, opening):
        self.connecting -= 1
        if self.random.random() < 0.1:
            opening.errback(OSError("refused"))
            return
        connection = Connection(self, request.key, request.settings)
        self.alive[connection] = None
        opening.callback(connection)

    def end(self, connection):
        if connection in self.alive:
            del self.alive[connection]
            connection.is_gone = True
            self.pool.closed(connection)

    def lose_one(self):
        if self.alive:
            connection = self.random.choice(list(self.alive))
            connection.owner = None
            self.end(connection)


class Client:
    """Borrows, holds for a while, and returns, discards or borrows again."""

    def __init__(self, target, outcomes):
        self.target = target
        self.outcomes = outcomes
        self.key = target.random.choice(("app", "app", "report"))
        self.settings = target.random.choice(("utf8", "latin1"))
        self.borrow = target.pool.borrow(self.key, self.settings)
        self.borrow.addCallbacks(self.granted, self.failed)

    def granted(self, connection):
        self.outcomes.append("granted")
        assert connection.key == self.key
        assert not connection.is_closing
        assert not connection.is_gone
        assert connection.owner is None, "two owners"
        connection.owner = self
        connection.settings = self.settings
        if self.target.random.random() < 0.3:
            self.done(connection)
        else:
            self.target.later(0.3, self.done, connection)

    def done(self, connection):
        if connection.owner is self:
            connection.owner = None
            unclean = self.target.random.random() < 0.05
            (self.target.pool.discard if unclean else self.target.pool.give_back)(connection)

    def failed(self, failure):
        kind = failure.check(TenantTimeout, BorrowTimeout, CancelledError, PoolError)
        assert kind is not None, failure
        self.outcomes.append(kind.__name__)


@pytest.mark.parametrize("tenant_of", [None, TENANTS.get], ids=["plain", "tenants"])
@pytest.mark.parametrize("seed", range(5))
def test_random_load(seed, tenant_of):
    clock = Clock()
    target = Target(seed, clock)
    limits = PoolLimits(max_connections=CAP, max_connecting=3, borrow_timeout=1.0, max_idle=2, min_idle=1)
    pool = target.pool = Pool(target, limits, clock, target.random.random, tenant_of)
    pool.start()
    outcomes, clients = [], []
    for _ in range(3000):
        clients.append(Client(target, outcomes))
        chance = target.random.random()
        if chance < 0.05:
            target.random.choice(clients[-20:]).borrow.cancel()
        elif chance < 0.06:
            target.lose_one()
        elif chance < 0.065:
            pool.retire_all()
        clock.advance(target.random.uniform(0, 0.06))
    stopped = pool.stop()
    clock.pump([0.1] * 20)
    assert stopped.called
    assert len(outcomes) == len(clients), "a client without an outcome, or with two"
    timeout = "BorrowTimeout" if tenant_of is None else "TenantTimeout"
    assert {"granted", timeout, "CancelledError"} <= set(outcomes)
    assert target.peak == CAP
    assert not target.alive
    assert clock.getDelayedCalls() == []
