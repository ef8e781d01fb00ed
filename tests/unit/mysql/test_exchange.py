"""Packets one at a time: who waits, who does not, and how waiting ends."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from proxy.mysql.exchange import MAX_UNREAD, Exchange
from proxy.mysql.wire.framing import PacketTooLarge
from tests.peers import packets as p
from tests.peers.cutting import same_however_cut

LIMIT = 1000


class Scene:
    """An exchange, and how often it was cancelled."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.cancelled = 0
        self.exchange = Exchange(limit, self._cancel)

    def _cancel(self) -> None:
        self.cancelled += 1
        # As a connection that is cut does.
        self.exchange.fail(ConnectionError("timed out"))

    def feed(self, *payloads: bytes, first: int = 0) -> bool:
        return self.exchange.feed(p.packets(payloads, first))

    def next(self) -> list[Any]:
        """Where the next payload, or what goes wrong, will be."""
        found: list[Any] = []
        self.exchange.next().addBoth(found.append)
        return found


def problem(found: list[Any]) -> BaseException | None:
    [failure] = found
    assert isinstance(failure, Failure)
    return failure.value


class TestOrder:
    def test_who_waits_gets_the_next(self) -> None:
        scene = Scene()
        found = scene.next()
        assert found == []
        assert scene.feed(b"one")
        assert found == [b"one"]
        assert not scene.exchange.unread

    def test_what_came_before_is_kept_in_order(self) -> None:
        scene = Scene()
        assert scene.feed(b"one", b"two")
        assert scene.exchange.unread
        assert scene.next() + scene.next() == [b"one", b"two"]
        assert not scene.exchange.unread
        assert scene.next() == []

    def test_one_who_asks_again_from_within_gets_the_one_behind(self) -> None:
        scene = Scene()
        found: list[Any] = []

        def ask(payload: bytes) -> None:
            found.append(payload)
            scene.exchange.next().addCallback(ask)

        scene.exchange.next().addCallback(ask)
        scene.feed(*(b"%d" % number for number in range(10)))
        assert found == [b"%d" % number for number in range(10)]
        assert not scene.exchange.unread

    def test_however_the_stream_is_cut(self) -> None:
        def parse(chunks: list[bytes]) -> list[bytes]:
            scene = Scene()
            found = [scene.next() for _ in range(1)]
            for chunk in chunks:
                assert scene.exchange.feed(chunk)
            return [each for one in [*found, scene.next(), scene.next()] for each in one]

        assert same_however_cut(parse, p.packets([b"one", b"", b"three"])) == [b"one", b"", b"three"]

    def test_the_sequence_id_of_an_answer(self) -> None:
        scene = Scene()
        scene.feed(b"greeting", first=0)
        scene.feed(b"again", first=255)
        scene.exchange.next()
        assert scene.exchange.reply_sequence == 1
        scene.exchange.next()
        assert scene.exchange.reply_sequence == 0


class TestLimits:
    def test_a_packet_of_the_limit(self) -> None:
        scene = Scene()
        assert scene.feed(bytes(LIMIT))
        assert scene.next() == [bytes(LIMIT)]

    def test_a_longer_one_is_refused_when_it_is_announced(self) -> None:
        scene = Scene()
        with pytest.raises(PacketTooLarge):
            scene.exchange.feed(p.packet(bytes(LIMIT + 1))[:4])

    def test_packets_nobody_reads_are_bounded(self) -> None:
        scene = Scene()
        assert scene.feed(*[b"more"] * MAX_UNREAD)
        assert not scene.feed(b"too much")

    def test_in_one_chunk_too(self) -> None:
        scene = Scene()
        found = scene.next()
        assert scene.feed(*[b"more"] * (MAX_UNREAD + 1))
        assert found == [b"more"]
        assert not Scene().feed(*[b"more"] * (MAX_UNREAD + 1))

    def test_reading_makes_room(self) -> None:
        scene = Scene()
        scene.feed(*[b"more"] * MAX_UNREAD)
        scene.next()
        assert scene.feed(b"one more")


class TestNotExpected:
    def test_a_packet_is_not_taken(self) -> None:
        scene = Scene()
        scene.exchange.expected = False
        assert not scene.feed(b"surprise")
        assert not scene.exchange.unread

    def test_nor_a_part_of_one(self) -> None:
        scene = Scene()
        scene.exchange.expected = False
        assert not scene.exchange.feed(b"\x07")
        scene.exchange.expected = True
        scene.feed(b"answer")
        assert scene.next() == [b"answer"]


class TestEnd:
    def test_who_waits_is_told(self) -> None:
        scene = Scene()
        found = scene.next()
        lost = ConnectionError("lost")
        scene.exchange.fail(lost)
        assert problem(found) is lost

    def test_who_asks_later_too(self) -> None:
        scene = Scene()
        scene.exchange.fail(ConnectionError("lost"))
        assert isinstance(problem(scene.next()), ConnectionError)
        assert isinstance(problem(scene.next()), ConnectionError)

    def test_what_came_before_can_still_be_read(self) -> None:
        scene = Scene()
        scene.feed(b"last words")
        scene.exchange.fail(ConnectionError("lost"))
        assert scene.next() == [b"last words"]
        assert isinstance(problem(scene.next()), ConnectionError)

    def test_twice(self) -> None:
        scene = Scene()
        found = scene.next()
        scene.exchange.fail(ConnectionError("first"))
        scene.exchange.fail(ConnectionError("second"))
        assert str(problem(found)) == "first"


class TestCancel:
    def test_the_other_side_is_let_go(self) -> None:
        scene = Scene()
        waiting: Deferred[bytes] = scene.exchange.next()
        found: list[Any] = []
        waiting.addBoth(found.append)
        waiting.cancel()
        assert scene.cancelled == 1
        assert isinstance(problem(found), CancelledError)

    def test_what_follows_does_not_reach_it_again(self) -> None:
        scene = Scene()
        waiting = scene.exchange.next()
        found: list[Any] = []
        waiting.addBoth(found.append)
        waiting.cancel()
        scene.exchange.fail(ConnectionError("lost later"))
        assert scene.feed(b"late")
        assert len(found) == 1

    def test_one_that_has_its_answer_cancels_nothing(self) -> None:
        scene = Scene()
        waiting = scene.exchange.next()
        scene.feed(b"answer")
        waiting.cancel()
        assert scene.cancelled == 0


class TestTls:
    def test_what_is_no_packet_is_taken_out(self) -> None:
        """A TLS hello in the segment of the SSLRequest: read as a packet it is huge."""
        scene = Scene()
        hello = b"\x16\x03\x01\x02\x00\x01"
        rest: list[bytes] = []
        scene.exchange.next().addCallback(lambda _: rest.append(scene.exchange.rest()))
        assert scene.exchange.feed(p.packet(b"request", 1) + hello)
        assert rest == [hello]
        assert scene.exchange.rest() == b""
        scene.feed(b"log-in")
        assert scene.next() == [b"log-in"]

    def test_the_beginning_of_a_packet_is(self) -> None:
        scene = Scene()
        scene.exchange.feed(b"\x05\x00\x00\x00abc")
        assert not scene.exchange.unread
        assert scene.exchange.rest() == b"\x05\x00\x00\x00abc"

    def test_whole_packets_are_no_part_of_it(self) -> None:
        scene = Scene()
        scene.exchange.feed(p.packet(b"request", 1) + p.packet(b"in the clear", 2))
        scene.next()
        assert scene.exchange.unread
        assert scene.exchange.rest() == b""
