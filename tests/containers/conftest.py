"""Which databases: this machine's own, or the images that RDS_PROXY_TEST_CONTAINERS lists.

`make test-containers` sets the variable. The tests of one database run together: only one is up at a time.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# The parts of this folder import each other as `tests.containers`, however pytest was called.
if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))

from tests.containers.images import NoEngine, check_engine, start_image  # noqa: E402
from tests.containers.local import LOCAL_SERVERS, start_local  # noqa: E402
from tests.containers.servers import Server, prepare  # noqa: E402
from tests.integration.certificates import Authority  # noqa: E402
from tests.integration.daemon import ProxyDaemon  # noqa: E402
from tests.integration.sharing import ONE_CONNECTION  # noqa: E402

VARIABLE = "RDS_PROXY_TEST_CONTAINERS"
IMAGES = tuple(filter(None, os.environ.get(VARIABLE, "").split(",")))


def pytest_configure() -> None:
    """Without an engine nothing below would work, so say it once and stop."""
    if IMAGES:
        try:
            check_engine()
        except NoEngine as error:
            pytest.exit(f"cannot test with {', '.join(IMAGES)}: {error}", returncode=1)


@pytest.fixture(scope="session", params=IMAGES or LOCAL_SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running database with users, schemas and procedures."""
    start = start_image if IMAGES else start_local
    with ExitStack() as stack:
        yield prepare(start(request.param, tmp_path_factory.mktemp("server"), stack))


@pytest.fixture(scope="session")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with a certificate."""
    files = Authority(tmp_path_factory.mktemp("authority")).issue("proxy", "localhost", "127.0.0.1")
    tls = {"tls_certificate": str(files.certificate), "tls_private_key": str(files.private_key)}
    yield from _running(server, tmp_path_factory.mktemp("proxy"), proxy=tls)


@pytest.fixture(scope="session")
def narrow(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with one database connection for all clients."""
    yield from _running(server, tmp_path_factory.mktemp("proxy"), pool=ONE_CONNECTION)


@pytest.fixture
def pair(narrow: ProxyDaemon) -> Iterator[tuple[Any, Any]]:
    """Two clients who share one database connection."""
    with narrow.connect() as first, narrow.connect() as second:
        yield first, second


@pytest.fixture
def client(proxy: ProxyDaemon) -> Iterator[Any]:
    """A client of the proxy."""
    with proxy.connect() as connection:
        yield connection


@pytest.fixture
def direct(proxy: ProxyDaemon, server: Server) -> Iterator[Any]:
    """A client like those of the proxy at the database itself."""
    with proxy.connect(host=server.host, port=server.port) as connection:
        yield connection


def _running(server: Server, folder: Path, **sections: Any) -> Iterator[ProxyDaemon]:
    target = {"host": server.host, **sections.pop("target", {})}
    daemon = ProxyDaemon(folder, server.port, server.users, target=target, **sections)
    with daemon:
        yield daemon
