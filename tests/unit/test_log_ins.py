"""How each user logs in, and what becomes of passwords that only the target knows; the target is played."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.config import Config
from proxy.credentials.directory import Directory
from proxy.credentials.passed import PassedCredentials
from proxy.credentials.source import Secret, SecretVersions
from proxy.credentials.store import CredentialStore
from proxy.log_ins import LogIns
from proxy.mysql.backend.errors import ConnectFailed, TargetError, UnfitTarget
from proxy.mysql.frontend.accounts import Method, Proof, TokenLogIn, Way
from proxy.mysql.wire.auth.native import scramble
from proxy.mysql.wire.results import ErrorPacket
from tests.peers.many_users import QUERY, configured
from tests.peers.packets import verifier_of
from tests.unit.credentials.memory_source import MemorySource, Outcome, secret

NONCE = bytes(range(1, 21))
ASKING = 'pass_through_users = "password"'
QUERYING = f'auth_query = "{QUERY}"'
ENTRIES = {
    "plain": "",
    "sha2": 'client_password_auth_type = "MYSQL_CACHING_SHA2_PASSWORD"',
    "token": 'iam_auth = "REQUIRED"\nuser_name = "token"',
}


def target_error(errno: int) -> TargetError:
    return TargetError(ErrorPacket(errno, "28000", "no"))


class Target:
    """What it says of passwords and of verifiers."""

    def __init__(self) -> None:
        self.says: Any = True
        self.keeps: Any = None
        self.asked: list[tuple[str, bytes]] = []
        self.queries: list[tuple[str, str, str]] = []

    def prove(self, username: str, password: bytes) -> Deferred[bool]:
        self.asked.append((username, password))
        return fail(self.says) if isinstance(self.says, Exception) else succeed(self.says)

    def verifier(self, username: str, sql: str, as_user: str) -> Deferred[bytes | None]:
        self.queries.append((username, sql, as_user))
        return fail(self.keeps) if isinstance(self.keeps, Exception) else succeed(self.keeps)


class Checks:
    """All tokens are good."""

    def check(self, _log_in: TokenLogIn) -> Deferred[Proof]:
        return succeed(Proof(True, detail="a token"))


class Scene:
    def __init__(self, options: str = "", users: Any = None, **outcomes: Outcome) -> None:
        self.clock = Clock()
        users = ENTRIES if users is None else users
        self.config: Config = configured(options, users)
        self.source = MemorySource({name: outcomes.get(name, (name, "its own")) for name in users})
        self.store = CredentialStore(self.config.proxy.auth, self.source, self.clock)
        self.store.refresh()
        self.passed = PassedCredentials(self.clock)
        self.directory = Directory(self.store, self.passed)
        self.target = Target()
        checks: Any = Checks()
        prover: Any = self.target
        self.log_ins = LogIns(lambda: self.config, self.directory, checks, prover, self.clock.seconds)

    def way(self, username: str, secure: bool = True) -> Way:
        return self.log_ins.way(username, secure=secure)

    def prove(self, username: str, password: bytes) -> Proof:
        return _proof(self.log_ins.prove_password(username, password))

    def prove_scramble(self, username: str, password: bytes) -> Proof:
        answer = scramble(password, NONCE) if password else b""
        return _proof(self.log_ins.prove_scramble(username, NONCE, answer))

    def check_token(self, username: str) -> Proof:
        return _proof(self.log_ins.check_token(TokenLogIn(b"x", username, "", frozenset())))


def _proof(fired: Deferred[Proof]) -> Proof:
    found: list[Any] = []
    fired.addBoth(found.append)
    assert not isinstance(found[0], Failure), found[0]
    proof: Proof = found[0]
    return proof


class TestWays:
    @pytest.mark.parametrize("options", ["", ASKING, QUERYING])
    @pytest.mark.parametrize("secure", [False, True])
    def test_users_of_secrets(self, options: str, secure: bool) -> None:
        """Whatever there is for others."""
        scene = Scene(options)
        assert scene.way("plain", secure) == Way(Method.PASSWORD, "", (b"its own",))
        assert scene.way("sha2", secure) == Way(Method.PASSWORD, "MYSQL_CACHING_SHA2_PASSWORD", (b"its own",))
        assert scene.way("token", secure).method is Method.TOKEN

    def test_read_only_ones(self) -> None:
        found = SecretVersions(secret("plain", ("plain", "x"), read_only=True))
        assert Scene(plain=found).way("plain").is_read_only
        assert not Scene().way("plain").is_read_only

    @pytest.mark.parametrize(
        ("options", "secure", "method"),
        [
            (ASKING, True, Method.ASKED),
            (ASKING, False, Method.ASKED),
            (QUERYING, True, Method.VERIFIER),
            (QUERYING, False, Method.VERIFIER),
            (f"{ASKING}\n{QUERYING}", True, Method.ASKED),
            (f"{ASKING}\n{QUERYING}", False, Method.VERIFIER),
            ('default_auth_scheme = "IAM_AUTH"', True, Method.TOKEN),
            (f'default_auth_scheme = "IAM_AUTH"\n{ASKING}', False, Method.TOKEN),
        ],
    )
    def test_others(self, options: str, secure: bool, method: Method) -> None:
        assert Scene(options).way("other", secure) == Way(method)

    def test_a_token_is_not_got_around(self) -> None:
        """Not even while its secret cannot be read: its name tells."""
        scene = Scene(ASKING, token=RuntimeError("away"))
        assert scene.store.account("token") is None
        assert scene.way("token").method is Method.TOKEN

    def test_nobody_known(self) -> None:
        assert Scene(users={}).way("other") == Way(Method.PASSWORD)

    def test_who_does_not_exist_has_the_way_of_some_user(self) -> None:
        scene = Scene()
        ways = [scene.way(f"nobody{number}") for number in range(100)]
        assert ways == [scene.way(f"nobody{number}") for number in range(100)]
        assert {(way.method, way.auth_type) for way in ways} == {
            (Method.PASSWORD, ""),
            (Method.PASSWORD, "MYSQL_CACHING_SHA2_PASSWORD"),
            (Method.TOKEN, ""),
        }
        assert not any(way.passwords for way in ways)

    def test_nothing_shows_a_password(self) -> None:
        assert "its own" not in repr(Scene().way("plain"))


class TestTokens:
    def test_of_who_has_a_secret(self) -> None:
        assert Scene().check_token("token").proven

    def test_of_who_has_none(self) -> None:
        proof = Scene().check_token("nobody")
        assert not proof.proven
        assert proof.reason == "the token is good, but there is no secret for this user"


class TestPasswords:
    def test_right_and_wrong(self) -> None:
        scene = Scene(ASKING)
        assert scene.prove("other", b"right").proven
        scene.target.says = False
        assert scene.prove("other", b"wrong") == Proof(False, "the target refuses the password")
        # A wrong one says nothing of what was proven.
        assert scene.prove("other", b"right").detail == "remembered"
        assert scene.target.asked == [("other", b"right"), ("other", b"wrong")]

    def test_a_new_one_takes_the_place_of_the_old(self) -> None:
        scene = Scene(ASKING)
        scene.prove("other", b"old")
        assert scene.prove("other", b"new").proven
        scene.target.says = False
        assert not scene.prove("other", b"old").proven

    @pytest.mark.parametrize(
        "problem",
        [
            ConnectFailed("away"),
            UnfitTarget("another plugin"),
            target_error(1040),
            target_error(3118),
            target_error(1130),
        ],
    )
    def test_a_target_that_does_not_say(self, problem: Exception) -> None:
        scene = Scene(ASKING)
        scene.target.says = problem
        proof = scene.prove("other", b"right")
        assert not proof.proven
        assert "right" not in proof.reason
        assert not scene.passed.candidates("other")
        scene.target.says = True
        assert scene.prove("other", b"right").proven

    def test_users_are_apart(self) -> None:
        scene = Scene(ASKING)
        assert scene.prove("one", b"x").proven
        scene.target.says = False
        assert not scene.prove("two", b"x").proven


class TestVerifiers:
    def test_right_and_wrong(self) -> None:
        scene = Scene(QUERYING)
        scene.target.keeps = verifier_of(b"right")
        assert scene.prove_scramble("other", b"right").proven
        assert scene.prove_scramble("other", b"wrong") == Proof(False, "wrong password")
        assert scene.prove_scramble("other", b"") == Proof(False, "wrong password")
        assert scene.prove_scramble("other", b"right").detail == "remembered"
        assert len(scene.target.queries) == 3

    def test_nobody(self) -> None:
        scene = Scene(QUERYING)
        for password in (b"x", b""):
            assert scene.prove_scramble("other", password) == Proof(False, "auth_query knows no such user")

    def test_what_the_target_is_asked_and_as_whom(self) -> None:
        scene = Scene(QUERYING)
        scene.prove_scramble("other", b"x")
        assert scene.target.queries == [("other", QUERY, "plain")]
        scene = Scene(f'{QUERYING}\nauth_query_user_name = "sha2"')
        scene.prove_scramble("other", b"x")
        assert scene.target.queries == [("other", QUERY, "sha2")]

    @pytest.mark.parametrize("problem", [ConnectFailed("away"), UnfitTarget("no secret"), target_error(1142)])
    def test_a_target_that_does_not_say(self, problem: Exception) -> None:
        scene = Scene(QUERYING)
        scene.target.keeps = problem
        assert not scene.prove_scramble("other", b"x").proven
        scene.target.keeps = verifier_of(b"x")
        assert scene.prove_scramble("other", b"x").proven

    def test_what_is_logged_in_with(self) -> None:
        """The password is not known, what it does in its place is; and it does not show itself."""
        scene = Scene(QUERYING)
        scene.target.keeps = verifier_of(b"right")
        scene.prove_scramble("other", b"right")
        [credential] = scene.passed.candidates("other")
        assert scramble(credential.password, NONCE) == scramble(b"right", NONCE)
        assert bytes(credential.password).hex() not in repr(credential)
        assert str(credential.password) == "<hidden>"

    def test_one_who_comes_in_both_ways(self) -> None:
        """What was proven by a verifier is no password that a client may say, and the other way round."""
        scene = Scene(f"{QUERYING}\n{ASKING}")
        scene.target.keeps = verifier_of(b"right")
        assert scene.prove_scramble("other", b"right").proven
        [credential] = scene.passed.candidates("other")
        scene.target.says = False
        assert not scene.prove("other", bytes(credential.password)).proven
        scene.target.says = True
        assert scene.prove("other", b"right").proven
        assert scene.prove_scramble("other", b"right").proven
        assert not scene.prove_scramble("other", b"wrong").proven


def test_a_look_for_news() -> None:
    scene = Scene()
    scene.clock.advance(60.0)
    scene.source.outcomes["plain"] = ("plain", "new")
    found: list[bool] = []
    scene.log_ins.recheck("plain").addCallback(found.append)
    assert found == [True]
    assert b"new" in scene.way("plain").passwords


def test_a_secret_without_a_user_of_its_own() -> None:
    """Two versions, two users: each with its own password."""
    found = SecretVersions(
        Secret("plain", "b", secret("plain", ("b", "new")).password),
        previous=secret("plain", ("a", "old")),
    )
    scene = Scene(plain=found)
    assert scene.way("b").passwords == (b"new",)
    assert scene.way("a").passwords == (b"old",)
