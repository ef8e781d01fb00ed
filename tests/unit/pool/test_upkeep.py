"""Trimming, maximum life and tidying."""

from proxy.pool.decisions import NOTHING, Close
from proxy.pool.reasons import CloseReason


def return_all(world, connections, seconds_between=1):
    for connection in connections:
        world.now += seconds_between
        world.give_back(connection)


class TestIdle:
    def test_above_the_cap_and_long_idle_is_closed_oldest_first(self, new_world):
        world = new_world(max_idle=2, idle_connection_timeout=300)
        connections = [world.borrow(key) for key in ("a", "b", "a", "b")]
        return_all(world, connections)
        assert world.tick(296) == []
        assert world.tick(1) == [Close(connections[0], CloseReason.IDLE)]
        assert world.tick(1) == [Close(connections[1], CloseReason.IDLE)]
        assert world.tick(10_000) == []

    def test_use_keeps_a_connection_fresh_and_the_surplus_goes_stale(self, new_world):
        world = new_world(max_idle=1, idle_connection_timeout=10)
        connections = [world.borrow() for _ in range(2)]
        return_all(world, connections, 0)
        for _ in range(9):
            world.now += 1
            world.give_back(world.take())
        world.tick(1)
        assert world.closing == {connections[0]: CloseReason.IDLE}

    def test_trimmed_connection_keeps_its_slot_until_gone(self, new_world):
        world = new_world(max_idle=0, idle_connection_timeout=1)
        connection = world.idle()
        world.tick(1)
        assert world.state.total == 1
        assert world.take() is None
        world.gone(connection)
        assert world.state.total == 0
        assert world.state.metrics.database_connections_closed_total[CloseReason.IDLE] == 1


class TestLife:
    def test_idle_connection_is_closed_at_the_end_of_its_life(self, new_world):
        world = new_world(max_life=100)
        connection = world.idle()
        assert world.tick(99) == []
        assert world.tick(1) == [Close(connection, CloseReason.LIFE)]

    def test_never_while_in_use(self, new_world):
        world = new_world(max_life=100)
        connection = world.borrow()
        assert world.tick(1000) == []
        assert world.give_back(connection) == [Close(connection, CloseReason.LIFE)]

    def test_jitter_shortens_it(self, new_world):
        world = new_world(max_life=100, life_jitter=0.2)
        connection = world.idle()
        assert world.tick(89) == []
        assert world.tick(1) == [Close(connection, CloseReason.LIFE)]


class TestTidying:
    def test_unused_keys_leave_nothing_behind(self, new_world):
        world = new_world()
        for number in range(50):
            world.gone(world.idle(f"user {number}"))
        world.tick()
        assert not world.state._buckets

    def test_settings_leave_nothing_behind(self, new_world):
        world = new_world()
        connection = world.borrow()
        for _ in range(50):
            connection.settings = object()
            world.give_back(connection)
            world.take()
        world.tick()
        assert not world.state._buckets["app"].stacks
        world.give_back(connection)
        assert world.take() is connection

    def test_a_key_with_a_waiter_stays(self, new_world):
        world = new_world(max_connecting=1)
        world.wait("a")
        waiter = world.wait("b")
        world.tick()
        world.succeed()
        assert world.succeed() is world.granted[waiter]

    def test_failures_are_forgotten_in_the_end(self, new_world):
        world = new_world(backoff_max=5.0)
        world.state.cancel(world.wait())
        world.fail()
        world.tick(1)
        assert world.state._buckets
        world.tick(10)
        assert not world.state._buckets


def test_nothing_to_do_is_nothing(new_world):
    world = new_world()
    connection = world.borrow()
    assert world.give_back(connection) is NOTHING
    assert world.state.next_deadline(world.now) is None
