"""Who is served first, and that nobody is passed over for ever."""

from proxy.pool.decisions import Close, Grant
from proxy.pool.limits import AGE_LIMIT, EXACT_MATCH_WINDOW, RIVAL_WINDOW
from proxy.pool.reasons import CloseReason

ONE, TWO = object(), object()


def test_exact_settings_come_before_older_waiters(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE)
    world.wait(settings=TWO)
    exact = world.wait(settings=ONE)
    assert world.give_back(connection) == [Grant(exact, connection)]


def test_without_an_exact_match_the_oldest_is_served(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE)
    first = world.wait(settings=TWO)
    world.wait(settings=TWO)
    assert world.give_back(connection) == [Grant(first, connection)]


def test_exact_match_is_looked_for_among_the_first_waiters_only(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE)
    first = world.wait(settings=TWO)
    for _ in range(EXACT_MATCH_WINDOW - 1):
        world.wait(settings=TWO)
    world.wait(settings=ONE)
    assert world.give_back(connection) == [Grant(first, connection)]


def test_who_cannot_use_it_is_left_out(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE, refuses=(TWO,))
    for _ in range(EXACT_MATCH_WINDOW + 3):
        world.wait(settings=TWO)
    fitting = world.wait(settings=object())
    assert world.give_back(connection) == [Grant(fitting, connection)]


def test_nobody_can_use_it_so_it_makes_room(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE, refuses=(TWO,))
    waiter = world.wait(settings=TWO)
    assert world.give_back(connection) == [Close(connection, CloseReason.MADE_ROOM)]
    world.gone(connection)
    assert world.opens[0].settings is TWO
    assert world.succeed() is world.granted[waiter]


def test_its_own_open_serves_a_waiter_without_being_asked(new_world, new_connection):
    world = new_world(max_connections=1)
    waiter = world.wait(settings=ONE)
    connection = new_connection(settings=TWO, refuses=(ONE,))
    world.apply(world.state.opened(world.opens.pop(), connection, world.now))
    assert world.granted == {waiter: connection}


def test_passed_over_waiter_is_served_in_order(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE)
    patient = world.wait(settings=TWO)
    for _ in range(AGE_LIMIT):
        exact = world.wait(settings=ONE)
        assert world.give_back(connection) == [Grant(exact, connection)]
    world.wait(settings=ONE)
    assert world.give_back(connection) == [Grant(patient, connection)]


def test_passed_over_waiter_that_cannot_use_it_gets_the_slot(new_world):
    world = new_world(max_connections=1)
    connection = world.borrow(settings=ONE, refuses=(TWO,))
    patient = world.wait(settings=TWO)
    for _ in range(AGE_LIMIT):
        world.wait(settings=ONE)
        world.give_back(connection)
    world.wait(settings=ONE)
    assert world.give_back(connection) == [Close(connection, CloseReason.MADE_ROOM)]
    world.gone(connection)
    assert world.succeed() is world.granted[patient]


def test_passed_over_waiter_with_an_open_under_way_costs_nothing(new_world):
    world = new_world(max_connections=2)
    connection = world.borrow(settings=ONE, refuses=(TWO,))
    world.wait(settings=TWO).skipped = AGE_LIMIT
    younger = world.wait(settings=ONE)
    assert world.give_back(connection) == [Grant(younger, connection)]


class TestOtherKeys:
    def keep_busy(self, world, connection, times):
        """Return the connection so often, with someone of its key always waiting."""
        for _ in range(times):
            waiter = world.wait("busy")
            world.give_back(connection)
            assert world.granted.pop(waiter) is connection

    def test_a_busy_key_does_not_starve_another(self, new_world):
        world = new_world(max_connections=1)
        connection = world.borrow("busy")
        starving = world.wait("quiet")
        self.keep_busy(world, connection, AGE_LIMIT)
        waiting = world.wait("busy")
        assert world.give_back(connection) == [Close(connection, CloseReason.MADE_ROOM)]
        world.gone(connection)
        assert world.succeed() is world.granted[starving]
        assert waiting not in world.granted

    def test_only_as_many_make_room_as_were_passed_over(self, new_world):
        world = new_world(max_connections=5)
        connections = [world.borrow("busy") for _ in range(5)]
        world.wait("quiet")
        self.keep_busy(world, connections[0], AGE_LIMIT)
        for _ in range(5):
            world.wait("busy")
        for connection in connections:
            world.give_back(connection)
        assert len(world.closing) == 1

    def test_the_freed_slot_goes_to_the_aged_before_the_older(self, new_world):
        world = new_world(max_connections=2)
        connection, blocked = world.borrow("busy"), world.borrow("busy", ONE, refuses=(TWO,))
        unfit = world.wait("busy", TWO)
        connection.refuses = (TWO,)
        starving = world.wait("quiet")
        starving.skipped = AGE_LIMIT
        world.gone(blocked)
        assert world.opens[0].key == "quiet"
        assert not unfit.skipped

    def test_a_key_that_pauses_costs_nobody_a_connection(self, new_world):
        world = new_world(max_connections=2, backoff_initial=5.0)
        connection = world.borrow("busy")
        failing = world.wait("failing")
        world.fail()
        world.wait("filler")
        self.keep_busy(world, connection, AGE_LIMIT * 3)
        assert failing.skipped == 0
        assert connection.close_reason is None

    def test_a_waiter_whose_connection_is_opening_does_not_age(self, new_world):
        world = new_world(max_connections=2)
        connection = world.borrow("busy")
        world.wait("quiet")
        self.keep_busy(world, connection, AGE_LIMIT * 3)
        assert connection.close_reason is None

    def test_with_many_keys_all_have_their_turn(self, new_world):
        keys = RIVAL_WINDOW * 2 + 1
        world = new_world(max_connections=1)
        connection = world.borrow("busy")
        starving = [world.wait(f"quiet {number}") for number in range(keys)]
        for _ in range(AGE_LIMIT * 3 + 3):
            world.wait("busy")
            world.give_back(connection)
            if connection.close_reason:
                break
        assert connection.close_reason is CloseReason.MADE_ROOM
        assert all(waiter.skipped for waiter in starving)
