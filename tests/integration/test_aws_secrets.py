"""Secrets in Secrets Manager, read through the real boto3 from moto's server."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .aws_calls import AwsCaller, aws_caller
from .aws_server import REGION, AwsServer

SHORT = {"connect_timeout": 0.5, "read_timeout": 0.5, "max_attempts": 1}
"""Options with which a server that does not answer is given up soon."""
APP = {"username": "app", "password": "first", "host": "db", "port": "3306", "engine": "mysql"}
GONE = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:never-made-abcdef"
GAP_LIMIT = 500.0
"""Milliseconds: far more than a reactor misses here, and far less than what it would wait for a call."""


@pytest.fixture(scope="module")
def caller(aws_server: AwsServer) -> Iterator[AwsCaller]:
    """A process that the tests of this module share."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_server.environment.items():
            patch.setenv(name, value)
        with aws_caller() as process:
            yield process


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[AwsServer]:
    """One that a test may break."""
    pytest.importorskip("moto", reason="moto is not installed")
    with AwsServer(tmp_path / "own-aws") as server:
        yield server


def promote(server: AwsServer, arn: str, content: dict[str, str]) -> tuple[str, str]:
    """The stages of a rotation, without a database; the ids of the old and the new version."""
    client = server.client("secretsmanager")
    stages = client.describe_secret(SecretId=arn)["VersionIdsToStages"]
    (old,) = [version for version, names in stages.items() if "AWSCURRENT" in names]
    new = client.put_secret_value(
        SecretId=arn, SecretString=json.dumps(content), VersionStages=["AWSPENDING"]
    )["VersionId"]
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=new, RemoveFromVersionId=old
    )
    return old, new


def test_a_secret_is_read_with_its_version(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("plain", APP)
    found = caller.call("fetch", arn=arn)
    assert (found["current"]["username"], found["current"]["password"]) == ("app", "first")
    assert found["current"]["version"]
    assert found["current"]["created_at"] > 1_000_000_000
    assert not found["current"]["read_only"]
    assert (found["pending"], found["previous"], found["unusable"]) == (None, None, [])


def test_a_secret_that_is_binary_or_read_only(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("binary", json.dumps({**APP, "read_only": True}).encode())
    found = caller.call("fetch", arn=arn)
    assert found["current"]["password"] == "first"
    assert found["current"]["read_only"] is True


def test_what_has_not_changed_is_not_fetched_again(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("unchanged", APP)
    assert caller.call("fetch", arn=arn)["is_known"] is False
    assert caller.call("fetch", arn=arn)["is_known"] is True
    aws_server.put(arn, {**APP, "password": "second"})
    changed = caller.call("fetch", arn=arn)
    assert changed["is_known"] is False
    assert (changed["current"]["password"], changed["previous"]["password"]) == ("second", "first")
    assert caller.call("fetch", arn=arn)["is_known"] is True


def test_every_step_of_a_rotation_is_seen(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("rotated", APP)
    client = aws_server.client("secretsmanager")
    first = caller.call("fetch", arn=arn)["current"]["version"]
    second = client.put_secret_value(
        SecretId=arn, SecretString=json.dumps({**APP, "password": "second"}), VersionStages=["AWSPENDING"]
    )["VersionId"]
    during = caller.call("fetch", arn=arn)
    assert (during["current"]["version"], during["pending"]["version"]) == (first, second)
    assert (during["pending"]["password"], during["previous"]) == ("second", None)
    client.update_secret_version_stage(
        SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first
    )
    after = caller.call("fetch", arn=arn)
    assert (after["current"]["version"], after["previous"]["version"]) == (second, first)
    # The stage AWSPENDING stays on the version that is current now, and says nothing there.
    assert after["pending"] is None
    assert caller.call("fetch", arn=arn)["is_known"] is True


def test_many_rotations_and_another_user_name(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("alternating", APP)
    for number in range(1, 6):
        name = "app" if number % 2 == 0 else "app_clone"
        old, new = promote(aws_server, arn, {**APP, "username": name, "password": f"pw {number}"})
        found = caller.call("fetch", arn=arn)
        assert (found["current"]["username"], found["current"]["password"]) == (name, f"pw {number}")
        assert (found["current"]["version"], found["previous"]["version"]) == (new, old)


def test_a_pending_version_that_is_none_does_no_harm(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("half", APP)
    aws_server.client("secretsmanager").put_secret_value(
        SecretId=arn, SecretString='{"username": "app"}', VersionStages=["AWSPENDING"]
    )
    found = caller.call("fetch", arn=arn)
    assert (found["current"]["password"], found["pending"]) == ("first", None)
    assert found["unusable"] == [["AWSPENDING", "has no password"]]
    assert caller.call("fetch", arn=arn)["is_known"] is True


def test_a_current_version_that_is_none_is_an_error_without_its_text(
    aws_server: AwsServer, caller: AwsCaller
) -> None:
    arn = aws_server.make_secret("bad", '{"username": "app", "password": "hunter2"')
    answer = caller.call("fetch", arn=arn)
    assert answer["error"] == "SecretError"
    assert answer["reason"].startswith("is not valid JSON")
    assert answer["chain"] == []
    aws_server.put(arn, APP)
    assert caller.call("fetch", arn=arn)["current"]["password"] == "first"


def test_the_region_is_that_of_the_arn(aws_server: AwsServer, caller: AwsCaller) -> None:
    arn = aws_server.make_secret("far", APP, "us-west-2")
    assert REGION not in arn
    assert caller.call("fetch", arn=arn)["current"]["username"] == "app"


def test_a_secret_that_is_not_there_or_deleted(aws_server: AwsServer, caller: AwsCaller) -> None:
    answer = caller.call("fetch", arn=GONE)
    assert (answer["error"], answer["reason"]) == (
        "SecretNotFoundError",
        "does not exist in Secrets Manager",
    )
    arn = aws_server.make_secret("deleted", APP)
    caller.call("fetch", arn=arn)
    client = aws_server.client("secretsmanager")
    client.delete_secret(SecretId=arn)
    answer = caller.call("fetch", arn=arn)
    assert (answer["error"], answer["reason"]) == ("SecretNotFoundError", "is marked for deletion")
    client.restore_secret(SecretId=arn)
    assert caller.call("fetch", arn=arn)["current"]["username"] == "app"


def test_no_credentials_at_all(aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    arn = aws_environment.make_secret("unreachable", APP)
    with aws_caller() as caller:
        answer = caller.call("fetch", arn=arn)
    assert answer["reason"].startswith("no AWS credentials were found")


def test_a_profile_of_a_file(
    aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    (tmp_path / "config").write_text(f"[profile mine]\nendpoint_url = {aws_environment.url}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    arn = aws_environment.make_secret("of-a-profile", APP)
    with aws_caller() as caller:
        assert caller.call("fetch", arn=arn)["current"]["username"] == "app"
    monkeypatch.setenv("AWS_PROFILE", "other")
    with aws_caller() as caller:
        answer = caller.call("fetch", arn=arn)
    assert answer["reason"] == "the AWS profile that the environment names does not exist"


def test_the_options_go_before_the_environment(
    aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    arn = aws_environment.make_secret("by-option", APP)
    with aws_caller(endpoint_url=aws_environment.url, **SHORT) as caller:
        assert caller.call("imported")["boto3"] is False
        assert caller.call("fetch", arn=arn)["current"]["username"] == "app"


def test_a_service_that_is_gone_blocks_nobody(own_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)
    arn = own_server.make_secret("lost", APP)
    with aws_caller(**SHORT) as caller:
        caller.call("fetch", arn=arn)
        caller.call("gap")
        own_server.freeze()
        hanging = [caller.start("fetch", arn=arn) for _ in range(6)]
        reasons = {caller.answer(each)["reason"] for each in hanging}
        assert reasons == {"Secrets Manager does not answer (read timeout)"}
        own_server.stop()
        answer = caller.call("fetch", arn=arn)
        assert answer["reason"] == "Secrets Manager cannot be reached"
        assert caller.call("gap")["ms"] < GAP_LIMIT


def test_a_connection_that_is_never_taken(
    aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            # The kernel's queue is full, so that no further connection is answered.
            second.setblocking(False)
            second.connect_ex(address)
            with aws_caller(endpoint_url=f"http://127.0.0.1:{address[1]}", **SHORT) as caller:
                answer = caller.call("fetch", arn=GONE)
                assert answer["reason"] == "Secrets Manager does not answer (connect timeout)"
