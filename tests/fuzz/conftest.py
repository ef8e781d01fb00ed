"""A limit on each test: an input that never ends is a find, and must not stop the other tests."""

import gc
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from tests.fuzz import targets

#: Seconds; the slowest input takes about one.
LONGEST = 30


@pytest.fixture(autouse=True, scope="module")
def _frozen() -> Iterator[None]:
    """Each session collects garbage, to see unhandled Deferreds; what is there already is left out."""
    for name in targets.SESSIONS:
        targets.load(name)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    def too_long(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"does not end within {LONGEST} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
