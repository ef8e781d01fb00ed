"""A database of each vendor this machine offers, with a proxy of one connection and one of two before it."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.private_server import PrivateMariaDB, find_server

REPOSITORY = Path(__file__).resolve().parents[2]

# The parts of this folder import others as `tests.…`, however pytest was called.
if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))

from tests.integration.daemon import ProxyDaemon  # noqa: E402
from tests.mysql_server.installation import Unavailable, find_mysql  # noqa: E402
from tests.mysql_server.server import MySQLServer  # noqa: E402
from tests.property.checking import Checker  # noqa: E402
from tests.property.schemas import USERS, Schemas  # noqa: E402
from tests.property.worlds import World  # noqa: E402

VENDORS = ("mariadb", "mysql")
MAX_CONNECTIONS = 50
PERCENT = {1: 2, 2: 4}
"""Of the database's 50 connections."""
LOCK_WAIT_LIMIT = 30
"""Seconds the schemas' administrator waits for a session that has gone."""
MARIADB = (f"--max-connections={MAX_CONNECTIONS}", "--thread-cache-size=0")
"""A thread that serves another connection shows it the warnings of the one before."""


@pytest.fixture(scope="session", params=VENDORS)
def checker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    """Plays cases against a running database; skipped where the vendor's server is missing."""
    vendor = request.param
    folder = tmp_path_factory.mktemp(f"property-{vendor}")
    daemons = []
    with ExitStack() as stack:
        start = _start_mariadb if vendor == "mariadb" else _start_mysql
        port, admin = start(folder, stack)
        stack.callback(admin.close)
        with admin.cursor() as cursor:
            cursor.execute(f"SET lock_wait_timeout = {LOCK_WAIT_LIMIT}")
        schemas = Schemas(admin)
        proxies = {}
        for connections, percent in PERCENT.items():
            place = folder / f"proxy-{connections}"
            place.mkdir()
            daemon = ProxyDaemon(place, port, USERS, pool={"max_connections_percent": percent})
            daemons.append(daemon)
            stack.callback(daemon.kill)
            proxies[connections] = World(daemon.start().port)
        _warm_up(port)
        yield Checker(vendor, World(port), proxies, schemas)
        for daemon in daemons:
            daemon.stop()


def _start_mariadb(folder: Path, stack: ExitStack) -> tuple[int, Any]:
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    server = stack.enter_context(PrivateMariaDB(folder, options=MARIADB))
    return server.port, pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True)


def _start_mysql(folder: Path, stack: ExitStack) -> tuple[int, Any]:
    try:
        installation = find_mysql(REPOSITORY)
    except Unavailable as error:
        pytest.skip(str(error))
    server = stack.enter_context(MySQLServer(installation, folder))
    return server.port, server.connect()


def _warm_up(port: int) -> None:
    """The first log-in with caching_sha2_password takes longer than the others."""
    for user, password in USERS.items():
        pymysql.connect(host="127.0.0.1", port=port, user=user, password=password).close()
