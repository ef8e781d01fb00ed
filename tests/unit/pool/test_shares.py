"""How the cap is divided, and whose turn it is among equals."""

import weakref

import pytest

from proxy.pool.limits import RECENT_USE_WINDOW
from proxy.pool.shares import Shares


@pytest.fixture
def divide(new_tenant):
    """Return the maximums and minimums of tenants with the given percentages, in order."""

    def divided(cap, *percentages):
        shares = Shares(lambda key: key, cap)
        for number, (least, most) in enumerate(percentages):
            shares.account_of(
                new_tenant(str(number), min_connections_percent=least, max_connections_percent=most)
            )
        return [(account.least, account.most) for account in shares.accounts.values()]

    return divided


class TestDivision:
    def test_without_percentages_all_may_have_all(self, divide):
        assert divide(10, (0, 100), (0, 100)) == [(0, 10), (0, 10)]

    def test_a_maximum_is_rounded_down_but_to_one_at_least(self, divide):
        assert divide(10, (0, 39), (0, 1)) == [(0, 3), (0, 1)]

    def test_a_minimum_is_rounded_up_where_there_is_room(self, divide):
        assert divide(10, (25, 100), (1, 100), (0, 100)) == [(3, 10), (1, 10), (0, 10)]

    def test_percentages_that_come_out_even_are_not_rounded(self, divide):
        assert divide(70, (10, 30), (30, 70)) == [(7, 21), (21, 49)]

    def test_minimums_that_fill_the_cap(self, divide):
        assert divide(10, (50, 100), (50, 100)) == [(5, 10), (5, 10)]

    def test_one_connection_is_left_to_those_without_a_minimum(self, divide):
        assert divide(10, (50, 100), (50, 100), (0, 100)) == [(4, 10), (4, 10), (0, 10)]

    def test_minimums_beyond_the_cap_are_scaled_down(self, divide):
        assert divide(10, (100, 100), (100, 100)) == [(5, 10), (5, 10)]
        assert divide(12, (90, 100), (60, 100), (30, 100)) == [(6, 12), (4, 12), (2, 12)]

    def test_a_minimum_is_no_more_than_the_maximum(self, divide):
        assert divide(10, (50, 20), (0, 100)) == [(2, 2), (0, 10)]

    def test_a_cap_of_one(self, divide):
        assert divide(1, (50, 100), (0, 100)) == [(0, 1), (0, 1)]


class TestAccounts:
    def test_of_no_tenant_is_one_without_limits(self, new_tenant):
        shares = Shares(lambda key: None, 10)
        account = shares.account_of("app")
        assert shares.account_of("other") is account
        assert (account.least, account.most) == (0, 10)

    def test_another_share_counts_from_the_next_borrow(self, new_tenant):
        shares, tenant = Shares(lambda key: key, 10), new_tenant("shop")
        account = shares.account_of(tenant)
        tenant.share = new_tenant("shop", max_connections_percent=50, weight=4.0).share
        assert shares.account_of(tenant) is account
        assert (account.most, account.weight) == (5, 4.0)

    def test_what_is_missing_to_minimums(self, new_tenant):
        shares = Shares(lambda key: key, 10)
        account = shares.account_of(new_tenant("shop", min_connections_percent=20))
        other = shares.account_of(new_tenant("other"))
        found = [shares.missing]
        for change in [shares.charge] * 3 + [shares.release] * 3:
            change(account)
            found.append(shares.missing)
        assert found == [2, 1, 0, 0, 0, 1, 2]
        assert not shares.may_have_more(other, 2)
        assert shares.may_have_more(other, 3)
        assert shares.may_have_more(account, 1)

    def test_unused_ones_are_forgotten_but_expected_ones(self, new_tenant):
        shares = Shares(lambda key: key, 10)
        shares.expect([new_tenant("expected", min_connections_percent=10)])
        used = shares.account_of(new_tenant("used", min_connections_percent=30))
        shares.account_of(new_tenant("idle", min_connections_percent=30))
        shares.charge(used)
        shares.now = 100.0
        shares.forget_unused(100.0)
        assert list(shares.accounts) == ["expected", "used"]
        assert shares.missing == 1 + 2

    def test_the_expected_are_those_named_last(self, new_tenant):
        shares = Shares(lambda key: key, 10)
        shares.expect([new_tenant("old", min_connections_percent=30)])
        shares.expect([new_tenant("new", min_connections_percent=20)])
        assert list(shares.accounts) == ["new"]
        assert shares.missing == 2

    def test_many_are_divided_to_at_the_next_look(self, new_tenant):
        shares = Shares(lambda key: key, 10_000)
        for number in range(400):
            shares.account_of(new_tenant(str(number), min_connections_percent=0.1))
        shares.renew_if_changed(10_000)
        assert shares.missing == 4000

    def test_a_share_that_changes_among_many_does_not_divide_for_each_borrow(self, new_tenant, monkeypatch):
        shares = Shares(lambda key: key, 100)
        tenants = [new_tenant(str(number)) for number in range(400)]
        for tenant in tenants:
            shares.account_of(tenant)
        shares.renew_if_changed(100)
        divided = []
        monkeypatch.setattr(shares, "apportion", divided.append)
        for tenant in tenants:
            tenant.share = new_tenant("x", max_connections_percent=50, min_connections_percent=1).share
            assert shares.account_of(tenant).most == 50
        assert divided == []
        shares.renew_if_changed(100)
        assert divided == [100]


class TestRecentUse:
    def test_it_fades(self, new_tenant):
        shares = Shares(lambda key: key, 10)
        account = shares.account_of(new_tenant("shop", weight=2.0))
        shares.charge(account)
        shares.charge(account)
        shares.now = 1000 * RECENT_USE_WINDOW
        assert shares.recent(account) == pytest.approx(RECENT_USE_WINDOW)
        shares.release(account)
        shares.release(account)
        shares.now += 1000 * RECENT_USE_WINDOW
        assert shares.recent(account) == pytest.approx(0.0)

    @pytest.mark.parametrize("pause", [0.0, 3.0, 30.0])
    def test_of_equals_who_used_less_comes_first_however_long_ago(self, new_fair_world, new_tenant, pause):
        world = new_fair_world(max_connections=2, borrow_timeout=1e12, max_life=1e12)
        long, short, blocker = (new_tenant(name) for name in ("long", "short", "blocker"))
        (first,) = world.lend(long)
        world.now += 2.0
        world.give_back(first)
        assert world.take(world.key(short)) is first
        world.now += 1.0
        world.give_back(first)
        held = [world.take(world.key(blocker)), *world.lend(blocker)]
        world.queue(long)
        later = world.queue(short)
        world.now += pause
        world.give_back(held[0])
        assert world.granted == {later: held[0]}

    @pytest.mark.parametrize("pause", [6000.0, 1e9])
    def test_of_long_ago_nothing_is_left_and_the_older_wait_decides(self, new_fair_world, new_tenant, pause):
        world = new_fair_world(max_connections=1, borrow_timeout=1e12, max_life=1e12)
        long, short = new_tenant("long"), new_tenant("short")
        (connection,) = world.lend(long)
        world.now += 5.0
        world.give_back(connection)
        assert world.take(world.key(short)) is connection
        world.now += pause
        older = world.queue(long)
        world.queue(short)
        world.give_back(connection)
        assert world.granted == {older: connection}


class TestTenantsThatAreNoMore:
    def test_a_tenant_is_not_kept_for_the_pools_sake(self, new_tenant):
        shares, tenant = Shares(lambda key: key, 10), new_tenant("shop", min_connections_percent=30)
        shares.charge(shares.account_of(tenant))
        shares.release(shares.account_of(tenant))
        reference = weakref.ref(tenant)
        del tenant
        assert reference() is None
        shares.forget_unused(1e9)
        assert (list(shares.accounts), shares.missing) == ([], 0)

    def test_what_it_has_still_counts(self, new_tenant):
        shares = Shares(lambda key: key, 10)
        account = shares.account_of(new_tenant("shop", max_connections_percent=30))
        shares.charge(account)
        shares.forget_unused(1e9)
        assert (shares.accounts["shop"].used, account.most) == (1, 3)
        again = new_tenant("shop", max_connections_percent=50)
        assert shares.account_of(again) is account
        assert (account.tenant, account.used, account.most) == (again, 1, 5)
