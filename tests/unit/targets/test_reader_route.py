"""A route to readers: each test ends with no timer left of it."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.pool.errors import BorrowTimeout, PoolClosed
from proxy.targets.errors import NoReader
from proxy.targets.reader_route import Reader, ReaderOptions, ReaderRoute
from proxy.targets.routes import WriterRoute
from tests.peers.lenders import Ends, Lender


class Scene:
    """A reader endpoint beside a writer; readers are lenders whose lag the test sets."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.options = ReaderOptions(borrow_timeout=10.0, fallback_wait=3.0, max_replica_lag=5.0)
        self.writer_route: WriterRoute[Any] = WriterRoute(lambda: self.options, self.clock)
        self.writer = self.lender(name="writer")
        self.writer_route.use(self.writer.pool)
        self.route: ReaderRoute[Any] = ReaderRoute(self.writer_route, lambda: self.options, self.clock)
        self.ends = Ends()

    def set_options(self, **options: Any) -> None:
        self.options = attrs.evolve(self.options, **options)

    def lender(self, **options: Any) -> Lender:
        return Lender(self.clock, **options)

    def read_from(self, *lenders: Lender, lag: float | None = None, available: bool = True) -> None:
        self.route.set_readers([Reader(each.name, each.pool, lag, 0.0, available) for each in lenders])

    def borrow(self, name: object, preferred: Any = None) -> "Deferred[Any]":
        return self.ends.note(name, self.route.borrow("app", None, name, preferred))

    def served_by(self, name: object) -> Lender:
        lender: Lender = self.ends[name].lender
        return lender


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.route.stop()
    scene.writer_route.stop()
    for call in scene.clock.getDelayedCalls():
        assert "Alarm" not in str(call.func), call


class TestReaders:
    def test_whether_there_are_any(self, scene: Scene) -> None:
        assert not scene.route.has_readers
        reader = scene.lender()
        scene.read_from(reader, available=False)
        assert scene.route.has_readers
        scene.read_from()
        assert not scene.route.has_readers

    def test_spread(self, scene: Scene) -> None:
        readers = [scene.lender(max_connections=10) for _ in range(2)]
        scene.read_from(*readers)
        for name in range(8):
            scene.borrow(name)
        assert [reader.pool.borrowed for reader in readers] == [4, 4]
        assert scene.writer.alive == []

    def test_take_and_borrow_together_warm_all(self, scene: Scene) -> None:
        readers = [scene.lender() for _ in range(3)]
        scene.read_from(*readers)
        for _ in range(12):
            loan = scene.route.take("app", None)
            if loan is None:
                scene.route.borrow("app", None).addCallback(lambda loan: loan.pool.give_back(loan))
            else:
                loan.pool.give_back(loan)
        assert [len(reader.alive) for reader in readers] == [1, 1, 1]

    def test_the_preferred_one(self, scene: Scene) -> None:
        first, second = scene.lender(), scene.lender()
        scene.read_from(first, second)
        for name in range(4):
            scene.borrow(name, second.pool)
            loan = scene.ends[name]
            assert loan.lender is second
            second.pool.give_back(loan)
        assert scene.route.take("app", None, second.pool) in second.alive

    def test_one_that_lags_is_not_used(self, scene: Scene) -> None:
        late, prompt = scene.lender(), scene.lender()
        scene.route.set_readers([Reader("late", late.pool, 5.1), Reader("prompt", prompt.pool, 5.0)])
        for name in range(4):
            scene.borrow(name)
        assert late.alive == []

    def test_a_pool_that_stops_is_not_used(self, scene: Scene) -> None:
        first, second = scene.lender(), scene.lender()
        scene.read_from(first, second)
        first.pool.stop()
        for name in range(3):
            scene.borrow(name)
        assert len(second.alive) == 3

    def test_short_while_one_is(self, scene: Scene) -> None:
        reader = scene.lender(max_connections=1)
        scene.read_from(reader)
        scene.borrow(1)
        assert not scene.route.is_short
        scene.borrow(2)
        assert scene.route.is_short
        assert scene.route.waiting


class TestMoving:
    def test_to_another_reader(self, scene: Scene) -> None:
        frozen, sound = scene.lender(prompt=False), scene.lender()
        scene.read_from(frozen)
        for name in range(4):
            scene.borrow(name)
        scene.read_from(sound)
        frozen.pool.evacuate()
        assert scene.ends.names == [0, 1, 2, 3]
        assert len(sound.alive) == 4

    def test_evacuated_before_the_route_knows(self, scene: Scene) -> None:
        frozen, sound = scene.lender(prompt=False), scene.lender()
        scene.read_from(frozen)
        scene.borrow(1)
        frozen.pool.evacuate()
        scene.read_from(sound)
        assert scene.served_by(1) is sound

    def test_from_one_that_begins_to_lag(self, scene: Scene) -> None:
        late, sound = scene.lender(prompt=False), scene.lender()
        scene.read_from(late)
        scene.borrow(1)
        scene.route.set_readers([Reader("late", late.pool, 60.0), Reader("sound", sound.pool, 0.0)])
        assert scene.served_by(1) is sound

    def test_from_one_that_is_full_when_another_comes(self, scene: Scene) -> None:
        full, other = scene.lender(max_connections=1), scene.lender()
        scene.read_from(full)
        for name in range(4):
            scene.borrow(name)
        scene.read_from(full, other)
        assert scene.ends.names == [0, 1, 2, 3]

    def test_from_one_that_cannot_be_connected_to(self, scene: Scene) -> None:
        dead, sound = scene.lender(prompt=False), scene.lender()
        scene.read_from(dead)
        scene.borrow(1)
        dead.refuse(OSError("refused"))
        scene.read_from(dead, sound)
        assert scene.served_by(1) is sound
        scene.borrow(2)
        assert scene.served_by(2) is sound

    def test_not_without_a_reason(self, scene: Scene) -> None:
        slow, other = scene.lender(prompt=False), scene.lender()
        scene.read_from(slow)
        scene.borrow(1)
        scene.read_from(slow, other)
        assert scene.ends.names == []
        slow.accept()
        assert scene.served_by(1) is slow


class TestWaitThenWriter:
    def test_the_writer_after_a_while(self, scene: Scene) -> None:
        reader = scene.lender()
        scene.read_from(reader)
        scene.clock.advance(20)
        scene.read_from(reader, available=False)
        scene.borrow(1)
        assert scene.route.take("app", None) is None
        scene.clock.advance(2.9)
        assert scene.ends.names == []
        scene.clock.advance(0.1)
        assert scene.served_by(1) is scene.writer
        scene.borrow(2)
        assert scene.served_by(2) is scene.writer
        loan = scene.ends[2]
        loan.pool.give_back(loan)
        assert scene.route.take("app", None) is loan

    def test_a_reader_that_comes_in_time(self, scene: Scene) -> None:
        reader = scene.lender()
        scene.read_from(reader, available=False)
        scene.borrow(1)
        scene.clock.advance(2)
        scene.read_from(reader)
        assert scene.served_by(1) is reader

    def test_back_from_the_writers_queue(self, scene: Scene) -> None:
        scene.writer.fill()
        scene.borrow(1)
        assert scene.writer.pool.waiting
        reader = scene.lender()
        scene.read_from(reader)
        assert scene.served_by(1) is reader
        assert not scene.writer.pool.waiting

    def test_the_writer_at_once_if_there_is_no_reader(self, scene: Scene) -> None:
        scene.borrow(1)
        assert scene.served_by(1) is scene.writer

    def test_the_writer_at_once_for_those_not_to_wait(self, scene: Scene) -> None:
        scene.set_options(borrow_timeout=0.0)
        scene.read_from(scene.lender(), available=False)
        scene.borrow(1)
        assert scene.served_by(1) is scene.writer

    def test_times_out_without_reader_and_writer(self, scene: Scene) -> None:
        scene.writer_route.use(None)
        scene.borrow(1)
        scene.clock.advance(10)
        assert isinstance(scene.ends[1], BorrowTimeout)

    def test_a_writer_that_comes_or_is_released(self, scene: Scene) -> None:
        scene.writer_route.use(None)
        scene.borrow(1)
        scene.writer_route.use(scene.writer.pool)
        assert scene.served_by(1) is scene.writer
        scene.writer_route.hold()
        scene.borrow(2)
        assert scene.ends.names == [1]
        scene.writer_route.release()
        assert scene.ends.names == [1, 2]

    def test_out_of_the_queue_of_a_writer_that_is_held(self, scene: Scene) -> None:
        loans = scene.writer.fill()
        scene.borrow(1)
        scene.writer_route.hold()
        scene.writer.pool.give_back(loans[0])
        assert scene.ends.names == []
        scene.writer_route.release()
        scene.clock.advance(0)
        assert scene.served_by(1) is scene.writer


class TestOtherFallbacks:
    def test_writer_at_once(self, scene: Scene) -> None:
        scene.set_options(fallback="writer")
        scene.read_from(scene.lender(), lag=60.0)
        scene.borrow(1)
        assert scene.served_by(1) is scene.writer

    def test_error_if_there_is_no_reader(self, scene: Scene) -> None:
        scene.set_options(fallback="error")
        scene.borrow(1)
        assert isinstance(scene.ends[1], NoReader)
        assert scene.route.take("app", None) is None

    def test_error_when_the_last_reader_is_taken_away(self, scene: Scene) -> None:
        scene.set_options(fallback="error")
        scene.read_from(scene.lender(prompt=False))
        scene.borrow(1)
        scene.read_from()
        assert isinstance(scene.ends[1], NoReader)

    def test_error_after_the_borrow_timeout_if_none_is_fit(self, scene: Scene) -> None:
        scene.set_options(fallback="error")
        scene.read_from(scene.lender(), lag=60.0)
        scene.borrow(1)
        scene.clock.advance(9.9)
        assert scene.ends.names == []
        scene.clock.advance(0.1)
        assert isinstance(scene.ends[1], BorrowTimeout)

    def test_an_unknown_one_is_a_mistake(self) -> None:
        with pytest.raises(ValueError, match="fallback"):
            ReaderOptions(fallback="never")


def test_stopped(scene: Scene) -> None:
    scene.read_from(scene.lender(prompt=False))
    scene.borrow(1)
    scene.route.stop()
    scene.borrow(2)
    assert scene.writer_route._watchers == []
    scene.read_from(scene.lender())
    assert [type(result) for _, result in scene.ends.seen] == [PoolClosed, PoolClosed]
    assert scene.route.take("app", None) is None
