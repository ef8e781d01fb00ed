"""When secrets are fetched: few at a time, joined, not too soon, urgent ones first."""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from proxy.credentials.freshness import MAX_FETCHES, Freshness


class Room:
    """Fetches that end when a test says so."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.clock = Clock()
        self.started: list[str] = []
        self.open: dict[str, Deferred[None]] = {}
        self.prepared = 0
        self.at_once = at_once
        self.freshness = Freshness(self.clock, self._fetch, self._prepare)
        self.done: list[str] = []

    def _prepare(self) -> None:
        self.prepared += 1

    def _fetch(self, name: str) -> Deferred[None]:
        self.started.append(name)
        fetched: Deferred[None] = Deferred()
        if self.at_once:
            fetched.callback(None)
        else:
            assert name not in self.open, "twice at a time"
            self.open[name] = fetched
        return fetched

    def ask(self, name: str, interval: float = 0.0, *, urgent: bool = False) -> Deferred[None]:
        asked = self.freshness.ask(name, interval, urgent=urgent)
        asked.addCallback(lambda _: self.done.append(name))
        return asked

    def end(self, name: str) -> None:
        self.open.pop(name).callback(None)


def test_a_fetch_begins_at_once() -> None:
    room = Room()
    room.ask("a")
    assert (room.started, room.prepared, room.done) == (["a"], 1, [])
    assert room.freshness.is_busy("a")
    room.end("a")
    assert room.done == ["a"]
    assert not room.freshness.is_busy("a")


def test_who_asks_during_a_fetch_shares_the_next() -> None:
    room = Room()
    for _ in range(10):
        room.ask("a")
    assert room.started == ["a"]
    room.end("a")
    assert (room.started, room.done) == (["a", "a"], ["a"])
    room.end("a")
    assert (room.started, len(room.done)) == (["a", "a"], 10)


def test_the_interval_counts_from_the_last_beginning() -> None:
    room = Room(at_once=True)
    room.ask("a", 0.5)
    room.clock.advance(0.2)
    for _ in range(100):
        room.ask("a", 0.5)
    room.clock.advance(0.29)
    assert len(room.started) == 1
    room.clock.advance(0.02)
    assert (len(room.started), len(room.done)) == (2, 101)
    assert not room.clock.getDelayedCalls()


def test_the_interval_also_holds_for_those_who_asked_during_a_fetch() -> None:
    room = Room()
    room.ask("a", 0.5)
    room.ask("a", 0.5)
    room.clock.advance(0.1)
    room.end("a")
    assert room.started == ["a"]
    room.clock.advance(0.4)
    assert room.started == ["a", "a"]


def test_who_need_not_wait_does_not() -> None:
    room = Room(at_once=True)
    room.ask("a")
    room.ask("a", 10.0)
    room.ask("a")
    assert (room.started, len(room.done)) == (["a", "a"], 3)
    assert not room.clock.getDelayedCalls()


def test_a_clock_that_was_set_back_delays_by_the_interval_at_most() -> None:
    room = Room(at_once=True)
    room.clock.advance(1_000_000)
    room.ask("a")
    room.clock.rightNow = 0.0
    room.ask("a", 0.5)
    room.clock.advance(0.5)
    assert len(room.done) == 2


def test_no_more_than_a_few_at_a_time() -> None:
    room = Room()
    names = [str(number) for number in range(MAX_FETCHES + 3)]
    everything: list[None] = []
    room.freshness.ask_all(names).addCallback(everything.append)
    assert room.started == names[:MAX_FETCHES]
    for name in names:
        room.end(name)
    assert (room.started, everything) == (names, [None])


def test_urgent_ones_go_first() -> None:
    room = Room()
    busy = [str(number) for number in range(MAX_FETCHES)]
    room.freshness.ask_all([*busy, "x", "y", "z"])
    room.ask("y", urgent=True)
    room.ask("w", urgent=True)
    room.end("0")
    room.end("1")
    assert room.started[MAX_FETCHES:] == ["w", "y"]


def test_urgency_outlives_the_fetch_that_runs() -> None:
    room = Room()
    room.freshness.ask_all(["0", "1", "2", "3", "x", "y"])
    room.ask("0", urgent=True)
    room.end("0")
    assert room.started[MAX_FETCHES:] == ["0"]


def test_many_are_prepared_once() -> None:
    room = Room(at_once=True)
    room.freshness.ask_all([str(number) for number in range(1000)])
    assert (len(room.started), room.prepared) == (1000, 1)


def test_one_who_gives_up_leaves_the_others() -> None:
    room = Room()
    gone, kept = room.ask("a"), room.ask("a")
    gone.addErrback(lambda _: None)
    gone.cancel()
    room.end("a")
    room.end("a")
    assert kept.called
    assert room.done[-1:] == ["a"]


def test_asking_from_a_callback() -> None:
    room = Room(at_once=True)
    room.ask("a").addCallback(lambda _: room.ask("b"))
    assert room.done == ["a", "b"]


def test_a_fetch_that_fails_against_its_word_blocks_nothing() -> None:
    room = Room()
    room.ask("a")
    room.open.pop("a").errback(ValueError("bug"))
    room.ask("a")
    room.end("a")
    assert room.done == ["a", "a"]


def test_forgetting_ends_the_waiting() -> None:
    room = Room(at_once=True)
    room.ask("a")
    room.ask("a", 10.0)
    room.freshness.forget(["a", "unknown"])
    assert len(room.done) == 2
    assert not room.clock.getDelayedCalls()


def test_after_the_end_nothing_is_fetched() -> None:
    room = Room()
    room.freshness.ask_all(["0", "1", "2", "3", "x"])
    room.ask("0", 5.0)
    room.freshness.stop()
    assert len(room.done) == 1
    for name in list(room.open):
        room.end(name)
    room.ask("y")
    assert room.started == ["0", "1", "2", "3"]
    assert not room.clock.getDelayedCalls()
