"""The command: shares of the time, what it keeps of a find, and that it says so."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz import __main__ as runner
from tests.fuzz import child, targets


def test_the_time_is_shared_and_sessions_get_more() -> None:
    shares = runner.shares(["framing", "results", "hostile_client"], 60.0)
    assert shares == {"framing": 10.0, "results": 10.0, "hostile_client": 40.0}


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main(["no_such_target"])
    assert "no_such_target" in capsys.readouterr().err


@pytest.fixture
def finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(targets, "FINDS", tmp_path)
    return tmp_path


def _child(monkeypatch: pytest.MonkeyPatch, status: int, crash: bytes = b"") -> None:
    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        if crash:
            (Path(command[-1]) / "crash-1234").write_bytes(crash)
        output = "stat::number_of_executed_units: 40\nhypothesis: 2\n"
        return subprocess.CompletedProcess(command, status, output, "")

    monkeypatch.setattr(runner.subprocess, "run", run)


def test_a_clean_run(
    finds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _child(monkeypatch, 0)
    assert runner.main(["--seconds", "1", "framing"]) == 0
    said = capsys.readouterr().out
    assert "42 executions" in said
    assert "Clean." in said
    assert not list(finds.iterdir())


def test_a_find_is_kept(
    finds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _child(monkeypatch, child.CRASHED, b"boom")
    assert runner.main(["--seconds", "1", "framing"]) == 1
    [kept] = (finds / "framing").iterdir()
    assert kept.read_bytes() == b"boom"
    assert "Found something in: framing" in capsys.readouterr().out


def test_a_child_that_dies_without_an_input_is_not_clean(
    finds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _child(monkeypatch, 1)
    assert not runner.fuzz("framing", 1.0)
    assert not list(finds.iterdir())


def test_hypothesis_keeps_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fuzz(data: bytes) -> None:
        assert len(data) < 3

    monkeypatch.setattr(targets, "load", lambda _: fuzz)
    with pytest.raises(AssertionError):
        child._with_hypothesis("framing", 20.0, tmp_path)
    assert len((tmp_path / "hypothesis-find").read_bytes()) >= 3
