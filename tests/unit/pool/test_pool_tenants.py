"""The layer of timers and Deferreds of a pool that has tenants."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.pool.errors import BorrowTimeout, TenantQueueFull, TenantTimeout
from proxy.pool.limits import PoolLimits
from proxy.pool.pool import Pool


class Connection:
    settings = None

    def __init__(self, key):
        self.key = key

    def can_become(self, settings):
        return True

    def close(self, reason):
        pass


class Target:
    """A connector that opens when told."""

    def __init__(self, **limits):
        self.pending = []
        self.clock = Clock()
        self.pool = Pool(self, PoolLimits(**limits), self.clock, tenant_of=lambda key: key[0])
        self.granted = []
        self.failed = []

    def open(self, request):
        opening = Deferred()
        self.pending.append((request, opening))
        return opening

    def accept(self):
        request, opening = self.pending.pop(0)
        opening.callback(Connection(request.key))

    def borrow(self, tenant, user="app"):
        borrow = self.pool.borrow((tenant, user), None)
        borrow.addCallbacks(self.granted.append, lambda failure: self.failed.append(failure.value))
        return borrow


@pytest.fixture
def shop(new_tenant):
    return new_tenant("shop", max_connections_percent=25, max_queue_length=1, borrow_timeout=3.0)


def test_a_tenant_has_errors_of_its_own(shop):
    target = Target(max_connections=4)
    target.borrow(shop)
    target.accept()
    target.borrow(shop)
    target.borrow(shop)
    (full,) = target.failed
    assert isinstance(full, TenantQueueFull)
    target.clock.advance(3.0)
    late = target.failed[1]
    assert isinstance(late, TenantTimeout)
    assert isinstance(late, BorrowTimeout)


def test_a_key_that_fails_is_the_cause_of_its_timeout_too(shop):
    target = Target(max_connections=4)
    target.borrow(shop)
    error = OSError("down")
    target.pending.pop()[1].errback(error)
    target.clock.advance(3.0)
    (late,) = target.failed
    assert isinstance(late, TenantTimeout)
    assert late.__cause__ is error


def test_after_a_cancelled_borrow_another_is_served_but_not_within_the_call(shop):
    target = Target(max_connections=4)
    given_up = target.borrow(shop, "one")
    target.pool.borrow((shop, "two"), None, is_admitted=True)
    given_up.cancel()
    assert [request.key[1] for request, _ in target.pending] == ["one"]
    target.clock.advance(0)
    assert [request.key[1] for request, _ in target.pending] == ["one", "two"]


def test_minimums_of_those_who_have_not_come(new_tenant):
    target = Target(max_connections=4)
    target.pool.expect([new_tenant("safe", min_connections_percent=50)])
    other = new_tenant("other")
    for _ in range(4):
        target.borrow(other)
    assert len(target.pending) == 2
    target.pool.expect([])
    target.clock.advance(1.0)
    assert {row.name: row.least for row in target.pool.by_tenant()} == {"other": 0}
    assert len(target.pending) == 4


def test_one_very_connection_is_charged_to_who_asks(new_tenant, shop):
    target, other = Target(max_connections=4), new_tenant("other")
    target.borrow(other)
    target.accept()
    (connection,) = target.granted
    target.pool.give_back(connection)
    assert target.pool.take_exact(connection, (shop, "app"))
    assert {row.name: row.used for row in target.pool.by_tenant()} == {"other": 0, "shop": 1}


def test_without_tenants_there_are_no_rows():
    pool = Pool(None, PoolLimits(), Clock())
    pool.expect([])
    assert pool.by_tenant() == []
