"""Which of several workers runs what (`-n`, with pytest-xdist), and which tests have the machine alone.

A worker is given a part at a time: the tests of one file, or of one folder and vendor where these share a
database. Each worker starts databases, proxies and folders of its own. Parts that take long come first, so
that no worker is left with one at the end, and those with tests marked `alone` come last.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

__all__ = ["ALONE", "REMARK", "Parts", "long_ones_first", "part_of", "running"]

ALONE = "alone"
"""The marker of tests that measure what others on the machine would change."""
REMARK = "remark"
"""The property of a test whose text is shown at the end."""
BY_VENDOR = ("tests/containers/", "tests/drivers/", "tests/property/")
"""Folders whose tests share a database of each vendor, with what is below them."""
LONG = (
    "tests/integration/test_compress",
    "tests/integration/test_promotion",
    "tests/drivers/",
    "tests/suites/",
    "tests/integration/test_failover",
    "tests/integration/",
    "tests/property/",
    "tests/containers/",
    "tests/protocol/",
    "tests/simulation/",
)
"""What takes long, in this order; the other tests come after it."""

_VENDOR = re.compile(r"\[(mariadb|mysql)\b")


def part_of(nodeid: str) -> str:
    """The name of the part that a test belongs to."""
    path = nodeid.split("::", 1)[0]
    vendor = _VENDOR.search(nodeid)
    if vendor is not None and path.startswith(BY_VENDOR):
        return f"{os.path.dirname(path)} {vendor[1]}"
    return path


def long_ones_first(items: list[pytest.Item]) -> None:
    """Bring the tests into the order in which their parts are handed out; within a part nothing changes."""
    last = {part_of(item.nodeid) for item in items if item.get_closest_marker(ALONE)}
    items.sort(key=lambda item: (part_of(item.nodeid) in last, _rank(item.nodeid)))


def _rank(nodeid: str) -> int:
    return next((rank for rank, folder in enumerate(LONG) if nodeid.startswith(folder)), len(LONG))


class Parts(LoadScopeScheduling):
    """Hands out parts, in the order of their first tests."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        # Else those with many tests come first, however short these are.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


@contextmanager
def running(folder: Path, *, alone: bool) -> Iterator[None]:
    """The block, at a time when no other worker is in one that is `alone`, or in any if this one is.

    The workers share `folder`. Whoever wants to be alone stands in the door: those inside may end, and nobody
    else comes in.
    """
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, kind)
        fcntl.flock(room, kind)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
