"""A pytest plugin that writes what became of each test, as it becomes known, one JSON object per line.

It runs with the pytest of the suite's own environment: the standard library only, and any pytest from 7 on.
The environment names the file (SUITE_LOG) and the seconds one test may take (SUITE_TEST_LIMIT).
"""

import json
import os
import signal

import pytest

LOG = os.environ["SUITE_LOG"]
TEST_LIMIT = int(os.environ["SUITE_TEST_LIMIT"])
TEXT_LIMIT = 3000


class TookTooLong(BaseException):
    """Not an Exception: tests swallow those."""


def pytest_runtest_logstart(nodeid, location):
    _write(nodeid, "started", "")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    def give_up(number, frame):
        raise TookTooLong(f"over {TEST_LIMIT} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TEST_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        expected = hasattr(report, "wasxfail") and report.outcome == "skipped"
        text = "" if report.outcome == "passed" or expected else report.longreprtext
        _write(report.nodeid, report.outcome, text[-TEXT_LIMIT:])


def _write(test, outcome, text):
    with open(LOG, "a") as log:
        log.write(json.dumps({"test": test, "outcome": outcome, "text": text}) + "\n")
