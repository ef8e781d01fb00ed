"""Whole packets one at a time, for code that waits for the other side's answer: log-ins, own commands."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from .wire.framing import PacketReader

__all__ = ["MAX_UNREAD", "Exchange"]

#: Packets that may arrive before somebody asks for them.
MAX_UNREAD = 4


class Exchange:
    """Turns chunks into payloads of at most ``limit`` bytes that are awaited with ``next``."""

    def __init__(self, limit: int, cancel: Callable[[], None]) -> None:
        """``cancel`` is called when somebody stops waiting."""
        self._reader = PacketReader(limit)
        self._cancel = cancel
        self._payloads: list[tuple[int, bytes]] = []
        #: Sequence id of the payload handed out last.
        self._sequence = 0
        self._waiting: Deferred[bytes] | None = None
        self._failure: BaseException | None = None
        #: Whether an answer is awaited; a packet at another time is the other side's mistake.
        self.expected = True

    @property
    def reply_sequence(self) -> int:
        """The sequence id with which to answer the packet read last."""
        return (self._sequence + 1) & 0xFF

    def feed(self, data: bytes) -> bool:
        """Take a chunk; False if nobody asked for what it holds. Raises PacketTooLarge."""
        if not self.expected:
            return False
        self._reader.feed(data)
        while (payload := next(self._reader.payloads(), None)) is not None:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                self._sequence = self._reader.sequence
                waiting.callback(payload)
            elif len(self._payloads) < MAX_UNREAD:
                self._payloads.append((self._reader.sequence, payload))
            else:
                return False
        return True

    def next(self) -> Deferred[bytes]:
        """The next payload."""
        if self._payloads:
            self._sequence, payload = self._payloads.pop(0)
            return succeed(payload)
        if self._failure is not None:
            return fail(self._failure)
        self._waiting = Deferred(self._stopped_waiting)
        return self._waiting

    def _stopped_waiting(self, _waiting: Deferred[bytes]) -> None:
        self._waiting = None
        self._cancel()

    def fail(self, problem: BaseException) -> None:
        """No more payloads will come."""
        self._failure = problem
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(Failure(problem))

    @property
    def unread(self) -> bool:
        """Whether packets have arrived that nobody has asked for yet."""
        return bool(self._payloads)

    def rest(self) -> bytes:
        """Take out what is not part of a payload yet."""
        return self._reader.rest()
