"""What counts as a difference, and what known.toml says about it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import attrs
import pytest

from tests.suites import __main__ as command
from tests.suites import comparison
from tests.suites.comparison import Comparison, judge
from tests.suites.known import KNOWN_FILE, load_known, reason_for, reasons_of, unused
from tests.suites.outcomes import Outcome, Results, Suite, Test, Unavailable, read_log
from tests.suites.registry import SUITES
from tests.suites.servers import Endpoint, Way

PASSED, FAILED, SKIPPED = (Test(outcome) for outcome in Outcome)
GOOD, BAD = [{"a": PASSED}] * 3, [{"a": FAILED}] * 3


@attrs.define
class _Recorded:
    """A suite whose results are given, and what was asked of it."""

    direct: Results = attrs.Factory(lambda: {"a": PASSED, "b": PASSED, "c": PASSED})
    proxied: Results = attrs.field(factory=dict)
    name: str = "recorded"
    server_options: tuple[str, ...] = ()
    runs: list[tuple[Way, tuple[str, ...]]] = attrs.field(factory=list)
    _way: Way = Way.DIRECT

    def fetch(self, cache: Path) -> None:
        pass

    @contextmanager
    def serve(self, way: Way, options: Sequence[str] = ()) -> Iterator[Endpoint]:
        self._way = way
        yield cast(Endpoint, None)

    def run(self, cache: Path, endpoint: Endpoint, only: tuple[str, ...] = ()) -> Results:
        self.runs.append((self._way, only))
        return self.direct if self._way is Way.DIRECT else self.proxied


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


@pytest.mark.parametrize("proxied_again", [BAD, GOOD], ids=["fails again", "passes again"])
def test_a_test_that_comes_and_goes_directly_is_no_difference(proxied_again: list[dict[str, Test]]) -> None:
    direct_again = [{"a": PASSED}, {"a": FAILED}]
    assert judge({"a": PASSED}, {"a": FAILED}, direct_again, proxied_again, {}) == ([], ["a"])


@pytest.mark.parametrize(
    ("proxied_again", "passed_again"),
    [(GOOD, 3), ([{"a": PASSED}, {"a": FAILED}, {"a": PASSED}], 2)],
    ids=["passes from then on", "passes now and then"],
)
def test_a_test_that_comes_and_goes_only_through_the_proxy_is_a_difference(
    proxied_again: list[dict[str, Test]], passed_again: int
) -> None:
    differences, unsteady = judge({"a": PASSED}, {"a": FAILED}, GOOD, proxied_again, {})
    assert [(each.name, each.reason, each.passed_again) for each in differences] == [
        ("a", None, passed_again)
    ]
    assert unsteady == []


def test_a_known_difference_has_its_reason() -> None:
    differences, unsteady = judge({"a": PASSED}, {"a": FAILED}, [], [], {"a": "because"})
    assert [(each.name, each.reason) for each in differences] == [("a", "because")]
    assert unsteady == []


def test_only_what_has_no_reason_is_run_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    suite = _Recorded(proxied={"a": FAILED, "b": FAILED, "c": PASSED})
    monkeypatch.setattr(comparison, "serve", suite.serve)
    found = comparison.compare(suite, tmp_path, {"b": "because"})
    assert [(each.name, each.reason) for each in found.differences] == [("a", None), ("b", "because")]
    assert not found.is_good
    again = [("a",)] * comparison.RERUNS
    assert suite.runs == [(Way.DIRECT, ()), (Way.PROXY, ())] + [(way, only) for way in Way for only in again]


def test_a_suite_that_fails_directly_could_not_be_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    suite = _Recorded(direct={"a": PASSED, "b": FAILED, "c": FAILED})
    monkeypatch.setattr(comparison, "serve", suite.serve)
    with pytest.raises(Unavailable, match="1 of 3"):
        comparison.compare(suite, tmp_path, {})


@pytest.mark.parametrize(
    ("proxied", "unavailable", "status"),
    [
        ({}, [], 0),
        ({}, ["mysqlclient"], 2),
        ({"a": FAILED}, [], 1),
        ({"a": FAILED}, ["mysqlclient"], 1),
    ],
    ids=["good", "one could not be run", "one differs", "both"],
)
def test_the_exit_status_tells_of_differences_and_of_suites_that_could_not_be_run(
    monkeypatch: pytest.MonkeyPatch,
    proxied: dict[str, Test],
    unavailable: list[str],
    status: int,
) -> None:
    suite = _Recorded(direct={"a": PASSED}, proxied={"a": PASSED, **proxied})

    def compare(named: Suite, cache: Path, reasons: Mapping[str, str], only: tuple[str, ...]) -> Comparison:
        if named.name in unavailable:
            raise Unavailable("not here")
        return comparison.compare(suite, cache, {}, only)

    monkeypatch.setattr(comparison, "serve", suite.serve)
    monkeypatch.setattr(command, "compare", compare)
    assert command.main(["pymysql", "mysqlclient"]) == status


def test_a_reason_covers_its_test_or_those_that_begin_so() -> None:
    reasons = {"one": "first", "two[*": "second"}
    assert reason_for("one", reasons) == "first"
    assert reason_for("one more", reasons) is None
    assert reason_for("two[x]", reasons) == "second"
    assert unused(reasons, ["two[y]"]) == ["one"]


def test_a_variant_of_a_suite_has_the_reasons_of_both() -> None:
    known = {
        "one": {"a": "first"},
        "one-more": {"b": "second"},
        "on": {"c": "third"},
        "more": {"d": "fourth"},
    }
    assert reasons_of("one", known) == {"a": "first"}
    assert reasons_of("one-more", known) == {"a": "first", "b": "second"}
    assert reasons_of("other", known) == {}


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
