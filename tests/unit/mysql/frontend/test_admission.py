"""The counts behind the limits on clients."""

import pytest
from twisted.internet.task import Clock

from proxy.mysql.frontend.admission import ConnectionRate, Occupancy


class TestConnectionRate:
    def test_a_second_s_worth_at_once_and_then_by_and_by(self) -> None:
        clock = Clock()
        rate = ConnectionRate(clock)
        assert [rate.allows(4) for _ in range(6)] == [True] * 4 + [False] * 2
        clock.advance(0.5)
        assert [rate.allows(4) for _ in range(3)] == [True, True, False]
        clock.advance(100)
        assert [rate.allows(4) for _ in range(6)] == [True] * 4 + [False] * 2

    def test_what_is_refused_does_not_count(self) -> None:
        clock = Clock()
        rate = ConnectionRate(clock)
        assert rate.allows(1)
        for _ in range(50):
            clock.advance(0.01)
            assert not rate.allows(1)
        clock.advance(0.51)
        assert rate.allows(1)

    def test_none(self) -> None:
        rate = ConnectionRate(Clock())
        assert all(rate.allows(0) for _ in range(10_000))

    def test_a_changed_limit_counts_at_once(self) -> None:
        rate = ConnectionRate(Clock())
        assert rate.allows(1000)
        assert [rate.allows(2) for _ in range(3)] == [True, True, False]
        assert not rate.allows(1000)

    def test_over_a_long_time(self) -> None:
        clock = Clock()
        rate = ConnectionRate(clock)
        admitted = 0
        for _ in range(1000):
            clock.advance(0.01)
            admitted += sum(rate.allows(50) for _ in range(3))
        assert admitted == pytest.approx(10 * 50 + 50, abs=2)


class TestOccupancy:
    def test_up_to_the_limit_for_each_name(self) -> None:
        places = Occupancy()
        assert [places.take("a", 2) for _ in range(3)] == [True, True, False]
        assert places.take("b", 2)
        places.leave("a")
        assert places.take("a", 2)
        assert (places["a"], places["b"]) == (2, 1)

    def test_without_a_limit_it_counts_all_the_same(self) -> None:
        places = Occupancy()
        assert all(places.take("a", 0) for _ in range(5))
        assert not places.take("a", 5)

    def test_no_name_takes_no_place(self) -> None:
        places = Occupancy()
        assert all(places.take("", 1) for _ in range(3))
        places.leave("")
        assert len(places) == 0

    def test_names_are_forgotten(self) -> None:
        places = Occupancy()
        for name in ("a", "a", "b"):
            places.take(name, 0)
        for name in ("a", "a", "b", "b"):
            places.leave(name)
        assert len(places) == 0
