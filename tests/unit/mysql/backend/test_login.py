"""The connection phase towards a target that is played packet by packet."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.mysql.backend.connection import BackendConnection
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.backend.login import LogIn, log_in
from proxy.mysql.backend.tls import TargetTls, TlsMode
from proxy.mysql.wire.capabilities import Capability
from tests.peers import packets as p
from tests.peers.link import Line

NONCE32 = bytes(range(1, 33))


class Target:
    """Sends what it is told to; keeps what it got."""

    def __init__(self) -> None:
        self.line: Any = None
        self.got: list[tuple[int, bytes]] = []
        self.is_gone = False
        self._data = b""

    def received(self, data: bytes) -> None:
        self._data += data
        whole, rest = b"", self._data
        while len(rest) >= 4 and len(rest) >= 4 + int.from_bytes(rest[:3], "little"):
            end = 4 + int.from_bytes(rest[:3], "little")
            whole, rest = whole + rest[:end], rest[end:]
        self.got += p.split(whole)
        self._data = rest

    def gone(self) -> None:
        self.is_gone = True


class Scene:
    """One log-in; ``outcome`` is the greeting or the failure."""

    def __init__(self, tls: TlsMode = TlsMode.OFF, capabilities: Capability | None = None) -> None:
        self.connection = BackendConnection("key", 1, Clock())
        self.target = Target()
        self.line = Line(self.connection, self.target, is_client=True)
        login = LogIn(
            b"app",
            b"secret",
            capabilities or Capability(0),
            {b"_client_name": b"test"},
            TargetTls(tls, "db", None),
        )
        self.outcome: list[Any] = []
        started: Deferred[Any] = log_in(self.connection, login)
        started.addBoth(self.outcome.append)

    def say(self, payload: bytes, sequence: int) -> None:
        self.line.send(p.packet(payload, sequence))
        self.settle()

    def settle(self) -> None:
        while self.line.has_work:
            self.line.deliver()

    @property
    def problem(self) -> BaseException:
        [failure] = self.outcome
        assert isinstance(failure, Failure)
        assert failure.value is not None
        return failure.value


def answer_of(login: bytes) -> tuple[bytes, bytes, bytes]:
    """User, authentication response and plugin of a log-in packet."""
    user, rest = login[32:].split(b"\0", 1)
    size = rest[0]
    response, rest = rest[1 : 1 + size], rest[1 + size :]
    return user, response, rest.split(b"\0", 1)[0]


def sha2(password: bytes, nonce: bytes) -> bytes:
    once = hashlib.sha256(password).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


PLUGINS: list[tuple[bytes, Callable[[bytes, bytes], bytes]]] = [
    (b"mysql_native_password", p.native),
    (b"caching_sha2_password", sha2),
]


@pytest.mark.parametrize(("plugin", "prove"), PLUGINS)
def test_each_plugin_of_the_greeting(plugin: bytes, prove: Callable[[bytes, bytes], bytes]) -> None:
    scene = Scene()
    scene.say(p.greeting(plugin=plugin, thread=77), 0)
    [(sequence, login)] = scene.target.got
    assert sequence == 1
    assert answer_of(login) == (b"app", prove(b"secret", p.NONCE), plugin)
    scene.say(p.ok(status=3), 2)
    assert (scene.connection.thread_id, scene.connection.status) == (77, 3)
    assert scene.connection.server_version == "8.0.36"


@pytest.mark.parametrize(("plugin", "prove"), PLUGINS)
def test_each_plugin_after_a_switch(plugin: bytes, prove: Callable[[bytes, bytes], bytes]) -> None:
    scene = Scene()
    scene.say(p.greeting(plugin=b"mysql_native_password"), 0)
    nonce = p.NONCE[::-1]
    scene.say(b"\xfe" + plugin + b"\0" + nonce + b"\0", 2)
    assert scene.target.got[1] == (3, prove(b"secret", nonce))
    scene.say(p.ok(), 4)
    assert not isinstance(scene.outcome[0], Failure)


def test_ed25519_answers_with_a_signature() -> None:
    scene = Scene()
    scene.say(p.greeting(), 0)
    scene.say(b"\xfeclient_ed25519\0" + NONCE32, 2)
    sequence, signature = scene.target.got[1]
    assert (sequence, len(signature)) == (3, 64)
    scene.say(p.ok(), 4)
    assert not isinstance(scene.outcome[0], Failure)


def test_the_cache_of_sha2_says_yes() -> None:
    scene = Scene()
    scene.say(p.greeting(plugin=b"caching_sha2_password"), 0)
    scene.say(b"\x01\x03", 2)
    scene.say(p.ok(), 3)
    assert not isinstance(scene.outcome[0], Failure)


def test_an_unknown_default_plugin_gives_nothing_away() -> None:
    scene = Scene()
    scene.say(p.greeting(plugin=b"something_else"), 0)
    assert answer_of(scene.target.got[0][1])[2] == b"mysql_native_password"


def test_the_password_does_not_go_in_the_clear_without_tls() -> None:
    scene = Scene()
    scene.say(p.greeting(), 0)
    scene.say(b"\xfemysql_clear_password\0", 2)
    assert isinstance(scene.problem, UnfitTarget)
    assert all(b"secret" not in payload for _, payload in scene.target.got)


def test_a_plugin_nobody_knows() -> None:
    scene = Scene()
    scene.say(p.greeting(), 0)
    scene.say(b"\xfekerberos\0" + p.NONCE, 2)
    assert isinstance(scene.problem, UnfitTarget)
    assert "kerberos" in str(scene.problem)


@pytest.mark.parametrize(("errno", "fatal"), [(1045, True), (1040, False)])
def test_an_error_after_the_log_in(errno: int, fatal: bool) -> None:
    scene = Scene()
    scene.say(p.greeting(), 0)
    scene.say(p.err(errno, b"no", b"28000"), 2)
    problem = scene.problem
    assert isinstance(problem, TargetError)
    assert (problem.packet.errno, problem.fatal) == (errno, fatal)


def test_an_error_instead_of_a_greeting() -> None:
    scene = Scene()
    scene.say(b"\xff\x10\x04Too many connections", 0)
    problem = scene.problem
    assert isinstance(problem, TargetError)
    assert problem.packet.errno == 1040
    assert not problem.fatal


@pytest.mark.parametrize(
    "missing", [Capability.SESSION_TRACK, Capability.DEPRECATE_EOF, Capability.PLUGIN_AUTH]
)
def test_a_server_too_old(missing: Capability) -> None:
    scene = Scene()
    scene.say(p.greeting(p.SERVER_CAPABILITIES & ~int(missing)), 0)
    assert isinstance(scene.problem, UnfitTarget)
    assert str(missing.name) in str(scene.problem)


def test_capabilities_of_the_client_are_asked_for() -> None:
    scene = Scene(capabilities=Capability.FOUND_ROWS)
    scene.say(p.greeting(), 0)
    flags = Capability(int.from_bytes(scene.target.got[0][1][:4], "little"))
    for wanted in (Capability.FOUND_ROWS, Capability.SESSION_TRACK, Capability.DEPRECATE_EOF):
        assert wanted in flags
    for other in (Capability.MULTI_STATEMENTS, Capability.SSL, Capability.LOCAL_FILES, Capability.COMPRESS):
        assert other not in flags


def test_tls_that_is_demanded_and_not_offered() -> None:
    scene = Scene(TlsMode.REQUIRED)
    scene.say(p.greeting(), 0)
    assert isinstance(scene.problem, UnfitTarget)
    assert scene.target.got == []


def test_tls_that_is_preferred_and_not_offered() -> None:
    scene = Scene(TlsMode.PREFERRED)
    scene.say(p.greeting(), 0)
    assert answer_of(scene.target.got[0][1])[0] == b"app"


def test_with_tls_nothing_but_the_request_is_readable() -> None:
    scene = Scene(TlsMode.REQUIRED)
    scene.line.send(p.packet(p.greeting(p.SERVER_CAPABILITIES | p.TLS), 0))
    arrived: list[bytes] = []
    scene.target.received = arrived.append  # type: ignore[assignment, method-assign]
    scene.settle()
    sent = b"".join(arrived)
    assert sent[:4] == b"\x20\x00\x00\x01"
    assert int.from_bytes(sent[4:8], "little") & p.TLS
    # A TLS handshake record follows.
    assert sent[36:38] == b"\x16\x03"
    assert b"app" not in sent


@pytest.mark.parametrize(
    "payload", [b"", b"\x09old", b"\x0a8.0\0abc", b"GET / HTTP", b"\xff", b"\x0a" + bytes(10)]
)
def test_what_is_no_greeting(payload: bytes) -> None:
    scene = Scene()
    scene.say(payload, 0)
    assert isinstance(scene.problem, (ConnectFailed, TargetError))
    assert not getattr(scene.problem, "fatal", False)


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xfe", b"\x05what"])
def test_what_is_no_answer_to_a_log_in(payload: bytes) -> None:
    scene = Scene()
    scene.say(p.greeting(), 0)
    scene.say(payload, 2)
    assert isinstance(scene.problem, (ConnectFailed, UnfitTarget))


def test_a_target_that_hangs_up() -> None:
    scene = Scene()
    scene.say(p.greeting(), 0)
    scene.line.hang_up(rudely=True)
    scene.settle()
    assert isinstance(scene.problem, ConnectFailed)


def test_byte_by_byte() -> None:
    scene = Scene()
    for packet in (p.packet(p.greeting(), 0), p.packet(p.ok(), 2)):
        for at in range(len(packet)):
            scene.line.send(packet[at : at + 1])
            scene.settle()
    assert not isinstance(scene.outcome[0], Failure)


def test_secrets_do_not_show() -> None:
    login = LogIn(b"app", b"secret", Capability(0), {}, TargetTls(TlsMode.OFF, "db", None))
    assert "secret" not in repr(login)
