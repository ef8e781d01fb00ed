"""The record of a transaction, so that it can be replayed elsewhere and seen to come to the same.

Kept are the statements, and of what the client was sent in answer to each only a checksum and the number of
bytes. A replay goes through the entries in order, with a Comparison for each: the bytes of the new answer
must be those of the first one, as far as that had come; what goes beyond it, of the last entry, is new to the
client. What a byte of an answer is, is the caller's business: it should take in those that the client was
sent, without what differs from server to server, such as a GTID.
"""

import enum
import hashlib
from typing import Generic, TypeVar

import attrs

__all__ = ["DEFAULT_MAX_BYTES", "DEFAULT_MAX_STATEMENTS", "Abandoned", "Comparison", "Entry", "Transcript"]

DEFAULT_MAX_BYTES = 1024 * 1024
"""Of the statements of one transaction."""
DEFAULT_MAX_STATEMENTS = 1000

_DIGEST = 16
Payload = TypeVar("Payload")


class Abandoned(enum.Enum):
    """Why a transaction cannot be replayed."""

    TOO_LARGE = "it has more bytes than are kept"
    TOO_MANY = "it has more statements than are kept"
    NOT_REPEATABLE = "it ran a statement that cannot be run again"
    LEFT_ALONE = "its session has state on the connection"


@attrs.define
class Entry(Generic[Payload]):
    """A statement, and its answer as far as the client has it."""

    payload: Payload = attrs.field(repr=False)
    size: int
    #: Bytes of the answer that the client was sent.
    delivered: int = 0
    is_complete: bool = False
    _digest: "hashlib.blake2b" = attrs.field(
        factory=lambda: hashlib.blake2b(digest_size=_DIGEST), init=False, repr=False
    )

    @property
    def checksum(self) -> bytes:
        """Of what was delivered."""
        return self._digest.digest()

    def take(self, data: bytes | bytearray | memoryview) -> None:
        """More of the answer."""
        self._digest.update(data)
        self.delivered += len(data)


class Transcript(Generic[Payload]):
    """Of one transaction; a new one for each.

    max_bytes: of the statements together; max_statements: how many. Beyond either it is abandoned, and lets
    go of what it has.
    """

    def __init__(
        self, max_bytes: int = DEFAULT_MAX_BYTES, max_statements: int = DEFAULT_MAX_STATEMENTS
    ) -> None:
        self._max_bytes = max_bytes
        self._max_statements = max_statements
        self._entries: list[Entry[Payload]] = []
        self.size = 0
        #: Why there is no replay; None if there may be one.
        self.abandoned: Abandoned | None = None

    @property
    def entries(self) -> tuple[Entry[Payload], ...]:
        """The statements in their order; the last one may have no answer, or part of one."""
        return tuple(self._entries)

    def ask(self, payload: Payload, size: int) -> None:
        """A statement of so many bytes is sent."""
        if self.abandoned is not None:
            return
        self.size += size
        if self.size > self._max_bytes:
            self.abandon(Abandoned.TOO_LARGE)
        elif len(self._entries) >= self._max_statements:
            self.abandon(Abandoned.TOO_MANY)
        else:
            self._entries.append(Entry(payload, size))

    def answer(self, data: bytes | bytearray | memoryview) -> None:
        """The client is sent this as part of the answer to the last statement."""
        if self._entries:
            self._entries[-1].take(data)

    def answered(self) -> None:
        """The last statement's answer is complete."""
        if self._entries:
            self._entries[-1].is_complete = True

    def abandon(self, reason: Abandoned) -> None:
        """There will be no replay; the first reason stays."""
        if self.abandoned is None:
            self.abandoned = reason
        self._entries.clear()
        self.size = 0


class Comparison:
    """Of an entry's answer with that of its replay."""

    __slots__ = ("_checksum", "_digest", "_is_complete", "_left", "differs")

    def __init__(self, entry: Entry[Payload]) -> None:
        self._checksum = entry.checksum
        self._is_complete = entry.is_complete
        self._left = entry.delivered
        self._digest = hashlib.blake2b(digest_size=_DIGEST)
        #: The answers are certainly not the same; for good.
        self.differs = False

    def take(self, data: bytes) -> bytes:
        """More of the new answer; returns what of it the client has not had yet, nothing once it differs.

        Nothing of the old answer is known to be equal before all of it has come again, so nothing is
        returned before.
        """
        if self.differs:
            return b""
        again, more = data[: self._left], data[self._left :]
        if again:
            self._digest.update(again)
            self._left -= len(again)
            self.differs = not self._left and self._digest.digest() != self._checksum
        if more and self._is_complete:
            self.differs = True
        return b"" if self.differs else more

    def ends(self) -> bool:
        """The new answer is complete; returns whether it holds all of the old one, and is equal to it."""
        self.differs = self.differs or self._left > 0
        return not self.differs
