"""Failed log-ins through the whole frontend: delayed alike, counted, and each with its line in the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.logger import LogEvent

from proxy.demo.certificate import write_certificate
from proxy.mysql.frontend.throttle import FailedLogins, ThrottleOptions
from proxy.mysql.frontend.tls import ServerTls
from proxy.mysql.wire.auth import caching_sha2
from tests.peers import packets as p
from tests.peers.client import ClientPeer
from tests.peers.world import World, proxied

OPTIONS = ThrottleOptions(threshold=3, delay=2.0, max_delay=8.0, max_waiting=8)


class Sha2Client(ClientPeer):
    """Answers by caching_sha2_password, and hangs up when the proxy wants to hear the password itself."""

    def login_payload(self) -> bytes:
        user, password, _ = self._login
        answer = caching_sha2.scramble(password, self.nonce)
        return p.login(user, answer, self.capabilities, plugin=caching_sha2.NAME)

    def received(self, data: bytes) -> None:
        super().received(data)
        if self.seen.endswith(b"\x01\x04"):
            self.line.hang_up()


@pytest.fixture
def world() -> Iterator[World]:
    with proxied() as world:
        world.context.failed_log_ins = FailedLogins(world.clock, lambda: OPTIONS)
        yield world


def answered(client: ClientPeer) -> int:
    """The error that the log-in has ended with, 0 if it was granted; -1 for one that has not ended."""
    answer = client.log_in_answer + client.take()  # type: ignore[attr-defined]
    if not answer:
        return -1
    [(_, payload)] = p.split(answer)
    return int.from_bytes(payload[1:3], "little") if payload[0] == 0xFF else 0


def fail(world: World, times: int, user: bytes = b"app") -> None:
    """So many wrong passwords, each waited for."""
    for _ in range(times):
        client = world.client(ClientPeer(user=user, password=b"wrong"))
        world.advance(OPTIONS.max_delay)
        assert answered(client) == 1045


@pytest.mark.parametrize(
    ("user", "password", "error"), [(b"app", b"secret", 0), (b"app", b"wrong", 1045), (b"none", b"x", 1045)]
)
def test_right_wrong_and_unknown_wait_alike(world: World, user: bytes, password: bytes, error: int) -> None:
    fail(world, 3, user)
    client = world.client(ClientPeer(user=user, password=password))
    world.advance(1.9)
    assert not client.log_in_answer  # type: ignore[attr-defined]
    assert not client.seen
    world.advance(0.2)
    assert answered(client) == error


def test_a_success_ends_the_delay(world: World) -> None:
    fail(world, 3)
    first, second = world.client(), world.client()
    world.advance(2.1)
    assert answered(first) == answered(second) == 0
    assert answered(world.client()) == 0


def test_other_users_are_not_delayed(world: World) -> None:
    fail(world, 10, b"outdated")
    assert answered(world.client()) == 0


def test_who_finds_no_place_to_wait_is_told_so(world: World, attempts: list[LogEvent]) -> None:
    fail(world, 3)
    waiting = [world.client() for _ in range(2)]
    assert answered(world.client()) == 1040
    assert attempts[-1]["reason"].startswith("1040 (HY000)")
    world.advance(2.1)
    assert [answered(client) for client in waiting] == [0, 0]


def test_who_leaves_while_it_waits_gives_its_place_back(world: World) -> None:
    fail(world, 3)
    for _ in range(5):
        client = world.client()
        client.line.hang_up()
        world.settle()
        assert world.context.failed_log_ins.waiting == 0


def test_changing_the_user_is_no_way_around(world: World) -> None:
    fail(world, 3, b"other")
    client = world.client()
    client.send(p.packet(b"\x11other\0\0\0"))
    world.settle()
    [(_, switch)] = p.split(client.take())
    assert switch[:1] == b"\xfe"
    client.send(p.packet(b"x" * 20, 2))
    world.settle()
    assert not client.take()
    world.advance(2.1)
    assert b"Access denied" in client.take()


def test_hanging_up_after_a_wrong_scramble_is_a_failure() -> None:
    """The request for the password itself has told the client that its scramble was wrong."""
    with proxied(default_auth_type="MYSQL_CACHING_SHA2_PASSWORD") as world:
        world.context.failed_log_ins = FailedLogins(world.clock, lambda: OPTIONS)
        for _ in range(OPTIONS.threshold):
            world.client(Sha2Client(password=b"wrong"))
        right = world.client(Sha2Client())
        assert not right.log_in_answer  # type: ignore[attr-defined]
        world.advance(2.1)
        assert right.take().endswith(p.packet(p.ok(), 3))


class TestLines:
    def test_one_for_each(self, world: World, attempts: list[LogEvent]) -> None:
        world.client()
        fail(world, 1)
        fail(world, 1, b"none")
        assert [(each["user"], each["verdict"], each.get("reason")) for each in attempts] == [
            ("app", "granted", None),
            ("app", "refused", "wrong password"),
            ("none", "refused", "no secret for this user"),
        ]
        for each in attempts:
            assert each["peer"] == "127.0.0.1:50000"
            assert (each["tls"], each["cipher"]) == ("none", "none")
            assert each["auth"] == "mysql_native_password"

    def test_an_alert_when_the_delay_begins(self, world: World, attempts: list[LogEvent]) -> None:
        fail(world, 4)
        assert [each["severity"] for each in attempts] == ["WARN", "WARN", "ALERT", "ALERT"]

    def test_the_tls_of_it(self, tmp_path: Path, attempts: list[LogEvent]) -> None:
        write_certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
        tls = ServerTls(tmp_path / "certificate.pem", tmp_path / "key.pem")
        with proxied(tls=tls) as world:
            for password in (b"secret", b"wrong"):
                world.client(ClientPeer(p.CLIENT_CAPABILITIES | p.TLS, password=password))
        assert [each["verdict"] for each in attempts] == ["granted", "refused"]
        assert {each["tls"] for each in attempts} == {"TLSv1.3"}
        assert all(each["cipher"].startswith("TLS_") for each in attempts)

    def test_a_name_forges_nothing(self, world: World, attempts: list[LogEvent]) -> None:
        fail(world, 1, b'a" severity="INFO\n[INFO]')
        assert attempts[0]["user"] == "a\\x22 severity=\\x22INFO\\x0a[INFO]"

    def test_no_secret_is_in_it(self, world: World, attempts: list[LogEvent]) -> None:
        world.client(ClientPeer(password=b"hunter2"))
        world.client()
        assert len(attempts) == 2
        assert "hunter2" not in str(attempts)
        assert "secret'" not in str(attempts)
