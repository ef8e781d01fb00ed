"""A route to the writer: each test ends with no timer left of it."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from proxy.mysql.backend.connector import PoolKey
from proxy.pool.errors import BorrowTimeout, PoolClosed, QueueFull, TenantTimeout
from proxy.targets.routes import RouteOptions, WriterRoute
from proxy.tenants.limits import Share, TenantLimits
from proxy.tenants.tenant import Tenant
from tests.peers.lenders import Ends, Lender


class Scene:
    """An endpoint with a route, its borrowers, and as many targets as are made."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.options = RouteOptions(borrow_timeout=10.0)
        self.route: WriterRoute[Any] = WriterRoute(lambda: self.options, self.clock)
        self.ends = Ends()

    def lender(self, **options: Any) -> Lender:
        return Lender(self.clock, **options)

    def borrow(self, name: object, key: object = "app") -> "Deferred[Any]":
        return self.ends.note(name, self.route.borrow(key, None, name))

    def slow_lender(self) -> Lender:
        """One that opens nothing by itself, but has an idle connection of the key "other"."""
        lender = self.lender()
        lender.pool.borrow("other", None).addCallback(lender.pool.give_back)
        lender.prompt = False
        return lender


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.route.stop()
    for call in scene.clock.getDelayedCalls():
        assert "Alarm" not in str(call.func), call


class TestTake:
    def test_is_the_pools_own_while_it_lends(self, scene: Scene) -> None:
        lender = scene.lender()
        assert scene.route.take("app", None) is None
        scene.route.use(lender.pool)
        assert scene.route.take == lender.pool.take

    def test_nothing_while_held_or_without_a_writer(self, scene: Scene) -> None:
        lender = scene.lender()
        scene.route.use(lender.pool)
        scene.borrow(1)
        lender.pool.give_back(scene.ends[1])
        scene.route.hold()
        assert scene.route.take("app", None) is None
        scene.route.release()
        assert scene.route.take("app", None) is scene.ends[1]
        lender.pool.give_back(scene.ends[1])
        scene.route.use(None)
        assert scene.route.take("app", None) is None

    def test_does_not_overtake_those_who_are_being_moved(self, scene: Scene) -> None:
        lender = scene.lender(max_connections=2)
        scene.route.use(lender.pool)
        for name in (1, 2):
            scene.borrow(name)
        for name in (1, 2):
            lender.pool.give_back(scene.ends[name])
        scene.route.hold()
        taken: list[Any] = []
        scene.route.borrow("app", None).addCallback(lambda _: taken.append(scene.route.take("app", None)))
        scene.borrow(3)
        scene.route.release()
        assert taken == [None]
        assert scene.ends[3] is not None

    def test_is_there_again_if_the_writer_came_while_waits_expired(self, scene: Scene) -> None:
        lender = scene.lender()
        scene.borrow(1).addCallback(lambda _: scene.route.use(lender.pool))
        scene.clock.advance(10)
        assert scene.route.take == lender.pool.take


class TestWithoutAWriter:
    def test_waits_until_there_is_one(self, scene: Scene) -> None:
        scene.borrow(1)
        assert scene.route.waiting
        scene.clock.advance(9.9)
        lender = scene.lender()
        scene.route.use(lender.pool)
        assert scene.ends[1].lender is lender
        assert not scene.route.waiting

    def test_times_out(self, scene: Scene) -> None:
        scene.borrow(1)
        scene.clock.advance(4)
        scene.borrow(2)
        scene.clock.advance(6)
        assert scene.ends.names == [1]
        scene.clock.advance(4)
        assert all(isinstance(scene.ends[name], BorrowTimeout) for name in (1, 2))
        assert scene.clock.getDelayedCalls() == []

    def test_in_order_of_arrival(self, scene: Scene) -> None:
        for name in range(20):
            scene.borrow(name)
        scene.route.use(scene.lender(max_connections=20).pool)
        assert scene.ends.names == list(range(20))

    def test_without_patience_there_is_no_wait(self, scene: Scene) -> None:
        scene.options = attrs.evolve(scene.options, borrow_timeout=0)
        scene.borrow(1)
        assert isinstance(scene.ends[1], BorrowTimeout)

    def test_cancelled(self, scene: Scene) -> None:
        scene.borrow(1).cancel()
        assert isinstance(scene.ends[1], CancelledError)
        assert scene.clock.getDelayedCalls() == []
        scene.route.use(scene.lender().pool)
        assert scene.ends.names == [1]

    def test_the_queue_has_a_length(self, scene: Scene) -> None:
        scene.options = attrs.evolve(scene.options, max_queue_length=2)
        for name in (1, 2, 3):
            scene.borrow(name)
        assert isinstance(scene.ends[3], QueueFull)
        full = scene.lender(max_connections=1, max_queue_length=1)
        full.fill()
        scene.route.use(full.pool)
        assert scene.ends.names == [3]
        assert full.pool.metrics.waiting == 2


class TestTenantsOwnTime:
    """Without a writer the clients of a tenant wait as long as they would in a pool's queue."""

    def key(self, timeout: float) -> PoolKey:
        return PoolKey("app", 0, Tenant("acme", TenantLimits(share=Share(borrow_timeout=timeout))))

    def test_may_be_shorter_or_longer(self, scene: Scene) -> None:
        for name, timeout in (("short", 2.0), ("long", 30.0)):
            scene.borrow(name, self.key(timeout))
        scene.clock.advance(2)
        assert scene.ends.names == ["short"]
        error = scene.ends["short"]
        assert isinstance(error, TenantTimeout)
        assert (error.tenant, error.seconds) == ("acme", 2.0)
        scene.clock.advance(27.9)
        assert scene.ends.names == ["short"]
        scene.clock.advance(0.1)
        assert isinstance(scene.ends["long"], TenantTimeout)

    def test_may_be_none(self, scene: Scene) -> None:
        scene.borrow(1, self.key(0))
        assert isinstance(scene.ends[1], TenantTimeout)

    def test_is_not_begun_anew_by_moving(self, scene: Scene) -> None:
        lender = scene.lender(max_connections=1)
        lender.fill()
        scene.borrow(1, self.key(4))
        scene.clock.advance(3)
        scene.route.use(lender.pool)
        scene.route.hold()
        scene.clock.advance(0.9)
        assert scene.ends.names == []
        scene.clock.advance(0.1)
        assert isinstance(scene.ends[1], TenantTimeout)


class TestAnotherWriter:
    def test_waiters_move_with_the_deadline_they_had(self, scene: Scene) -> None:
        old, new = scene.lender(prompt=False), scene.lender(prompt=False)
        scene.route.use(old.pool)
        scene.borrow(1)
        scene.clock.advance(6)
        scene.route.use(None)
        old.pool.evacuate()
        scene.clock.advance(3)
        scene.route.use(new.pool)
        scene.clock.advance(0.9)
        assert scene.ends.names == []
        scene.clock.advance(0.2)
        assert isinstance(scene.ends[1], BorrowTimeout)
        assert old.pending == []

    def test_in_order_of_arrival(self, scene: Scene) -> None:
        old, new = scene.lender(prompt=False, max_connections=30), scene.lender(max_connections=30)
        scene.route.use(old.pool)
        for name in range(15):
            scene.borrow(name)
        scene.route.use(None)
        for name in range(15, 30):
            scene.borrow(name)
        scene.route.use(new.pool)
        assert scene.ends.names == list(range(30))
        assert old.pool.outstanding == 0

    def test_evacuated_before_the_route_knows(self, scene: Scene) -> None:
        old, new = scene.lender(prompt=False), scene.lender()
        scene.route.use(old.pool)
        for name in (1, 2):
            scene.borrow(name)
        old.pool.evacuate()
        assert scene.ends.names == []
        scene.route.use(new.pool)
        assert scene.ends.names == [1, 2]

    def test_stopped_before_the_route_knows(self, scene: Scene) -> None:
        old, new = scene.lender(prompt=False), scene.lender()
        scene.route.use(old.pool)
        scene.borrow(1)
        old.pool.stop()
        scene.borrow(2)
        assert scene.ends.names == []
        scene.route.use(new.pool)
        assert scene.ends.names == [1, 2]

    def test_moved_waiters_are_not_turned_away_by_a_full_queue(self, scene: Scene) -> None:
        old = scene.lender(prompt=False)
        new = scene.lender(max_connections=1, max_queue_length=1)
        new.fill()
        scene.route.use(old.pool)
        for name in (1, 2, 3):
            scene.borrow(name)
        scene.route.use(new.pool)
        assert scene.ends.names == []
        assert new.pool.metrics.waiting == 3

    def test_borrowers_without_patience_move_in_the_same_turn(self, scene: Scene) -> None:
        old, new = scene.lender(prompt=False, borrow_timeout=0), scene.lender(borrow_timeout=0)
        scene.options = attrs.evolve(scene.options, borrow_timeout=0)
        scene.route.use(old.pool)
        scene.borrow(1)
        scene.route.use(None)
        scene.route.use(new.pool)
        assert scene.ends[1].lender is new

    def test_borrowers_without_patience_do_not_wait_for_a_writer(self, scene: Scene) -> None:
        old = scene.lender(prompt=False, borrow_timeout=0)
        scene.options = attrs.evolve(scene.options, borrow_timeout=0)
        scene.route.use(old.pool)
        scene.borrow(1)
        scene.route.use(None)
        scene.clock.advance(0)
        assert isinstance(scene.ends[1], BorrowTimeout)

    def test_changes_while_waiters_move(self, scene: Scene) -> None:
        first, second = scene.lender(max_connections=9), scene.lender(max_connections=9)
        scene.borrow(1).addCallback(lambda _: scene.route.use(second.pool))
        for name in (2, 3):
            scene.borrow(name)
        scene.route.use(first.pool)
        assert scene.ends.names == [1, 2, 3]
        assert [scene.ends[name].lender for name in (1, 2, 3)] == [first, second, second]
        assert scene.route.take == second.pool.take

    def test_nobody_is_overtaken_if_it_changes_while_waiters_move(self, scene: Scene) -> None:
        slow, prompt = scene.slow_lender(), scene.lender(max_connections=9)

        def change(_: Any) -> None:
            scene.route.use(prompt.pool)
            scene.borrow(4)

        scene.borrow(1)
        scene.borrow(2, "other").addCallback(change)
        scene.borrow(3)
        scene.route.use(slow.pool)
        assert scene.ends.names == [2, 1, 3, 4]

    def test_nobody_is_overtaken_by_one_who_comes_while_waiters_move(self, scene: Scene) -> None:
        slow, prompt = scene.slow_lender(), scene.lender(max_connections=9)

        def change(_: Any) -> None:
            scene.route.use(prompt.pool)
            scene.borrow(3)

        scene.borrow(1)
        scene.borrow(2, "other").addCallback(change)
        scene.route.use(slow.pool)
        assert scene.ends.names == [2, 1, 3]

    def test_held_while_waiters_move(self, scene: Scene) -> None:
        slow, prompt = scene.slow_lender(), scene.lender(max_connections=9)
        scene.borrow(1)
        scene.borrow(2, "other").addCallback(lambda _: scene.route.hold())
        scene.borrow(3)
        scene.route.use(slow.pool)
        assert slow.pool.waiting is False
        scene.route.use(prompt.pool)
        scene.route.release()
        assert scene.ends.names == [2, 1, 3]


class TestHold:
    def test_who_waits_in_the_pool_goes_on_waiting(self, scene: Scene) -> None:
        lender = scene.lender(max_connections=1)
        scene.route.use(lender.pool)
        for name in (1, 2):
            scene.borrow(name)
        scene.route.hold()
        assert scene.route.is_held
        assert scene.route.is_short
        scene.borrow(3)
        lender.pool.give_back(scene.ends[1])
        assert scene.ends.names == [1]
        scene.route.release()
        assert scene.ends.names == [1, 2]
        lender.pool.give_back(scene.ends[2])
        assert scene.ends.names == [1, 2, 3]

    def test_times_out(self, scene: Scene) -> None:
        scene.route.use(scene.lender().pool)
        scene.route.hold()
        scene.borrow(1)
        scene.clock.advance(10)
        assert isinstance(scene.ends[1], BorrowTimeout)

    def test_watchers_are_told(self, scene: Scene) -> None:
        lender = scene.lender()
        seen: list[Any] = []
        scene.route.watch(lambda: seen.append(scene.route.pool))
        scene.route.use(lender.pool)
        scene.route.hold()
        scene.route.release()
        scene.route.use(None)
        assert seen == [lender.pool, None, lender.pool, None]


class TestEnds:
    def test_timeout_in_the_pool_tells_why(self, scene: Scene) -> None:
        lender = scene.lender(prompt=False)
        scene.route.use(lender.pool)
        scene.borrow(1)
        lender.refuse(OSError("no route"))
        scene.clock.advance(10)
        assert isinstance(scene.ends[1].__cause__, OSError)

    def test_fatal_error(self, scene: Scene) -> None:
        lender = scene.lender(prompt=False)
        scene.route.use(lender.pool)
        scene.borrow(1)
        error = OSError("access denied")
        error.fatal = True  # type: ignore[attr-defined]
        lender.refuse(error)
        assert scene.ends[1] is error

    def test_cancelled_in_the_pool(self, scene: Scene) -> None:
        lender = scene.lender(prompt=False)
        scene.route.use(lender.pool)
        scene.borrow(1).cancel()
        assert isinstance(scene.ends[1], CancelledError)
        lender.accept()
        assert lender.pool.metrics.database_connections_idle == 1

    def test_stopped(self, scene: Scene) -> None:
        lender = scene.slow_lender()
        scene.route.use(lender.pool)
        scene.borrow(1)
        scene.route.hold()
        scene.borrow(2)
        scene.route.stop()
        scene.borrow(3)
        scene.route.use(lender.pool)
        scene.route.release()
        assert scene.ends.names == [1, 2, 3]
        assert all(isinstance(scene.ends[name], PoolClosed) for name in (1, 2, 3))
        assert scene.route.take("other", None) is None
