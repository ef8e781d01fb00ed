"""From the measurements of several rounds to ratios: pure functions."""

import statistics
from collections.abc import Sequence

import attrs

__all__ = ["Measurement", "Ratio", "from_latencies", "percentile", "ratio"]

ENOUGH_FOR_P99 = 100
"""With fewer operations the 99th percentile would be the slowest one."""


@attrs.frozen
class Measurement:
    """One case over one way in one round. All times in seconds; `p99` is None for too few operations."""

    operations: int
    seconds: float
    p50: float
    p99: float | None
    #: Processor time of the relay; None for the direct way.
    relay_seconds: float | None = None
    #: Processor time of the load generator.
    generator_seconds: float = 0.0

    @property
    def throughput(self) -> float:
        """Operations per second."""
        return self.operations / self.seconds

    @property
    def relay_cost(self) -> float | None:
        """Processor time of the relay per operation."""
        return None if self.relay_seconds is None else self.relay_seconds / self.operations

    @property
    def generator_share(self) -> float:
        """How much of one core the load generator took, from 0 to 1."""
        return self.generator_seconds / self.seconds


@attrs.frozen
class Ratio:
    """The median of the rounds' ratios, and the smallest and the largest of them."""

    median: float
    low: float
    high: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of the ascending values do not exceed."""
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def from_latencies(
    latencies: Sequence[float],
    seconds: float,
    relay_seconds: float | None = None,
    generator_seconds: float = 0.0,
) -> Measurement:
    """Return the measurement for the latencies of all operations. Raises ValueError when there are none."""
    ordered = sorted(latencies)
    return Measurement(
        operations=len(ordered),
        seconds=seconds,
        p50=percentile(ordered, 0.5),
        p99=percentile(ordered, 0.99) if len(ordered) >= ENOUGH_FOR_P99 else None,
        relay_seconds=relay_seconds,
        generator_seconds=generator_seconds,
    )


def ratio(values: Sequence[float | None], references: Sequence[float | None]) -> Ratio | None:
    """Divide round by round, so that a slow minute weighs on both; None when a value is missing or zero."""
    pairs = list(zip(values, references, strict=True))
    known = [(value, reference) for value, reference in pairs if value is not None and reference]
    if not pairs or len(known) < len(pairs):
        return None
    ratios = [value / reference for value, reference in known]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))
