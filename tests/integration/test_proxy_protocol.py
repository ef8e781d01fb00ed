"""Behind a balancer: HAProxy with send-proxy and send-proxy-v2, and headers made by hand."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK

from .certificates import KeyFiles
from .clients import one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .haproxy import HAProxy, find_haproxy
from .test_login import tls_options, trusting

SEND = ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id")


@pytest.fixture(scope="module")
def behind(
    target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyDaemon]:
    """A proxy that believes balancers on this machine, and allows one address two connections."""
    folder = tmp_path_factory.mktemp("proxy")
    options = {
        "proxy_protocol_networks": ["127.0.0.0/8", "localhost"],
        "max_client_connections_per_address": 2,
        "socket": str(folder / "s"),
        **tls_options(proxy_key),
    }
    daemon = ProxyDaemon(folder, target.port, target.users, proxy=options, log={"level": "debug"})
    with daemon:
        yield daemon


@pytest.fixture
def balancers(tmp_path: Path) -> Iterator[list[HAProxy]]:
    """To be filled by the test."""
    if find_haproxy() is None:
        pytest.skip("no haproxy on this machine")
    started: list[HAProxy] = []
    yield started
    for each in started:
        each.stop()


@pytest.mark.parametrize("send", SEND)
class TestHAProxy:
    def test_the_clients_address_is_known(
        self, behind: ProxyDaemon, balancers: list[HAProxy], tmp_path: Path, send: str
    ) -> None:
        balancers.append(HAProxy(tmp_path, f"{LOOPBACK}:{behind.port}", send))
        mark = behind.mark()
        with behind.connect(port=balancers[0].port, bind_address="127.0.0.7") as client:
            assert one(client, "SELECT CURRENT_USER()") == "app@%"
            assert behind.wait_for_log(" is 127.0.0.7:", mark)
        with behind.connect(host="::1", port=balancers[0].port6) as client:
            assert one(client, "SELECT 1") == 1
            assert behind.wait_for_log(" is [::1]:", mark)

    def test_with_tls(
        self,
        behind: ProxyDaemon,
        balancers: list[HAProxy],
        tmp_path: Path,
        proxy_key: KeyFiles,
        send: str,
    ) -> None:
        balancers.append(HAProxy(tmp_path, f"{LOOPBACK}:{behind.port}", send))
        with behind.connect(port=balancers[0].port, ssl=trusting(proxy_key)) as client:
            assert one(client, "SELECT 1") == 1

    def test_addresses_are_counted_behind_it(
        self,
        behind: ProxyDaemon,
        balancers: list[HAProxy],
        tmp_path: Path,
        proxy_key: KeyFiles,
        send: str,
    ) -> None:
        balancers.append(HAProxy(tmp_path, f"{LOOPBACK}:{behind.port}", send))
        port = balancers[0].port
        one_address: dict[str, Any] = {"port": port, "bind_address": "127.0.0.8"}
        with behind.connect(**one_address), behind.connect(**one_address):
            for more in ({}, {"ssl": trusting(proxy_key)}):
                with pytest.raises(pymysql.OperationalError) as caught:
                    behind.connect(**one_address, **more)
                words = "rds-proxy: Number simultaneous connections from 127.0.0.8 exceeded (2)"
                assert caught.value.args == (1040, words)
            with behind.connect(port=port, bind_address="127.0.0.9") as client:
                assert one(client, "SELECT 1") == 1

    def test_through_the_unix_socket_a_client_is_no_more_secure(
        self,
        start_proxy: StartProxy,
        target: Target,
        balancers: list[HAProxy],
        tmp_path: Path,
        proxy_key: KeyFiles,
        send: str,
    ) -> None:
        path = str(tmp_path / "s")
        options = {"proxy_protocol_networks": ["localhost"], "socket": path, "require_tls": True}
        daemon = start_proxy(target, proxy={**options, **tls_options(proxy_key)})
        balancers.append(HAProxy(tmp_path, f"unix@{path}", send))
        with pytest.raises(pymysql.OperationalError) as caught:
            daemon.connect(port=balancers[0].port)
        assert caught.value.args[0] == 3159
        with daemon.connect(port=balancers[0].port, ssl=trusting(proxy_key)) as client:
            assert one(client, "SELECT 1") == 1

    def test_an_address_that_is_not_listed(
        self, start_proxy: StartProxy, target: Target, balancers: list[HAProxy], tmp_path: Path, send: str
    ) -> None:
        daemon = start_proxy(target, proxy={"proxy_protocol_networks": ["192.0.2.0/24"]})
        balancers.append(HAProxy(tmp_path, f"{LOOPBACK}:{daemon.port}", send))
        with pytest.raises(pymysql.err.Error):
            daemon.connect(port=balancers[0].port)
        daemon.wait_for_log("PROXY header from an address that is not in proxy_protocol_networks")
        with daemon.connect() as client:
            assert one(client, "SELECT 1") == 1


HEADERS = {
    "text": b"PROXY TCP4 192.0.2.5 192.0.2.1 1234 3306\r\n",
    "binary": b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
    + struct.pack(">H4s4sHH", 12, bytes((192, 0, 2, 5)), bytes((192, 0, 2, 1)), 1234, 3306),
}


class Wrapped(pymysql.Connection):  # type: ignore[type-arg]
    """A PyMySQL client that is its own balancer; PyMySQL takes over the socket it is given."""

    def __init__(self, daemon: ProxyDaemon, header: bytes) -> None:
        sock = socket.create_connection((LOOPBACK, daemon.port), timeout=60)
        sock.sendall(header)
        super().__init__(
            user="app", password=daemon.users["app"], database="app", ssl_disabled=True, defer_connect=True
        )
        self.connect(sock)


@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_by_hand(behind: ProxyDaemon, kind: str) -> None:
    mark = behind.mark()
    with Wrapped(behind, HEADERS[kind]) as client:
        assert one(client, "SELECT 1") == 1
    behind.wait_for_log(" is 192.0.2.5:1234", mark)


def test_without_a_header_a_listed_address_is_a_client(behind: ProxyDaemon) -> None:
    with behind.connect(bind_address="127.0.0.5") as client:
        assert one(client, "SELECT 1") == 1


def test_a_failed_log_in_names_the_client(behind: ProxyDaemon) -> None:
    mark = behind.mark()
    sock = socket.create_connection((LOOPBACK, behind.port), timeout=60)
    sock.sendall(HEADERS["text"])
    client = pymysql.Connection(user="app", password="wrong", ssl_disabled=True, defer_connect=True)
    with pytest.raises(pymysql.OperationalError):
        client.connect(sock)
    line = behind.wait_for_log('log-in refused: user="app"', mark)
    assert "from=192.0.2.5:1234 via=127.0.0." in line
    assert 'reason="wrong password"' in line


def test_a_broken_header(behind: ProxyDaemon) -> None:
    mark = behind.mark()
    with socket.create_connection((LOOPBACK, behind.port), timeout=60) as sock:
        sock.sendall(b"PROXY TCP4 nowhere 192.0.2.1 1234 3306\r\n")
        received = b"".join(iter(lambda: sock.recv(4096), b""))
    assert b"rds-proxy: PROXY header with a wrong address" in received
    behind.wait_for_log("PROXY header with a wrong address", mark)
