"""Running a suite both ways and telling the differences from tests that come and go directly as well."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from .known import reason_for, unused
from .outcomes import Outcome, Results, Suite, Test, Unavailable, count
from .servers import Way, serve

__all__ = ["Comparison", "Difference", "compare", "judge"]

RERUNS = 5
"""How often a test that differs without a known reason is run again, each way."""
LEAST_PASSING = 0.5
"""The part of its tests that have to pass directly, or the suite does not fit this machine."""


@attrs.frozen
class Difference:
    """A test that passes directly each time and does not pass through the proxy, be it only sometimes."""

    name: str
    through_proxy: Test
    #: From known.toml; None for one that is not in it.
    reason: str | None
    #: How many of the RERUNS through the proxy passed; 0 where a reason made them needless.
    passed_again: int = 0


@attrs.frozen
class Comparison:
    """One suite, both ways."""

    suite: str
    direct: Results
    through_proxy: Results
    differences: list[Difference]
    #: Tests that come and go directly as well, see `judge`.
    unsteady: list[str]
    #: Entries of known.toml that no difference needs.
    not_needed: list[str]
    #: What the proxy's end or its log had to say against it, or nothing.
    fault: str
    seconds: Mapping[Way, float]

    @property
    def unexplained(self) -> list[Difference]:
        """The differences without a reason."""
        return [each for each in self.differences if each.reason is None]

    @property
    def is_good(self) -> bool:
        """Whether each difference has its reason, and the proxy's log is clean."""
        return not self.unexplained and not self.fault


@attrs.define
class _Runs:
    """Runs of one suite, and what is said against the proxy meanwhile."""

    suite: Suite
    cache: Path
    fault: str = ""
    seconds: dict[Way, float] = attrs.field(factory=dict)

    def run(self, way: Way, only: tuple[str, ...] = ()) -> Results:
        """One run against servers of its own."""
        results: Results = {}
        start = time.monotonic()
        try:
            with serve(way, self.suite.server_options) as endpoint:
                results = self.suite.run(self.cache, endpoint, only)
        except AssertionError as error:
            self.fault = self.fault or str(error)
        self.seconds.setdefault(way, time.monotonic() - start)
        return results


def compare(suite: Suite, cache: Path, reasons: Mapping[str, str], only: tuple[str, ...] = ()) -> Comparison:
    """Run the suite both ways, and what differs without a known reason RERUNS times more.

    Raises Unavailable, also when so few tests pass directly that the comparison says nothing.
    """
    suite.fetch(cache)
    runs = _Runs(suite, cache)
    direct = runs.run(Way.DIRECT, only)
    if not only and count(direct, Outcome.PASSED) < len(direct) * LEAST_PASSING:
        raise Unavailable(f"only {count(direct, Outcome.PASSED)} of {len(direct)} tests pass directly")
    proxied = runs.run(Way.PROXY, only)
    names = tuple(each for each in _differing(direct, proxied) if reason_for(each, reasons) is None)
    again: dict[Way, list[Results]] = {way: [] for way in Way}
    if names and not runs.fault:
        for way in Way:
            again[way] = [runs.run(way, names) for _ in range(RERUNS)]
    differences, unsteady = judge(direct, proxied, again[Way.DIRECT], again[Way.PROXY], reasons)
    return Comparison(
        suite=suite.name,
        direct=direct,
        through_proxy=proxied,
        differences=differences,
        unsteady=unsteady,
        not_needed=[] if only else unused(reasons, [each.name for each in differences]),
        fault=runs.fault,
        seconds=runs.seconds,
    )


def judge(
    direct: Results,
    proxied: Results,
    direct_again: Sequence[Results],
    proxied_again: Sequence[Results],
    reasons: Mapping[str, str],
) -> tuple[list[Difference], list[str]]:
    """Return the differences, and the tests that come and go directly as well.

    One that fails through the proxy now and then but never directly is a difference: it may be a race there.
    """
    differences, unsteady = [], []
    for name in _differing(direct, proxied):
        reason = reason_for(name, reasons)
        if reason is None and not all(_passed(each, name) for each in direct_again):
            unsteady.append(name)
            continue
        passed_again = sum(_passed(each, name) for each in proxied_again)
        differences.append(Difference(name, proxied.get(name, MISSING), reason, passed_again))
    return differences, unsteady


MISSING = Test(Outcome.FAILED, "was not run")


def _differing(direct: Results, proxied: Results) -> list[str]:
    return [name for name in direct if _passed(direct, name) and not _passed(proxied, name)]


def _passed(results: Results, name: str) -> bool:
    return results.get(name, MISSING).outcome is Outcome.PASSED
