"""Random sessions that share one or two connections see what they would see alone.

`RDS_PROXY_PROPERTY_EXAMPLES` is the number of cases for each vendor; `make test-long` sets it to thousands.
"""

import os
import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.checking import Checker
from tests.property.comparison import TOLERATED
from tests.property.strategies import cases
from tests.property.worlds import Case
from tests.scheduling import REMARK

IN_CI = 100
EXAMPLES = int(os.environ.get("RDS_PROXY_PROPERTY_EXAMPLES", str(IN_CI)))
BUDGET = 60.0 if EXAMPLES <= IN_CI else 1e9
"""Seconds for each vendor and test: a slow machine plays fewer cases. A failure is shrunk all the same."""
AT_ONCE = 10
"""One case in so many more is played with clients that do not wait for each other."""
FEW_CONNECTIONS = st.sampled_from((1, 1, 2))

Check = Callable[[Case, int], None]
Record = Callable[[str, object], None]


def test_taking_turns_on_few_connections(checker: Checker, record_property: Record) -> None:
    _play(checker, checker.check, EXAMPLES, record_property)


def test_at_the_same_time_on_few_connections(checker: Checker, record_property: Record) -> None:
    _play(checker, checker.check_at_once, EXAMPLES // AT_ONCE, record_property)


def _play(checker: Checker, check: Check, examples: int, record_property: Record) -> None:
    started, failed, played = time.monotonic(), False, 0
    checker.refused.clear()

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        derandomize=EXAMPLES <= IN_CI,
        report_multiple_bugs=False,
    )
    @given(case=cases(checker.vendor), connections=FEW_CONNECTIONS)
    def play(case: Case, connections: int) -> None:
        nonlocal failed, played
        if not failed and time.monotonic() - started > BUDGET:
            return
        played += 1
        try:
            check(case, connections)
        except BaseException:
            failed = True
            raise

    try:
        play()
    finally:
        refused = {each.name: count for each, count in checker.refused.items()}
        record_property(
            REMARK,
            f"{checker.vendor}: {played} cases in {time.monotonic() - started:.0f} s;"
            f" tolerated: {sorted(each.name for each in TOLERATED)}; cases they ended: {refused}",
        )
