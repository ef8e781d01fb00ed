"""The client's connection from accept to close, in memory."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from proxy.demo.certificate import write_certificate
from proxy.mysql.frontend.registry import FIRST_CLIENT_NUMBER
from proxy.mysql.frontend.tls import ServerTls
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.cutting import pieces
from tests.peers.world import World, proxied

OFFERED_TLS = p.CLIENT_CAPABILITIES | p.TLS


@pytest.fixture
def world() -> Iterator[World]:
    with proxied() as world:
        yield world


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    folder: Path = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_certificate(certificate, key)
    return ServerTls(certificate, key)


def answer(client: ClientPeer) -> tuple[int, bytes]:
    """The one packet of the log-in's end."""
    [(sequence, payload)] = p.split(client.log_in_answer)  # type: ignore[attr-defined]
    return sequence, payload


def errno(payload: bytes) -> int:
    assert payload[:1] == b"\xff", payload
    return int.from_bytes(payload[1:3], "little")


class TestLogIn:
    def test_the_right_password(self, world: World) -> None:
        assert answer(world.client()) == (2, p.ok())

    @pytest.mark.parametrize(
        "peer", [ClientPeer(password=b"wrong"), ClientPeer(user=b"nobody"), ClientPeer(password=b"")]
    )
    def test_the_wrong_one(self, world: World, peer: ClientPeer) -> None:
        sequence, payload = answer(world.client(peer))
        assert (sequence, errno(payload), payload[3:9]) == (2, 1045, b"#28000")
        assert peer.closed
        assert not world.servers

    def test_byte_by_byte(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        [(sequence, client.greeting)] = p.split(client.take())
        assert sequence == 0
        packet = p.packet(client.login_payload(), 1)
        for byte in pieces(packet, list(range(len(packet)))):
            client.send(byte)
            world.settle()
        assert p.split(client.take()) == [(2, p.ok())]

    def test_the_greeting(self, world: World) -> None:
        client = world.client()
        assert client.greeting.startswith(b"\x0a8.0.36\0" + FIRST_CLIENT_NUMBER.to_bytes(4, "little"))
        assert client.greeting.endswith(b"\0mysql_native_password\0")
        assert world.client().nonce != client.nonce

    def test_another_plugin_is_switched(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        [(_, client.greeting)] = p.split(client.take())
        client.send(p.packet(p.login(b"app", b"x" * 32, plugin=b"caching_sha2_password"), 1))
        world.settle()
        [(sequence, switch)] = p.split(client.take())
        assert sequence == 2
        name, nonce = switch[1:].split(b"\0", 1)
        assert (switch[:1], name, len(nonce)) == (b"\xfe", b"mysql_native_password", 21)
        client.send(p.packet(p.native(b"secret", nonce[:20]), 3))
        world.settle()
        assert p.split(client.take()) == [(4, p.ok())]

    def test_a_command_right_behind_the_log_in(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        [(_, client.greeting)] = p.split(client.take())
        client.send(p.packet(client.login_payload(), 1) + p.packet(b"\x0e"))
        world.settle()
        assert p.split(client.take()) == [(2, p.ok()), (1, p.ok())]

    def test_a_schema_the_database_has(self, world: World) -> None:
        assert answer(world.client(ClientPeer(database=b"shop"))) == (2, p.ok())

    def test_one_it_does_not_have(self, world: World) -> None:
        client = world.client(ClientPeer(database=b"nowhere"))
        assert errno(answer(client)[1]) == 1049
        assert client.closed
        assert world.pool.metrics.database_connections_currently_borrowed == 0

    def test_garbage(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        client.take()
        client.send(p.packet(b"GET / HTTP/1.1\r\n" * 4, 1))
        world.settle()
        assert client.closed
        assert errno(p.split(client.take())[0][1])

    def test_too_long(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        client.take()
        client.send(b"\xff\xff\xff\x01")
        world.settle()
        [(_, payload)] = p.split(client.take())
        assert errno(payload) == 1153
        assert client.closed

    def test_a_client_that_leaves_before(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        client.line.hang_up()
        world.settle()
        assert len(world.registry) == 0

    def test_one_that_says_nothing(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        world.advance(9.9)
        assert not client.closed
        world.advance(0.2)
        assert client.closed

    def test_one_that_leaves_while_its_schema_is_checked(self, world: World) -> None:
        world.client()
        others = [world.client() for _ in range(2)]
        for other in others:
            world.ask(other, "BEGIN")
        client = world.client(ClientPeer(database=b"shop"))
        client.line.hang_up()
        world.settle()
        for other in others:
            world.ask(other, "COMMIT")
        assert world.pool.metrics.database_connections_currently_borrowed == 0

    def test_what_comes_before_the_greeting_is_bounded(self, world: World) -> None:
        waiting: Deferred[None] = Deferred()
        world.context.ready = lambda: waiting
        client = world.client(ClientPeer(automatic=False))
        for _ in range(100):
            client.send(p.packet(bytes(100_000), 1))
        world.settle()
        assert client.closed or len(client.line.incoming) > 90


class TestTooManyClients:
    def test_an_error_comes_instead_of_a_greeting(self) -> None:
        with proxied(max_client_connections=1) as world:
            world.client()
            second = world.client(ClientPeer(automatic=False))
            [(sequence, payload)] = p.split(second.take())
            assert (sequence, errno(payload)) == (0, 1040)
            assert payload[3:4] != b"#"
            assert second.closed
            assert len(world.registry) == 1

    def test_there_is_room_again(self) -> None:
        with proxied(max_client_connections=1) as world:
            first = world.client()
            first.send(p.packet(b"\x01"))
            world.settle()
            assert answer(world.client()) == (2, p.ok())


class TestTls:
    def test_a_session_over_tls(self, tls: ServerTls) -> None:
        with proxied(tls=tls, require_tls=True) as world:
            client = world.client(ClientPeer(OFFERED_TLS))
            assert answer(client) == (3, p.ok())
            assert len(p.split(world.ask(client, "SELECT 1"))) == 5

    def test_a_client_without_is_refused(self, tls: ServerTls) -> None:
        with proxied(tls=tls, require_tls=True) as world:
            client = world.client()
            sequence, payload = answer(client)
            assert (sequence, errno(payload)) == (2, 3159)
            assert payload[9:] == b"This RDS Proxy requires TLS connections."
            assert client.closed

    def test_without_a_certificate_it_is_not_offered(self, world: World) -> None:
        client = world.client()
        at = client.greeting.index(b"\0") + 14
        assert not int.from_bytes(client.greeting[at : at + 2], "little") & p.TLS

    def test_a_client_is_closed_when_it_breaks_the_protocol(self, tls: ServerTls) -> None:
        with proxied(tls=tls) as world:
            client = world.client(ClientPeer(OFFERED_TLS))
            client.send(p.packet(b"\x0e", 7))
            world.settle()
            assert errno(p.split(client.take())[0][1]) == 1156
            assert client.closed

    def test_a_drain_closes_at_once(self, tls: ServerTls) -> None:
        with proxied(tls=tls) as world:
            client = world.client(ClientPeer(OFFERED_TLS))
            client.line.protocol.wrappedProtocol.drain()
            world.settle()
            assert client.closed


class TestClosing:
    def test_a_slow_reader_is_closed_once_it_has_read(self, world: World) -> None:
        client = world.client()
        world.ask(client, "SELECT 1")
        world.servers[0].muted = True
        world.ask(client, "SELECT 1")
        client.line.stuck = True
        world.servers[0].line.send(p.packets([p.number(1), p.column(), *[p.row([b"x" * 50_000])] * 4]))
        world.settle()
        world.servers[0].kill()
        world.settle()
        assert not client.closed
        client.line.stuck = False
        world.settle()
        assert client.closed

    def test_one_that_never_reads_is_cut(self, world: World) -> None:
        client = world.client()
        client.line.stuck = True
        client.send(p.packet(b"\x0e", 7))
        world.settle()
        assert not client.closed
        world.advance(10.1)
        assert client.closed


class TestDrain:
    def drain(self, world: World) -> None:
        for client in world.registry:
            client.drain()
        world.settle()

    def test_an_idle_client_goes_at_once(self, world: World) -> None:
        client = world.client()
        self.drain(world)
        assert client.closed

    def test_one_that_logs_in_goes_too(self, world: World) -> None:
        client = world.client(ClientPeer(automatic=False))
        self.drain(world)
        assert client.closed

    def test_a_transaction_may_end(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        self.drain(world)
        assert not client.closed
        assert world.ask(client, "INSERT 1")
        assert not client.closed
        assert p.split(world.ask(client, "COMMIT")) == [(1, p.ok())]
        assert client.closed
        assert world.database.committed == ["1"]

    def test_a_statement_may_end_even_with_an_error(self, world: World) -> None:
        client = world.client()
        world.ask(client, "BEGIN")
        self.drain(world)
        world.ask(client, "ROLLBACK")
        other = world.client()
        world.ask(other, "SELECT 1")
        world.servers[0].muted = True
        other.query("SELECT 1")
        world.settle()
        self.drain(world)
        assert not other.closed
        world.servers[0].line.send(p.packet(p.err(), 1))
        world.settle()
        world.advance(0.3)
        assert other.closed

    def test_a_pinned_client_goes_after_its_transaction(self, world: World) -> None:
        client = world.client()
        world.ask(client, "SET @u='a'")
        world.ask(client, "BEGIN")
        self.drain(world)
        world.ask(client, "COMMIT")
        assert client.closed


class TestChangeUser:
    def change(
        self, world: World, client: ClientPeer, user: bytes, password: bytes
    ) -> list[tuple[int, bytes]]:
        payload = b"\x11" + user + b"\0" + b"\x00" + b"\0" + b"\x2d\x00" + b"mysql_native_password\0"
        client.send(p.packet(payload))
        world.settle()
        [(sequence, switch)] = p.split(client.take())
        assert (sequence, switch[:1]) == (1, b"\xfe")
        nonce = switch[1:].split(b"\0", 1)[1][:20]
        client.send(p.packet(p.native(password, nonce), 2))
        world.settle()
        return p.split(client.take())

    def test_the_session_starts_over(self, world: World) -> None:
        client = world.client(ClientPeer(database=b"shop"))
        world.ask(client, "SET sql_mode='ANSI'")
        world.ask(client, "BEGIN")
        world.ask(client, "INSERT 1")
        assert self.change(world, client, b"app", b"secret") == [(3, p.ok())]
        assert p.split(world.ask(client, "SELECT @@sql_mode"))[3][1][1:] == b"STRICT_TRANS_TABLES"
        assert p.split(world.ask(client, "SELECT DATABASE()"))[3][1] == b"\xfb"
        assert world.database.committed == []

    def test_a_refused_one_is_closed(self, world: World) -> None:
        client = world.client()
        [(sequence, payload)] = self.change(world, client, b"app", b"wrong")
        assert (sequence, errno(payload)) == (3, 1045)
        assert client.closed


class TestRegistry:
    def test_silent_clients_are_closed(self) -> None:
        with proxied(idle_client_timeout=5.0) as world:
            quiet, busy = world.client(), world.client()
            world.advance(4.0)
            world.ask(busy, "SELECT 1")
            world.advance(1.5)
            world.registry.sweep()
            world.registry.sweep()
            world.settle()
            assert quiet.closed
            assert not busy.closed

    def test_old_clients_are_closed_after_their_transaction(self) -> None:
        with proxied(max_client_connection_life=60.0) as world:
            client = world.client()
            world.ask(client, "BEGIN")
            world.advance(61.0)
            for _ in range(2):
                world.registry.sweep()
            world.settle()
            assert not client.closed
            world.ask(client, "COMMIT")
            for _ in range(2):
                world.registry.sweep()
            world.settle()
            assert client.closed

    def test_counters(self, world: World) -> None:
        world.client()
        world.client(ClientPeer(password=b"wrong"))
        registry: Any = world.registry
        assert SimpleNamespace(
            received=registry.received, good=registry.setup_succeeded, bad=registry.setup_failed_auth
        ) == SimpleNamespace(received=2, good=1, bad=1)
