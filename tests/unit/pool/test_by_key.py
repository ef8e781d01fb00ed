"""The pool's gauges by key."""

from typing import Any

from proxy.pool.metrics import KeyMetrics


def gauges(world: Any) -> dict[object, KeyMetrics]:
    return {row.key: row for row in world.state.by_key()}


def test_an_empty_pool_has_none(new_world: Any) -> None:
    assert gauges(new_world()) == {}


def test_each_state_is_counted(new_world: Any) -> None:
    world = new_world(max_connections=4)
    world.borrow("app")
    idle, closing = world.idle("app"), world.borrow("web")
    world.apply(world.state.discard(closing))
    world.wait("web")
    world.wait("web")
    assert gauges(world) == {
        "app": KeyMetrics("app", connections=2, borrowed=1, idle=1),
        "web": KeyMetrics("web", connections=1, opening=1, closing=1, waiting=2),
    }
    world.gone(closing)
    assert gauges(world)["web"].closing == 0
    assert idle.close_reason is None


def test_the_sums_are_those_of_the_whole_pool(new_world: Any) -> None:
    world = new_world(max_connections=10)
    for key in ("app", "web", "app", "job"):
        world.borrow(key)
    world.idle("job")
    rows, metrics = world.state.by_key(), world.state.metrics
    assert sum(row.connections for row in rows) == metrics.database_connections
    assert sum(row.borrowed for row in rows) == metrics.database_connections_currently_borrowed
    assert sum(row.idle for row in rows) == metrics.database_connections_idle


def test_a_key_without_connections_is_left_out(new_world: Any) -> None:
    world = new_world()
    connection = world.borrow("app")
    world.apply(world.state.discard(connection))
    world.gone(connection)
    assert gauges(world) == {}


def test_an_opening_of_a_retired_key(new_world: Any) -> None:
    world = new_world()
    waiter = world.wait("app")
    world.state.cancel(waiter)
    world.apply(world.state.retire_all(world.now))
    world.tick(100_000)
    assert [row.opening for row in world.state.by_key()] == [1]
