"""Sets of whole numbers as sorted tuples of inclusive ranges that neither overlap nor touch.

They are what a GTID set has for each source: long, and nearly always of one range.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

__all__ = ["NONE", "Intervals", "count", "difference", "includes", "normal", "union", "with_number"]

Intervals = tuple[tuple[int, int], ...]

NONE: Final[Intervals] = ()


def normal(ranges: Iterable[tuple[int, int]]) -> Intervals:
    """The set of all numbers in ``ranges``, in any order; a range that ends before it begins is empty."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if last < first:
            continue
        if joined and first <= joined[-1][1] + 1:
            if last > joined[-1][1]:
                joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def union(one: Intervals, other: Intervals) -> Intervals:
    """What is in either."""
    if not one or not other or one == other:
        return one or other
    return normal((*one, *other))


def with_number(numbers: Intervals, number: int) -> Intervals:
    """Add one number; the one that follows the highest is the cheap case."""
    if not numbers:
        return ((number, number),)
    first, last = numbers[-1]
    if number == last + 1:
        return (*numbers[:-1], (first, number))
    if number > last:
        return (*numbers, (number, number))
    return numbers if includes(numbers, number) else normal((*numbers, (number, number)))


def includes(numbers: Intervals, number: int) -> bool:
    """Whether a number is in the set."""
    at = bisect_right(numbers, number, key=_first)
    return at > 0 and number <= numbers[at - 1][1]


def difference(one: Intervals, other: Intervals) -> Intervals:
    """What is in ``one`` and not in ``other``."""
    if not one or not other:
        return one
    left: list[tuple[int, int]] = []
    at = 0
    for low, last in one:
        first = low
        while at < len(other) and other[at][1] < first:
            at += 1
        here = at
        while here < len(other) and other[here][0] <= last:
            if first < other[here][0]:
                left.append((first, other[here][0] - 1))
            first = other[here][1] + 1
            here += 1
        if first <= last:
            left.append((first, last))
    return tuple(left)


def count(numbers: Intervals) -> int:
    """How many numbers there are."""
    return sum(last - first + 1 for first, last in numbers)


def _first(interval: tuple[int, int]) -> int:
    return interval[0]
