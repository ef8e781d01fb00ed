"""What a transaction has consisted of so far, so that it can be run again and compared.

Of each step the caller's own description is kept, and a checksum of what the client was sent in answer. The
size of the descriptions is bounded; a transaction that is longer, or holds what cannot be repeated, is
abandoned until the next one begins.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

__all__ = ["MAX_STEPS", "Checksum", "Transcript"]

#: Steps that are kept of one transaction.
MAX_STEPS: Final = 1000

_DIGEST_SIZE: Final = 16

StepT = TypeVar("StepT")


class Checksum:
    """Of the bytes of one response, however they were cut into chunks."""

    __slots__ = ("_hash",)

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=_DIGEST_SIZE)

    def update(self, data: bytes) -> None:
        """More of the response."""
        self._hash.update(data)

    def digest(self) -> bytes:
        """Equal for equal responses."""
        return self._hash.digest()


class Transcript(Generic[StepT]):
    """The steps of one transaction."""

    __slots__ = ("_begun", "_checksum", "_max_size", "_size", "_steps", "abandoned")

    def __init__(self, max_size: int) -> None:
        """``max_size`` in bytes, of all steps together."""
        self._max_size = max_size
        self._size = 0
        self._steps: list[tuple[StepT, bytes]] = []
        self._begun: StepT | None = None
        self._checksum = Checksum()
        #: Why the transaction cannot be had again; empty if it can.
        self.abandoned = ""

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def is_whole(self) -> bool:
        """Whether it holds all of a transaction."""
        return not self.abandoned and bool(self._steps)

    def clear(self) -> None:
        """There is no transaction."""
        self._steps = []
        self._size = 0
        self._begun = None
        self.abandoned = ""

    def abandon(self, why: str) -> None:
        """Keep nothing more of this transaction."""
        self._steps = []
        self._size = 0
        self._begun = None
        self.abandoned = self.abandoned or why

    def begin(self, step: StepT, size: int) -> bool:
        """A step is being taken, of ``size`` bytes; False if it is not kept."""
        self._begun = None
        if self.abandoned:
            return False
        if self._size + size > self._max_size or len(self._steps) >= MAX_STEPS:
            self.abandon("the transaction is too long to be kept")
            return False
        self._size += size
        self._begun = step
        self._checksum = Checksum()
        return True

    def update(self, data: bytes) -> None:
        """A chunk of what the client is sent in answer to the present step."""
        self._checksum.update(data)

    def end(self) -> None:
        """The present step is part of the transaction."""
        if self._begun is not None:
            self._steps.append((self._begun, self._checksum.digest()))
            self._begun = None

    def steps(self) -> Iterator[tuple[StepT, bytes]]:
        """All steps with the checksums of their responses, in order."""
        yield from tuple(self._steps)
