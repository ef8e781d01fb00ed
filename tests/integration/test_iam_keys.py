"""Key stores while the proxy runs: as a file, as a secret, reloaded; and how many new tokens it looks at."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import attrs
import pytest

from tests.unit.iam.signing import LONG_LIVED, TEMPORARY, Signer, odd_token

from .aws_server import AwsServer
from .certificates import KeyFiles
from .clients import one
from .databases import Target
from .iam import DENIED, IAM, IamDaemon, allowing, keys_of
from .polling import eventually

WHO = "SELECT CURRENT_USER()"
QUICK = {"secret_refresh_interval": 0.2}
"""Options of [proxy] with which a test need not wait for polls."""
NEVER = {"secret_refresh_interval": 3600.0}
RATE_EXCEEDED = (1040, "IAM authentication rate limit exceeded")
UNKNOWN_KEY = "the token's access key is not known"

StartIam = Callable[..., IamDaemon]


@pytest.fixture
def start_iam(
    target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartIam]:
    """Starts proxies before `target` where `app` logs in with tokens; each must end cleanly."""
    with ExitStack() as started:

        def start(keys: Any, **sections: Any) -> IamDaemon:
            folder = tmp_path_factory.mktemp("iam")
            return started.enter_context(
                IamDaemon(folder, target.port, target.users, proxy_key, keys, auth={"app": IAM}, **sections)
            )

        yield start


def lets_in(daemon: IamDaemon, token: str) -> bool:
    answer = daemon.answer(token)
    assert answer in ((), (1045, DENIED.format("app")))
    return answer == ()


def test_a_reload_takes_keys_away_and_brings_others(start_iam: StartIam) -> None:
    daemon = start_iam(keys_of(LONG_LIVED), proxy=NEVER)
    token, other = daemon.token(), daemon.token(signer=TEMPORARY)
    with daemon.log_in(token) as session:
        assert daemon.refusal(other) == UNKNOWN_KEY
        daemon.keys = keys_of(TEMPORARY)
        daemon.reload()
        # Although the verdict was remembered.
        assert daemon.refusal(token) == UNKNOWN_KEY
        assert lets_in(daemon, other)
        assert one(session, WHO) == "app@%"
    daemon.keys = keys_of(TEMPORARY, policies=(allowing("app"), allowing("app", effect="Deny")))
    daemon.reload()
    assert daemon.refusal(other) == "a policy denies it"
    daemon.iam["endpoint_names"] = ["localhost"]
    daemon.keys = keys_of(TEMPORARY)
    daemon.reload()
    assert daemon.refusal(other) == "the token is for another endpoint"
    assert lets_in(daemon, daemon.token(signer=TEMPORARY, host="localhost"))


def test_the_file_is_read_again_by_itself(start_iam: StartIam) -> None:
    daemon = start_iam(keys_of(LONG_LIVED), proxy=QUICK)
    token, other = daemon.token(), daemon.token(signer=TEMPORARY)
    assert lets_in(daemon, token)
    daemon.keys = keys_of(TEMPORARY)
    daemon.write_keys()
    eventually(lambda: lets_in(daemon, other), "the new key")
    assert not lets_in(daemon, token)


def test_a_file_that_cannot_be_read_changes_nothing(start_iam: StartIam) -> None:
    daemon = start_iam(keys_of(LONG_LIVED), proxy=QUICK)
    mark = daemon.mark()
    daemon.key_file.write_text('{"keys": {"AKIA')
    daemon.wait_for_log(str(daemon.key_file), mark)
    assert lets_in(daemon, daemon.token())
    daemon.key_file.chmod(0o644)
    daemon.wait_for_log("others", mark)
    assert lets_in(daemon, daemon.token())
    assert LONG_LIVED.secret not in daemon.log_text()


def test_a_proxy_that_starts_without_its_keys(start_iam: StartIam) -> None:
    daemon = start_iam({"keys": {}}, proxy=QUICK)
    assert daemon.refusal(daemon.token()) == UNKNOWN_KEY
    with daemon.connect("eve") as client:
        assert one(client, WHO) == "eve@%"
    daemon.keys = keys_of(LONG_LIVED)
    daemon.write_keys()
    eventually(lambda: lets_in(daemon, daemon.token()), "the key")


def test_keys_in_secrets_manager(aws_environment: AwsServer, start_iam: StartIam) -> None:
    arn = aws_environment.make_secret("keys-of-clients", json.dumps(keys_of(LONG_LIVED)))
    daemon = start_iam(None, proxy=QUICK, iam={"key_store_secret": arn})
    token, other = daemon.token(), daemon.token(signer=TEMPORARY)
    eventually(lambda: lets_in(daemon, token), "the secret")
    aws_environment.put(arn, json.dumps(keys_of(TEMPORARY)))
    eventually(lambda: lets_in(daemon, other), "its new version")
    assert not lets_in(daemon, token)
    mark = daemon.mark()
    aws_environment.put(arn, "not a key store")
    daemon.wait_for_log(f"{arn}: ", mark)
    assert lets_in(daemon, other)
    daemon.reload()
    assert lets_in(daemon, other)
    text = daemon.log_text()
    assert not any(signer.secret in text for signer in (LONG_LIVED, TEMPORARY))


def test_keys_in_the_environment(start_iam: StartIam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS_OF_CLIENTS", json.dumps(keys_of(LONG_LIVED)))
    daemon = start_iam(None, iam={"key_store_secret": "env:KEYS_OF_CLIENTS"})
    assert lets_in(daemon, daemon.token())


def test_new_tokens_that_come_too_fast(start_iam: StartIam) -> None:
    daemon = start_iam(keys_of(LONG_LIVED), proxy={"iam_authentication_rate_limit": 1})
    known = daemon.token()
    assert lets_in(daemon, known)
    # All of them are different, and good.
    endpoint = f"127.0.0.1:{daemon.port}"
    tokens = [odd_token(endpoint=endpoint, expires=seconds).decode() for seconds in range(600, 640)]
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(daemon.answer, tokens))
    assert set(answers) <= {(), RATE_EXCEEDED}
    # Of 40 in a row one a second would have had to take 40 s.
    assert RATE_EXCEEDED in answers
    refused = tokens[answers.index(RATE_EXCEEDED)]
    assert "X-Amz" not in daemon.log_text()
    # What is remembered costs nothing, and what proves nothing does not count.
    stranger = attrs.evolve(LONG_LIVED, secret="guessed")
    for _ in range(10):
        assert lets_in(daemon, known)
        assert not lets_in(daemon, daemon.token(signer=stranger))
    eventually(lambda: daemon.answer(refused) == (), "its turn")


def test_no_secret_of_a_key_is_shown(start_iam: StartIam) -> None:
    signer = Signer("AKIABROKENBROKENBROK", "a-secret-nobody-may-see")
    keys = keys_of(LONG_LIVED, signer)
    keys["keys"][signer.access_key_id]["expires_at"] = "soon"
    daemon = start_iam(keys)
    assert signer.access_key_id in daemon.log_text()
    assert signer.secret not in daemon.log_text()
    assert lets_in(daemon, daemon.token())
    assert daemon.refusal(daemon.token(signer=signer)) == UNKNOWN_KEY
