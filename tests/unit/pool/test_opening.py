"""How many connections are opened, for whom, and what a failure does."""

import pytest

from proxy.pool.limits import PoolLimits
from proxy.pool.reasons import CloseReason

ONE, TWO = object(), object()


class TestHowMany:
    def test_one_for_each_waiter(self, new_world):
        world = new_world()
        waiters = [world.wait(settings=settings) for settings in (ONE, TWO)]
        assert [request.settings for request in world.opens] == [ONE, TWO]
        assert world.opens[0].context == waiters[0].context

    def test_never_above_the_cap(self, new_world):
        world = new_world(max_connections=3)
        for _ in range(5):
            world.wait()
        assert len(world.opens) == 3

    def test_never_above_the_concurrent_opens(self, new_world):
        world = new_world(max_connecting=2)
        waiters = [world.wait() for _ in range(3)]
        assert len(world.opens) == 2
        world.succeed()
        assert len(world.opens) == 2
        assert waiters[0] in world.granted

    def test_an_open_whose_waiter_was_served_goes_to_the_next(self, new_world):
        world = new_world(max_connections=2)
        connection = world.borrow()
        first = world.wait()
        world.give_back(connection)
        second = world.wait()
        assert len(world.opens) == 1
        assert first in world.granted
        assert world.succeed() is world.granted[second]

    def test_an_open_that_nobody_waits_for_becomes_idle(self, new_world):
        world = new_world()
        world.state.cancel(world.wait())
        connection = world.succeed()
        assert world.take() is connection

    def test_an_adopted_connection_that_does_not_fit_leads_to_another(self, new_world):
        world = new_world()
        world.state.cancel(world.wait(settings=ONE))
        waiter = world.wait(settings=TWO)
        assert len(world.opens) == 1
        world.succeed(refuses=(TWO,))
        assert not world.granted
        assert world.opens[0].settings is TWO
        assert world.succeed() is world.granted[waiter]


class TestMakingRoom:
    def test_the_longest_idle_of_another_key_goes(self, new_world):
        world = new_world(max_connections=3)
        connections = [world.borrow(key) for key in ("a", "b", "c")]
        for connection in connections[1:]:
            world.now += 1
            world.give_back(connection)
        waiter = world.wait("d")
        assert world.closing == {connections[1]: CloseReason.MADE_ROOM}
        assert not world.opens
        world.gone(connections[1])
        assert world.succeed() is world.granted[waiter]

    def test_no_more_than_needed(self, new_world):
        world = new_world(max_connections=4)
        connections = [world.borrow("a") for _ in range(4)]
        for connection in connections:
            world.give_back(connection)
        world.wait("b")
        world.wait("b")
        assert len(world.closing) == 2
        world.tick()
        assert len(world.closing) == 2

    def test_a_connection_closing_anyway_is_room_enough(self, new_world):
        world = new_world(max_connections=2)
        broken = world.borrow("a")
        world.idle("a")
        world.apply(world.state.discard(broken))
        world.wait("b")
        assert list(world.closing) == [broken]

    def test_none_is_made_for_what_could_not_be_opened_yet(self, new_world):
        world = new_world(max_connections=2, max_connecting=1)
        world.idle("a")
        world.wait("b")
        world.wait("b")
        assert not world.closing

    def test_returned_connection_of_another_key_makes_room_at_once(self, new_world):
        world = new_world(max_connections=1)
        connection = world.borrow("a")
        world.wait("b")
        world.give_back(connection)
        assert world.closing == {connection: CloseReason.MADE_ROOM}


class TestFailure:
    def test_waiters_wait_through_growing_pauses(self, new_world):
        world = new_world(backoff_initial=0.1, backoff_max=5.0)
        waiter = world.wait()
        pauses = []
        for _ in range(8):
            world.fail()
            assert not world.opens
            pauses.append(world.deadline_in())
            world.wake_at_deadline()
        assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
        assert world.succeed() is world.granted[waiter]

    def test_jitter_shortens_the_pause(self, new_world):
        world = new_world(backoff_initial=0.1, backoff_jitter=0.2)
        world.wait()
        world.fail()
        assert world.deadline_in() == pytest.approx(0.09)

    def test_a_wave_of_failures_counts_once(self, new_world):
        world = new_world(backoff_initial=0.1, max_connecting=4)
        for _ in range(4):
            world.wait()
        for _ in range(4):
            world.now += 0.01
            world.fail()
        world.wake_at_deadline()
        assert len(world.opens) == 1, "a failing key is tried with one connection"
        world.fail()
        assert world.deadline_in() == pytest.approx(0.2)

    def test_success_opens_for_all_again(self, new_world):
        world = new_world(backoff_initial=0.1)
        for _ in range(3):
            world.wait()
        for _ in range(3):
            world.fail()
        world.wake_at_deadline()
        world.succeed()
        assert len(world.opens) == 2

    def test_other_keys_do_not_pause(self, new_world):
        world = new_world()
        world.wait("broken")
        world.fail()
        world.wait("sound")
        assert [request.key for request in world.opens] == ["sound"]

    def test_expiry_tells_the_latest_failure(self, new_world):
        world = new_world(borrow_timeout=0.05, backoff_initial=0.1)
        waiter, error = world.wait(), OSError("refused")
        world.fail(error)
        world.wake_at_deadline()
        assert world.expired == {waiter: error}

    def test_a_pause_outlives_its_waiters(self, new_world):
        world = new_world(backoff_initial=3.0)
        world.state.cancel(world.wait())
        world.fail()
        world.tick(1.0)
        world.wait()
        assert not world.opens

    def test_fatal_refuses_all_of_the_key_at_once(self, new_world):
        world = new_world(max_connecting=1)
        waiters = [world.wait("app"), world.wait("app")]
        other = world.wait("other")
        error = OSError("access denied")
        world.fail(error, fatal=True)
        assert world.refused == dict.fromkeys(waiters, error)
        assert world.opens[0].key == "other"
        assert world.succeed() is world.granted[other]
        world.wait("app")
        assert world.opens[0].key == "app", "the next one is tried at once"

    def test_no_timer_for_a_pause_that_is_over_while_there_is_no_room(self, new_world):
        world = new_world(max_connections=2, max_connecting=1, borrow_timeout=100, backoff_initial=1)
        world.wait("a")
        world.fail()
        world.wait("b")
        world.wake_at_deadline()
        assert [request.key for request in world.opens] == ["b"]
        assert world.deadline_in() == 99
        world.succeed()
        assert [request.key for request in world.opens] == ["a"]


class TestWarm:
    def test_minimum_is_kept_for_keys_in_use(self, new_world):
        world = new_world(min_idle=2)
        world.idle("a", ONE)
        world.tick(1)
        assert [(request.key, request.settings, request.context) for request in world.opens] == [
            ("a", ONE, None)
        ]
        world.succeed()
        world.tick(1)
        assert not world.opens
        assert world.state.metrics.database_connections_idle == 2

    def test_within_the_cap_without_closing_others(self, new_world):
        world = new_world(min_idle=3, max_connections=2)
        world.idle("a")
        world.borrow("b")
        world.tick(1)
        assert not world.opens
        assert not world.closing

    def test_within_concurrent_opens(self, new_world):
        world = new_world(min_idle=5, max_connecting=2)
        world.idle()
        world.tick(1)
        assert len(world.opens) == 2

    def test_a_key_long_unused_or_refused_is_let_go(self, new_world):
        world = new_world(min_idle=1, warm_key_timeout=60)
        world.gone(world.idle("unused"))
        world.wait("refused")
        world.fail(fatal=True)
        world.tick(59)
        assert [request.key for request in world.opens] == ["unused"]
        world.gone(world.succeed())
        world.tick(1)
        assert not world.opens

    def test_taking_keeps_a_key_in_use(self, new_world):
        world = new_world(min_idle=1, warm_key_timeout=60)
        connection = world.idle()
        world.now += 50
        assert world.take() is connection
        world.tick(50)
        assert len(world.opens) == 1

    def test_waiters_come_first(self, new_world):
        world = new_world(min_idle=2)
        world.wait()
        world.tick(1)
        assert len(world.opens) == 1

    def test_a_failing_key_is_not_warmed(self, new_world):
        world = new_world(min_idle=1, backoff_initial=5.0)
        world.state.cancel(world.wait())
        world.fail()
        world.tick(1)
        assert not world.opens

    def test_does_not_fight_with_trimming(self, new_world):
        world = new_world(min_idle=4, max_idle=3, idle_connection_timeout=10)
        world.idle("a")
        world.idle("b")
        for _ in range(100):
            world.tick(1)
            while world.opens:
                world.succeed()
            assert not world.closing
        assert world.state.metrics.database_connections_idle == 3
        world.apply(world.state.resize(PoolLimits(max_connections=100, max_idle=0, min_idle=4), world.now))
        world.tick(300)
        assert len(world.closing) == 3
        assert not world.opens
