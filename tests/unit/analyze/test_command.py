"""`rds-proxy analyze`: files, pipes, exit status."""

import io
import json
import sys
from pathlib import Path

import pytest

from proxy.cli import main

Capture = pytest.CaptureFixture[str]
LOG = b"2026-11-22T04:32:57.036835Z\t   10 Query\tSET @x = 1\n"


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "general.log"
    path.write_bytes(LOG)
    return str(path)


def test_a_file(log: str, capsys: Capture) -> None:
    assert main(["analyze", log]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{log}: 1 statement in 1 session\n")
    assert captured.err == ""


def test_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG)))
    assert main(["analyze", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rds"]["pinned_sessions"] == 1


def test_the_filter(log: str, capsys: Capture) -> None:
    assert main(["analyze", "--exclude-variable-sets", "--json", log]) == 0
    assert json.loads(capsys.readouterr().out)["rds"]["pinned_sessions"] == 0


def test_a_file_that_is_not_there(tmp_path: Path, capsys: Capture) -> None:
    assert main(["analyze", str(tmp_path / "none")]) == 1
    assert "none: cannot be read: No such file or directory" in capsys.readouterr().err


def test_a_file_that_is_no_log(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "noise").write_bytes(b"\x00\xff\n" * 100)
    assert main(["analyze", str(tmp_path / "noise")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "holds no entries of a general query log" in captured.err


@pytest.mark.parametrize("argv", [[], ["a", "b"], ["a", "--top", "many"]])
def test_wrong_usage(argv: list[str], capsys: Capture) -> None:
    assert main(["analyze", *argv]) == 2
    assert "usage: rds-proxy analyze" in capsys.readouterr().err


def test_help(capsys: Capture) -> None:
    assert main(["analyze", "--help"]) == 0
    assert "general query log" in capsys.readouterr().out
