"""Borrowing, returning, generations and draining; opening, matching and upkeep have their own files."""

import pytest

from proxy.pool.bucket import SlotState
from proxy.pool.decisions import NOTHING, Close, Grant
from proxy.pool.errors import NotBorrowed, PoolClosed, QueueFull
from proxy.pool.limits import PoolLimits
from proxy.pool.reasons import CloseReason
from proxy.pool.waiters import Waiter

ONE, TWO, THREE = object(), object(), object()


class TestTake:
    def test_empty_pool_has_nothing(self, new_world):
        assert new_world().take() is None

    def test_exact_settings_come_before_newer_others(self, new_world):
        world = new_world()
        exact, other = world.borrow(settings=ONE), world.borrow(settings=TWO)
        world.give_back(exact)
        world.give_back(other)
        assert world.take(settings=ONE) is exact
        assert world.take(settings=ONE) is other

    def test_last_in_first_out(self, new_world):
        world = new_world()
        first, second, third = (world.borrow() for _ in range(3))
        for connection in (second, third, first):
            world.give_back(connection)
        assert [world.take() for _ in range(3)] == [first, third, second]

    def test_newest_of_other_settings(self, new_world):
        world = new_world()
        first, second = world.borrow(settings=ONE), world.borrow(settings=TWO)
        world.give_back(first)
        world.give_back(second)
        assert world.take(settings=THREE) is second

    def test_settings_are_compared_by_identity(self, new_world):
        world = new_world()
        one, equal = ["utf8"], ["utf8"]
        exact, other = world.borrow(settings=one), world.borrow(settings=equal)
        world.give_back(exact)
        world.give_back(other)
        assert world.take(settings=one) is exact

    def test_settings_changed_while_borrowed_count(self, new_world):
        world = new_world()
        changed, other = world.borrow(settings=ONE), world.borrow(settings=ONE)
        changed.settings = TWO
        world.give_back(changed)
        world.give_back(other)
        assert world.take(settings=TWO) is changed
        assert world.take(settings=ONE) is other

    def test_other_keys_are_never_exchanged(self, new_world):
        world = new_world()
        world.idle("app")
        assert world.take("report") is None

    def test_what_cannot_become_the_settings_is_left(self, new_world):
        world = new_world()
        with_schema = world.borrow(settings=ONE, refuses=(TWO,))
        plain = world.borrow(settings=THREE)
        world.give_back(plain)
        world.give_back(with_schema)
        assert world.take(settings=TWO) is plain
        assert world.take(settings=TWO) is None
        assert world.take(settings=ONE) is with_schema

    def test_a_waiter_of_the_key_is_not_overtaken(self, new_world):
        world = new_world(max_connections=1)
        connection = world.idle(settings=ONE, refuses=(TWO,))
        world.state.resize(PoolLimits(max_connections=2, max_connecting=1), world.now)
        world.wait("other")
        world.wait(settings=TWO)
        assert world.state.state_of(connection) is SlotState.IDLE
        assert world.take(settings=ONE) is None

    def test_borrowed_is_not_lent_again(self, new_world):
        world = new_world()
        world.idle()
        assert world.take() is not None
        assert world.take() is None


class TestShort:
    """Whether a connection that is kept for a moment is missed by somebody."""

    def test_not_without_a_queue(self, new_world):
        world = new_world()
        world.borrow()
        assert not world.state.is_short

    def test_not_while_each_waiter_has_one_opening(self, new_world):
        world = new_world()
        world.wait()
        assert world.opens
        assert not world.state.is_short

    def test_at_the_cap(self, new_world):
        world = new_world(max_connections=1)
        world.borrow()
        world.wait()
        assert world.state.is_short

    def test_when_opening_fails(self, new_world):
        world = new_world()
        world.borrow()
        world.wait()
        world.fail()
        assert world.state.is_short


class TestEnqueue:
    def test_an_idle_connection_beyond_the_look_back_is_found(self, new_world):
        world = new_world()
        fitting = world.borrow(settings=THREE)
        others = [world.borrow(settings=ONE, refuses=(TWO,)) for _ in range(20)]
        for connection in [fitting, *others]:
            world.give_back(connection)
        assert world.take(settings=TWO) is None
        waiter = world.wait(settings=TWO)
        assert world.granted == {waiter: fitting}

    def test_the_queue_has_a_maximum_length(self, new_world):
        world = new_world(max_connections=1, max_queue_length=2)
        world.borrow()
        world.wait()
        waiter = world.wait()
        with pytest.raises(QueueFull):
            world.wait()
        assert world.state.metrics.waiting == 2
        assert world.state.metrics.borrows_rejected_total == 1
        world.state.cancel(waiter)
        world.wait()

    def test_timeout_counts_from_enqueue(self, new_world):
        world = new_world(max_connections=1, borrow_timeout=120)
        world.borrow()
        first = world.wait()
        world.now += 20
        second = world.wait()
        assert world.deadline_in() == 100
        world.wake_at_deadline()
        assert list(world.expired) == [first]
        world.wake_at_deadline()
        assert list(world.expired) == [first, second]
        assert world.state.next_deadline(world.now) is None

    def test_expired_waiter_is_not_served(self, new_world):
        world = new_world(max_connections=1)
        connection = world.borrow()
        world.wait()
        world.wake_at_deadline()
        assert world.give_back(connection) == NOTHING
        assert not world.granted

    def test_cancelled_waiter_is_not_served(self, new_world):
        world = new_world(max_connections=1)
        connection = world.borrow()
        first, second = world.wait(), world.wait()
        assert world.state.cancel(first)
        assert world.give_back(connection) == [Grant(second, connection)]
        assert not world.state.cancel(second)
        assert not world.state.cancel(first)

    def test_zero_timeout_does_not_wait_at_the_cap(self, new_world):
        world = new_world(max_connections=1, borrow_timeout=0)
        world.borrow()
        waiter = world.wait()
        assert waiter in world.expired
        assert world.state.metrics.waiting == 0

    def test_zero_timeout_waits_for_its_open_as_long_as_a_connect_may_take(self, new_world):
        world = new_world(max_connections=1, borrow_timeout=0, connect_timeout=7)
        waiter = world.wait()
        assert not world.expired
        assert world.deadline_in() == 7
        connection = world.succeed()
        assert world.granted == {waiter: connection}

    def test_zero_timeout_waits_for_room_that_is_being_made(self, new_world):
        world = new_world(max_connections=1, borrow_timeout=0)
        other = world.idle("other")
        first, second = world.wait(), world.wait()
        assert world.closing == {other: CloseReason.MADE_ROOM}
        assert list(world.expired) == [second]
        world.gone(other)
        assert world.succeed() is world.granted[first]

    def test_zero_timeout_ends_when_its_open_fails(self, new_world):
        world = new_world(borrow_timeout=0)
        waiter, error = world.wait(), OSError("down")
        world.fail(error)
        assert world.expired == {waiter: error}
        assert world.wait() in world.expired, "a key that pauses cannot open now"


class TestReturn:
    def test_to_the_longest_waiting_of_equals(self, new_world):
        world = new_world(max_connections=1)
        connection = world.borrow()
        waiters = [world.wait() for _ in range(30)]
        for waiter in waiters:
            assert world.give_back(connection) == [Grant(waiter, connection)]

    def test_twice_is_an_error(self, new_world):
        world = new_world()
        connection = world.idle()
        with pytest.raises(NotBorrowed):
            world.give_back(connection)
        with pytest.raises(NotBorrowed):
            world.state.discard(connection)
        assert world.take() is connection

    def test_after_discard_is_an_error(self, new_world):
        world = new_world()
        connection = world.borrow()
        assert world.apply(world.state.discard(connection)) == [Close(connection, CloseReason.UNCLEAN)]
        assert world.state.discard(connection) == NOTHING
        with pytest.raises(NotBorrowed):
            world.give_back(connection)

    def test_of_a_lost_one_is_ignored(self, new_world):
        world = new_world()
        connection = world.borrow()
        world.gone(connection)
        assert world.give_back(connection) == NOTHING
        assert world.state.discard(connection) == NOTHING
        assert world.state.closed(connection, world.now) == NOTHING
        assert world.take() is None
        assert world.state.metrics.database_connections_closed_total[CloseReason.LOST] == 1

    def test_a_lost_idle_one_is_not_lent(self, new_world):
        world = new_world()
        kept, lost = world.borrow(), world.borrow()
        world.give_back(kept)
        world.give_back(lost)
        world.gone(lost)
        assert world.take() is kept
        assert world.take() is None

    def test_discarded_slot_is_free_only_when_gone(self, new_world):
        world = new_world(max_connections=1)
        connection = world.borrow()
        waiter = world.wait()
        world.apply(world.state.discard(connection))
        assert not world.opens
        assert world.state.total == 1
        world.gone(connection)
        assert world.succeed() is world.granted[waiter]

    def test_past_its_life_is_closed_although_someone_waits(self, new_world):
        world = new_world(max_connections=1, max_life=60)
        connection = world.borrow()
        waiter = world.wait()
        world.now += 60
        assert world.give_back(connection) == [Close(connection, CloseReason.LIFE)]
        world.gone(connection)
        assert world.succeed() is world.granted[waiter]


class TestGenerations:
    def test_retire_closes_idle_now_and_borrowed_on_return(self, new_world):
        world = new_world()
        borrowed, idle = world.borrow(), world.idle()
        assert world.apply(world.state.retire_all(world.now)) == [Close(idle, CloseReason.RETIRED)]
        assert world.take() is None
        assert world.give_back(borrowed) == [Close(borrowed, CloseReason.RETIRED)]

    def test_retire_of_one_key_leaves_others(self, new_world):
        world = new_world()
        app, report = world.idle("app"), world.idle("report")
        assert world.apply(world.state.retire("app", world.now)) == [Close(app, CloseReason.RETIRED)]
        assert world.state.retire("nobody", world.now) == NOTHING
        assert world.take("report") is report

    def test_connections_of_the_new_generation_stay(self, new_world):
        world = new_world()
        world.state.retire_all(world.now)
        connection = world.idle()
        assert world.take() is connection

    def test_a_waiter_gets_an_open_of_the_new_generation(self, new_world):
        world = new_world()
        waiter = world.wait()
        (old,) = world.opens
        world.apply(world.state.retire_all(world.now))
        assert world.abandoned == [old]
        assert len(world.opens) == 2
        late = world.succeed(old)
        assert world.closing == {late: CloseReason.RETIRED}
        assert not world.granted
        assert world.succeed() is world.granted[waiter]

    def test_an_abandoned_open_says_nothing_about_the_new_generation(self, new_world):
        world = new_world()
        waiter = world.wait()
        (old,) = world.opens
        world.apply(world.state.retire_all(world.now))
        world.fail(fatal=True, request=old)
        assert not world.refused
        assert world.succeed() is world.granted[waiter]

    def test_an_abandoned_open_that_succeeds_does_not_end_the_pause(self, new_world):
        world = new_world(backoff_initial=5.0)
        world.wait()
        (old,) = world.opens
        world.apply(world.state.retire_all(world.now))
        world.fail(request=world.opens[1])
        world.succeed(old)
        assert not world.opens
        assert world.deadline_in() == 5.0

    def test_retire_leaves_the_reason_of_what_is_closing(self, new_world):
        world = new_world()
        connection = world.borrow()
        world.apply(world.state.discard(connection))
        assert world.apply(world.state.retire_all(world.now)) == []
        world.gone(connection)
        assert world.state.metrics.database_connections_closed_total[CloseReason.UNCLEAN] == 1

    def test_retire_ends_the_pause_after_failures(self, new_world):
        world = new_world()
        world.wait()
        world.fail()
        assert not world.opens
        world.apply(world.state.retire("app", world.now))
        assert len(world.opens) == 1


class TestResize:
    def test_surplus_idle_closes_at_once_and_borrowed_on_return(self, new_world):
        world = new_world(max_connections=4)
        borrowed = [world.borrow() for _ in range(3)]
        idle = world.idle()
        world.apply(world.state.resize(PoolLimits(max_connections=1), world.now))
        assert world.closing == {idle: CloseReason.SHRUNK}
        for connection in borrowed:
            world.give_back(connection)
        assert world.closing == dict.fromkeys([idle, *borrowed[:2]], CloseReason.SHRUNK)
        assert world.take() is borrowed[2]

    def test_surplus_is_not_handed_to_waiters(self, new_world):
        world = new_world(max_connections=2)
        first, second = world.borrow(), world.borrow()
        waiter = world.wait()
        world.apply(world.state.resize(PoolLimits(max_connections=1), world.now))
        assert world.give_back(first) == [Close(first, CloseReason.SHRUNK)]
        world.gone(first)
        assert not world.opens
        assert world.give_back(second) == [Grant(waiter, second)]

    def test_oldest_idle_goes_first(self, new_world):
        world = new_world(max_connections=3)
        connections = [world.borrow(key) for key in ("a", "b", "a")]
        for connection in connections:
            world.now += 1
            world.give_back(connection)
        world.apply(world.state.resize(PoolLimits(max_connections=1), world.now))
        assert list(world.closing) == connections[:2]

    def test_a_higher_cap_serves_waiters(self, new_world):
        world = new_world(max_connections=1)
        world.borrow()
        waiter = world.wait()
        world.apply(world.state.resize(PoolLimits(max_connections=2), world.now))
        assert world.succeed() is world.granted[waiter]


class TestDrain:
    def test_waiters_are_refused_and_connections_close(self, new_world):
        world = new_world(max_connections=3, max_connecting=1)
        borrowed, idle = world.borrow(), world.idle("other")
        opening, hopeless = world.wait(), world.wait()
        world.apply(world.state.drain(world.now))
        assert world.closing == {idle: CloseReason.DRAINED}
        assert {type(world.refused[waiter]) for waiter in (opening, hopeless)} == {PoolClosed}
        assert world.abandoned == world.opens
        late = world.succeed()
        world.give_back(borrowed)
        assert world.closing[borrowed] is world.closing[late] is CloseReason.DRAINED
        for connection in list(world.closing):
            world.gone(connection)
        assert world.state.total == 0

    def test_nothing_is_borrowed_or_warmed_after(self, new_world):
        world = new_world(min_idle=2)
        world.idle()
        world.apply(world.state.drain(world.now))
        with pytest.raises(PoolClosed):
            world.state.enqueue(Waiter("app", None), world.now)
        assert world.take() is None
        world.tick(1)
        assert not world.opens


def test_waits_are_summed(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow()
    world.wait()
    world.wait()
    for seconds in (2, 3):
        world.now += seconds
        world.give_back(connection)
    assert world.state.metrics.borrow_latency_sum == 2 + 5


def test_metrics_add_up(new_world):
    world = new_world(max_connections=3)
    held = world.borrow()
    world.idle()
    world.take()
    waiter = world.wait()
    expiring = world.wait()
    world.now += 2
    world.give_back(held)
    world.fail()
    world.wake_at_deadline()
    metrics = world.state.metrics
    assert waiter in world.granted
    assert metrics.database_connections == 2
    assert metrics.database_connections_currently_borrowed == 2
    assert metrics.database_connections_idle == 0
    assert metrics.database_connections_opening == len(world.opens)
    assert metrics.database_connection_requests_total == 3 + len(world.opens)
    assert metrics.database_connections_setup_succeeded_total == 2
    assert metrics.database_connections_setup_failed_total == 1
    assert metrics.max_database_connections_allowed == 3
    assert metrics.waiting == 1
    assert expiring not in world.expired
    assert metrics.borrow_latency_count == 4
    assert metrics.borrow_latency_sum == 2
