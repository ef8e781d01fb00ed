"""Whether a name still stands for the server that is connected."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from proxy.targets.addresses import AddressWatch, resolve_with

HOST = "db.example.com"


class Scene:
    """A watch whose look-ups end when the test says so."""

    def __init__(self, host: str = HOST) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[frozenset[str]]] = []
        self.host = host
        self.watch = AddressWatch(lambda: self.host, self._resolve, self.clock, interval=5.0)

    def _resolve(self, host: str) -> Deferred[frozenset[str]]:
        assert host == self.host
        self.asked.append(Deferred())
        return self.asked[-1]

    def look_up(self, *addresses: str) -> bool:
        """The interval passes, the look-up ends so; what the watch says then."""
        self.clock.advance(5.0)
        self.watch.has_moved()
        self.asked[-1].callback(frozenset(addresses))
        return self.watch.has_moved()


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.watch.connected("10.0.0.1")
    return scene


def test_nothing_is_looked_up_before_the_interval(scene: Scene) -> None:
    scene.clock.advance(4.9)
    assert not scene.watch.has_moved()
    assert scene.asked == []
    scene.clock.advance(0.1)
    assert not scene.watch.has_moved()
    assert len(scene.asked) == 1


def test_a_doubt_does_not_wait(scene: Scene) -> None:
    scene.watch.doubt()
    scene.watch.has_moved()
    assert len(scene.asked) == 1


def test_one_look_up_at_a_time(scene: Scene) -> None:
    for _ in range(10):
        scene.clock.advance(5.0)
        scene.watch.has_moved()
    assert len(scene.asked) == 1


def test_a_name_that_stays(scene: Scene) -> None:
    assert not scene.look_up("10.0.0.1")
    assert not scene.look_up("10.0.0.2", "10.0.0.1")
    assert len(scene.asked) == 2


def test_a_name_that_moves(scene: Scene) -> None:
    assert scene.look_up("10.0.0.2")
    scene.watch.connected("10.0.0.2")
    assert not scene.watch.has_moved()
    assert not scene.look_up("10.0.0.2")


def test_a_name_that_is_found_nowhere_has_not_moved(scene: Scene) -> None:
    assert not scene.look_up()
    assert not scene.look_up("what is this")


def test_a_look_up_that_fails(scene: Scene) -> None:
    scene.clock.advance(5.0)
    scene.watch.has_moved()
    scene.asked[-1].errback(OSError("no DNS"))
    assert not scene.watch.has_moved()
    assert scene.look_up("10.0.0.2")


def test_an_answer_from_before_the_connection_does_not_count(scene: Scene) -> None:
    scene.clock.advance(5.0)
    scene.watch.has_moved()
    scene.watch.connected("10.0.0.2")
    scene.asked[-1].callback(frozenset({"10.0.0.1"}))
    assert not scene.watch.has_moved()
    scene.clock.advance(5.0)
    assert not scene.watch.has_moved()
    assert len(scene.asked) == 2


@pytest.mark.parametrize("host", ["10.0.0.1", "::1", "fe80::1%eth0"])
def test_an_address_is_not_looked_up(host: str) -> None:
    scene = Scene(host)
    scene.watch.connected("10.0.0.9")
    scene.watch.doubt()
    assert not scene.watch.has_moved()
    assert scene.asked == []


def test_nor_is_a_name_without_a_connection() -> None:
    scene = Scene()
    scene.watch.doubt()
    assert not scene.watch.has_moved()
    assert scene.asked == []


@pytest.mark.parametrize(
    ("peer", "found"),
    [("::ffff:10.0.0.1", "10.0.0.1"), ("2001:DB8::1", "2001:db8:0::1"), ("fe80::1%lo", "fe80::1")],
)
def test_addresses_are_compared_by_what_they_mean(peer: str, found: str) -> None:
    scene = Scene()
    scene.watch.connected(peer)
    assert not scene.look_up(found)


def test_a_move_is_told_once_for_each_look_up(scene: Scene) -> None:
    events: list[Any] = []
    observer: Callable[[Any], None] = events.append
    globalLogPublisher.addObserver(observer)
    try:
        scene.look_up("10.0.0.3")
        scene.watch.has_moved()
    finally:
        globalLogPublisher.removeObserver(observer)
    [event] = [
        each for each in events if each.get("log_level") is not None and each["log_level"].name == "warn"
    ]
    assert (event["host"], event["now"], event["before"]) == (HOST, "10.0.0.3", "10.0.0.1")


class FakeResolver:
    """Tells addresses one by one, as Twisted's own does."""

    def resolveHostName(self, receiver: Any, host: str, *_: Any) -> None:
        self.receiver = receiver
        receiver.resolutionBegan(self)
        receiver.addressResolved(IPv4Address("TCP", "10.0.0.1", 0))
        receiver.addressResolved(IPv6Address("TCP", "2001:db8::1", 0))


def test_all_addresses_of_the_reactors_resolver() -> None:
    resolver = FakeResolver()
    outcome: list[Any] = []
    resolve_with(resolver)(HOST).addCallback(outcome.append)  # type: ignore[arg-type]
    assert outcome == []
    resolver.receiver.resolutionComplete()
    assert outcome == [frozenset({"10.0.0.1", "2001:db8::1"})]
