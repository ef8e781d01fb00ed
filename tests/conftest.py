"""Settings of all tests, and how workers share them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]

# The parts of this folder import each other as `tests.…`, however pytest was called.
if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))

from tests.scheduling import ALONE, REMARK, Parts, long_ones_first, running  # noqa: E402

# On a contributor's machine every run tries other examples; CI tries the same ones each time, so that a
# change is not blamed for what it did not touch. How long an example takes is up to the machine.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{ALONE}: no other worker runs a test meanwhile")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests for workers."""
    if _is_worker(config):
        long_ones_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Parts:
    """Hand out parts."""
    return Parts(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests recorded as a remark, which nobody sees while a worker runs them."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    for name, text in (each for report in reports for each in report.user_properties):
        if name == REMARK:
            terminalreporter.write_line(str(text))


@pytest.fixture(autouse=True)
def _among_workers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Wait for those who have the machine alone, or until it is this test's turn to have it."""
    if not _is_worker(request.config):
        yield
        return
    common: Path = request.getfixturevalue("tmp_path_factory").getbasetemp().parent
    with running(common, alone=request.node.get_closest_marker(ALONE) is not None):
        yield


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
