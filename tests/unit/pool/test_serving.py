"""Whose turn it is, and what is closed for it."""

import pytest

from proxy.pool.decisions import Close, Grant
from proxy.pool.limits import AGE_LIMIT, BLOCKED_WINDOW, KEY_SWITCH_LAG
from proxy.pool.reasons import CloseReason

ONE, TWO = object(), object()


@pytest.fixture
def greedy(new_tenant):
    return new_tenant("greedy")


@pytest.fixture
def polite(new_tenant):
    return new_tenant("polite")


class TestOrder:
    def test_who_has_fewest_comes_first(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=4)
        first, second, *_ = world.lend(greedy, 4)
        for _ in range(5):
            world.queue(greedy)
        waiter, next_one = world.queue(polite), world.queue(polite)
        assert world.give_back(first) == [Grant(waiter, first)]
        assert world.give_back(second) == [Grant(next_one, second)]

    def test_for_its_weight(self, new_fair_world, new_tenant, greedy):
        world = new_fair_world(max_connections=5)
        heavy = new_tenant("heavy", weight=4.0)
        (first, _) = world.lend(greedy, 2)
        world.lend(heavy, 3)
        world.queue(greedy)
        waiter = world.queue(heavy)
        assert world.give_back(first) == [Grant(waiter, first)]

    def test_within_a_tenant_exact_settings_come_first_but_not_for_ever(self, new_fair_world, greedy):
        world = new_fair_world(max_connections=1)
        connection = world.borrow(world.key(greedy), ONE)
        patient = world.queue(greedy, settings=TWO)
        for _ in range(AGE_LIMIT):
            exact = world.queue(greedy, settings=ONE)
            assert world.give_back(connection) == [Grant(exact, connection)]
        world.queue(greedy, settings=ONE)
        assert world.give_back(connection) == [Grant(patient, connection)]

    def test_who_cannot_use_it_has_room_made_in_the_end(self, new_fair_world, greedy):
        world = new_fair_world(max_connections=1)
        connection = world.borrow(world.key(greedy), ONE, refuses=(TWO,))
        patient = world.queue(greedy, settings=TWO)
        for _ in range(AGE_LIMIT):
            world.queue(greedy, settings=ONE)
            world.give_back(connection)
        world.queue(greedy, settings=ONE)
        assert world.give_back(connection) == [Close(connection, CloseReason.MADE_ROOM)]
        world.gone(connection)
        assert world.succeed() is world.granted[patient]

    def test_a_busy_key_of_a_tenant_does_not_starve_its_other_one(self, new_fair_world, greedy):
        world = new_fair_world(max_connections=1)
        (connection,) = world.lend(greedy, user="busy")
        starving = world.queue(greedy, user="quiet")
        for _ in range(AGE_LIMIT):
            world.queue(greedy, user="busy")
            world.give_back(connection)
        world.queue(greedy, user="busy")
        assert world.give_back(connection) == [Close(connection, CloseReason.MADE_ROOM)]
        world.gone(connection)
        assert world.succeed() is world.granted[starving]

    def test_its_own_open_serves_a_waiter_without_being_asked(self, new_fair_world, new_connection, greedy):
        world = new_fair_world(max_connections=1)
        waiter = world.queue(greedy, settings=ONE)
        connection = new_connection(settings=TWO, refuses=(ONE,))
        connection.key = waiter.key
        world.apply(world.state.opened(world.opens.pop(), connection, world.now))
        assert world.granted == {waiter: connection}


class TestFastPath:
    def test_nobody_who_may_be_served_is_overtaken(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=3, max_connecting=1)
        (connection,) = world.lend(greedy)
        world.queue(greedy, user="other")
        world.queue(greedy, user="third")
        world.give_back(connection)
        assert world.take(world.key(polite)) is None
        waiter = world.queue(polite)
        assert world.granted == {waiter: connection}

    def test_who_waits_at_its_own_maximum_does_not_count(self, new_fair_world, new_tenant, polite):
        world = new_fair_world(max_connections=4)
        full = new_tenant("full", max_connections_percent=25)
        world.lend(full)
        world.queue(full)
        (connection,) = world.lend(polite)
        world.give_back(connection)
        assert world.take(world.key(polite)) is connection


class TestOtherKeys:
    def test_who_has_nothing_has_room_made_at_once(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=2)
        (first, _) = world.lend(greedy, 2)
        world.queue(greedy)
        waiter = world.queue(polite, user="polite")
        assert world.give_back(first) == [Close(first, CloseReason.MADE_ROOM)]
        world.gone(first)
        assert world.succeed() is world.granted[waiter]

    def test_equals_keep_their_connections_for_a_while(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=3)
        (first, _) = world.lend(greedy, 2)
        world.lend(polite, user="polite")
        world.queue(polite, user="polite")
        stays = world.queue(greedy)
        assert world.give_back(first) == [Grant(stays, first)]
        world.now += KEY_SWITCH_LAG * 1.2
        world.queue(greedy)
        assert world.give_back(first) == [Close(first, CloseReason.MADE_ROOM)]

    def test_or_until_one_was_passed_over_often(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=3)
        (first, _) = world.lend(greedy, 2)
        world.lend(polite, user="polite")
        world.queue(polite, user="polite")
        for _ in range(AGE_LIMIT):
            world.queue(greedy)
            world.give_back(first)
        world.queue(greedy)
        assert world.give_back(first) == [Close(first, CloseReason.MADE_ROOM)]

    def test_a_new_connection_stays_with_its_key(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=1)
        waiter = world.queue(greedy)
        world.queue(polite, user="polite")
        connection = world.succeed()
        assert world.granted == {waiter: connection}
        assert not world.closing

    def test_room_is_made_once_for_each(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=4)
        for connection in world.lend(greedy, 4):
            world.give_back(connection)
        for _ in range(3):
            world.queue(polite, user="polite")
        assert len(world.closing) == 3
        for connection in list(world.closing):
            world.gone(connection)
        assert len(world.opens) == 3
        assert world.used() == {"greedy": 0, "polite": 3}

    def test_while_as_many_open_as_may_a_fitting_one_is_still_found(self, new_fair_world, new_tenant, greedy):
        world = new_fair_world(max_connections=3, max_connecting=1)
        first, _ = world.lend(greedy, 2)
        for number in range(BLOCKED_WINDOW + 5):
            world.queue(new_tenant(str(number)), user=str(number))
        waiter = world.queue(greedy)
        world.give_back(first)
        assert world.granted == {waiter: first}

    def test_a_failing_key_holds_nobody_up(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=2, backoff_initial=5.0)
        (connection,) = world.lend(greedy)
        world.queue(polite, user="down")
        world.fail()
        waiter = world.queue(greedy)
        assert len(world.opens) == 1
        world.give_back(connection)
        assert world.granted == {waiter: connection}
        assert world.deadline_in() == 5.0
        spare = world.succeed()
        world.wake_at_deadline()
        assert world.closing == {spare: CloseReason.MADE_ROOM}
        world.gone(spare)
        assert [request.key.user for request in world.opens] == ["down"]


class TestAvailable:
    def test_what_one_leaves_unused_is_the_others(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=4)
        world.lend(polite)
        assert len(world.lend(greedy, 3)) == 3

    def test_idle_connections_are_anybody_s(self, new_fair_world, greedy, polite):
        world = new_fair_world(max_connections=2)
        for connection in world.lend(greedy, 2):
            world.give_back(connection)
        assert world.take(world.key(polite))
        assert world.take(world.key(None))
        assert world.used() == {"greedy": 0, "polite": 1, "": 1}
