"""Which ports are opened, and what they are called; on a reactor that only pretends."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock

from proxy import listeners
from proxy.activation import PassedSocket
from proxy.config.endpoint_options import EndpointConfig
from proxy.config.proxy_section import ProxyConfig
from proxy.listeners import LISTEN_BACKLOG, Listeners


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "s")


@pytest.fixture
def reactor() -> Any:
    return MemoryReactorClock()


def listening(reactor: Any, **options: Any) -> Listeners:
    made = Listeners(ProxyConfig(**options), ServerFactory(), reactor)
    made.start()
    return made


def pass_on(monkeypatch: pytest.MonkeyPatch, *sockets: socket.socket, name: str = "") -> None:
    """As systemd does."""
    passed = [PassedSocket(each, name) for each in sockets]
    monkeypatch.setattr(listeners, "passed_sockets", lambda *_: passed)


def test_tcp(reactor: Any) -> None:
    made = listening(reactor, port=3307, bind_address="192.0.2.1")
    [(port, _, backlog, address)] = reactor.tcpServers
    assert (port, backlog, address) == (3307, LISTEN_BACKLOG, "192.0.2.1")
    assert len(made.names()) == 1
    assert made


def test_tcp_and_a_unix_socket(reactor: Any, path: str) -> None:
    made = listening(reactor, socket=path, socket_mode="0600")
    assert len(reactor.tcpServers) == 1
    assert made.names()[1] == path
    assert os.stat(path).st_mode & 0o777 == 0o600
    made.stop()
    assert not made


def test_ipv6_is_named_with_brackets(reactor: Any) -> None:
    reactor.listenTCP = lambda *_, **__: _Port("2001:db8::1", 3306)
    assert listening(reactor).names() == ["[2001:db8::1]:3306"]
    reactor.listenTCP = lambda *_, **__: _Port("192.0.2.1", 3306)
    assert listening(reactor).names() == ["192.0.2.1:3306"]


def test_a_port_that_is_taken(reactor: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise CannotListenError("192.0.2.1", 3306, OSError("taken"))

    reactor.listenTCP = refuse
    with pytest.raises(OSError, match=r"listen on 192\.0\.2\.1:3306: taken"):
        listening(reactor)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_sockets_of_systemd_instead(
    reactor: Any, path: str, monkeypatch: pytest.MonkeyPatch, family: socket.AddressFamily
) -> None:
    tcp, unix = socket.socket(family), socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen()
    pass_on(monkeypatch, tcp, unix)
    made = listening(reactor, socket=path + ".other")
    assert not reactor.tcpServers
    assert [each[1] for each in reactor.adoptedPorts] == [family]
    assert made.names()[1] == path
    assert not os.path.exists(path + ".other")
    assert tcp.fileno() == -1
    unix.close()


class TestEndpoints:
    """Two endpoints, the second one called reader."""

    @pytest.fixture
    def both(self, reactor: Any) -> Listeners:
        self.factories = ServerFactory(), ServerFactory()
        made = Listeners(ProxyConfig(port=3307), self.factories[0], reactor)
        made.add("reader", EndpointConfig(name="reader", port=3308, bind_address="::1"), self.factories[1])
        return made

    def test_each_has_its_address_and_its_factory(self, reactor: Any, both: Listeners) -> None:
        assert not both
        both.start()
        assert [(port, factory, address) for port, factory, _, address in reactor.tcpServers] == [
            (3307, self.factories[0], "127.0.0.1"),
            (3308, self.factories[1], "::1"),
        ]
        assert [name for name, _ in both.endpoints()] == ["default", "reader"]
        assert len(both.names()) == 2
        both.stop()
        assert not both

    @pytest.mark.parametrize(("name", "index"), [("", 0), ("default", 0), ("reader", 1)])
    def test_a_socket_of_systemd_goes_by_its_name(
        self, reactor: Any, both: Listeners, monkeypatch: pytest.MonkeyPatch, name: str, index: int
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as tcp:
            pass_on(monkeypatch, tcp, name=name)
            both.start()
        assert [each[2] for each in reactor.adoptedPorts] == [self.factories[index]]
        # The other endpoint listens for itself.
        assert [each[1] for each in reactor.tcpServers] == [self.factories[1 - index]]

    def test_a_socket_for_nobody(
        self, reactor: Any, both: Listeners, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as tcp:
            pass_on(monkeypatch, tcp, name="writer")
            with pytest.raises(ValueError, match="a socket named writer, and no endpoint has that name"):
                both.start()
        assert not reactor.tcpServers
        assert not both


class _Port:
    """A port at an address."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def getHost(self) -> "_Port":
        return self
