"""Decisions drawn from the bytes a fuzzer makes: the same bytes always lead to the same decisions."""

import itertools
import random
from collections.abc import Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")

__all__ = ["Choices", "cut", "head_and_stream"]


class Choices:
    """Reads decisions off the front of ``data``; when it is used up every decision is the first one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not used yet."""
        return max(0, len(self._data) - self._at)

    def byte(self) -> int:
        """One byte, 0 at the end."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    @property
    def last(self) -> int:
        """The last byte of all, which does not count as used; 0 if there is none."""
        return self._data[-1] if self._data else 0

    def number(self, size: int) -> int:
        """A little-endian integer of ``size`` bytes."""
        return sum(self.byte() << 8 * place for place in range(size))

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1."""
        return self.number(1 if limit <= 256 else 3) % limit

    def pick(self, items: Sequence[ItemT]) -> ItemT:
        """One of the items."""
        return items[self.below(len(items))]

    def flag(self) -> bool:
        """Yes or no, no at the end."""
        return bool(self.byte() & 1)

    def take(self, size: int) -> bytes:
        """Up to ``size`` bytes."""
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def text(self) -> bytes:
        """A string of up to 255 bytes."""
        return self.take(self.byte())


def cut(data: bytes, seed: int) -> list[bytes]:
    """``data`` in pieces, none of them empty; seed 0 leaves it whole, 1 cuts byte by byte."""
    if not data:
        return []
    if seed < 2:
        return [data] if seed == 0 else [data[at : at + 1] for at in range(len(data))]
    chance = random.Random(seed)
    count = chance.randrange(1, 2 + min(len(data), 12))
    places = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(count))})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def head_and_stream(data: bytes, size: int) -> tuple[Choices, bytes]:
    """The first ``size`` bytes as decisions, and the rest as the stream they are about."""
    return Choices(data[:size]), data[size:]
