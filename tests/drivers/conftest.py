"""One database of each vendor and one proxy before it, which all tests of drivers share.

`pair` is what a test asks for; it is there once for each vendor that this machine offers. The tests of one
vendor run together, so only one of the databases runs at a time.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.private_server import PrivateMariaDB, find_server

REPOSITORY = Path(__file__).resolve().parents[2]

# The parts of this folder import each other as `tests.drivers`, however pytest was called.
if str(REPOSITORY) not in sys.path:
    sys.path.append(str(REPOSITORY))

from tests.drivers.servers import (  # noqa: E402
    MAX_ALLOWED_PACKET,
    MAX_CONNECTIONS,
    USERS,
    DriverServer,
    Pair,
    Place,
    connect_as_app,
    prepare,
)
from tests.drivers.sharing import Crossing, two_connections  # noqa: E402
from tests.integration.certificates import Authority  # noqa: E402
from tests.integration.daemon import ProxyDaemon  # noqa: E402
from tests.mysql_server.installation import Unavailable, find_mysql  # noqa: E402
from tests.mysql_server.server import MySQLServer  # noqa: E402

VENDORS = ("mariadb", "mysql")
HOSTS = ("localhost", "127.0.0.1")
DIAGNOSTICS_HOLD = 5.0
"""Seconds a driver has for its SHOW WARNINGS, on a machine that is busy."""
ATTRIBUTES_COMPONENT = "file://component_query_attributes"


@pytest.fixture(scope="session", params=VENDORS)
def driver_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DriverServer]:
    """A running database; skipped where this machine does not have the vendor's server."""
    with ExitStack() as stack:
        start = _start_mariadb if request.param == "mariadb" else _start_mysql
        yield start(tmp_path_factory.mktemp(request.param), stack)


@pytest.fixture(scope="session")
def driver_proxy(
    driver_server: DriverServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyDaemon]:
    """The proxy before it, with a certificate that names the loopback address."""
    files = Authority(tmp_path_factory.mktemp("authority")).issue("proxy", *HOSTS)
    options = {
        "tls_certificate": str(files.certificate),
        "tls_private_key": str(files.private_key),
        "diagnostics_hold_timeout": DIAGNOSTICS_HOLD,
    }
    daemon = ProxyDaemon(tmp_path_factory.mktemp("proxy"), driver_server.port, USERS, proxy=options)
    with daemon:
        yield daemon


@pytest.fixture(scope="session")
def pair(driver_server: DriverServer, driver_proxy: ProxyDaemon) -> Pair:
    """The two addresses a driver is compared at."""
    authority = Path(driver_proxy.proxy["tls_certificate"]).with_name("authority.pem")
    through = Place("proxy", driver_proxy.port, authority)
    return Pair(driver_server.vendor, driver_server.place, through, driver_server.shows_attributes)


@pytest.fixture(scope="session")
def crossing(driver_server: DriverServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossing]:
    """Another proxy before the same database, which may open two connections."""
    with two_connections(driver_server, tmp_path_factory.mktemp("crossing")) as started:
        yield started


def _start_mariadb(folder: Path, stack: ExitStack) -> DriverServer:
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    files = Authority(folder / "tls").issue("server", *HOSTS)
    options = (
        *(f"--ssl-ca={files.authority}", f"--ssl-cert={files.certificate}", f"--ssl-key={files.private_key}"),
        *(f"--max-connections={MAX_CONNECTIONS}", f"--max-allowed-packet={MAX_ALLOWED_PACKET}"),
        "--local-infile=1",
    )
    server = stack.enter_context(PrivateMariaDB(folder, options=options))
    prepare(lambda sql: server.execute(f"DELIMITER //\n{sql} //\n"))
    return DriverServer("mariadb", server.port, files.authority, lambda: connect_as_app(server.port))


def _start_mysql(folder: Path, stack: ExitStack) -> DriverServer:
    try:
        installation = find_mysql(REPOSITORY)
    except Unavailable as error:
        pytest.skip(str(error))
    # The certificate it makes itself names no host, and drivers on MariaDB's library cannot do without one.
    files = Authority(folder / "tls").issue("server", *HOSTS)
    options = (
        *(f"--ssl-ca={files.authority}", f"--ssl-cert={files.certificate}", f"--ssl-key={files.private_key}"),
        f"--max-allowed-packet={MAX_ALLOWED_PACKET}",
    )
    server = stack.enter_context(MySQLServer(installation, folder, options=options))
    with server.connect() as admin, admin.cursor() as cursor:
        prepare(cursor.execute)
        shows_attributes = _installs(cursor, ATTRIBUTES_COMPONENT)
    # Oracle's library logs in without TLS only where the server has the password in its cache.
    for user in USERS:
        connect_as_app(server.port, user=user, password=USERS[user]).close()
    return DriverServer("mysql", server.port, files.authority, server.connect, shows_attributes)


def _installs(cursor: Any, component: str) -> bool:
    try:
        cursor.execute(f"INSTALL COMPONENT '{component}'")
    except pymysql.err.Error:
        return False
    return True
