import os
from pathlib import Path

import pytest

from proxy.demo import apt


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}")
    return tmp_path


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_a_package_without_a_version_is_preferred(program: Path) -> None:
    put(program, "apt-cache", 'echo "server-core-10.6 - old"; echo "server-core - present"')
    assert apt.package_like("server-core") == "server-core"


def test_else_the_highest_version_is_taken(program: Path) -> None:
    put(
        program,
        "apt-cache",
        'echo "server-core-10.6 - a"; echo "server-core-10.11 - b"; echo "server-core-5 - c"',
    )
    assert apt.package_like("server-core") == "server-core-10.11"


def test_no_package(program: Path) -> None:
    put(program, "apt-cache", "exit 0")
    assert apt.package_like("server-core") is None


def test_a_system_without_apt(program: Path) -> None:
    assert not apt.has_apt()


def test_sudo_is_used_by_others_than_root(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(apt.AptError, match="no sudo"):
        apt.privilege()
    put(program, "sudo", "exit 0")
    assert apt.privilege()[0] == "sudo"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert apt.privilege() == []


def test_a_failed_installation_is_an_error(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    put(program, "env", "exit 100")
    with pytest.raises(apt.AptError, match="could not install one two"):
        apt.install(["one", "two"])
