"""What counts as a difference, and what known.toml says about it."""

from pathlib import Path

import pytest

from tests.suites.comparison import judge
from tests.suites.known import KNOWN_FILE, load_known, reason_for, unused
from tests.suites.outcomes import Outcome, Test, read_log
from tests.suites.registry import SUITES

PASSED, FAILED, SKIPPED = (Test(outcome) for outcome in Outcome)
GOOD, BAD = [{"a": PASSED}] * 3, [{"a": FAILED}] * 3


@pytest.mark.parametrize(
    "through_proxy", [{"a": FAILED}, {"a": SKIPPED}, {}], ids=["failed", "skipped", "missing"]
)
def test_what_passes_directly_has_to_pass_through_the_proxy(through_proxy: dict[str, Test]) -> None:
    differences, unsteady = judge({"a": PASSED}, through_proxy, GOOD, BAD, {})
    assert [(each.name, each.reason) for each in differences] == [("a", None)]
    assert unsteady == []


@pytest.mark.parametrize(
    "directly", [{"a": FAILED}, {"a": SKIPPED}, {}], ids=["failed", "skipped", "missing"]
)
def test_what_does_not_pass_directly_proves_nothing(directly: dict[str, Test]) -> None:
    assert judge(directly, {"a": FAILED}, GOOD, BAD, {}) == ([], [])


@pytest.mark.parametrize(
    ("direct_again", "proxied_again"),
    [([{"a": PASSED}, {"a": FAILED}], BAD), (GOOD, GOOD)],
    ids=["fails directly as well", "passes through the proxy from then on"],
)
def test_a_test_that_comes_and_goes_is_no_difference(
    direct_again: list[dict[str, Test]], proxied_again: list[dict[str, Test]]
) -> None:
    assert judge({"a": PASSED}, {"a": FAILED}, direct_again, proxied_again, {}) == ([], ["a"])


def test_one_that_fails_through_the_proxy_again_is_a_difference() -> None:
    again = [{"a": PASSED}, {"a": FAILED}, {"a": PASSED}]
    differences, unsteady = judge({"a": PASSED}, {"a": FAILED}, GOOD, again, {"a": "because"})
    assert [(each.name, each.reason, each.passed_again) for each in differences] == [("a", "because", 2)]
    assert unsteady == []


def test_a_reason_covers_its_test_or_those_that_begin_so() -> None:
    reasons = {"one": "first", "two[*": "second"}
    assert reason_for("one", reasons) == "first"
    assert reason_for("one more", reasons) is None
    assert reason_for("two[x]", reasons) == "second"
    assert unused(reasons, ["two[y]"]) == ["one"]


def test_the_known_differences_belong_to_suites_that_exist() -> None:
    assert set(load_known()) <= {suite.name for suite in SUITES}


def test_a_known_difference_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / KNOWN_FILE.name
    file.write_text('[one]\n"a" = ""\n')
    with pytest.raises(ValueError, match="one"):
        load_known(file)


def test_a_test_without_an_end_has_failed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = [
        '{"test": "a", "outcome": "started", "text": ""}',
        '{"test": "b", "outcome": "started", "text": ""}',
    ]
    log.write_text("\n".join([*lines, '{"test": "b", "outcome": "passed", "text": ""}', ""]))
    assert {name: test.outcome for name, test in read_log(log).items()} == {
        "a": Outcome.FAILED,
        "b": Outcome.PASSED,
    }


def test_a_failure_in_taking_down_wins(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "".join(
            f'{{"test": "a", "outcome": "{each}", "text": ""}}\n' for each in ("started", "passed", "failed")
        )
    )
    assert read_log(log)["a"].outcome is Outcome.FAILED
