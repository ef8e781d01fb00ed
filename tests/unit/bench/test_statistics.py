import pytest

from tests.bench.statistics import Measurement, Ratio, from_latencies, percentile, ratio


def measurement(**changes: float | None) -> Measurement:
    values: dict[str, float | None] = {"operations": 10, "seconds": 2.0, "p50": 0.1, "p99": None, **changes}
    return Measurement(**values)  # type: ignore[arg-type]


class TestPercentile:
    @pytest.mark.parametrize(
        ("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (1.0, 100)]
    )
    def test_is_the_smallest_value_that_the_share_does_not_exceed(self, share: float, expected: int) -> None:
        assert percentile(range(1, 101), share) == expected

    @pytest.mark.parametrize("share", [0.0, 0.5, 0.99, 1.0])
    def test_of_one_value_is_that_value(self, share: float) -> None:
        assert percentile([7.0], share) == 7.0

    def test_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            percentile([], 0.5)


class TestFromLatencies:
    def test_sorts_before_it_picks(self) -> None:
        found = from_latencies([0.3, 0.1, 0.2], seconds=1.0)
        assert (found.operations, found.p50) == (3, 0.2)

    def test_gives_p99_only_for_enough_operations(self) -> None:
        assert from_latencies([1.0] * 99, seconds=1.0).p99 is None
        assert from_latencies([1.0] * 98 + [2.0, 3.0], seconds=1.0).p99 == 2.0

    def test_no_operation_at_all_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            from_latencies([], seconds=1.0)


class TestMeasurement:
    def test_throughput_is_per_second(self) -> None:
        assert measurement(operations=30, seconds=2.0).throughput == 15.0

    def test_the_relay_s_cost_is_per_operation(self) -> None:
        assert measurement(operations=4, relay_seconds=2.0).relay_cost == 0.5

    def test_the_direct_way_has_no_relay_to_cost_anything(self) -> None:
        assert measurement(relay_seconds=None).relay_cost is None

    def test_the_generator_s_share_is_of_the_time_that_passed(self) -> None:
        assert measurement(seconds=2.0, generator_seconds=0.5).generator_share == 0.25


class TestRatio:
    def test_is_taken_round_by_round(self) -> None:
        # A slow round is slow on both sides.
        assert ratio([1.0, 50.0, 2.0], [2.0, 100.0, 4.0]) == Ratio(0.5, 0.5, 0.5)

    def test_gives_the_median_and_the_extremes(self) -> None:
        assert ratio([1.0, 9.0, 2.0], [1.0, 1.0, 1.0]) == Ratio(2.0, 1.0, 9.0)

    @pytest.mark.parametrize(
        ("values", "references"),
        [([None, 1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, None]), ([1.0], [0.0]), ([], [])],
    )
    def test_is_unknown_where_a_round_is_missing(
        self, values: list[float | None], references: list[float | None]
    ) -> None:
        assert ratio(values, references) is None

    def test_the_rounds_must_be_as_many(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            ratio([1.0], [1.0, 2.0])
