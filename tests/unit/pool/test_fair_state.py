"""Borrowing with tenants: limits, queues, timeouts and accounts; whose turn it is has its own file."""

import attrs
import pytest

from proxy.pool.bucket import SlotState
from proxy.pool.decisions import NOTHING, Grant
from proxy.pool.errors import NotBorrowed, PoolClosed, QueueFull, TenantQueueFull, TenantTimeout
from proxy.pool.limits import PoolLimits
from proxy.pool.reasons import CloseReason
from proxy.pool.waiters import Waiter

ONE, TWO = object(), object()


class TestMaximum:
    def test_it_holds_on_the_fast_path_and_in_the_queue(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        shop, other = new_tenant("shop", max_connections_percent=50), new_tenant("other")
        for connection in world.lend(other, 4):
            world.give_back(connection)
        assert world.take(world.key(shop))
        second = world.take(world.key(shop))
        assert world.take(world.key(shop)) is None
        waiter = world.queue(shop)
        assert world.used() == {"other": 0, "shop": 2}
        assert world.take(world.key(other)), "who waits at its own maximum is in nobody's way"
        assert world.give_back(second) == [Grant(waiter, second)]

    def test_what_is_opening_counts(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        shop = new_tenant("shop", max_connections_percent=50)
        for _ in range(3):
            world.queue(shop)
        assert len(world.opens) == 2

    def test_a_returned_one_may_replace_what_is_opening(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=10)
        shop, other = new_tenant("shop", max_connections_percent=10), new_tenant("other")
        (connection,) = world.lend(other)
        waiter = world.queue(shop)
        assert world.used() == {"other": 1, "shop": 1}
        world.give_back(connection)
        assert world.granted == {waiter: connection}
        assert world.used() == {"other": 0, "shop": 1}
        late = world.succeed()
        assert world.state.state_of(late) is SlotState.IDLE
        assert world.used() == {"other": 0, "shop": 1}

    def test_an_opening_that_nobody_needs_is_adopted(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=2)
        shop, other = new_tenant("shop"), new_tenant("other")
        given_up = world.queue(shop)
        world.state.cancel(given_up)
        assert world.used() == {"shop": 0}
        waiter = world.queue(other)
        assert len(world.opens) == 1
        assert world.succeed() is world.granted[waiter]

    def test_lowered_it_takes_nothing_away(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        shop = new_tenant("shop")
        connections = world.lend(shop, 3)
        shop.share = attrs.evolve(shop.share, max_connections_percent=25)
        waiter = world.queue(shop)
        world.give_back(connections[0])
        world.give_back(connections[1])
        assert not world.granted
        world.give_back(connections[2])
        assert waiter in world.granted

    def test_one_very_connection_is_lent_regardless(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=10)
        shop, other = new_tenant("shop", max_connections_percent=10), new_tenant("other")
        (connection,) = world.lend(other)
        world.lend(shop)
        world.give_back(connection)
        assert world.state.take_exact(connection, world.now, world.key(shop))
        assert world.used() == {"other": 0, "shop": 2}
        world.give_back(connection)
        assert world.state.take_exact(connection, world.now)
        assert world.used() == {"other": 1, "shop": 1}

    def test_one_that_any_other_could_replace_is_lent_within_the_share(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=10)
        shop, other = new_tenant("shop", max_connections_percent=10), new_tenant("other")
        (connection,) = world.lend(other)
        (held,) = world.lend(shop)
        world.give_back(connection)
        assert not world.state.take_exact(connection, world.now, world.key(shop), is_needed=False)
        assert world.used() == {"other": 0, "shop": 1}
        world.give_back(held)
        assert world.state.take_exact(connection, world.now, world.key(shop), is_needed=False)
        assert world.used() == {"other": 0, "shop": 1}


class TestMinimum:
    def test_a_very_connection_that_is_not_needed_is_kept_too(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=2)
        safe, other = new_tenant("safe", min_connections_percent=50), new_tenant("other")
        world.apply(world.state.expect([safe], world.now))
        world.lend(other)
        (connection,) = world.lend(safe)
        world.give_back(connection)
        take = world.state.take_exact
        assert not take(connection, world.now, world.key(other), is_needed=False)
        assert take(connection, world.now, world.key(safe), is_needed=False)

    def test_others_leave_the_last_ones(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        safe, other = new_tenant("safe", min_connections_percent=50), new_tenant("other")
        world.apply(world.state.expect([safe], world.now))
        for connection in world.lend(safe, 4):
            world.give_back(connection)
        assert [bool(world.take(world.key(other))) for _ in range(3)] == [True, True, False]
        world.queue(other)
        assert not world.granted
        assert world.take(world.key(safe))
        assert world.take(world.key(safe))

    def test_it_is_kept_in_free_slots_too(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        safe, other = new_tenant("safe", min_connections_percent=50), new_tenant("other")
        world.apply(world.state.expect([safe], world.now))
        for _ in range(5):
            world.queue(other)
        assert len(world.opens) == 2
        world.queue(safe)
        world.queue(safe)
        assert len(world.opens) == 4

    def test_below_it_nobody_comes_first(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        safe, other = new_tenant("safe", min_connections_percent=75, weight=0.01), new_tenant("other")
        (first, _) = world.lend(other, 2)
        world.lend(safe, 2)
        older, waiter = world.queue(other), world.queue(safe)
        world.give_back(first)
        assert waiter in world.granted
        assert older not in world.granted

    def test_given_up_at_a_reload_it_serves_who_waits(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=2)
        safe, other = new_tenant("safe", min_connections_percent=50), new_tenant("other")
        world.apply(world.state.expect([safe], world.now))
        world.queue(other)
        world.queue(other)
        assert len(world.opens) == 1
        safe.share = attrs.evolve(safe.share, min_connections_percent=0)
        world.tick(1.0)
        assert len(world.opens) == 2


class TestQueue:
    def test_of_a_tenant_that_may_have_no_more_is_bounded(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        shop = new_tenant("shop", max_connections_percent=50, max_queue_length=1)
        world.lend(shop, 2)
        world.queue(shop)
        with pytest.raises(TenantQueueFull) as refused:
            world.queue(shop)
        error = refused.value
        assert (error.tenant, error.limit, error.used, error.most) == ("shop", 1, 2, 2)
        assert world.row(shop).refused == world.state.metrics.borrows_rejected_total == 1
        world.queue(new_tenant("other"))

    def test_it_is_not_while_connections_are_only_being_opened(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4, max_connecting=1)
        shop = new_tenant("shop", max_queue_length=1)
        for _ in range(3):
            world.queue(shop)
        assert world.row(shop).waiting == 3

    def test_who_comes_from_another_queue_is_let_in(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=1, max_queue_length=1)
        shop = new_tenant("shop", max_queue_length=1)
        world.lend(shop)
        world.queue(shop)
        moved = Waiter(world.key(shop), None, until=world.now + 5, is_admitted=True)
        assert world.state.enqueue(moved, world.now) == []
        with pytest.raises(QueueFull):
            world.queue(new_tenant("other"))

    def test_none_after_draining(self, new_fair_world, new_tenant):
        world = new_fair_world()
        world.apply(world.state.drain(world.now))
        with pytest.raises(PoolClosed):
            world.queue(new_tenant("shop"))


class TestTimeout:
    def test_of_the_tenant_s_own(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=1, borrow_timeout=120)
        hasty, other = new_tenant("hasty", borrow_timeout=3.0), new_tenant("other")
        world.lend(other)
        world.queue(other)
        waiter = world.queue(hasty)
        assert world.deadline_in() == 3.0
        world.now += 3.0
        (expired,) = world.apply(world.state.wake(world.now))
        assert expired.waiter is waiter
        assert isinstance(expired.error, TenantTimeout)
        assert (expired.error.tenant, expired.error.seconds) == ("hasty", 3.0)
        assert world.row(hasty).expired == 1
        assert world.deadline_in() == 117.0

    def test_it_may_be_longer_than_the_pool_s(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=1, borrow_timeout=5)
        patient = new_tenant("patient", borrow_timeout=60.0)
        world.lend(patient)
        world.queue(patient)
        assert world.deadline_in() == 60.0

    def test_moving_from_pool_to_pool_gives_no_more_of_it(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=1, borrow_timeout=20)
        hasty = new_tenant("hasty", borrow_timeout=15.0)
        world.lend(hasty)
        began = world.now - 10
        moved = Waiter(world.key(hasty), None, until=began + 20, is_admitted=True)
        world.apply(world.state.enqueue(moved, world.now))
        assert world.deadline_in() == 5.0

    def test_queueing_again_in_the_same_pool_gives_no_more_of_it(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=1, borrow_timeout=20)
        hasty = new_tenant("hasty", borrow_timeout=3.0)
        (connection,) = world.lend(hasty)
        waiter = world.queue(hasty)
        world.give_back(connection)
        world.gone(connection)
        world.now += 1
        waiter.until = waiter.deadline
        world.apply(world.state.enqueue(waiter, world.now))
        assert world.deadline_in() == 2.0

    def test_zero_waits_only_for_what_can_be_opened_now(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=3, connect_timeout=7)
        hasty, other = (
            new_tenant("hasty", borrow_timeout=0.0, max_connections_percent=34),
            new_tenant("other"),
        )
        first = world.queue(hasty)
        assert world.deadline_in() == 7
        assert world.queue(hasty) in world.expired
        world.queue(other)
        world.fail()
        assert first in world.expired
        assert len(world.expired) == 2, "others wait on"


class TestAccounts:
    def test_they_move_with_the_borrower(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=1)
        shop, other = new_tenant("shop"), new_tenant("other")
        (connection,) = world.lend(shop)
        waiter = world.queue(other)
        world.now += 2.0
        assert world.give_back(connection) == [Grant(waiter, connection)]
        assert world.used() == {"shop": 0, "other": 1}
        row = world.row(other)
        assert (row.granted, row.waited, row.waiting) == (1, 2.0, 0)

    @pytest.mark.parametrize("end", ["give_back", "discard", "closed", "retired"])
    def test_however_a_borrow_ends_nothing_is_left(self, new_fair_world, new_tenant, end):
        world = new_fair_world()
        (connection,) = world.lend(new_tenant("shop"))
        if end == "closed":
            world.gone(connection)
        elif end == "discard":
            world.apply(world.state.discard(connection, world.now))
        else:
            if end == "retired":
                world.apply(world.state.retire_all(world.now))
            world.give_back(connection)
        assert world.used() == {"shop": 0}
        if end == "closed":
            assert world.state.give_back(connection, world.now) == NOTHING

    @pytest.mark.parametrize("fatal", [True, False])
    def test_a_failed_open_is_nobody_s(self, new_fair_world, new_tenant, fatal):
        world = new_fair_world()
        shop = new_tenant("shop")
        world.queue(shop)
        assert world.used() == {"shop": 1}
        world.fail(fatal=fatal)
        assert world.used() == {"shop": 0}
        assert world.row(shop).refused == fatal

    def test_an_abandoned_open_is_nobody_s(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        shop = new_tenant("shop", max_connections_percent=25)
        waiter = world.queue(shop)
        (old,) = world.opens
        world.apply(world.state.retire_all(world.now))
        assert len(world.opens) == 2
        assert world.used() == {"shop": 1}
        late = world.succeed(old)
        assert world.closing == {late: CloseReason.RETIRED}
        assert world.succeed() is world.granted[waiter]

    def test_a_cancelled_wait_lets_another_of_the_tenant_be_served(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=4)
        shop = new_tenant("shop", max_connections_percent=25)
        given_up, waiter = world.queue(shop, "one"), world.queue(shop, "two")
        assert world.state.cancel(given_up)
        assert not world.state.cancel(given_up)
        assert world.state.is_unsettled
        assert world.deadline_in() == 0.0
        world.wake_at_deadline()
        assert not world.state.is_unsettled
        assert [request.key.user for request in world.opens] == ["one", "two"]
        assert world.succeed(world.opens[1]) is world.granted[waiter]

    def test_giving_back_twice_is_an_error(self, new_fair_world, new_tenant):
        world = new_fair_world()
        (connection,) = world.lend(new_tenant("shop"))
        world.give_back(connection)
        with pytest.raises(NotBorrowed):
            world.give_back(connection)
        assert world.used() == {"shop": 0}

    def test_a_lower_cap_lowers_all_parts(self, new_fair_world, new_tenant):
        world = new_fair_world(max_connections=10)
        shop = new_tenant("shop", min_connections_percent=20, max_connections_percent=50)
        world.lend(shop)
        world.apply(world.state.resize(PoolLimits(max_connections=4), world.now))
        row = world.row(shop)
        assert (row.least, row.most) == (1, 2)
