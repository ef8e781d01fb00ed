"""What is made of AWS, and when; boto3 and its threads are played."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.aws import caller_identity, database_tokens, secrets_manager, threads
from proxy.aws.caller_identity import CallerArn, IdentityError
from proxy.aws.clients import AwsOptions
from proxy.config import Config, loads
from proxy.credentials.source import SecretError
from proxy.iam.sts import PresignedIdentity
from proxy.use_of_aws import UseOfAws

IDENTITY = PresignedIdentity("https://sts.amazonaws.com/?x", (), "sts.amazonaws.com", "AKIAONE", 0.0)


def config(**aws: Any) -> Config:
    lines = "".join(f"{name} = {value!r}\n" for name, value in aws.items()).replace("'", '"')
    return loads(
        '[proxy]\nsecrets_file = "s"\n[[proxy.auth]]\nsecret_arn = "app"\n'
        f'[proxy.aws]\n{lines}[[target_group.targets]]\nhost = "db"\n'
    )


class Made:
    """One of the things that talk to AWS."""

    def __init__(self, made: "list[Made]", kind: str, *arguments: Any) -> None:
        self.kind = kind
        self.arguments = arguments
        self.stopped = 0
        self.asked: list[Any] = []
        self.answer: Any = b"text"
        made.append(self)

    @property
    def threads(self) -> Any:
        return self.arguments[0]

    @property
    def options(self) -> AwsOptions:
        options: AwsOptions = self.arguments[1]
        return options

    def stop(self) -> None:
        self.stopped += 1

    def _asked(self, *arguments: Any) -> Deferred[Any]:
        self.asked.append(arguments)
        return fail(self.answer) if isinstance(self.answer, Exception) else succeed(self.answer)

    fetch_text = token = identify = _asked

    def suspect(self, token: bytes) -> None:
        self.asked.append(("suspect", token))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Made]:
    """All that is made, in this order."""
    found: list[Made] = []

    def maker(kind: str) -> Callable[..., Made]:
        return lambda *arguments, **_: Made(found, kind, *arguments)

    monkeypatch.setattr(threads, "AwsThreads", maker("threads"))
    monkeypatch.setattr(secrets_manager, "SecretsManagerSource", maker("secrets"))
    monkeypatch.setattr(database_tokens, "TargetTokens", maker("tokens"))
    monkeypatch.setattr(caller_identity, "CallerIdentity", maker("identities"))
    return found


def use_all(use: UseOfAws) -> None:
    use.secrets_manager()
    use.secret_text("arn")
    use.target_tokens("eu-west-1")
    use.arn_of_signer(IDENTITY).addErrback(lambda _: None)


def kinds(made: list[Made]) -> list[str]:
    return [each.kind for each in made]


def test_nothing_before_it_is_needed(made: list[Made]) -> None:
    use = UseOfAws(config(), Clock())
    use.reconfigure(config(region="eu-west-1"))
    use.stop()
    assert not made


def test_one_of_each_with_threads_of_its_own(made: list[Made]) -> None:
    """What hangs in one of them keeps none of the others waiting."""
    use = UseOfAws(config(), Clock())
    for _ in range(3):
        use_all(use)
    assert kinds(made) == ["threads", "secrets", "threads", "tokens", "threads", "identities"]
    assert len({id(each.threads) for each in made if each.kind != "threads"}) == 3


def test_the_options_reach_them(made: list[Made]) -> None:
    options = {
        "region": "eu-west-3", "endpoint_url": "http://127.0.0.1:9", "connect_timeout": 1.5,
        "read_timeout": 2.5, "max_attempts": 4,
    }  # fmt: skip
    use_all(UseOfAws(config(**options), Clock()))
    wanted = AwsOptions(*options.values())  # type: ignore[arg-type]
    assert [each.options for each in made if each.kind != "threads"] == [wanted] * 3


def test_other_options(made: list[Made]) -> None:
    use = UseOfAws(config(), Clock())
    use_all(use)
    before = list(made)
    use.reconfigure(config())
    assert use.secrets_manager() is before[1]
    use.reconfigure(config(region="eu-west-3"))
    assert [each.stopped for each in before if each.kind in ("threads", "tokens")] == [1] * 4
    use_all(use)
    after = made[len(before) :]
    assert kinds(after) == kinds(before)
    assert {each.options.region for each in after if each.kind != "threads"} == {"eu-west-3"}


def test_the_end(made: list[Made]) -> None:
    use = UseOfAws(config(), Clock())
    use_all(use)
    for _ in range(2):
        use.stop()
    assert [each.stopped for each in made if each.kind in ("threads", "tokens")] == [1] * 4


def test_tokens(made: list[Made]) -> None:
    tokens = UseOfAws(config(), Clock()).target_tokens("eu-west-1")
    [source] = [each for each in made if each.kind == "tokens"]
    tokens.token("db", 3306, "app")
    tokens.suspect(b"token")
    assert source.asked == [("db", 3306, "app", "eu-west-1"), ("suspect", b"token")]


class TestSigners:
    def ask(self, made: list[Made], answer: Any) -> Any:
        use = UseOfAws(config(), Clock())
        use.arn_of_signer(IDENTITY).addErrback(lambda _: None)
        made[-1].answer = answer
        found: list[Any] = []
        use.arn_of_signer(IDENTITY).addBoth(found.append)
        return found[0].value if isinstance(found[0], Failure) else found[0]

    def test_known(self, made: list[Made]) -> None:
        found = CallerArn("arn:aws:iam::123456789012:user/app", "123456789012", "AIDAONE")
        assert self.ask(made, found) == "arn:aws:iam::123456789012:user/app"

    def test_not_known(self, made: list[Made]) -> None:
        problem = self.ask(made, IdentityError("STS refuses it"))
        assert isinstance(problem, SecretError)
        assert problem.reason == "STS refuses it"
