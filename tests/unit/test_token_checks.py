"""Tokens of clients in each way that `[proxy.iam]` allows, and keys that change meanwhile; AWS is played."""

import functools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from proxy.config import Config, loads
from proxy.credentials.passed import PassedCredentials
from proxy.credentials.source import SecretError
from proxy.errors import ClientError
from proxy.iam.sts import ENDPOINT_HEADER, PREFIX
from proxy.mysql.backend.errors import ConnectFailed, UnfitTarget
from proxy.mysql.frontend.accounts import Proof, TokenLogIn
from proxy.token_checks import TokenChecks
from tests.unit.iam.signing import (
    ACCOUNT,
    LONG_LIVED,
    PRINCIPAL,
    REGION,
    RESOURCE_ID,
    TEMPORARY,
    Signer,
    allow,
    boto3_token,
    presigned,
)

NAME = "proxy.example.com:3306"
TARGET = "db.example.com:3306"


def keys(*signers: Signer) -> bytes:
    """The text of a key store."""
    found = {
        signer.access_key_id: {
            "secret_access_key": signer.secret,
            "principal": PRINCIPAL,
            "policies": [allow()],
            **({"session_token": signer.session_token} if signer.session_token else {}),
        }
        for signer in signers
    }
    return json.dumps({"keys": found}).encode()


def config(**iam: Any) -> Config:
    wanted = {
        "key_store_secret": "env:KEYS", "region": REGION, "account_id": ACCOUNT, "resource_id": RESOURCE_ID,
        "endpoint_names": ["proxy.example.com"], **iam,
    }  # fmt: skip
    rate = wanted.pop("rate", 200)
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in wanted.items())
    files = 'secrets_file = "s"\ntls_certificate = "c"\ntls_private_key = "k"\nsecret_refresh_interval = 30\n'
    auth = '[[proxy.auth]]\nsecret_arn = "app"\niam_auth = "REQUIRED"\n'
    return loads(
        f"[proxy]\n{files}iam_authentication_rate_limit = {rate}\n{auth}[proxy.iam]\n{lines}"
        '[[target_group.targets]]\nhost = "db"\n'
    )


class Prover:
    """The target; its answers are those of the test."""

    def __init__(self) -> None:
        self.answer: Deferred[bool] | Exception | bool = True
        self.asked: list[tuple[str, bytes]] = []

    def connector(self) -> Any:
        return SimpleNamespace(target=SimpleNamespace(name=TARGET))

    def prove(self, username: str, password: bytes) -> Deferred[bool]:
        self.asked.append((username, password))
        if isinstance(self.answer, Exception):
            return fail(self.answer)
        return self.answer if isinstance(self.answer, Deferred) else succeed(self.answer)


class Scene:
    def __init__(self, **iam: Any) -> None:
        self.clock = Clock()
        self.prover = Prover()
        self.passed = PassedCredentials(self.clock)
        self.text: bytes | Exception | Deferred[bytes] = keys(LONG_LIVED)
        self.fetched: list[str] = []
        self.arn: str | Exception | Deferred[str] = PRINCIPAL
        self.identified = 0
        prover: Any = self.prover
        self.checks = TokenChecks(
            config(**iam), prover, self.passed, self._key_text, self._identify, self.clock
        )
        self.checks.start()

    def _key_text(self, name: str) -> Deferred[bytes]:
        self.fetched.append(name)
        return _fired(self.text)

    def _identify(self, _identity: Any) -> Deferred[str]:
        self.identified += 1
        return _fired(self.arn)

    def check(self, token: bytes, username: str = "app", address: str = "192.0.2.1") -> list[Any]:
        """The proof, or why there is none; nothing while that is not known."""
        found: list[Any] = []
        fired = self.checks.check(TokenLogIn(token, username, address, frozenset([NAME])))
        fired.addBoth(lambda result: found.append(result.value if isinstance(result, Failure) else result))
        return found

    def proof(self, token: bytes, **changes: Any) -> Proof:
        [found] = self.check(token, **changes)
        assert isinstance(found, Proof), found
        return found

    def stop(self) -> None:
        self.checks.stop()
        self.passed.stop()
        assert not self.clock.getDelayedCalls()


def _fired(outcome: Any) -> Deferred[Any]:
    if isinstance(outcome, Deferred):
        return outcome
    return fail(outcome) if isinstance(outcome, Exception) else succeed(outcome)


@functools.cache
def own_token(signer: Signer = LONG_LIVED, host: str = "proxy.example.com") -> bytes:
    """The same one all through a test: in another second it would be another."""
    return boto3_token(signer, host)


def spoiled(token: bytes, place: int = 1) -> bytes:
    """With another signature."""
    digit = b"0" if token[-place : len(token) - place + 1] != b"0" else b"1"
    return token[:-place] + digit + token[len(token) - place + 1 :]


@functools.cache
def identity(name: str = NAME) -> bytes:
    """A presigned GetCallerIdentity."""
    call = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    url = f"https://sts.{REGION}.amazonaws.com/"
    return PREFIX + presigned(url, call, "sts", headers={ENDPOINT_HEADER: name}).encode()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    """Tokens do not last as long as all tests may."""
    own_token.cache_clear()
    identity.cache_clear()


class TestKeyStore:
    def test_a_token(self) -> None:
        scene = Scene()
        assert scene.fetched == ["env:KEYS"]
        proof = scene.proof(own_token())
        assert proof.proven
        assert proof.detail == f"key_store {PRINCIPAL} {LONG_LIVED.access_key_id}"
        assert scene.proof(own_token()).detail.startswith("remembered ")
        scene.stop()

    def test_refusals(self) -> None:
        scene = Scene()
        assert scene.proof(own_token(TEMPORARY)).reason == "the token's access key is not known"
        assert scene.proof(own_token(), username="other").reason == "the token is for another user"
        assert scene.proof(own_token(), username="other").detail == "key_store for user app"
        assert not scene.proof(own_token(host="db.example.com")).proven
        assert not scene.proof(b"x").proven
        assert not scene.prover.asked
        scene.stop()

    def test_only_what_is_proven_counts(self) -> None:
        scene = Scene(rate=1)
        for place in range(1, 21):
            assert not scene.proof(spoiled(own_token(), place)).proven
        assert scene.proof(own_token()).proven
        another = own_token(host="Proxy.Example.com")
        [refusal] = scene.check(another)
        assert isinstance(refusal, ClientError)
        assert refusal.errno == 1040
        # What was let in before is let in still.
        assert scene.proof(own_token()).proven
        scene.clock.advance(1.0)
        assert scene.proof(another).proven
        scene.stop()

    def test_a_token_that_a_fleet_shares_counts_once(self) -> None:
        scene = Scene(rate=1)
        for host in range(1, 101):
            proof = scene.proof(own_token(), address=f"192.0.2.{host}")
            assert proof.proven
            # Policies may name an address: each is judged by itself.
            assert proof.detail.startswith("key_store ")
        scene.stop()


class TestNewKeys:
    def test_they_are_looked_for(self) -> None:
        scene = Scene()
        assert not scene.proof(own_token(TEMPORARY)).proven
        scene.text = keys(TEMPORARY)
        scene.clock.advance(30.0)
        assert scene.proof(own_token(TEMPORARY)).proven
        # What the former ones have let in is forgotten.
        assert not scene.proof(own_token()).proven
        scene.stop()

    def test_nothing_is_forgotten_while_nothing_changes(self) -> None:
        scene = Scene()
        scene.proof(own_token())
        for _ in range(5):
            scene.clock.advance(30.0)
        assert len(scene.fetched) == 6
        assert scene.proof(own_token()).detail.startswith("remembered ")
        scene.stop()

    @pytest.mark.parametrize("text", [SecretError("is away"), b"[", b'{"other": {}}', RuntimeError("quotes")])
    def test_what_cannot_be_read_leaves_those_there_are(self, text: Any) -> None:
        scene = Scene()
        scene.text = text
        for _ in range(2):
            scene.clock.advance(30.0)
            assert scene.proof(own_token()).proven
        scene.text = keys(TEMPORARY)
        scene.clock.advance(30.0)
        assert not scene.proof(own_token()).proven
        scene.stop()

    def test_each_problem_is_told_once(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
        scene = Scene()
        scene.text = SecretError("is away")
        for _ in range(5):
            scene.clock.advance(30.0)
        scene.text = keys(LONG_LIVED)
        for _ in range(2):
            scene.clock.advance(30.0)
        scene.stop()
        globalLogPublisher.removeObserver(events.append)  # type: ignore[arg-type]
        assert [formatEvent(event) for event in events] == [
            "env:KEYS was read: access keys: 1, principals with policies: 0",
            "env:KEYS: is away",
            "env:KEYS: there is nothing wrong with it any more",
        ]

    def test_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "keys.json"
        file.write_bytes(keys(LONG_LIVED))
        file.chmod(0o600)
        scene = Scene(key_store_secret="", key_store_file=str(file))
        assert scene.proof(own_token()).proven
        file.chmod(0o644)
        scene.clock.advance(30.0)
        assert scene.proof(own_token()).proven
        file.write_bytes(keys(TEMPORARY))
        file.chmod(0o600)
        scene.clock.advance(30.0)
        assert not scene.proof(own_token()).proven
        scene.stop()


class TestReload:
    def test_while_keys_are_fetched(self) -> None:
        """The secret of the former configuration comes last, and is not wanted any more."""
        scene = Scene()
        waiting: Deferred[bytes] = Deferred()
        scene.text = waiting
        scene.clock.advance(30.0)
        scene.text = keys(TEMPORARY)
        scene.checks.reconfigure(config(key_store_secret="env:OTHER"))
        assert scene.proof(own_token(TEMPORARY)).proven
        waiting.callback(keys(LONG_LIVED))
        assert not scene.proof(own_token()).proven
        assert scene.proof(own_token(TEMPORARY)).proven
        # And they are looked for once in a while, not twice.
        scene.fetched.clear()
        for _ in range(4):
            scene.clock.advance(30.0)
        assert scene.fetched == ["env:OTHER"] * 4
        scene.stop()

    def test_other_options(self) -> None:
        scene = Scene()
        assert scene.proof(own_token()).proven
        scene.checks.reconfigure(config(account_id="999999999999"))
        assert not scene.proof(own_token()).proven
        scene.stop()

    def test_what_is_judged_meanwhile_is_not_remembered(self, tmp_path: Path) -> None:
        scene = _sts_scene(tmp_path)
        scene.arn = Deferred()
        waiting = scene.check(identity())
        scene.checks.reconfigure(config(account_id="999999999999"))
        scene.arn.callback(PRINCIPAL)
        assert not waiting[0].proven
        assert not scene.proof(identity()).proven
        scene.stop()


class TestTarget:
    def test_what_the_target_takes(self) -> None:
        scene = Scene(token_verification=["target"])
        token = own_token(host="db.example.com")
        proof = scene.proof(token)
        assert proof.proven
        assert proof.detail.startswith("target ")
        assert scene.prover.asked == [("app", token)]
        assert scene.proof(token).proven
        assert len(scene.prover.asked) == 1
        # It is what the proxy logs in with, as long as it is good.
        [credential] = scene.passed.candidates("app")
        assert credential.password == token
        scene.clock.advance(901.0)
        assert not scene.passed.candidates("app")
        scene.stop()

    def test_what_is_not_for_it_is_not_sent_to_it(self) -> None:
        scene = Scene(token_verification=["target"])
        for token in (own_token(), b"hunter2", b"", own_token(host="elsewhere.example.com")):
            assert not scene.proof(token).proven
        assert not scene.prover.asked
        scene.stop()

    @pytest.mark.parametrize("answer", [False, ConnectFailed("away"), UnfitTarget("no TLS")])
    def test_what_it_does_not_take(self, answer: Any) -> None:
        scene = Scene(token_verification=["target"])
        scene.prover.answer = answer
        token = own_token(host="db.example.com")
        outcome = scene.check(token)
        [proof] = outcome
        assert isinstance(proof, Proof)
        assert not proof.proven
        # What kept it from answering says nothing of the token.
        assert proof.is_undecided == isinstance(answer, ConnectFailed)
        scene.prover.answer = True
        assert scene.proof(token).proven
        scene.stop()

    def test_after_the_key_store(self) -> None:
        scene = Scene(token_verification=["key_store", "target"])
        assert scene.proof(own_token()).detail.startswith("key_store ")
        assert not scene.prover.asked
        assert scene.proof(own_token(host="db.example.com")).detail.startswith("target ")
        scene.stop()

    def test_questions_are_limited(self) -> None:
        scene = Scene(token_verification=["target"], rate=1)
        scene.prover.answer = False
        token = own_token(host="db.example.com")
        assert not scene.proof(token).proven
        [refusal] = scene.check(token)
        assert isinstance(refusal, ClientError)
        assert len(scene.prover.asked) == 1
        scene.stop()


def _sts_scene(folder: Path, **iam: Any) -> Scene:
    file = folder / "policies.json"
    file.write_text(json.dumps({"principals": {PRINCIPAL: {"policies": [allow("app")]}}}))
    file.chmod(0o600)
    return Scene(token_verification=["sts"], sts_policies=str(file), **iam)


class TestSts:
    def test_who_is_allowed(self, tmp_path: Path) -> None:
        scene = _sts_scene(tmp_path)
        proof = scene.proof(identity())
        assert (proof.proven, proof.method) == (True, "sts")
        assert scene.proof(identity()).proven
        assert scene.identified == 1
        assert not scene.proof(identity(), username="other").proven
        scene.stop()

    @pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:user/other", SecretError("STS is away")])
    def test_who_is_not(self, tmp_path: Path, arn: Any) -> None:
        scene = _sts_scene(tmp_path)
        scene.arn = arn
        assert not scene.proof(identity()).proven
        scene.arn = PRINCIPAL
        assert scene.proof(identity()).proven
        scene.stop()

    def test_nobody_is_asked_about_what_is_no_identity(self, tmp_path: Path) -> None:
        scene = _sts_scene(tmp_path)
        assert not scene.proof(PREFIX + b"https://elsewhere.example.com/?x=1").proven
        assert not scene.proof(own_token()).proven
        assert not scene.identified
        scene.stop()

    def test_where_it_is_not_allowed(self) -> None:
        scene = Scene()
        assert scene.proof(identity()).reason == 'token_verification does not have "sts"'
        assert not scene.identified
        scene.stop()


def test_nothing_shows_a_token() -> None:
    scene = Scene()
    token = own_token()
    log_in = TokenLogIn(token, "app", "", frozenset([NAME]))
    signature = token[-64:].decode()
    assert signature not in repr(log_in)
    assert signature not in repr(scene.proof(token))
    assert signature not in repr(scene.proof(spoiled(token)))
    scene.stop()
