import os
import pwd
from pathlib import Path

import pytest

from proxy.demo import installation
from proxy.demo.installation import ServerAccount, account_for, find_server

PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb")
MYSQL = pwd.struct_passwd(("mysql", "x", 4711, 4712, "", "/", "/bin/false"))


def put_programs(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_programs(tmp_path, PROGRAMS)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_server()
    assert found is not None
    assert {found.mariadbd.parent, found.install_db.parent, found.client.parent} == {tmp_path}


def test_other_folders_are_searched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_programs(tmp_path, PROGRAMS)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(installation, "SEARCHED_FOLDERS", (str(tmp_path),))
    assert find_server() is not None


def test_a_part_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_programs(tmp_path, PROGRAMS[:2])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(installation, "SEARCHED_FOLDERS", ())
    assert find_server() is None


class TestAccount:
    @pytest.fixture(autouse=True)
    def as_root_with_mysql(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(pwd, "getpwnam", {"mysql": MYSQL}.__getitem__)
        monkeypatch.setattr(installation, "_is_open_to_all", lambda folder: folder != Path("/closed"))

    def test_root_steps_down(self) -> None:
        assert account_for(Path("/open/data")) == ServerAccount(uid=4711, gid=4712)

    def test_root_stays_root_where_mysql_cannot_go(self) -> None:
        assert account_for(Path("/closed/data")) == ServerAccount(options=("--user=root",))

    def test_root_stays_root_without_the_user(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pwd, "getpwnam", {}.__getitem__)
        assert account_for(Path("/open/data")) == ServerAccount(options=("--user=root",))

    def test_others_stay_themselves(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        assert account_for(Path("/open/data")) == ServerAccount()
