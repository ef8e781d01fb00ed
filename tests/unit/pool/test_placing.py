"""What becomes of returned and of new connections, where the two differ."""

from proxy.pool.limits import AGE_LIMIT
from proxy.pool.reasons import CloseReason


def busy_with_an_aged_rival(world):
    """Return a busy connection, an opening one of the same key, and the waiter of another key."""
    connection = world.borrow("busy")
    world.wait("busy")
    world.wait("busy")
    rival = world.wait("quiet")
    rival.skipped = AGE_LIMIT
    younger = world.wait("busy")
    world.give_back(connection)
    return connection, rival, younger


def test_returned_connection_makes_room_for_the_aged(new_world):
    world = new_world(max_connections=2)
    connection, rival, younger = busy_with_an_aged_rival(world)
    world.give_back(connection)
    assert connection.close_reason is None, "its key has an older waiter than the rival"
    world.give_back(connection)
    assert younger not in world.granted
    assert connection.close_reason is CloseReason.MADE_ROOM
    assert rival not in world.granted


def test_new_connection_is_not_closed_for_the_aged(new_world):
    world = new_world(max_connections=2)
    connection, _, younger = busy_with_an_aged_rival(world)
    world.state.cancel(next(iter(world.state._buckets["busy"].waiters)))
    new = world.succeed()
    assert new.close_reason is None
    assert world.granted[younger] is new
    world.wait("busy")
    world.give_back(connection)
    assert connection.close_reason is CloseReason.MADE_ROOM


def test_new_connection_above_a_lowered_cap_is_closed(new_world):
    world = new_world(max_connections=2)
    world.borrow()
    waiter = world.wait()
    world.apply(world.state.resize(type(world.state.limits)(max_connections=1), world.now))
    new = world.succeed()
    assert new.close_reason is CloseReason.SHRUNK
    assert waiter not in world.granted
