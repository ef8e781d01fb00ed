"""Real servers for the integration tests. What a machine does not offer is skipped with a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.demo.plugins import PLUGIN_CACHE, plugin_folder
from proxy.demo.private_server import PrivateMariaDB, find_server

DATABASE_MAX_CONNECTIONS = 50
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def ed25519_options() -> tuple[str, ...]:
    """Options that give a MariaDB the `ed25519` login plugin; empty where this machine does not have it."""
    folder = plugin_folder("auth_ed25519.so", REPOSITORY / PLUGIN_CACHE)
    return () if folder is None else (f"--plugin-dir={folder}", "--plugin-load-add=auth_ed25519")


@pytest.fixture(scope="session")
def database(
    tmp_path_factory: pytest.TempPathFactory, ed25519_options: tuple[str, ...]
) -> Iterator[PrivateMariaDB]:
    """A running MariaDB that all integration tests share; a test makes its own schemas and users in it."""
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    options = (f"--max-connections={DATABASE_MAX_CONNECTIONS}", *ed25519_options)
    with PrivateMariaDB(tmp_path_factory.mktemp("database"), options=options) as server:
        yield server
