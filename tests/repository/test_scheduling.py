"""How workers share the tests."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.scheduling import part_of, running

ROOT = Path(__file__).parents[2]
JOIN_LIMIT = 30.0
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_of_many(number, record_property):
    record_property("remark", f"remark {number}")

@pytest.mark.alone
def test_alone():
    pass

def test_that_skips():
    pytest.skip("a reason to skip")

def test_that_fails():
    assert 1 == 2, "told at the end"
"""


@pytest.mark.parametrize(
    ("nodeid", "part"),
    [
        ("tests/unit/test_cli.py::TestIt::test_this[mysql-1]", "tests/unit/test_cli.py"),
        ("tests/integration/test_pins.py::test_that[mysql]", "tests/integration/test_pins.py"),
        ("tests/drivers/python/test_drivers.py::test_it[mysql-pymysql-a::b]", "tests/drivers/python mysql"),
        ("tests/drivers/python/test_django.py::test_it[mysql]", "tests/drivers/python mysql"),
        ("tests/drivers/python/test_drivers.py::test_it[mariadb-mysql2]", "tests/drivers/python mariadb"),
        ("tests/drivers/other/test_programs.py::test_it[mariadb-perl]", "tests/drivers/other mariadb"),
        ("tests/drivers/test_summary.py::test_every_driver", "tests/drivers/test_summary.py"),
        ("tests/property/test_found.py::test_it[mariadb-1-mysql]", "tests/property mariadb"),
    ],
)
def test_what_shares_a_database_is_one_part(nodeid: str, part: str) -> None:
    assert part_of(nodeid) == part


def test_one_who_is_alone_waits_for_the_others_and_they_for_him(tmp_path: Path) -> None:
    seen: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def alone() -> None:
        with running(tmp_path, alone=True):
            seen.append("alone")

    def another() -> None:
        with running(tmp_path, alone=False):
            entered.set()
            leave.wait(JOIN_LIMIT)
            seen.append("another")

    threads = [threading.Thread(target=another), threading.Thread(target=alone)]
    with running(tmp_path, alone=False):
        threads[0].start()
        # Those who are not alone do not wait for each other.
        assert entered.wait(JOIN_LIMIT)
        threads[1].start()
        seen.append("first")
    leave.set()
    for thread in threads:
        thread.join(JOIN_LIMIT)
    assert seen == ["first", "another", "alone"]


def test_workers_report_as_one_process_does(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-ra", "--strict-markers", "-p", "no:cacheprovider"]
    command += [f"--basetemp={tmp_path / 'base'}", "-c", "/dev/null", "--rootdir", str(tmp_path)]
    for workers in ("0", "2"):
        done = subprocess.run(
            [*command, "-n", workers, str(tmp_path / "test_sample.py")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "1 failed, 9 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
        assert {f"remark {number}" for number in range(8)} <= set(done.stdout.splitlines())
        assert "a reason to skip" in done.stdout
        assert "told at the end" in done.stdout
