"""Ranges of whole numbers, compared with sets of Python."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.wire import intervals
from proxy.mysql.wire.intervals import Intervals

SMALL = st.sets(st.integers(1, 30))


def of(numbers: set[int]) -> Intervals:
    return intervals.normal((each, each) for each in numbers)


def listed(numbers: Intervals) -> set[int]:
    return {each for first, last in numbers for each in range(first, last + 1)}


def is_normal(numbers: Intervals) -> bool:
    gaps = all(one[1] + 1 < other[0] for one, other in pairwise(numbers))
    return gaps and all(first <= last for first, last in numbers)


@given(SMALL, SMALL)
def test_as_sets(one: set[int], other: set[int]) -> None:
    for found, wanted in (
        (intervals.union(of(one), of(other)), one | other),
        (intervals.difference(of(one), of(other)), one - other),
        (of(one), one),
    ):
        assert listed(found) == wanted
        assert is_normal(found)
        assert intervals.count(found) == len(wanted)


@given(SMALL, st.integers(1, 32))
def test_one_number(numbers: set[int], number: int) -> None:
    assert intervals.includes(of(numbers), number) == (number in numbers)
    added = intervals.with_number(of(numbers), number)
    assert listed(added) == numbers | {number}
    assert is_normal(added)


def test_ranges_that_overlap_touch_or_are_empty() -> None:
    assert intervals.normal([(5, 9), (1, 2), (3, 3), (7, 8), (20, 19)]) == ((1, 3), (5, 9))


def test_long_ranges_cost_nothing() -> None:
    far = 1 << 62
    assert intervals.difference(((1, far),), ((2, far - 1),)) == ((1, 1), (far, far))
    assert intervals.count(((1, far),)) == far
