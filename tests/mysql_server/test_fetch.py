"""The command never stops a test run: MySQL is there, or the reason why not. No network is used."""

from pathlib import Path

import pytest

from tests.mysql_server import __main__ as command
from tests.mysql_server import fetch as fetching
from tests.mysql_server.installation import (
    CACHE,
    CLIENT,
    REASON_FILE,
    SERVER,
    VARIABLE,
    MySQLInstallation,
    Unavailable,
    find_mysql,
)
from tests.mysql_server.private_apt import AptFailed


def install(folder: Path) -> None:
    """Programs that say a version."""
    for program in (SERVER, CLIENT):
        path = folder / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\necho 'mysqld  Ver 9.9.9 for Linux'\n")
        path.chmod(0o755)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it shall be; there is no apt to get it with."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / CACHE


def test_machine_without_apt(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(folder)]) == 0
    assert "Going on without MySQL: there is no apt-get" in capsys.readouterr().out
    assert "there is no apt-get" in (folder / REASON_FILE).read_text()
    with pytest.raises(Unavailable, match="there is no apt-get"):
        find_mysql(tmp_path)


def test_what_is_there_is_kept(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder)
    assert command.main([str(folder)]) == 0
    assert "(9.9.9)" in capsys.readouterr().out
    assert find_mysql(tmp_path) == MySQLInstallation(folder)


def test_failure_leaves_nothing_but_its_reason_and_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_download", lambda workshop: [])

    def break_off(files: list[Path], root: Path) -> None:
        (root / "usr").mkdir(parents=True)
        raise Unavailable("the disk is full")

    monkeypatch.setattr(fetching, "_unpack", break_off)
    assert command.main([str(folder)]) == 0
    assert {each.name for each in folder.parent.iterdir()} == {folder.name, f"{folder.name}.lock"}
    assert [each.name for each in folder.iterdir()] == [REASON_FILE]
    monkeypatch.setattr(fetching, "_unpack", lambda files, root: install(root))
    assert fetching.fetch(folder).is_there
    assert not (folder / REASON_FILE).exists()


def test_programs_that_do_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_download", lambda workshop: [])

    def unpack(files: list[Path], root: Path) -> None:
        install(root)
        (root / SERVER).write_text("#!/bin/sh\necho 'kernel too old' >&2\nexit 127\n")

    monkeypatch.setattr(fetching, "_unpack", unpack)
    with pytest.raises(Unavailable, match="kernel too old"):
        fetching.fetch(folder)
    assert not MySQLInstallation(folder).is_there


def test_a_download_that_fails_is_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Path] = []

    def download(apt: object, packages: Path) -> list[Path]:
        tried.append(packages)
        if len(tried) < fetching.ATTEMPTS:
            raise AptFailed("404")
        return []

    monkeypatch.setattr(fetching, "TOOLS", ())
    monkeypatch.setattr(fetching, "PAUSE", 0.0)
    monkeypatch.setattr(fetching, "sid_line", lambda architecture: "")
    monkeypatch.setattr(fetching, "_architecture", lambda: "amd64")
    monkeypatch.setattr(fetching, "_download_once", download)
    monkeypatch.setattr(fetching, "_unpack", lambda files, root: install(root))
    assert fetching.fetch(folder).is_there
    assert len(tried) == fetching.ATTEMPTS


def test_folder_of_somebody_else(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.txt").touch()
    with pytest.raises(Unavailable, match="something else"):
        fetching.fetch(folder)
    assert [each.name for each in folder.iterdir()] == ["thesis.txt"]


def test_place_that_the_environment_names(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "elsewhere"))
    with pytest.raises(Unavailable, match="fetches it"):
        find_mysql(tmp_path)
    install(tmp_path / "elsewhere")
    assert find_mysql(tmp_path).root == tmp_path / "elsewhere"
