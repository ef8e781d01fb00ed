"""Logging in with one of several passwords, over a target in memory; whole log-ins are in test_login."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.credentials.source import Credential, Password, SecretError
from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.connector import (
    MAX_LOG_INS,
    BackendConnector,
    NoCredential,
    PoolKey,
    Target,
    tenant_of,
)
from proxy.mysql.backend.errors import ConnectFailed, NothingToShow, TargetError
from proxy.mysql.backend.set_up import SetUp
from proxy.mysql.backend.tls import TargetTls, TlsMode
from proxy.mysql.session.settings import FRESH
from proxy.mysql.wire.capabilities import Capability
from proxy.pool.interface import OpenRequest
from tests.peers import packets as p
from tests.peers.link import Line
from tests.peers.server import Database, ServerPeer

KEY = PoolKey("app", Capability(0))


def credential(password: str, **fields: Any) -> Credential:
    return Credential("app", Password(password.encode()), "secret", 1, **fields)


class Provider:
    """Candidates that tests change, and what was said of them."""

    def __init__(self, *passwords: str) -> None:
        self.known = [credential(password) for password in passwords]
        self.accepted_ones: list[str] = []
        self.suspects: list[str] = []
        self.asked: list[tuple[str, str, int]] = []
        #: What follows from a suspicion.
        self.news: list[list[str]] = []
        self.problem: SecretError | None = None
        self.is_slow = False

    def candidates(self, username: str, host: str, port: int) -> Deferred[Sequence[Credential]]:
        self.asked.append((username, host, port))
        if self.problem is not None:
            return fail(self.problem)
        return Deferred() if self.is_slow else succeed(tuple(self.known))

    def accepted(self, credential: Credential) -> None:
        self.accepted_ones.append(bytes(credential.password).decode())

    def suspect(self, credential: Credential) -> Deferred[None]:
        self.suspects.append(bytes(credential.password).decode())
        if self.is_slow:
            return Deferred()
        if self.news:
            self.known = [
                Credential("app", Password(each.encode()), "secret", 2) for each in self.news.pop(0)
            ]
        return succeed(None)


class Server(ServerPeer):
    """Refuses, with an error of its own if it has one."""

    def __init__(self, scene: "Scene") -> None:
        super().__init__(scene.database, scene.password)
        self._scene = scene

    def _log_in(self, payload: bytes, sequence: int) -> None:
        self._scene.attempts += 1
        if self._scene.error is not None:
            self.line.send(p.packet(p.err(self._scene.error, b"no", b"HY000"), sequence + 1))
            return
        super()._log_in(payload, sequence)


class Scene:
    """A connector and its target."""

    def __init__(self, *passwords: str) -> None:
        self.clock = Clock()
        self.database = Database()
        self.password = b"right"
        self.error: int | None = None
        self.attempts = 0
        self.is_silent = False
        self.unreachable = False
        self.lines: list[Line] = []
        self.provider = Provider(*passwords)
        self.connector = BackendConnector(
            Target("db.example.com", 3306, TargetTls(TlsMode.OFF, "db", None), 10.0),
            self.provider,
            lambda: SetUp(""),
            "test",
            self.clock,
        )

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.unreachable:
            return fail(OSError("refused"))
        peer = Server(self)
        protocol = factory.buildProtocol(None)
        self.lines.append(Line(protocol, peer, is_client=True))
        if not self.is_silent:
            peer.greet()
        return succeed(protocol)

    def settle(self) -> None:
        while any(line.has_work for line in self.lines):
            for line in self.lines:
                if line.has_work:
                    line.deliver()

    def outcome(self, opened: Deferred[Any]) -> Any:
        """What it ended with; None if it has not."""
        found: list[Any] = []
        opened.addBoth(found.append)
        self.settle()
        return found[0].value if found and isinstance(found[0], Failure) else (found[0] if found else None)

    def open(self) -> Any:
        return self.outcome(self.connector.open(OpenRequest(KEY, FRESH)))

    @property
    def connected(self) -> int:
        return sum(line.connected for line in self.lines)


@contextmanager
def scene_of(*passwords: str) -> Iterator[Scene]:
    scene = Scene(*passwords)
    with patch(
        "proxy.mysql.backend.connector.endpoints.HostnameEndpoint",
        lambda *_, **__: scene,
    ):
        yield scene
        assert not scene.clock.getDelayedCalls()


def test_the_only_one() -> None:
    with scene_of("right") as scene:
        assert isinstance(scene.open(), BackendConnection)
        assert scene.provider.accepted_ones == ["right"]
        assert scene.provider.asked == [("app", "db.example.com", 3306)]


@pytest.mark.parametrize("place", range(MAX_LOG_INS))
def test_candidates_in_their_order(place: int) -> None:
    passwords = [f"wrong {number}" for number in range(MAX_LOG_INS - 1)]
    passwords.insert(place, "right")
    with scene_of(*passwords) as scene:
        assert isinstance(scene.open(), BackendConnection)
        assert scene.provider.suspects == passwords[:place]
        assert scene.provider.accepted_ones == ["right"]
        assert scene.connected == 1


def test_no_more_than_so_many() -> None:
    """A database may lock an account."""
    with scene_of(*(f"wrong {number}" for number in range(20))) as scene:
        problem = scene.open()
        assert isinstance(problem, TargetError)
        assert problem.packet.errno == 1045
        assert scene.attempts == MAX_LOG_INS
        assert not scene.connected


def test_what_has_come_since_is_tried() -> None:
    with scene_of("old") as scene:
        scene.provider.news = [["right", "old"]]
        assert isinstance(scene.open(), BackendConnection)
        assert (scene.provider.suspects, scene.provider.accepted_ones) == (["old"], ["right"])


def test_nothing_is_tried_twice() -> None:
    with scene_of("old") as scene:
        scene.provider.news = [["old"], ["old"]]
        assert isinstance(scene.open(), TargetError)
        assert scene.attempts == 1


class Rotating(Provider):
    """While its second password is refused, the database gets the first one, and the secret changes."""

    def __init__(self, scene: "Scene") -> None:
        super().__init__("pending", "previous")
        self._scene = scene

    def suspect(self, credential: Credential) -> Deferred[None]:
        if credential.password == b"previous":
            self.known = [attrs.evolve(each, revision=1) for each in self.known]
            self._scene.password = b"pending"
        return super().suspect(credential)


def test_what_was_refused_is_tried_again_once_the_secret_has_changed() -> None:
    with scene_of() as scene:
        scene.provider = scene.connector._credentials = Rotating(scene)
        assert isinstance(scene.open(), BackendConnection)
        assert scene.provider.suspects == ["pending", "previous"]
        assert scene.provider.accepted_ones == ["pending"]


@pytest.mark.parametrize("errno", [1045, 1698])
def test_refusals_that_are_about_the_password(errno: int) -> None:
    with scene_of("one", "two") as scene:
        scene.error = errno
        assert isinstance(scene.open(), TargetError)
        assert scene.attempts == 2


@pytest.mark.parametrize("errno", [1040, 1044, 1130, 1203, 3118])
def test_other_refusals_are_no_suspicion(errno: int) -> None:
    with scene_of("one", "two") as scene:
        scene.error = errno
        problem = scene.open()
        assert isinstance(problem, TargetError)
        assert problem.packet.errno == errno
        assert scene.attempts == 1
        assert not scene.provider.suspects
        assert not scene.connected


def test_nobody_known() -> None:
    with scene_of() as scene:
        problem = scene.open()
        assert isinstance(problem, NoCredential)
        assert problem.fatal
        assert not scene.lines


def test_what_cannot_be_had_at_present() -> None:
    """A token cannot be made: that passes, and the pool tries again."""
    with scene_of() as scene:
        scene.provider.problem = SecretError("no AWS credentials")
        problem = scene.open()
        assert isinstance(problem, NothingToShow)
        assert not problem.fatal
        assert str(problem) == "cannot log in to db.example.com:3306: no AWS credentials"


def test_a_database_that_is_away() -> None:
    with scene_of("right") as scene:
        scene.unreachable = True
        assert isinstance(scene.open(), ConnectFailed)
        assert not scene.provider.suspects


def test_a_silent_database() -> None:
    with scene_of("right") as scene:
        scene.is_silent = True
        found: list[Any] = []
        scene.connector.open(OpenRequest(KEY, FRESH)).addBoth(found.append)
        scene.clock.advance(9.9)
        assert not found
        scene.clock.advance(0.2)
        scene.settle()
        assert found[0].check(ConnectFailed)
        assert not scene.connected


@pytest.mark.parametrize("is_asking", [True, False])
def test_given_up_while_somebody_else_is_asked(is_asking: bool) -> None:
    """For candidates, or after a refusal."""
    with scene_of("wrong") as scene:
        scene.provider.is_slow = is_asking
        opened = scene.connector.open(OpenRequest(KEY, FRESH))
        if not is_asking:
            scene.provider.is_slow = True
        scene.settle()
        found: list[Any] = []
        opened.addBoth(found.append)
        assert not found
        opened.cancel()
        assert found[0].check(CancelledError, ConnectFailed)
        scene.settle()
        assert not scene.connected


class TestProving:
    def test_right_and_wrong(self) -> None:
        with scene_of() as scene:
            assert scene.outcome(scene.connector.prove(credential("right"))) is None
            assert isinstance(scene.outcome(scene.connector.prove(credential("wrong"))), TargetError)
            assert scene.attempts == 2
            assert not scene.connected

    def test_neither_asks_nor_tells_the_provider(self) -> None:
        with scene_of("right") as scene:
            scene.outcome(scene.connector.prove(credential("right")))
            scene.outcome(scene.connector.prove(credential("wrong")))
            assert not scene.provider.asked
            assert not scene.provider.suspects
            assert not scene.provider.accepted_ones

    def test_is_bounded(self) -> None:
        with scene_of() as scene:
            scene.is_silent = True
            found: list[Any] = []
            scene.connector.prove(credential("right")).addBoth(found.append)
            scene.clock.advance(10.1)
            scene.settle()
            assert found[0].check(ConnectFailed)
            assert not scene.connected


def test_keys_that_share_connections() -> None:
    """Tenants of one user do; only the borrower's share differs."""
    one, other = PoolKey("app", Capability(0), "one"), PoolKey("app", Capability(0), "other", True)
    assert one == other
    assert hash(one) == hash(other)
    assert (tenant_of(one), tenant_of(other)) == ("one", "other")
    assert one != PoolKey("app2", Capability(0), "one")
    assert tenant_of("another kind of key") is None


def test_nothing_shows_a_password() -> None:
    with scene_of("hunter2") as scene:
        problem = scene.open()
        assert "hunter2" not in f"{problem!r} {problem} {scene.provider.known} {vars(problem)}"
