"""Where clients come in: Unix sockets, sockets that systemd passes."""

import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from proxy.demo.installation import find_server

from .activation import ActivatedDaemon
from .clients import one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .test_login import tls_options

CACHING_SHA2 = "MYSQL_CACHING_SHA2_PASSWORD"
BIG = "SELECT REPEAT('x', 3000000)"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Of a Unix socket; pytest's folders may be too long for one."""
    return str(tmp_path / "p.sock") if len(str(tmp_path)) < 90 else f"/tmp/rds-proxy-{os.getpid()}.sock"


class TestUnixSocket:
    def test_clients_and_the_files_end(self, start_proxy: StartProxy, target: Target, path: str) -> None:
        daemon = start_proxy(target, proxy={"socket": path, "socket_mode": "0700"})
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
        with daemon.connect(unix_socket=path) as client:
            assert one(client, "SELECT CURRENT_USER()") == "app@%"
            assert len(one(client, BIG)) == 3_000_000
        with daemon.connect() as client:
            assert one(client, "SELECT 1") == 1
        daemon.stop()
        assert not os.path.exists(path)

    def test_the_command_line_client(self, start_proxy: StartProxy, target: Target, path: str) -> None:
        daemon = start_proxy(target, proxy={"socket": path})
        server = find_server()
        assert server is not None
        command = [
            str(server.client),
            "--no-defaults",
            f"--socket={path}",
            "-uapp",
            "-N",
            "-e",
            "SELECT 41 + 1",
        ]
        environment = {**os.environ, "MYSQL_PWD": daemon.users["app"]}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout == "42\n"

    def test_it_counts_as_secure(
        self, start_proxy: StartProxy, target: Target, path: str, proxy_key: "object"
    ) -> None:
        options = {"socket": path, "require_tls": True, **tls_options(proxy_key)}  # type: ignore[arg-type]
        daemon = start_proxy(target, proxy=options, auth={"app": {"client_password_auth_type": CACHING_SHA2}})
        with pytest.raises(pymysql.OperationalError) as caught:
            daemon.connect()
        assert caught.value.args[0] == 3159
        # Full authentication: the password itself goes over the socket, as to a server.
        with daemon.connect(unix_socket=path) as client:
            assert one(client, "SELECT 1") == 1

    def test_the_file_of_a_dead_proxy_is_replaced(
        self, start_proxy: StartProxy, target: Target, path: str
    ) -> None:
        first = start_proxy(target, proxy={"socket": path})
        first.kill()
        assert os.path.exists(path)
        second = start_proxy(target, proxy={"socket": path})
        with second.connect(unix_socket=path) as client:
            assert one(client, "SELECT 1") == 1

    def test_one_in_use_is_an_error_at_start(
        self, start_proxy: StartProxy, target: Target, path: str
    ) -> None:
        first = start_proxy(target, proxy={"socket": path})
        second = start_proxy(target, proxy={"socket": path}, begin=False)
        with pytest.raises(AssertionError, match="ended at once"):
            second.start()
        assert f"rds-proxy: {path} is in use by another process" in second.log_text()
        assert "Traceback" not in second.log_text()
        second.kill()
        with first.connect(unix_socket=path) as client:
            assert one(client, "SELECT 1") == 1


class TestSystemd:
    @pytest.fixture
    def sockets(self, path: str) -> Iterator[list[socket.socket]]:
        """What a socket unit with a TCP and a Unix address makes."""
        tcp = socket.create_server((LOOPBACK, 0), backlog=64)
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(path)
        unix.listen(64)
        yield [tcp, unix]
        tcp.close()
        unix.close()

    @pytest.fixture
    def daemon(
        self, target: Target, tmp_path_factory: pytest.TempPathFactory, sockets: list[socket.socket]
    ) -> Iterator[ProxyDaemon]:
        folder = tmp_path_factory.mktemp("proxy")
        # A port that cannot be bound: it must not even be tried.
        options = {"bind_address": "203.0.113.1", "port": 1}
        daemon = ActivatedDaemon(folder, target.port, target.users, proxy=options, sockets=sockets)
        daemon.start()
        yield daemon
        daemon.stop()
        daemon.kill()

    def test_both_are_served(self, daemon: ProxyDaemon, sockets: list[socket.socket], path: str) -> None:
        assert daemon.port == sockets[0].getsockname()[1]
        with daemon.connect() as client, daemon.connect(unix_socket=path) as other:
            assert one(client, "SELECT 1") == 1
            assert len(one(other, BIG)) == 3_000_000
        assert f"rds-proxy listens on {path} (default) for" in daemon.log_text()

    def test_the_sockets_outlive_the_proxy(
        self, daemon: ProxyDaemon, sockets: list[socket.socket], path: str
    ) -> None:
        daemon.stop()
        assert os.path.exists(path)
        # Clients that come now wait for the next proxy.
        early = socket.socket(socket.AF_UNIX)
        early.connect(path)
        early.settimeout(60)
        with early, socket.create_connection(sockets[0].getsockname(), timeout=60) as other:
            daemon.start()
            assert early.recv(5)[4:] == b"\n"
            assert other.recv(5)[4:] == b"\n"
