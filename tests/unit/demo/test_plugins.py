from pathlib import Path

import pytest

from proxy.demo import apt, plugins
from proxy.demo.installation import ServerBinaries
from proxy.demo.plugins import UNPACKED, WANTED_PLUGIN, fetch_plugins, plugin_folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServerBinaries:
    """A server that only tells its version, on a system without plugins and without apt."""
    program = tmp_path / "mariadbd"
    program.write_text("#!/bin/sh\necho Ver 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(plugins, "SYSTEM_FOLDERS", ())
    monkeypatch.setattr(apt, "has_apt", lambda: False)
    return ServerBinaries(program, program, program)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache that holds the plugin."""
    folder = tmp_path / "cache" / UNPACKED
    folder.mkdir(parents=True)
    (folder / WANTED_PLUGIN).touch()
    return tmp_path / "cache"


@pytest.mark.usefixtures("server")
def test_a_plugin_is_found_in_the_cache_only_if_it_is_there(cache: Path, tmp_path: Path) -> None:
    assert plugin_folder(WANTED_PLUGIN, cache) == cache / UNPACKED
    assert plugin_folder("other.so", cache) is None
    assert plugin_folder(WANTED_PLUGIN, tmp_path / "nowhere") is None


def test_the_systems_plugins_are_enough(
    server: ServerBinaries, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "SYSTEM_FOLDERS", (cache / UNPACKED,))
    assert str(cache / UNPACKED) in fetch_plugins(server, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_cache_for_this_server_is_kept(server: ServerBinaries, cache: Path) -> None:
    (cache / "server-version").write_text("Ver 1\n")
    assert str(cache) in fetch_plugins(server, cache)
    assert (cache / UNPACKED / WANTED_PLUGIN).exists()


def test_a_cache_for_another_server_is_not_used(server: ServerBinaries, cache: Path) -> None:
    (cache / "server-version").write_text("Ver 2\n")
    with pytest.raises(apt.AptError, match="no apt"):
        fetch_plugins(server, cache)
