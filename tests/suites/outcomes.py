"""What became of the tests of one run."""

import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs

from .servers import Endpoint

__all__ = ["Outcome", "Results", "Suite", "Test", "Unavailable", "count", "read_log"]


class Outcome(enum.Enum):
    """How a test ended. A failure that the suite's authors expect counts as skipped."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen
class Test:
    """One test of a run and, where it failed, the end of what it said."""

    __test__ = False

    outcome: Outcome
    text: str = ""


UNENDED = Test(Outcome.FAILED, "did not end")

Results = Mapping[str, Test]


class Unavailable(Exception):
    """A suite cannot be had or be run on this machine; the text says why."""


class Suite(Protocol):
    """A test suite that somebody else wrote."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in known.toml."""

    @property
    def server_options(self) -> tuple[str, ...]:
        """Options that its database needs."""

    def fetch(self, cache: Path) -> None:
        """Put it into the folder `cache`, unless it is there. Raises Unavailable."""

    def run(self, cache: Path, endpoint: Endpoint, only: tuple[str, ...] = ()) -> Results:
        """Run it, or those tests of it that `only` names, against a fresh database."""


def count(results: Results, outcome: Outcome) -> int:
    """How many tests ended so."""
    return sum(test.outcome is outcome for test in results.values())


def read_log(log: Path) -> dict[str, Test]:
    """Read what `inside/outcome_log.py` wrote; a test without an end counts as failed."""
    found: dict[str, Test] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        record = json.loads(line)
        name = record["test"]
        if record["outcome"] == "started":
            found[name] = UNENDED
        elif found.get(name, UNENDED) is UNENDED or record["outcome"] == Outcome.FAILED.value:
            found[name] = Test(Outcome(record["outcome"]), record["text"])
    return found
