"""All that knows the users, put together from a configuration: start, reload, stop. No AWS but a stand-in."""

import json
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from proxy.config import Config, loads
from proxy.credentials.source import SecretVersions
from proxy.mysql.frontend.accounts import Method
from proxy.use_of_aws import UseOfAws
from proxy.users import START_PATIENCE, Users
from tests.unit.credentials.memory_source import MemorySource, secret

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"


class Tokens:
    def __init__(self, region: str) -> None:
        self.region = region

    def token(self, _host: str, _port: int, _username: str) -> Deferred[bytes]:
        return succeed(b"token in " + self.region.encode())

    def suspect(self, token: bytes) -> None:
        """Nothing follows."""


class Aws:
    """What UseOfAws would give; the same secrets for all."""

    def __init__(self) -> None:
        self.source = MemorySource({})

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(UseOfAws, "secrets_manager", lambda _: self.source)
        monkeypatch.setattr(UseOfAws, "target_tokens", lambda _, region: Tokens(region))
        monkeypatch.setattr(UseOfAws, "secret_text", lambda _, name: succeed(name.encode()))


class Scene:
    def __init__(self, folder: Path, aws: Aws) -> None:
        self.folder = folder
        self.aws = aws
        self.clock = Clock()
        self.secrets: dict[str, tuple[str, str]] = {"app": ("app", "its own")}
        self.write()
        self.users = Users(self.config("app"), self.clock)

    def write(self) -> None:
        file = self.folder / "secrets.json"
        found = {name: {"username": user, "password": said} for name, (user, said) in self.secrets.items()}
        file.write_text(json.dumps(found))
        file.chmod(0o600)

    def config(self, *names: str, proxy: str = "", more: str = "") -> Config:
        entries = "".join(f'[[proxy.auth]]\nsecret_arn = "{name}"\n' for name in names)
        files = (
            f'secrets_file = "{self.folder / "secrets.json"}"\ntls_certificate = "c"\ntls_private_key = "k"\n'
        )
        return loads(f'[proxy]\n{files}{proxy}\n{entries}{more}[[target_group.targets]]\nhost = "db"\n')

    def passwords(self, username: str) -> tuple[bytes, ...]:
        return self.users.log_ins.way(username, secure=True).passwords

    def candidates(self, username: str) -> list[bytes]:
        found: list[Any] = []
        self.users.directory.candidates(username, "db", 3306).addCallback(found.extend)
        return [bytes(credential.password) for credential in found]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    played = Aws()
    played.use(monkeypatch)
    return played


@pytest.fixture
def scene(tmp_path: Path, aws: Aws) -> Scene:
    return Scene(tmp_path, aws)


def test_nobody_before_the_start(scene: Scene) -> None:
    assert scene.passwords("app") == ()


def test_the_start(scene: Scene) -> None:
    problems: list[Any] = []
    scene.users.start().addCallback(problems.append)
    assert problems == [[]]
    assert scene.passwords("app") == (b"its own",)
    assert scene.candidates("app") == [b"its own"]


def test_new_versions_are_looked_for(scene: Scene) -> None:
    scene.users.start()
    scene.secrets["app"] = ("app", "new")
    scene.write()
    for _ in range(40):
        scene.clock.advance(1.0)
    assert scene.candidates("app")[0] == b"new"
    # The former one lets clients in for a while.
    assert scene.passwords("app") == (b"new", b"its own")


def test_problems_are_logged(scene: Scene) -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
    users = Users(scene.config("app", "other"), scene.clock)
    users.start()
    globalLogPublisher.removeObserver(events.append)  # type: ignore[arg-type]
    told = [formatEvent(event) for event in events]
    assert len(told) == 1
    assert "other" in told[0]
    assert users.log_ins.way("app", secure=True).passwords == (b"its own",)


def test_the_end(scene: Scene) -> None:
    scene.users.start()
    scene.users.directory.passed.remember("other", b"x", 0.0)
    scene.users.stop()
    assert not scene.clock.getDelayedCalls()
    assert not scene.candidates("other")


def test_the_end_before_the_start_has_ended(tmp_path: Path, aws: Aws) -> None:
    """Secrets Manager does not answer, and somebody has had enough."""
    scene = Scene(tmp_path, aws)
    aws.source.held = True
    users = Users(scene.config(ARN), scene.clock)
    started: list[Any] = []
    users.start().addCallback(started.append)
    assert not started
    users.stop()
    aws.source.release()
    scene.clock.advance(60.0)
    assert not scene.clock.getDelayedCalls()


@pytest.mark.parametrize("names", [("app", ARN), (ARN,)])
def test_a_start_without_aws_does_not_keep_the_others_waiting(
    scene: Scene, aws: Aws, names: tuple[str, ...]
) -> None:
    aws.source.held = True
    aws.source.outcomes[ARN] = ("cloud", "x")
    users = Users(scene.config(*names), scene.clock)
    started: list[Any] = []
    users.start().addCallback(started.append)
    scene.clock.advance(START_PATIENCE)
    assert bool(started) == ("app" in names)
    aws.source.held = False
    aws.source.release()
    assert len(started) == 1
    assert users.log_ins.way("cloud", secure=True).passwords == (b"x",)
    users.stop()
    assert not scene.clock.getDelayedCalls()


class TestReload:
    def test_other_entries(self, scene: Scene) -> None:
        scene.users.start()
        scene.secrets["second"] = ("second", "x")
        scene.write()
        scene.users.reconfigure(scene.config("second"))
        assert scene.passwords("second") == (b"x",)
        assert not scene.candidates("app")

    def test_other_ways(self, scene: Scene) -> None:
        scene.users.start()
        assert scene.users.log_ins.way("other", secure=True).method is Method.PASSWORD
        scene.users.reconfigure(scene.config("app", proxy='pass_through_users = "password"'))
        assert scene.users.log_ins.way("other", secure=True).method is Method.ASKED
        scene.users.reconfigure(scene.config("app"))
        assert scene.users.log_ins.way("other", secure=True).method is Method.PASSWORD

    def test_tokens(self, scene: Scene) -> None:
        """The proxy's own, in the region of the configuration in force."""
        scene.users.start()
        assert not scene.candidates("other")
        iam = '[proxy.iam]\nregion = "{}"\nendpoint_names = ["p"]\nkey_store_secret = "env:KEYS"\n'
        for region in ("eu-west-1", "eu-west-3"):
            options = 'default_auth_scheme = "IAM_AUTH"'
            scene.users.reconfigure(scene.config("app", proxy=options, more=iam.format(region)))
            assert scene.candidates("other") == [b"token in " + region.encode()]
        scene.users.reconfigure(scene.config("app"))
        assert not scene.candidates("other")

    def test_aws(self, scene: Scene, aws: Aws) -> None:
        aws.source.outcomes[ARN] = ("cloud", "x")
        scene.users.start()
        scene.users.reconfigure(scene.config("app", ARN))
        assert scene.passwords("cloud") == (b"x",)
        assert scene.passwords("app") == (b"its own",)

    def test_aws_that_does_not_answer_keeps_nobody_else_waiting(self, scene: Scene, aws: Aws) -> None:
        scene.users.start()
        aws.source.held = True
        scene.users.reconfigure(scene.config("app", ARN))
        assert scene.passwords("app") == (b"its own",)
        assert scene.candidates("app") == [b"its own"]
        aws.source.outcomes[ARN] = ("cloud", "x")
        aws.source.held = False
        aws.source.release()
        for _ in range(40):
            scene.clock.advance(1.0)
        assert scene.passwords("cloud") == (b"x",)

    def test_leaves_no_second_poll_behind(self, scene: Scene) -> None:
        scene.users.start()
        timers = len(scene.clock.getDelayedCalls())
        for _ in range(5):
            scene.users.reconfigure(scene.config("app"))
        assert len(scene.clock.getDelayedCalls()) == timers
        scene.users.stop()
        assert not scene.clock.getDelayedCalls()


def test_versions_of_aws(scene: Scene, aws: Aws) -> None:
    """As they come, the previous one among them."""
    aws.source.outcomes[ARN] = SecretVersions(
        secret(ARN, ("cloud", "new")), previous=secret(ARN, ("cloud", "old"))
    )
    users = Users(scene.config(ARN), scene.clock)
    users.start()
    assert users.log_ins.way("cloud", secure=True).passwords == (b"new", b"old")
