"""What the comparison prints."""

from collections.abc import Sequence

from .comparison import RERUNS, Comparison, Difference
from .outcomes import Outcome, Results, count
from .servers import Way

__all__ = ["details", "summary"]

COLUMNS = ("suite", "tests", "directly", "through the proxy", "differ", "unexplained", "seconds")
TEXT_LINES = 25


def details(comparison: Comparison, *, verbose: bool) -> str:
    """Lines on one suite's differences; nothing where there is nothing to say."""
    lines = []
    for each in comparison.differences:
        lines.append(_line(each))
        if verbose:
            lines += [f"    | {line}" for line in each.through_proxy.text.splitlines()[-TEXT_LINES:]]
    lines += [f"  comes and goes directly as well: {name}" for name in comparison.unsteady]
    lines += [f"  known.toml names a test that does not differ: {name}" for name in comparison.not_needed]
    if comparison.fault:
        lines += ["  the proxy:", *(f"    | {line}" for line in comparison.fault.splitlines())]
    return "".join(f"{line}\n" for line in lines)


def summary(compared: Sequence[Comparison]) -> str:
    """A table, one line per suite; the numbers are passed, failed and skipped tests."""
    rows = [COLUMNS, *(_row(each) for each in compared)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _line(difference: Difference) -> str:
    sometimes = (
        f" (passed {difference.passed_again} of {RERUNS} times again)" if difference.passed_again else ""
    )
    outcome = difference.through_proxy.outcome.value
    return f"  {outcome}: {difference.name}{sometimes}: {difference.reason or '???'}"


def _row(comparison: Comparison) -> tuple[str, ...]:
    seconds = [f"{comparison.seconds.get(way, 0.0):.0f}" for way in Way]
    return (
        comparison.suite,
        str(len(comparison.direct)),
        _counts(comparison.direct),
        _counts(comparison.through_proxy),
        str(len(comparison.differences)),
        str(len(comparison.unexplained)),
        " / ".join(seconds),
    )


def _counts(results: Results) -> str:
    return " / ".join(str(count(results, outcome)) for outcome in Outcome)
