"""A target that is not to be used any more: who waits is sent away, and nothing idle stays."""

import pytest

from proxy.pool.errors import Evacuated, QueueFull
from proxy.pool.reasons import CloseReason
from proxy.pool.waiters import Waiter


def test_waiters_are_refused_in_order_of_arrival(new_world):
    world = new_world(max_connections=1)
    world.borrow("other")
    waiters = [world.wait(key) for key in ("app", "report", "app", "report")]
    world.apply(world.state.evacuate(world.now))
    assert list(world.refused) == waiters
    assert all(isinstance(error, Evacuated) for error in world.refused.values())
    assert not world.state.waiting
    assert world.state.next_deadline(world.now) is None


def test_connections_close_now_or_when_returned(new_world):
    world = new_world()
    idle, borrowed = world.borrow(), world.borrow()
    world.give_back(idle)
    world.wait("report")
    world.apply(world.state.evacuate(world.now))
    assert world.closing == {idle: CloseReason.RETIRED}
    assert world.abandoned == world.opens
    world.give_back(borrowed)
    assert world.closing[borrowed] is CloseReason.RETIRED


def test_nothing_is_kept_warm_until_someone_borrows(new_world):
    world = new_world(min_idle=1)
    connection = world.idle()
    world.apply(world.state.evacuate(world.now))
    world.gone(connection)
    world.tick(1.0)
    assert world.opens == []
    world.give_back(world.borrow())
    world.gone(world.take())
    world.tick(1.0)
    assert len(world.opens) == 1


def test_can_be_used_again(new_world):
    world = new_world()
    world.idle()
    world.apply(world.state.evacuate(world.now))
    assert world.take() is None
    connection = world.idle()
    assert world.take() is connection


def test_who_has_it_and_who_waits(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow()
    world.wait()
    assert world.state.lent() == [connection]
    assert (world.state.borrowed, world.state.outstanding) == (1, 2)
    world.give_back(connection)
    assert world.state.outstanding == 1


class TestWaitFromElsewhere:
    def test_ends_when_it_was_to_end(self, new_world):
        world = new_world(max_connections=1, borrow_timeout=100)
        world.borrow()
        waiter = Waiter("app", None, until=world.now + 3, is_admitted=True)
        world.apply(world.state.enqueue(waiter, world.now))
        later = world.wait()
        assert world.deadline_in() == 3
        world.wake_at_deadline()
        assert list(world.expired) == [waiter]
        assert world.deadline_in() == 97
        assert later not in world.expired

    def test_is_not_turned_away(self, new_world):
        world = new_world(max_connections=1, max_queue_length=1)
        world.borrow()
        world.wait()
        with pytest.raises(QueueFull):
            world.wait()
        world.apply(world.state.enqueue(Waiter("app", None, is_admitted=True), world.now))
        assert world.state.metrics.waiting == 2

    def test_whose_time_is_over_expires(self, new_world):
        world = new_world(max_connections=1)
        world.borrow()
        waiter = Waiter("app", None, until=world.now - 1)
        world.apply(world.state.enqueue(waiter, world.now))
        world.apply(world.state.wake(world.now))
        assert list(world.expired) == [waiter]


def test_a_failing_key_is_told_from_others(new_world):
    world = new_world()
    world.wait("app")
    world.fail()
    assert world.state.is_failing("app")
    assert not world.state.is_failing("report")
    world.wake_at_deadline()
    world.succeed()
    assert not world.state.is_failing("app")
