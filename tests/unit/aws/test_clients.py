"""boto3's clients: made once, with the options, and again after the credentials were not good."""

from typing import Any

import pytest
from botocore.exceptions import NoRegionError

from proxy.aws import clients
from proxy.aws.clients import CREDENTIAL_SEARCH_INTERVAL, AwsClients, AwsOptions


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAONE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found = [1000.0]
    monkeypatch.setattr(clients.time, "monotonic", lambda: found[0])
    return found


def test_one_client_for_each_region() -> None:
    made = AwsClients(AwsOptions())
    first = made.secrets_manager("eu-west-1")
    assert made.secrets_manager("eu-west-1") is first
    other: Any = made.secrets_manager("us-west-2")
    assert other.meta.endpoint_url == "https://secretsmanager.us-west-2.amazonaws.com"


def test_the_options_reach_boto3() -> None:
    options = AwsOptions("eu-west-3", "http://127.0.0.1:9", 1.5, 2.5, 4)
    client: Any = AwsClients(options, 7).secrets_manager("")
    config = client.meta.config
    assert (client.meta.region_name, client.meta.endpoint_url) == ("eu-west-3", "http://127.0.0.1:9")
    assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (1.5, 2.5, 7)
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 4)


def test_no_region_at_all() -> None:
    with pytest.raises(NoRegionError):
        AwsClients(AwsOptions()).secrets_manager("")
    with pytest.raises(NoRegionError):
        AwsClients(AwsOptions()).database_token("db", 3306, "app", "")


def test_the_region_of_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "eu-west-1%2Frds-db" in AwsClients(AwsOptions()).database_token("db", 3306, "app", "eu-west-1")
    assert "eu-west-2%2Frds-db" in AwsClients(AwsOptions("eu-west-2")).database_token("db", 3306, "app", "")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert "eu-west-3%2Frds-db" in AwsClients(AwsOptions()).database_token("db", 3306, "app", "")


def test_credentials_are_looked_for_again_but_not_at_once(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = AwsClients(AwsOptions("eu-west-1"))
    assert "AKIAONE" in made.database_token("db", 3306, "app", "")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATWO")
    now[0] += CREDENTIAL_SEARCH_INTERVAL / 2
    made.forget()
    assert "AKIAONE" in made.database_token("db", 3306, "app", "")
    now[0] += CREDENTIAL_SEARCH_INTERVAL / 2
    made.forget()
    assert "AKIATWO" in made.database_token("db", 3306, "app", "")
