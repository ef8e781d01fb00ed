"""An in-memory TCP connection: a Twisted protocol on one side, a scripted peer on the other.

Nothing arrives before it is delivered, so a test decides the order of everything. The transport keeps
Twisted's rules for producers and for loseConnection; TLS is the real thing.
"""

from typing import Any, Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

#: Bytes a transport holds before its producer is asked to pause, as in Twisted.
HIGH_WATER = 65_536


class Peer(Protocol):
    """The scripted side."""

    def received(self, data: bytes) -> None:
        """Bytes arrived."""

    def gone(self) -> None:
        """The protocol's side closed."""


class Line:
    """Transport of ``protocol``, and the wire to ``peer``."""

    TLS = False

    def __init__(self, protocol: Any, peer: Any, *, is_client: bool) -> None:
        self.protocol = protocol
        self.peer = peer
        self.is_client = is_client
        self.incoming: list[bytes] = []
        self.outgoing = bytearray()
        #: The peer does not read.
        self.stuck = False
        self.reading = True
        self.disconnecting = False
        self.connected = True
        self._end: BaseException | None = None
        self._producer: Any = None
        self._paused = False
        peer.line = self
        protocol.makeConnection(self)

    # What the protocol calls

    def write(self, data: bytes) -> None:
        if self.TLS:
            self.protocol.write(data)
        else:
            self.raw_write(data)

    def raw_write(self, data: bytes) -> None:
        if not self.connected or self._end is not None:
            return
        self.outgoing += data
        if self._producer is not None and len(self.outgoing) > HIGH_WATER and not self._paused:
            self._paused = True
            self._producer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.TLS:
            self.protocol.registerProducer(producer, streaming)
        else:
            self.raw_register(producer, streaming)

    def raw_register(self, producer: Any, streaming: bool) -> None:
        assert streaming
        assert self._producer is None, "a producer is registered already"
        self._producer = producer

    def unregisterProducer(self) -> None:
        if self.TLS:
            self.protocol.unregisterProducer()
        else:
            self.raw_unregister()

    def raw_unregister(self) -> None:
        self._producer, self._paused = None, False

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        if self.connected and not self.disconnecting:
            self.reading = True

    def loseConnection(self) -> None:
        if self.TLS:
            self.protocol.loseConnection()
        else:
            self.raw_lose()

    def raw_lose(self) -> None:
        self.reading = False
        self.disconnecting = True

    def abortConnection(self) -> None:
        if self._end is None:
            self._end = ConnectionLost("aborted")
        self.outgoing.clear()

    def startTLS(self, factory: Any) -> None:
        wrapper = TLSMemoryBIOFactory(factory, self.is_client, None)  # type: ignore[arg-type]
        producer, self._producer = self._producer, None
        tls: Any = TLSMemoryBIOProtocol(wrapper, self.protocol, False)
        self.protocol, self.TLS = tls, True
        tls.makeConnection(_Bypass(self))
        if producer is not None:
            tls.registerProducer(producer, True)

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 50_000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 3306)

    # What the peer calls

    def send(self, data: bytes) -> None:
        """Put bytes on the wire to the protocol."""
        if data:
            self.incoming.append(data)

    def hang_up(self, *, rudely: bool = False) -> None:
        """The peer closes: the protocol learns of it after what was sent before."""
        if self._end is None:
            self._end = ConnectionLost("reset by peer") if rudely else ConnectionDone()

    # What the network does

    @property
    def has_work(self) -> bool:
        """Something can be delivered."""
        if not self.connected:
            return False
        readable = bool(self.incoming) and (self.reading or self.disconnecting)
        ended = self._end is not None and not (self.incoming and self.reading)
        return (
            readable
            or ended
            or (not self.stuck and (bool(self.outgoing) or (self.disconnecting and not self._paused)))
        )

    def deliver_in(self, size: int | None = None) -> None:
        """The protocol reads a chunk; what arrives while it closes is lost."""
        if not self.incoming:
            return
        if self.disconnecting:
            self.incoming.clear()
            return
        if not self.reading:
            return
        data = self.incoming.pop(0)
        if size is not None and len(data) > size:
            self.incoming.insert(0, data[size:])
            data = data[:size]
        self.protocol.dataReceived(data)

    def deliver_out(self) -> None:
        """The peer reads everything, or learns of the end."""
        if self.stuck:
            return
        if self.outgoing:
            data = bytes(self.outgoing)
            self.outgoing.clear()
            self.peer.received(data)
        if self._paused and self.connected:
            # As in Twisted, a connection that closes waits for one more write then.
            self._paused = False
            self._producer.resumeProducing()
        elif self.disconnecting and not self.outgoing and self._end is None:
            self._end = ConnectionDone()

    def deliver(self) -> None:
        """Everything that can be, once."""
        self.deliver_in()
        self.deliver_out()
        if self._end is not None and self.connected and not (self.incoming and self.reading):
            self.connected = False
            self.protocol.connectionLost(Failure(self._end))
            self.peer.gone()


class _Bypass:
    """What TLS writes to."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def write(self, data: bytes) -> None:
        self._line.raw_write(data)

    def writeSequence(self, pieces: list[bytes]) -> None:
        self._line.raw_write(b"".join(pieces))

    def loseConnection(self) -> None:
        self._line.raw_lose()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._line.raw_register(producer, streaming)

    def unregisterProducer(self) -> None:
        self._line.raw_unregister()
