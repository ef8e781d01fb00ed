"""This machine's own MariaDB and the unpacked MySQL, in the place of containers."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from proxy.demo.child import LOOPBACK
from proxy.demo.plugins import PLUGIN_CACHE, plugin_folder
from proxy.demo.private_server import PrivateMariaDB, find_server
from tests.integration.certificates import Authority
from tests.mysql_server.installation import Unavailable, find_mysql
from tests.mysql_server.server import ADMIN, ADMIN_PASSWORD, MySQLServer

from .servers import OPTIONS, Server

__all__ = ["LOCAL_SERVERS", "start_local"]

LOCAL_SERVERS = ("mariadb", "mysql")
REPOSITORY = Path(__file__).resolve().parents[2]
ED25519 = "auth_ed25519"


def start_local(name: str, folder: Path, stack: ExitStack) -> Server:
    """Start one of LOCAL_SERVERS until `stack` ends; skips where this machine does not have it."""
    files = Authority(folder / "tls").issue("server", "localhost", LOOPBACK)
    tls = (f"--ssl-ca={files.authority}", f"--ssl-cert={files.certificate}", f"--ssl-key={files.private_key}")
    start = _start_mariadb if name == "mariadb" else _start_mysql
    port = start(folder, stack, (*OPTIONS, *tls))
    return Server(name, LOOPBACK, port, ADMIN, ADMIN_PASSWORD, files.authority)


def _start_mariadb(folder: Path, stack: ExitStack, options: tuple[str, ...]) -> int:
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    plugins = plugin_folder(f"{ED25519}.so", REPOSITORY / PLUGIN_CACHE)
    if plugins is not None:
        options += (f"--plugin-dir={plugins}", f"--plugin-load-add={ED25519}")
    server = stack.enter_context(PrivateMariaDB(folder, options=options))
    quoted = ADMIN_PASSWORD.replace("'", "''")
    server.execute(
        f"CREATE USER {ADMIN}@'%' IDENTIFIED BY '{quoted}'; GRANT ALL ON *.* TO {ADMIN}@'%' WITH GRANT OPTION"
    )
    return server.port


def _start_mysql(folder: Path, stack: ExitStack, options: tuple[str, ...]) -> int:
    try:
        installation = find_mysql(REPOSITORY)
    except Unavailable as error:
        pytest.skip(str(error))
    return stack.enter_context(MySQLServer(installation, folder, options=options)).port
