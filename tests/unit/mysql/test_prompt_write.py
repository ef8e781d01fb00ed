"""Writes that reach the socket at once: Twisted's TCP transport over a socket pair, without a reactor."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

from proxy.mysql.prompt_write import write_now

MUCH = bytes(range(256)) * 8192


class Reactor:
    """Notes what a transport wants to be told of."""

    def __init__(self) -> None:
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def addWriter(self, writer: Any) -> None:
        self.writers.add(writer)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def removeWriter(self, writer: Any) -> None:
        self.writers.discard(writer)


class Client(Protocol):
    end: BaseException | None = None

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.end = reason.value


class Producer:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def resumeProducing(self) -> None:
        self.heard.append("resume")

    def stopProducing(self) -> None:
        self.heard.append("stop")


class Scene:
    """A transport, and the other end of its socket."""

    def __init__(self) -> None:
        ours, self.other = socket.socketpair()
        # The kernel takes a small multiple of it.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.other.setblocking(False)
        reactor: Any = Reactor()
        self.reactor = reactor
        protocol: Any = Client()
        self.protocol = protocol
        transport: Any = Connection(ours, protocol, reactor)
        self.transport = transport
        self.transport.connected = 1
        self.protocol.makeConnection(self.transport)
        self.sends: list[int] = []
        self._send = self.transport.writeSomeData
        self.transport.writeSomeData = self._note

    def _note(self, data: Any) -> Any:
        self.sends.append(len(data))
        return self._send(data)

    @property
    def wants_to_write(self) -> bool:
        return self.transport in self.reactor.writers

    def turn(self) -> None:
        """One turn of the reactor: the socket takes more."""
        problem = self.transport.doWrite()
        if problem is not None:
            self.transport.connectionLost(Failure(problem))

    def take(self) -> bytes:
        """What has arrived at the other end."""
        found = b""
        while True:
            try:
                chunk = self.other.recv(1 << 20)
            except BlockingIOError:
                return found
            if not chunk:
                return found
            found += chunk

    def take_all(self) -> bytes:
        """What arrives while the transport still has something to write."""
        found = self.take()
        for _ in range(10_000):
            if not self.wants_to_write:
                return found
            self.turn()
            found += self.take()
        raise AssertionError("it never ends")

    def fill(self) -> int:
        """Put bytes into the socket until it takes no more; how many."""
        total = 0
        while (sent := self._send(bytes(1024))) != 0:
            assert isinstance(sent, int)
            total += sent
        return total


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.other.close()
    if scene.transport.connected:
        scene.transport.connectionLost(Failure(ConnectionDone()))


class TestAtOnce:
    def test_a_small_write_takes_no_turn_of_the_reactor(self, scene: Scene) -> None:
        write_now(scene.transport, b"SELECT 1")
        assert scene.take() == b"SELECT 1"
        assert not scene.wants_to_write
        assert scene.sends == [8]

    def test_several_keep_their_order(self, scene: Scene) -> None:
        for part in (b"one", b"two", b"three"):
            write_now(scene.transport, part)
        scene.transport.write(b"four")
        write_now(scene.transport, b"five")
        assert scene.take_all() == b"onetwothreefourfive"

    def test_nothing(self, scene: Scene) -> None:
        write_now(scene.transport, b"")
        assert not scene.wants_to_write
        assert scene.take() == b""


class TestInPart:
    def test_the_rest_goes_the_usual_way(self, scene: Scene) -> None:
        write_now(scene.transport, MUCH)
        assert scene.wants_to_write
        first = scene.take()
        assert 0 < len(first) < len(MUCH)
        assert first + scene.take_all() == MUCH

    def test_what_comes_behind_it_waits(self, scene: Scene) -> None:
        write_now(scene.transport, MUCH)
        begun = scene.take()
        # The socket has room again, yet this must not overtake.
        write_now(scene.transport, b"behind")
        assert scene.take() == b""
        assert begun + scene.take_all() == MUCH + b"behind"

    def test_what_comes_in_the_middle_of_the_buffer_waits(self, scene: Scene) -> None:
        write_now(scene.transport, MUCH)
        found = scene.take()
        scene.turn()
        assert scene.transport.offset
        found += scene.take()
        write_now(scene.transport, b"behind")
        assert found + scene.take_all() == MUCH + b"behind"

    def test_afterwards_writes_go_at_once_again(self, scene: Scene) -> None:
        write_now(scene.transport, MUCH)
        scene.take_all()
        write_now(scene.transport, b"again")
        assert scene.take() == b"again"
        assert not scene.wants_to_write

    def test_a_producer_is_paused_and_resumed(self, scene: Scene) -> None:
        producer = Producer()
        scene.transport.registerProducer(producer, True)
        write_now(scene.transport, b"small")
        assert producer.heard == []
        write_now(scene.transport, MUCH)
        assert producer.heard == ["pause"]
        assert scene.take_all() == b"small" + MUCH
        assert producer.heard == ["pause", "resume"]
        scene.transport.unregisterProducer()

    def test_a_socket_that_takes_nothing(self, scene: Scene) -> None:
        filled = scene.fill()
        write_now(scene.transport, b"later")
        assert scene.wants_to_write
        assert scene.take_all() == bytes(filled) + b"later"


class TestEnd:
    def test_an_error_is_reported_in_the_next_turn(self, scene: Scene) -> None:
        scene.other.close()
        write_now(scene.transport, b"SELECT 1")
        # Not from within the write: its caller is in the middle of something.
        assert scene.protocol.end is None
        assert scene.wants_to_write
        scene.turn()
        assert scene.protocol.end is not None
        assert not scene.transport.connected

    def test_a_connection_that_is_gone(self, scene: Scene) -> None:
        scene.transport.connectionLost(Failure(ConnectionDone()))
        write_now(scene.transport, b"SELECT 1")
        assert scene.sends == []
        assert not scene.wants_to_write
        assert scene.take() == b""

    def test_one_that_closes_sends_its_rest_in_order(self, scene: Scene) -> None:
        scene.transport.write(b"first")
        scene.transport.loseConnection()
        write_now(scene.transport, b"second")
        assert scene.sends == []
        assert scene.take_all() == b"firstsecond"
        assert isinstance(scene.protocol.end, ConnectionDone)

    def test_one_that_is_cut_sends_nothing(self, scene: Scene) -> None:
        scene.transport.disconnecting = 1
        write_now(scene.transport, b"late")
        assert scene.sends == []


class TestOtherTransports:
    def test_over_tls_nothing_goes_past_the_encryption(self, scene: Scene) -> None:
        written: list[bytes] = []
        scene.transport.TLS = True
        scene.transport.write = written.append
        write_now(scene.transport, b"secret")
        assert written == [b"secret"]
        assert (scene.sends, scene.take()) == ([], b"")

    def test_what_is_no_tcp_transport_is_just_written_to(self) -> None:
        class Other:
            written = b""

            def write(self, data: bytes) -> None:
                self.written += data

        other = Other()
        write_now(other, b"SELECT 1")
        assert other.written == b"SELECT 1"
