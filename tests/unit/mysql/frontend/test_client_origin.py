"""Where a client comes from: balancers, Unix sockets, and the limits that go by it; in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.address import UNIXAddress
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from proxy.demo.certificate import write_certificate
from proxy.mysql.frontend.tls import ServerTls
from proxy.networks import Networks
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.cutting import manners
from tests.peers.link import Line
from tests.peers.world import World, proxied

HERE = Networks.parse(("127.0.0.1",))
V1 = b"PROXY TCP4 192.0.2.5 192.0.2.1 1234 3306\r\n"
V2_LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    folder: Path = tmp_path_factory.mktemp("tls")
    write_certificate(folder / "certificate.pem", folder / "key.pem")
    return ServerTls(folder / "certificate.pem", folder / "key.pem")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    found: list[str] = []

    def note(event: LogEvent) -> None:
        found.append(formatEvent(event))

    globalLogPublisher.addObserver(note)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(note)  # type: ignore[arg-type]


@pytest.fixture
def unix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client comes through a Unix socket."""
    monkeypatch.setattr(Line, "getPeer", lambda _: UNIXAddress(None))


class Balanced(ClientPeer):
    """A client behind a balancer that sends a header as soon as it is connected."""

    def __init__(self, header: bytes, **options: Any) -> None:
        super().__init__(**options)
        self._header = header

    def received(self, data: bytes) -> None:
        if self._header:
            header, self._header = self._header, b""
            self.line.send(header)
        super().received(data)


def silent(world: World) -> ClientPeer:
    """A client that has been greeted and says nothing by itself."""
    client = world.client(ClientPeer(automatic=False))
    [(_, client.greeting)] = p.split(client.take())
    return client


def result(client: ClientPeer) -> tuple[int, bytes]:
    """Sequence id and payload of the one packet that ended the log-in."""
    [(sequence, payload)] = p.split(client.log_in_answer)  # type: ignore[attr-defined]
    return sequence, payload


def refusal(client: ClientPeer) -> tuple[int, int, bytes]:
    """Sequence id, error number and text."""
    sequence, payload = result(client)
    assert payload[:1] == b"\xff", payload
    return sequence, int.from_bytes(payload[1:3], "little"), payload[9:]


class TestHeader:
    @pytest.mark.parametrize("header", [V1, V2_LOCAL])
    def test_however_it_comes_with_the_log_in_behind(self, header: bytes) -> None:
        with proxied(balancers=HERE) as world:
            size = len(header + p.packet(silent(world).login_payload(), 1))
            for chunks in manners(bytes(size)):
                client = silent(world)
                packet = header + p.packet(client.login_payload(), 1)
                for chunk in chunks:
                    client.line.send(packet[: len(chunk)])
                    packet = packet[len(chunk) :]
                world.settle()
                assert p.split(client.take()) == [(2, p.ok())]
                client.line.hang_up()
                world.settle()

    def test_the_address_in_it_is_the_clients(self, lines: list[str]) -> None:
        with proxied(balancers=HERE) as world:
            world.client(Balanced(V1))
            [client] = world.registry
            assert str(client.peer) == "192.0.2.5:1234"
            assert world.registry._addresses["192.0.2.5"] == 1
            assert world.registry._addresses["127.0.0.1"] == 0
        assert any("The client behind 127.0.0.1:50000 is 192.0.2.5:1234." in line for line in lines)

    @pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", V2_LOCAL, b""])
    def test_without_an_address_the_balancer_is_the_client(self, header: bytes) -> None:
        with proxied(balancers=HERE) as world:
            assert result(world.client(Balanced(header))) == (2, p.ok())
            [client] = world.registry
            assert str(client.peer) == "127.0.0.1:50000"
            assert world.registry._addresses["127.0.0.1"] == 1

    @pytest.mark.parametrize("header", [V1, V2_LOCAL, b"PROXY ", V2_LOCAL[:12]])
    def test_from_an_address_that_is_not_listed(self, header: bytes, lines: list[str]) -> None:
        with proxied(balancers=Networks.parse(("192.0.2.0/24", "localhost"))) as world:
            client = silent(world)
            client.send(header)
            world.settle()
            assert client.closed
            [(_, payload)] = p.split(client.take())
            assert payload[1:3] == (1130).to_bytes(2, "little")
            assert len(world.registry) == 0
            assert world.registry.setup_failed_auth == 0
        words = "PROXY header from an address that is not in proxy_protocol_networks"
        assert [line for line in lines if line.startswith("turned away 1 ") and words in line]

    def test_a_broken_one(self, lines: list[str]) -> None:
        with proxied(balancers=HERE) as world:
            for _ in range(3):
                client = silent(world)
                client.send(b"PROXY TCP4 nowhere\r\n" + p.packet(client.login_payload(), 1))
                world.settle()
                assert client.closed
                assert b"rds-proxy: PROXY header that is not" in client.take()
        assert len([line for line in lines if "PROXY header that is not" in line]) == 1

    def test_half_of_one_is_cut_by_the_handshake_timeout(self) -> None:
        with proxied(balancers=HERE) as world:
            client = silent(world)
            client.send(V1[:20])
            world.advance(9.9)
            assert not client.closed
            world.advance(0.2)
            assert client.closed

    def test_one_behind_the_log_in_is_no_header(self) -> None:
        with proxied(balancers=HERE) as world:
            client = world.client()
            client.send(V1)
            world.settle()
            assert client.closed

    def test_over_tls(self, tls: ServerTls) -> None:
        with proxied(balancers=HERE, tls=tls, require_tls=True) as world:
            client = world.client(Balanced(V1, capabilities=p.CLIENT_CAPABILITIES | p.TLS))
            assert result(client) == (3, p.ok())
            assert len(p.split(world.ask(client, "SELECT 1"))) == 5


class TestPerAddress:
    def test_without_a_balancer_no_greeting(self) -> None:
        with proxied(max_client_connections_per_address=1) as world:
            world.client()
            second = world.client(ClientPeer(automatic=False))
            [(sequence, payload)] = p.split(second.take())
            assert (sequence, payload[:3]) == (0, b"\xff" + (1040).to_bytes(2, "little"))
            assert b"from 127.0.0.1 exceeded (1)" in payload
            assert len(world.registry) == 1

    def test_behind_one_after_the_log_in_packet(self) -> None:
        with proxied(max_client_connections_per_address=1, balancers=HERE) as world:
            assert result(world.client(Balanced(V1))) == (2, p.ok())
            sequence, number, text = refusal(world.client(Balanced(V1)))
            assert (sequence, number) == (2, 1040)
            assert b"from 192.0.2.5 exceeded (1)" in text
            assert result(world.client(Balanced(V1.replace(b"2.5", b"2.6")))) == (2, p.ok())
            assert world.registry.setup_failed_auth == 0

    def test_behind_one_through_tls(self, tls: ServerTls) -> None:
        with proxied(max_client_connections_per_address=1, balancers=HERE, tls=tls) as world:
            world.client(Balanced(V1))
            client = world.client(Balanced(V1, capabilities=p.CLIENT_CAPABILITIES | p.TLS))
            assert refusal(client)[:2] == (3, 1040)

    def test_who_goes_makes_room(self) -> None:
        with proxied(max_client_connections_per_address=1, balancers=HERE) as world:
            for _ in range(3):
                client = world.client(Balanced(V1))
                assert result(client) == (2, p.ok())
                client.line.hang_up()
                world.settle()


class TestPerUser:
    def test_the_next_one_is_refused_after_its_password(self) -> None:
        with proxied(max_client_connections_per_user=2) as world:
            first, _ = world.client(), world.client()
            sequence, number, text = refusal(world.client())
            assert (sequence, number, text[:5]) == (2, 1203, b"User ")
            wrong = ClientPeer(password=b"wrong")
            assert refusal(world.client(wrong))[1] == 1045
            first.line.hang_up()
            world.settle()
            assert result(world.client()) == (2, p.ok())

    def test_changing_to_oneself_takes_no_second_place(self) -> None:
        with proxied(max_client_connections_per_user=1) as world:
            client = world.client()
            for _ in range(2):
                client.send(p.packet(b"\x11app\0\x00\0" + b"\x2d\0mysql_native_password\0"))
                world.settle()
                [(sequence, switch)] = p.split(client.take())
                nonce = switch[1:].split(b"\0", 1)[1][:20]
                client.send(p.packet(p.native(b"secret", nonce), sequence + 1))
                world.settle()
                assert p.split(client.take()) == [(sequence + 2, p.ok())]


class TestRate:
    def test_connections_per_second(self, lines: list[str]) -> None:
        with proxied(client_connection_rate_limit=3) as world:
            clients = [world.client(ClientPeer(automatic=False)) for _ in range(50)]
            assert [client.closed for client in clients] == [False] * 3 + [True] * 47
            [(_, payload)] = p.split(clients[3].take())
            assert payload == b"\xff" + (1040).to_bytes(2, "little") + b"Connections rate limit exceeded (3)"
            world.registry.sweep()
            world.advance(1.0)
            world.registry.sweep()
            assert result(world.client()) == (2, p.ok())
        told = [line for line in lines if "Connections rate limit exceeded" in line]
        assert [line.split()[2] for line in told] == ["1", "46"]


class TestSilence:
    def test_a_crowd_that_says_nothing_is_cut(self, lines: list[str]) -> None:
        with proxied(max_client_connections=500, handshake_timeout=5.0) as world:
            for _ in range(500):
                world.client(ClientPeer(automatic=False))
            assert len(world.registry) == 500
            world.advance(5.1)
            assert len(world.registry) == 0
            assert result(world.client()) == (2, p.ok())
            world.advance(1.0)
            world.registry.sweep()
        told = [line for line in lines if "no log-in within handshake_timeout" in line]
        assert [line.split()[2] for line in told] == ["1", "499"]


@pytest.mark.usefixtures("unix")
class TestUnixSocket:
    def test_it_is_as_secure_as_tls(self, tls: ServerTls) -> None:
        options: dict[str, Any] = {"tls": tls, "require_tls": True, "max_client_connections_per_address": 1}
        with proxied(**options) as world:
            for _ in range(3):
                assert result(world.client()) == (2, p.ok())

    @pytest.mark.parametrize("header", [V1, b"PROXY TCP6 ::5 ::1 1 1\r\n"])
    def test_a_balancer_in_front_of_it_is_not(self, header: bytes) -> None:
        with proxied(require_tls=True, balancers=Networks.parse(("localhost",))) as world:
            assert refusal(world.client(Balanced(header)))[1] == 3159

    def test_a_header_from_one_that_is_not_listed(self) -> None:
        with proxied(balancers=HERE) as world:
            client = silent(world)
            client.send(V1)
            world.settle()
            assert client.closed


@pytest.mark.parametrize("size", [4096, 65_536])
def test_the_longest_log_in_packet(size: int) -> None:
    with proxied(max_login_packet_size=size) as world:
        number: Callable[[bytes], int] = lambda data: int.from_bytes(data[5:7], "little")  # noqa: E731
        client = silent(world)
        client.send((size + 1).to_bytes(3, "little") + b"\x01")
        world.settle()
        assert number(client.take()) == 1153
        client = silent(world)
        client.send(p.packet(b"x" * size, 1))
        world.settle()
        assert number(client.take()) != 1153
