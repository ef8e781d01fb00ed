"""Secrets for commands, which have no reactor: all that can be read at once, and what cannot."""

import json
from pathlib import Path

import pytest

from proxy.config import Config, loads
from proxy.secrets_at_hand import NOT_ASKED, secrets_at_hand

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"


def config(folder: Path, *names: str, file: str = "secrets.toml") -> Config:
    entries = "".join(f'[[proxy.auth]]\nsecret_arn = "{name}"\n' for name in names)
    files = f'[proxy]\nsecrets_file = "{folder / file}"\n'
    aws = '[proxy.aws]\nregion = "eu-west-1"\nendpoint_url = "http://127.0.0.1:9"\nmax_attempts = 1\n'
    return loads(f'{files}{entries}{aws}[[target_group.targets]]\nhost = "db"\n')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "secrets.toml"
    file.write_text('[app]\nusername = "app"\npassword = "hunter2"\n')
    file.chmod(0o600)
    monkeypatch.setenv("APP2", json.dumps({"username": "app2", "password": "hunter3"}))
    return tmp_path


def test_a_file_and_the_environment(folder: Path) -> None:
    store, problems = secrets_at_hand(config(folder, "app", "env:APP2"))
    assert not problems
    assert [credential.username for credential in store.credentials()] == ["app", "app2"]
    assert store.candidates("app2")[0].password == b"hunter3"


def test_each_problem_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD", '{"username": "x", "password": ["hunter2"]}')
    store, problems = secrets_at_hand(config(folder, "app", "other", "env:BAD", "env:NOT_SET"))
    assert [credential.username for credential in store.credentials()] == ["app"]
    told = [str(problem) for problem in problems]
    assert len(told) == 3
    assert "hunter2" not in "".join(told)
    for name in ("other", "env:BAD", "env:NOT_SET"):
        assert any(name in each for each in told)


def test_a_file_that_others_may_read(folder: Path) -> None:
    (folder / "secrets.toml").chmod(0o644)
    store, problems = secrets_at_hand(config(folder, "app", "env:APP2"))
    assert [credential.username for credential in store.credentials()] == ["app2"]
    assert len(problems) == 1


def test_aws_is_asked_only_for_a_user(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAONE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter4")
    wanted = config(folder, "app", ARN)
    _, problems = secrets_at_hand(wanted)
    assert [NOT_ASKED in str(problem) for problem in problems] == [True]
    store, problems = secrets_at_hand(wanted, user="app")
    [problem] = problems
    assert NOT_ASKED not in str(problem)
    assert "hunter4" not in str(problem)
    # Nothing listens there; whoever is in a file is known all the same.
    assert store.candidates("app")
