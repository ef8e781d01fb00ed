import pytest

from proxy.demo import apt, install
from proxy.demo.installation import ServerBinaries, find_server


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "find_server", lambda: None)


@pytest.mark.usefixtures("no_server")
def test_without_apt_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(apt, "has_apt", lambda: False)
    assert install.main([]) == 1
    printed = capsys.readouterr().out
    assert "brew install mariadb" in printed
    assert "dnf install mariadb-server" in printed


@pytest.mark.usefixtures("no_server")
def test_without_root_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> list[str]:
        raise apt.AptError("there is no sudo")

    monkeypatch.setattr(apt, "has_apt", lambda: True)
    monkeypatch.setattr(apt, "privilege", refuse)
    assert install.main([]) == 1
    assert "there is no sudo" in capsys.readouterr().out


def test_it_installs_the_core_packages_only(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    found: list[ServerBinaries | None] = [None, find_server()]
    monkeypatch.setattr(install, "find_server", lambda: found.pop(0))
    monkeypatch.setattr(apt, "has_apt", lambda: True)
    monkeypatch.setattr(apt, "privilege", list)
    monkeypatch.setattr(apt, "update", lambda: None)
    monkeypatch.setattr(apt, "package_like", lambda stem: f"{stem}-10.6")
    monkeypatch.setattr(apt, "install", installed.extend)
    install.ensure_server()
    assert installed == ["mariadb-server-core-10.6", "mariadb-client-core-10.6"]
    assert found == []
