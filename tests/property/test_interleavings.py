"""Random sessions that share one or two connections see what they would see alone.

`RDS_PROXY_PROPERTY_EXAMPLES` is the number of cases for each vendor; `make test-long` sets it to thousands.
"""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .checking import Checker
from .comparison import TOLERATED
from .strategies import cases
from .worlds import Case

EXAMPLES = int(os.environ.get("RDS_PROXY_PROPERTY_EXAMPLES", "100"))
BUDGET = 35.0 if EXAMPLES <= 100 else 1e9
"""Seconds for each vendor, so that a slow machine plays fewer cases. A failure is shrunk all the same."""


def test_nobody_sees_that_connections_are_shared(
    checker: Checker, capsys: pytest.CaptureFixture[str]
) -> None:
    started, failed = time.monotonic(), False

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        report_multiple_bugs=False,
    )
    @given(case=cases(checker.vendor), connections=st.sampled_from((1, 1, 2)))
    def play(case: Case, connections: int) -> None:
        nonlocal failed
        if not failed and time.monotonic() - started > BUDGET:
            return
        try:
            checker.check(case, connections)
        except BaseException:
            failed = True
            raise

    try:
        play()
    finally:
        with capsys.disabled():
            print(f"\n{checker.vendor}: {checker.played} cases in {time.monotonic() - started:.0f} s", end="")
            print(f"; tolerated: {sorted(each.name for each in TOLERATED)}", end="")
            print(f"; ended by: { {each.name: count for each, count in checker.refused.items()} }")
