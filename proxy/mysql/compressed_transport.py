"""A transport whose peer sends and gets compressed packets (MySQL manual, "Compression").

Put around a connection's transport once its log-in is over, also around one with TLS. What is written to it
leaves compressed. The chunks that arrive are given to ``data_received``, and what they hold goes to
``receive`` in pieces of at most MAX_PIECE bytes.

Flow control. A transport that is paused decodes nothing: a chunk may hold a thousand times its size. What is
left of it is decoded in later turns of the reactor, never within ``resumeProducing``, and the socket is read
again only when nothing is left. One turn decodes at most TURN bytes, so that no peer keeps others waiting.

Where the connection ends, what was received before and nobody has paused is handed out first, as a plain
transport does with what it has read. What a paused reader has not taken by then is dropped, like the bytes
that a plain one leaves in the socket.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from .prompt_write import write_now
from .wire.aligned_compression import AlignedCompressor
from .wire.compressed_sequences import Sequences
from .wire.compression import MAX_PIECE, Compressor, Decompressor
from .wire.datatypes import MalformedPacket

__all__ = ["TURN", "CompressedTransport"]

#: How much one turn of the reactor decodes, in bytes.
TURN: Final = 16 * MAX_PIECE


class CompressedTransport:
    """Around a Twisted transport; ``clock`` is the reactor.

    ``fail`` is called, once, with the MalformedPacket that ends the decoding; nothing is read after it.
    """

    def __init__(
        self,
        transport: Any,
        compressor: Compressor | AlignedCompressor,
        decompressor: Callable[[Callable[[int], None]], Decompressor],
        sequences: Sequences,
        *,
        receive: Callable[[bytes], None],
        fail: Callable[[MalformedPacket], None],
        clock: Any,
    ) -> None:
        self._raw = transport
        self._compressor = compressor
        self._decompressor = decompressor(sequences.received)
        self._sequences = sequences
        self._receive = receive
        self._fail = fail
        self._clock = clock
        self._paused = False
        #: The raw transport is stopped, for the reader or because there is enough to decode.
        self._raw_paused = False
        self._decoding = False
        self._ended = False
        self._later: Any = None
        #: To be called before the next command is worked on, or sent: its packets are counted anew.
        self.begin_command = sequences.begin_command

    # Bytes

    def data_received(self, data: bytes) -> None:
        """A chunk from the raw transport."""
        if self._ended:
            return
        self._decompressor.feed(data)
        if not self._paused and self._later is None and not self._decoding:
            self._decode(TURN)

    def _decode(self, limit: float) -> None:
        """Hand out pieces until none is there, the reader pauses or ``limit`` bytes are out."""
        self._decoding = True
        try:
            while not self._paused and not self._ended:
                if limit <= 0:
                    self._decode_later()
                    return
                piece = self._read()
                if not piece:
                    self._read_on()
                    return
                limit -= len(piece)
                self._receive(piece)
        finally:
            self._decoding = False

    def _read(self) -> bytes:
        try:
            return self._decompressor.read()
        except MalformedPacket as problem:
            self._end()
            self._fail(problem)
            return b""

    def _decode_later(self) -> None:
        self._stop_reading()
        if self._later is None:
            self._later = self._clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._later = None
        self._decode(TURN)

    def _stop_reading(self) -> None:
        if not self._raw_paused:
            self._raw_paused = True
            self._raw.pauseProducing()

    def _read_on(self) -> None:
        if self._raw_paused:
            self._raw_paused = False
            self._raw.resumeProducing()

    def write(self, data: bytes) -> None:
        """Compress and send."""
        packets = self._compressor.packets(data, self._sequences.next)
        if packets:
            write_now(self._raw, packets)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Compress and send several pieces as one."""
        self.write(b"".join(data))

    # Flow control

    def pauseProducing(self) -> None:
        """No more pieces until ``resumeProducing``."""
        self._paused = True
        self._cancel()
        self._stop_reading()

    def resumeProducing(self) -> None:
        """Pieces again, from the next turn of the reactor on."""
        self._paused = False
        if self._decoding:
            # Called from a reader that has just been given a piece: the loop around it goes on.
            return
        if self._decompressor.inside and not self._ended:
            self._decode_later()
        else:
            self._read_on()

    def stopProducing(self) -> None:
        """As with a plain transport: close."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """``producer`` is paused while the raw transport has much to send."""
        self._raw.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Nobody is to be paused any more."""
        self._raw.unregisterProducer()

    # The connection

    @property
    def protocol(self) -> Any:
        """The raw transport's, which knows the TLS that there may be."""
        return self._raw.protocol

    def getPeer(self) -> Any:
        """The raw transport's."""
        return self._raw.getPeer()

    def getHost(self) -> Any:
        """The raw transport's."""
        return self._raw.getHost()

    def loseConnection(self) -> None:
        """Close once everything written is sent; nothing is handed out any more."""
        self._end()
        if not self._paused:
            self._read_on()
        self._raw.loseConnection()

    def abortConnection(self) -> None:
        """Close at once."""
        self._end()
        self._raw.abortConnection()

    def connection_lost(self) -> None:
        """The raw transport is closed: hand out what nobody has paused."""
        self._cancel()
        if not self._paused and not self._ended and not self._decoding:
            self._decode(float("inf"))
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._cancel()

    def _cancel(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            later.cancel()
