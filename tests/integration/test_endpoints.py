"""Several endpoints of one proxy: where they listen, and that each is its own.

There is one database, a writer: at a reader endpoint with RDS's fallback nobody gets a connection, which
tells the two apart.
"""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK

from .activation import ActivatedDaemon
from .clients import one
from .daemon import ProxyDaemon
from .databases import Target
from .endpoints import EndpointDaemon

READER = {"name": "reader", "target_role": "READ_ONLY", "fallback": "error"}
HEADER = b"PROXY TCP4 192.0.2.5 192.0.2.1 1234 3306\r\n"

Start = Callable[..., EndpointDaemon]


@pytest.fixture
def start(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a daemon with endpoints before the target; all of them end with the test."""
    started: list[ProxyDaemon] = []

    def begin(*endpoints: dict[str, Any], kind: type[EndpointDaemon] = EndpointDaemon, **options: Any) -> Any:
        folder = tmp_path_factory.mktemp("proxy")
        daemon = kind(folder, target.port, target.users, endpoints=endpoints, **options)
        started.append(daemon)
        return daemon.start()

    yield begin
    for daemon in started:
        if daemon.is_running:
            daemon.stop()
        daemon.kill()


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Of two Unix sockets; pytest's folders may be too long for them."""
    folder = tmp_path if len(str(tmp_path)) < 90 else Path(f"/tmp/rds-proxy-{os.getpid()}")
    folder.mkdir(exist_ok=True)
    return [str(folder / "a.sock"), str(folder / "b.sock")]


def assert_no_reader(daemon: EndpointDaemon, **options: Any) -> None:
    """That a client gets to the reader endpoint, which has no reader."""
    given: dict[str, Any] = {"port": daemon.port_of("reader"), "database": None, **options}
    with pytest.raises(pymysql.Error) as caught, daemon.connect(**given) as client:
        one(client, "SELECT 1")
    assert caught.value.args[0] == 9501


def tcp() -> socket.socket:
    """One that systemd might pass."""
    return socket.create_server((LOOPBACK, 0), backlog=64)


class TestAddresses:
    def test_each_serves_its_own_kind_of_target(self, start: Start) -> None:
        daemon = start(READER, {"name": "second"})
        for port in (daemon.port, daemon.port_of("second")):
            with daemon.connect(port=port) as client:
                assert one(client, "SELECT CURRENT_USER()") == "app@%"
        assert_no_reader(daemon)

    def test_ipv6(self, start: Start) -> None:
        daemon = start({"name": "six", "bind_address": "::1"})
        with daemon.connect_to("six", host="::1") as client:
            assert one(client, "SELECT 1") == 1
        with pytest.raises(pymysql.OperationalError):
            daemon.connect_to("six")

    def test_a_unix_socket_for_each(self, start: Start, paths: list[str]) -> None:
        reader = {**READER, "socket": paths[1], "socket_mode": "0700"}
        daemon = start(reader, proxy={"socket": paths[0]})
        assert [stat.S_IMODE(os.stat(path).st_mode) for path in paths] == [0o777, 0o700]
        with daemon.connect(unix_socket=paths[0]) as client:
            assert one(client, "SELECT 1") == 1
        assert_no_reader(daemon, unix_socket=paths[1])
        daemon.stop()
        assert not any(map(os.path.exists, paths))

    def test_the_proxy_protocol(self, start: Start) -> None:
        networks = {"proxy_protocol_networks": ["127.0.0.0/8"]}
        daemon = start({"name": "second"}, proxy=networks, log={"level": "debug"})
        mark = daemon.mark()
        made = socket.create_connection((LOOPBACK, daemon.port_of("second")), timeout=60)
        made.sendall(HEADER)
        client = pymysql.Connection(
            user="app", password=daemon.users["app"], database="app", ssl_disabled=True, defer_connect=True
        )
        client.connect(made)
        with client:
            assert one(client, "SELECT 1") == 1
        daemon.wait_for_log(" is 192.0.2.5:1234", mark)

    def test_a_port_that_is_taken_ends_the_start(self, start: Start) -> None:
        with tcp() as taken, pytest.raises(AssertionError, match="ended at once") as caught:
            start({"name": "second", "port": taken.getsockname()[1]})
        assert "rds-proxy: Couldn't listen on 127.0.0.1:" in str(caught.value)
        assert "Traceback" not in str(caught.value)


class TestSystemd:
    def test_a_socket_belongs_to_the_endpoint_of_its_name(self, start: Start, paths: list[str]) -> None:
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(paths[1])
        unix.listen(64)
        with tcp() as unnamed, tcp() as named, unix:
            daemon = start(
                # Ports that are in use: they must not even be tried.
                {**READER, "port": named.getsockname()[1]},
                kind=ActivatedDaemon,
                proxy={"port": unnamed.getsockname()[1]},
                sockets=[named, unnamed, unix],
                names=["reader", "rds-proxy.socket", "reader"],
            )
            assert daemon.port_of("reader") == named.getsockname()[1]
            with daemon.connect(port=unnamed.getsockname()[1]) as client:
                assert one(client, "SELECT 1") == 1
            assert_no_reader(daemon)
            assert_no_reader(daemon, unix_socket=paths[1])

    def test_an_endpoint_without_one_listens_for_itself(self, start: Start) -> None:
        with tcp() as passed:
            daemon = start(
                READER, kind=ActivatedDaemon, proxy={"bind_address": "203.0.113.1"}, sockets=[passed]
            )
            with daemon.connect() as client:
                assert one(client, "SELECT 1") == 1
            assert_no_reader(daemon)

    def test_a_socket_for_nobody_ends_the_start(self, start: Start) -> None:
        with tcp() as passed, pytest.raises(AssertionError, match="ended at once") as caught:
            start(READER, kind=ActivatedDaemon, sockets=[passed], names=["readers"])
        words = "rds-proxy: systemd passes a socket named readers, and no endpoint has that name"
        assert words in str(caught.value)


class TestReload:
    def test_the_fallback(self, start: Start) -> None:
        daemon = start(READER)
        assert_no_reader(daemon)
        daemon.endpoints[0]["fallback"] = "writer"
        mark = daemon.mark()
        daemon.reload()
        daemon.wait_for_log("reloaded; changed: proxy.endpoints[0].fallback", mark)
        with daemon.connect_to("reader") as client:
            assert one(client, "SELECT 1") == 1
            daemon.endpoints[0]["fallback"] = "error"
            daemon.reload()
            with pytest.raises(pymysql.Error) as caught:
                one(client, "SELECT 2")
            assert caught.value.args[0] == 9501

    def test_what_needs_a_restart(self, start: Start) -> None:
        daemon = start(READER)
        port = daemon.port_of("reader")
        daemon.endpoints[0].update(port=port, bind_address="127.0.0.2")
        daemon.endpoints.append({"name": "second", "port": 0})
        mark = daemon.mark()
        daemon.reload()
        logged = daemon.log_since(mark)
        for words in ("", "[0].port", "[0].bind_address"):
            assert f"proxy.endpoints{words} has changed and needs a restart" in logged
        assert_no_reader(daemon)
