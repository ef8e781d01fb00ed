"""The token bucket of statements."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.tenants.rates import StatementRate


def taken(rate: StatementRate, now: float, tries: int = 100) -> int:
    return sum(rate.allows(now) for _ in range(tries))


def test_without_a_rate_all_are_allowed() -> None:
    rate = StatementRate()
    assert taken(rate, 0.0, 1000) == 1000
    assert rate.refused == 0


def test_a_burst_and_then_the_rate() -> None:
    rate = StatementRate(per_second=2.0, burst=5.0)
    assert taken(rate, 10.0) == 5
    assert rate.refused == 95
    assert taken(rate, 10.25) == 0
    assert taken(rate, 10.5) == 1
    assert taken(rate, 12.0) == 3


def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    rate = StatementRate(per_second=2.0, burst=5.0)
    taken(rate, 0.0)
    assert taken(rate, 1e9) == 5


def test_a_rate_below_one() -> None:
    rate = StatementRate(per_second=0.5, burst=1.0)
    assert [taken(rate, float(now), 1) for now in range(5)] == [1, 0, 1, 0, 1]


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    rate = StatementRate(per_second=1.0, burst=1.0)
    assert rate.allows(10.0)
    assert not rate.allows(10.0)
    assert not rate.allows(5.0)


class TestChange:
    def test_what_is_taken_stays_taken(self) -> None:
        rate = StatementRate(per_second=1.0, burst=10.0)
        taken(rate, 0.0)
        rate.change(2.0, 20.0)
        assert taken(rate, 1.0) == 2

    def test_a_smaller_burst_counts_at_once(self) -> None:
        rate = StatementRate(per_second=1.0, burst=10.0)
        taken(rate, 0.0, 2)
        rate.change(1.0, 3.0)
        assert taken(rate, 0.0) == 3

    def test_a_first_rate_begins_with_a_full_burst(self) -> None:
        rate = StatementRate()
        rate.allows(0.0)
        rate.change(1.0, 4.0)
        assert taken(rate, 0.0) == 4

    def test_no_rate_any_more(self) -> None:
        rate = StatementRate(per_second=1.0, burst=1.0)
        taken(rate, 0.0)
        rate.change(0.0, 1.0)
        assert taken(rate, 0.0) == 100


@given(
    per_second=st.floats(0.1, 1000),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 10), max_size=200),
)
def test_never_more_than_a_burst_and_the_rate(per_second: float, burst: int, pauses: list[float]) -> None:
    rate = StatementRate(per_second=per_second, burst=float(burst))
    now, allowed = 0.0, 0
    for pause in pauses:
        now += pause
        allowed += rate.allows(now)
        assert allowed <= burst + now * per_second + 1e-6
    assert allowed + rate.refused == len(pauses)
