"""The compressing transport: flow control, turns, ends. Without a reactor."""

import itertools
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from proxy.mysql.compressed_transport import TURN, CompressedTransport
from proxy.mysql.wire.compressed_sequences import ReplySequences
from proxy.mysql.wire.compression import MAX_PIECE, Algorithm, Compressor, Decompressor
from proxy.mysql.wire.datatypes import MalformedPacket


class Raw:
    """A transport that notes what is done with it."""

    def __init__(self) -> None:
        self.written = b""
        self.heard: list[Any] = []

    def write(self, data: bytes) -> None:
        self.written += data

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def resumeProducing(self) -> None:
        self.heard.append("resume")

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.heard.append(("register", producer, streaming))

    def unregisterProducer(self) -> None:
        self.heard.append("unregister")

    def loseConnection(self) -> None:
        self.heard.append("lose")

    def abortConnection(self) -> None:
        self.heard.append("abort")

    def getPeer(self) -> str:
        return "peer"

    def getHost(self) -> str:
        return "host"


class Side:
    """A transport under test with its surroundings."""

    def __init__(self, algorithm: Algorithm = Algorithm.ZLIB) -> None:
        self.raw = Raw()
        self.clock = Clock()
        self.pieces: list[bytes] = []
        self.problems: list[MalformedPacket] = []
        self.on_piece: Callable[[], None] = lambda: None
        self.transport = CompressedTransport(
            self.raw,
            Compressor(algorithm),
            lambda on_packet: Decompressor(algorithm, on_packet),
            ReplySequences(),
            receive=self.receive,
            fail=self.problems.append,
            clock=self.clock,
        )

    def receive(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.on_piece()

    @property
    def received(self) -> bytes:
        return b"".join(self.pieces)

    def turns(self, number: int = 1) -> None:
        """Turns of the reactor: a call made in one belongs to the next."""
        for _ in range(number):
            for call in self.clock.getDelayedCalls():
                self.clock.calls.remove(call)
                call.called = 1
                call.func()


def packed(*contents: bytes, algorithm: Algorithm = Algorithm.ZLIB) -> bytes:
    """Each content as a command in compressed packets of its own."""
    compressor = Compressor(algorithm)
    stream = b""
    for content in contents:
        numbers = itertools.count()
        stream += compressor.packets(content, lambda numbers=numbers: next(numbers) & 0xFF)  # type: ignore[misc]
    return stream


def bomb(size: int) -> bytes:
    """A packet that becomes ``size`` bytes."""
    content = zlib.compress(bytes(size))
    return len(content).to_bytes(3, "little") + b"\0" + size.to_bytes(3, "little") + content


@pytest.fixture
def side() -> Side:
    return Side()


@pytest.mark.parametrize("algorithm", Algorithm)
def test_both_ways(algorithm: Algorithm) -> None:
    side = Side(algorithm)
    side.transport.data_received(packed(b"SELECT 1" * 100, algorithm=algorithm))
    assert side.received == b"SELECT 1" * 100
    side.transport.begin_command()
    side.transport.write(b"a" * 100)
    side.transport.writeSequence([b"b" * 100, b"c" * 100])
    ids: list[int] = []
    decompressor = Decompressor(algorithm, ids.append)
    decompressor.feed(side.raw.written)
    assert b"".join(iter(decompressor.read, b"")) == b"a" * 100 + b"b" * 100 + b"c" * 100
    assert ids == [1, 2]


def test_nothing_is_paused_while_everything_flows(side: Side) -> None:
    for _ in range(20):
        side.transport.data_received(packed(b"x" * 1000))
    assert side.raw.heard == []
    assert not side.clock.getDelayedCalls()


def test_a_paused_reader_gets_nothing_more(side: Side) -> None:
    side.on_piece = side.transport.pauseProducing
    side.transport.data_received(packed(b"one", b"two", b"three"))
    assert side.pieces == [b"one"]
    assert side.raw.heard == ["pause"]
    side.transport.data_received(packed(b"four"))
    side.turns()
    assert side.pieces == [b"one"]


def test_resuming_decodes_what_is_there_before_the_socket_is_read(side: Side) -> None:
    side.on_piece = side.transport.pauseProducing
    side.transport.data_received(packed(b"one", b"two", b"three"))
    for expected in ([b"one", b"two"], [b"one", b"two", b"three"]):
        side.transport.resumeProducing()
        before = len(side.pieces)
        assert before == len(expected) - 1
        side.turns()
        assert side.pieces == expected
        assert side.raw.heard == ["pause"]
    side.transport.resumeProducing()
    side.turns()
    assert side.raw.heard == ["pause", "resume"]


def test_pausing_again_before_the_next_turn(side: Side) -> None:
    side.on_piece = side.transport.pauseProducing
    side.transport.data_received(packed(b"one", b"two"))
    side.transport.resumeProducing()
    side.transport.pauseProducing()
    side.turns(2)
    assert side.pieces == [b"one"]
    assert side.raw.heard == ["pause"]


def test_pausing_and_resuming_within_a_piece_does_not_deepen_the_stack(side: Side) -> None:
    def pause_and_resume() -> None:
        side.transport.pauseProducing()
        side.transport.resumeProducing()

    side.on_piece = pause_and_resume
    many = 5000
    side.transport.data_received(packed(*[b"command"] * many))
    side.turns(2)
    assert side.pieces == [b"command"] * many
    assert side.raw.heard[-1] == "resume"
    assert not side.clock.getDelayedCalls()


def test_a_bomb_is_decoded_in_turns_that_others_share(side: Side) -> None:
    size = 15 << 20
    side.transport.data_received(bomb(size))
    assert side.raw.heard == ["pause"]
    turns = 1
    while side.clock.getDelayedCalls():
        assert len(side.received) <= turns * TURN
        side.turns()
        turns += 1
    assert side.received == bytes(size)
    assert turns >= size // TURN
    assert all(len(piece) <= MAX_PIECE for piece in side.pieces)
    assert side.raw.heard == ["pause", "resume"]


def test_malformed_input_is_told_once_and_ends_reading(side: Side) -> None:
    good, bad = packed(b"good"), b"\x07\0\0\0\x10\0\0garbage"
    side.transport.data_received(good + bad + packed(b"late"))
    side.transport.data_received(packed(b"later"))
    assert side.pieces == [b"good"]
    assert [str(problem) for problem in side.problems] == ["compressed packet is not valid zlib data"]


def test_an_error_can_still_be_written_after_malformed_input(side: Side) -> None:
    side.transport.data_received(b"\x07\0\0\0\x10\0\0garbage")
    side.transport.write(b"error")
    assert side.raw.written.endswith(b"error")


def test_ids_out_of_order_are_malformed(side: Side) -> None:
    side.transport.data_received(b"\x01\0\0\x05\0\0\0x")
    assert [str(problem) for problem in side.problems] == ["a compressed packet is out of order"]


def test_a_mistake_of_the_reader_is_not_the_peers(side: Side) -> None:
    def break_down() -> None:
        raise MalformedPacket("the reader's own")

    side.on_piece = break_down
    with pytest.raises(MalformedPacket, match="own"):
        side.transport.data_received(packed(b"one"))
    assert side.problems == []


def test_what_waits_for_its_turn_is_handed_out_when_the_connection_ends(side: Side) -> None:
    side.transport.data_received(bomb(4 * TURN))
    side.transport.connection_lost()
    assert side.received == bytes(4 * TURN)
    assert not side.clock.getDelayedCalls()


def test_what_a_paused_reader_has_not_taken_is_dropped_when_the_connection_ends(side: Side) -> None:
    side.on_piece = side.transport.pauseProducing
    side.transport.data_received(packed(b"one", b"two"))
    side.transport.connection_lost()
    side.transport.resumeProducing()
    side.turns()
    assert side.pieces == [b"one"]


@pytest.mark.parametrize("end", ["loseConnection", "abortConnection"])
def test_a_closed_transport_hands_out_nothing(side: Side, end: str) -> None:
    side.on_piece = getattr(side.transport, end)
    side.transport.data_received(packed(b"one", b"two"))
    side.turns()
    assert side.pieces == [b"one"]
    assert side.raw.heard[-1] in ("lose", "abort")
    assert not side.clock.getDelayedCalls()


def test_closing_reads_on_for_the_peers_end(side: Side) -> None:
    side.transport.data_received(bomb(4 * TURN))
    side.transport.loseConnection()
    assert side.raw.heard == ["pause", "resume", "lose"]


def test_the_rest_is_the_raw_transports(side: Side) -> None:
    producer = object()
    side.transport.registerProducer(producer, True)
    side.transport.unregisterProducer()
    assert side.raw.heard == [("register", producer, True), "unregister"]
    assert (side.transport.getPeer(), side.transport.getHost()) == ("peer", "host")
    side.transport.stopProducing()
    assert side.raw.heard[-1] == "lose"
