"""Where the proxy finds with what to log in: secrets first, its own tokens, what clients have proven."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.credentials.directory import Directory
from proxy.credentials.passed import PassedCredentials
from proxy.credentials.source import Credential, Password, SecretError
from proxy.credentials.store import CredentialStore

from .memory_source import MemorySource, entries

HOST = "db.example.com", 3306


class Tokens:
    def __init__(self) -> None:
        self.outcome: bytes | Exception | Deferred[bytes] = b"token"
        self.asked: list[tuple[str, int, str]] = []
        self.suspects: list[bytes] = []

    def token(self, host: str, port: int, username: str) -> Deferred[bytes]:
        self.asked.append((host, port, username))
        if isinstance(self.outcome, Deferred):
            return self.outcome
        return fail(self.outcome) if isinstance(self.outcome, Exception) else succeed(self.outcome)

    def suspect(self, token: bytes) -> None:
        self.suspects.append(token)


class Scene:
    def __init__(self) -> None:
        self.clock = Clock()
        self.source = MemorySource({"secret": ("app", "of the secret")})
        self.store = CredentialStore(entries("secret"), self.source, self.clock)
        self.store.refresh()
        self.passed = PassedCredentials(self.clock)
        self.directory = Directory(self.store, self.passed)
        self.forgotten: list[str] = []
        self.directory.on_forgotten = self.forgotten.append

    def use_tokens(self) -> Tokens:
        tokens = Tokens()
        self.directory.tokens = tokens
        return tokens

    def remember(self, username: str, password: bytes) -> Credential:
        self.passed.remember(username, password, self.clock.seconds())
        return self.found(username)[0]

    def found(self, username: str) -> Any:
        """Credentials, or why there are none at present; None while that is not known."""
        outcome: list[Any] = []
        self.directory.candidates(username, *HOST).addBoth(outcome.append)
        if not outcome:
            return None
        return outcome[0].value if isinstance(outcome[0], Failure) else outcome[0]

    def passwords(self, username: str) -> list[bytes]:
        return [bytes(credential.password) for credential in self.found(username)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_secret(scene: Scene) -> None:
    assert scene.passwords("app") == [b"of the secret"]
    assert scene.directory.knows("app")


def test_a_secret_comes_before_all_else(scene: Scene) -> None:
    tokens = scene.use_tokens()
    scene.passed.remember("app", b"a client's", 0.0)
    assert scene.passwords("app") == [b"of the secret"]
    assert not tokens.asked


def test_nobody(scene: Scene) -> None:
    assert not scene.found("other")
    assert not scene.directory.knows("other")


def test_what_a_client_has_proven(scene: Scene) -> None:
    scene.remember("other", b"a client's")
    assert scene.passwords("other") == [b"a client's"]
    assert scene.directory.knows("other")


class TestTokens:
    def test_one_for_the_very_target(self, scene: Scene) -> None:
        tokens = scene.use_tokens()
        assert scene.passwords("other") == [b"token"]
        assert tokens.asked == [(*HOST, "other")]
        assert scene.directory.knows("anybody")

    def test_it_may_take_time(self, scene: Scene) -> None:
        tokens = scene.use_tokens()
        made: Deferred[bytes] = Deferred()
        tokens.outcome = made
        assert scene.found("other") is None
        made.callback(b"token")

    def test_it_cannot_be_made(self, scene: Scene) -> None:
        scene.use_tokens().outcome = SecretError("no AWS credentials")
        problem = scene.found("other")
        assert isinstance(problem, SecretError)
        assert problem.reason == "no AWS credentials"

    def test_a_refused_one(self, scene: Scene) -> None:
        tokens = scene.use_tokens()
        [credential] = scene.found("other")
        assert scene.directory.suspect(credential).called
        assert tokens.suspects == [b"token"]
        assert not scene.forgotten

    def test_what_a_client_has_proven_comes_after_it(self, scene: Scene) -> None:
        tokens = scene.use_tokens()
        scene.passed.remember("other", b"a client's token", scene.clock.seconds())
        assert scene.passwords("other") == [b"token", b"a client's token"]
        own, passed = scene.found("other")
        scene.directory.suspect(passed)
        assert not tokens.suspects
        assert scene.passwords("other") == [b"token"]
        scene.directory.suspect(own)
        assert tokens.suspects == [b"token"]

    def test_what_a_client_has_proven_where_none_can_be_made(self, scene: Scene) -> None:
        scene.use_tokens().outcome = SecretError("no AWS credentials")
        scene.passed.remember("other", b"a client's token", scene.clock.seconds())
        assert scene.passwords("other") == [b"a client's token"]

    def test_its_repr(self, scene: Scene) -> None:
        scene.use_tokens().outcome = b"hunter2"
        assert "hunter2" not in repr(scene.found("other"))


class TestSuspects:
    def test_of_a_secret(self, scene: Scene) -> None:
        """Its secret is fetched again; nothing is forgotten."""
        [credential] = scene.found("app")
        scene.clock.advance(1.0)
        scene.source.outcomes["secret"] = ("app", "new")
        scene.directory.suspect(credential)
        scene.clock.advance(1.0)
        assert scene.passwords("app")[0] == b"new"
        assert not scene.forgotten

    def test_of_a_client(self, scene: Scene) -> None:
        credential = scene.remember("other", b"old")
        assert scene.directory.suspect(credential).called
        assert scene.forgotten == ["other"]
        assert not scene.found("other")
        assert not scene.directory.knows("other")

    def test_a_late_one_says_nothing_of_a_newer_password(self, scene: Scene) -> None:
        old = scene.remember("other", b"old")
        scene.remember("other", b"new")
        scene.directory.suspect(old)
        assert scene.passwords("other") == [b"new"]
        assert not scene.forgotten

    def test_a_second_one_changes_nothing_more(self, scene: Scene) -> None:
        credential = scene.remember("other", b"old")
        for _ in range(3):
            scene.directory.suspect(credential)
        assert scene.forgotten == ["other"]


class TestAccepted:
    def test_of_a_secret(self, scene: Scene) -> None:
        [credential] = scene.found("app")
        scene.directory.accepted(credential)
        assert scene.passwords("app") == [b"of the secret"]

    @pytest.mark.parametrize("has_tokens", [False, True])
    def test_of_no_secret(self, scene: Scene, has_tokens: bool) -> None:
        if has_tokens:
            scene.use_tokens()
        scene.directory.accepted(Credential("other", Password(b"x"), "", 1))
        assert scene.passwords("app") == [b"of the secret"]
