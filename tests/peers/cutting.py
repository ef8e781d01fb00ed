"""The one way parsers of streams are tested: whole, one byte at a time, and cut anywhere."""

import itertools
from collections.abc import Callable, Iterator
from typing import TypeVar

ResultT = TypeVar("ResultT")


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` cut at these positions; no piece is empty."""
    inside = sorted({cut for cut in cuts if 0 < cut < len(data)})
    edges = [0, *inside, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


def manners(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and in two parts with the cut at every position."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def same_however_cut(parse: Callable[[list[bytes]], ResultT], data: bytes) -> ResultT:
    """The result of ``parse``, which must not depend on where the stream is cut."""
    expected = parse([data])
    for chunks in manners(data):
        assert parse(chunks) == expected, f"differs when cut as {[len(chunk) for chunk in chunks]}"
    return expected
