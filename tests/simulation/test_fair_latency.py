"""What a polite tenant waits for a connection beside a greedy one, measured on a fake clock.

The greedy one has 1,000 clients that borrow again as soon as they have given back, for a second each; the
polite one has three that borrow for 10 ms and then pause.
"""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.pool.limits import PoolLimits
from proxy.pool.pool import Pool
from tests.peers.shares import Share, Tenant, TenantKey

CAP = 20
CONNECT = 0.02
SLOW, QUICK = 1.0, 0.01
PAUSE = 0.13
GREEDY, POLITE = 1000, 3
SECONDS = 15.0


class Connection:
    settings = None

    def __init__(self, target, key):
        self.target = target
        self.key = key

    def can_become(self, settings):
        return True

    def close(self, reason):
        self.target.clock.callLater(0, self.target.pool.closed, self)


class Target:
    def __init__(self, is_fair=True):
        self.clock = Clock()
        limits = PoolLimits(max_connections=CAP, borrow_timeout=10_000.0)
        tenant_of = (lambda key: key.tenant) if is_fair else None
        self.pool = Pool(self, limits, self.clock, lambda: 0.0, tenant_of=tenant_of)
        self.pool.start()
        self.opened = 0

    def open(self, request):
        self.opened += 1
        opening = Deferred()
        self.clock.callLater(CONNECT, lambda: opening.callback(Connection(self, request.key)))
        return opening

    def run(self, seconds):
        end = self.clock.seconds() + seconds
        while (calls := self.clock.getDelayedCalls()) and calls[0].getTime() <= end:
            self.clock.advance(calls[0].getTime() - self.clock.seconds())
        self.clock.advance(end - self.clock.seconds())


class Client:
    """Borrows, works, gives back, pauses, for ever; notes how long each borrow took."""

    def __init__(self, target, key, work, pause, waits):
        self.target = target
        self.key = key
        self.work = work
        self.pause = pause
        self.waits = waits

    def borrow(self):
        began = self.target.clock.seconds()
        borrow = self.target.pool.borrow(self.key, None)
        borrow.addCallback(self.granted, began)

    def granted(self, connection, began):
        self.waits.append(self.target.clock.seconds() - began)
        self.target.clock.callLater(self.work, self.done, connection)

    def done(self, connection):
        self.target.pool.give_back(connection)
        self.target.clock.callLater(self.pause, self.borrow)


def polite_waits(polite, greedy=None, *, same_user=False, is_fair=True):
    """Return how long the polite tenant's borrows took, once all clients are there; and the target."""
    target = Target(is_fair)
    target.pool.expect([polite])
    waits = []
    if greedy is not None:
        for _ in range(GREEDY):
            Client(target, TenantKey("app", greedy), SLOW, 0.0, []).borrow()
        target.run(2.0)
    key = TenantKey("app" if same_user else "polite", polite)
    for number in range(POLITE):
        client = Client(target, key, QUICK, PAUSE, waits)
        target.clock.callLater(number * 0.041, client.borrow)
    target.run(SECONDS)
    return waits, target


def mean(numbers):
    return sum(numbers) / len(numbers)


@pytest.fixture
def alone():
    waits, _ = polite_waits(Tenant("polite"))
    return waits


@pytest.mark.parametrize("same_user", [True, False])
class TestBesideAGreedyTenant:
    def test_with_a_minimum_it_waits_as_if_it_were_alone(self, alone, same_user):
        polite = Tenant("polite", Share(min_connections_percent=15))
        waits, _ = polite_waits(polite, Tenant("greedy"), same_user=same_user)
        assert mean(waits) <= mean(alone) * 1.05
        assert max(waits) <= max(alone) + 1e-9

    def test_where_the_greedy_one_has_a_maximum_too(self, alone, same_user):
        greedy = Tenant("greedy", Share(max_connections_percent=80))
        waits, _ = polite_waits(Tenant("polite"), greedy, same_user=same_user)
        assert mean(waits) <= mean(alone) * 1.05

    def test_without_it_waits_for_one_connection_to_be_returned_at_most(self, same_user):
        waits, _ = polite_waits(Tenant("polite"), Tenant("greedy"), same_user=same_user)
        assert max(waits) <= SLOW + CONNECT

    def test_all_is_used_nevertheless(self, same_user):
        _, target = polite_waits(Tenant("polite"), Tenant("greedy"), same_user=same_user)
        (greedy,) = [row for row in target.pool.by_tenant() if row.name == "greedy"]
        assert greedy.granted >= 0.9 * CAP * SECONDS / SLOW

    def test_without_tenants_it_would_wait_its_turn_among_all(self, same_user):
        """What the rules are for; with another user it is helped by ageing alone."""
        waits, _ = polite_waits(Tenant("polite"), Tenant("greedy"), same_user=same_user, is_fair=False)
        assert not waits or mean(waits) > SLOW / 2


class TestEqualTenants:
    def shares(self, *tenants, users=None, work=0.1, seconds=SECONDS):
        target = Target()
        for number, tenant in enumerate(tenants):
            user = "app" if users is None else users[number]
            for _ in range(50):
                Client(target, TenantKey(user, tenant), work, 0.0, []).borrow()
        target.run(seconds)
        rows = {row.name: row.granted for row in target.pool.by_tenant()}
        return [rows[tenant.name] for tenant in tenants], target

    @pytest.mark.parametrize("users", [None, ("a", "b")])
    def test_by_weight(self, users):
        (heavy, light), _ = self.shares(Tenant("heavy", Share(weight=3.0)), Tenant("light"), users=users)
        assert heavy / light == pytest.approx(3.0, rel=0.1)

    def test_odd_numbers_are_evened_out_over_time(self):
        tenants = [Tenant(f"tenant {number}") for number in range(7)]
        granted, _ = self.shares(*tenants, users="abcdefg")
        assert min(granted) > 0.8 * max(granted)

    def test_different_users_do_not_open_connections_all_the_time(self):
        tenants = [Tenant(f"tenant {number}") for number in range(7)]
        granted, target = self.shares(*tenants, users="abcdefg", work=0.01, seconds=5.0)
        assert target.opened < sum(granted) / 50

    def test_more_tenants_than_connections(self):
        tenants = [Tenant(f"tenant {number}") for number in range(3 * CAP)]
        granted, _ = self.shares(*tenants, users=[f"user {number}" for number in range(3 * CAP)])
        assert min(granted) > 0.5 * max(granted)
