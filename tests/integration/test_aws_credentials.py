"""Where the proxy's own AWS credentials come from."""

import pytest

from .aws_calls import aws_caller
from .aws_server import AwsServer
from .aws_stubs import credentials, metadata_answers, stub

APP = {"username": "app", "password": "first"}


@pytest.fixture
def without_keys(aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    """AWS is found, and no credentials are."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    return aws_environment


def test_a_containers_role(without_keys: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = without_keys.make_secret("of-a-container", APP)
    with stub({"/role": credentials("ASIACONTAINER")}) as provider:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{provider.url}/role")
        with aws_caller() as caller:
            assert caller.call("fetch", arn=arn)["current"]["username"] == "app"
            token = caller.call("token", host="db.example", port=3306, user="app")["token"]
    assert [each.path for each in provider.asked] == ["/role"]
    assert "X-Amz-Credential=ASIACONTAINER%2F" in token
    assert "X-Amz-Security-Token=made-up-token" in token


def test_an_instances_role(without_keys: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = without_keys.make_secret("of-an-instance", APP)
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    with stub(metadata_answers(credentials("ASIAINSTANCE"))) as provider:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", provider.url)
        with aws_caller() as caller:
            assert caller.call("fetch", arn=arn)["current"]["username"] == "app"
            token = caller.call("token", host="db.example", port=3306, user="app")["token"]
    assert provider.asked[0].method == "PUT"
    assert "X-Amz-Credential=ASIAINSTANCE%2F" in token
