"""Reading a secret's versions, from a Secrets Manager that the test makes up, which counts the calls."""

import datetime
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from proxy.aws import secret_reader
from proxy.aws.secret_reader import SecretReader, region_of
from proxy.credentials.source import SecretError, SecretNotFoundError, SecretVersions

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-abcdef"
MADE_AT = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "X")


class Service:
    """One secret: texts by version, versions by stage; and the calls that came."""

    def __init__(self, **stages: str) -> None:
        self.stages = stages
        self.texts = {"1": login("one"), "2": login("two"), "3": login("three")}
        self.calls: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.extra: dict[str, list[str]] = {}
        self.exceptions = type("Exceptions", (), {"ClientError": ClientError})
        self.forgotten = 0
        self.regions: list[str] = []

    def describe_secret(self, SecretId: str) -> dict[str, Any]:
        self._called("describe")
        stages: dict[str, list[str]] = {version: [] for version in self.texts}
        for stage, version in self.stages.items():
            stages[version].append(stage)
        return {"VersionIdsToStages": stages | self.extra}

    def get_secret_value(self, SecretId: str, VersionStage: str) -> dict[str, Any]:
        self._called(VersionStage)
        if VersionStage not in self.stages:
            raise refused("ResourceNotFoundException")
        version = self.stages[VersionStage]
        return {"VersionId": version, "CreatedDate": MADE_AT, "SecretString": self.texts[version]}

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.errors:
            raise self.errors[name]

    # What the reader has of AwsClients.

    def secrets_manager(self, region: str) -> "Service":
        self.regions.append(region)
        return self

    def forget(self) -> None:
        self.forgotten += 1


def login(password: str) -> str:
    return json.dumps({"username": "app", "password": password})


def reader(service: Service) -> SecretReader:
    return SecretReader(service)  # type: ignore[arg-type]


def read(service: Service, known: SecretVersions | None = None) -> SecretVersions:
    service.calls.clear()
    return reader(service).read(ARN, known)


def passwords(versions: SecretVersions) -> list[str | None]:
    found = [versions.current, versions.pending, versions.previous]
    return [None if each is None else bytes(each.password).decode() for each in found]


def test_only_what_is_there_is_asked_for() -> None:
    service = Service(AWSCURRENT="2", AWSPREVIOUS="1")
    found = read(service)
    assert passwords(found) == ["two", None, "one"]
    assert (found.current.version_id, found.current.created_at) == ("2", MADE_AT.timestamp())
    assert service.calls == ["describe", CURRENT, PREVIOUS]
    assert service.regions == ["eu-west-1"]


def test_what_has_not_changed_is_one_call() -> None:
    service = Service(AWSCURRENT="2", AWSPREVIOUS="1")
    known = read(service)
    assert read(service, known) is known
    assert service.calls == ["describe"]


def test_a_version_that_is_known_is_not_fetched_again() -> None:
    service = Service(AWSCURRENT="1")
    first = read(service)
    service.stages[PENDING] = "2"
    during = read(service, first)
    assert passwords(during) == ["one", "two", None]
    assert service.calls == ["describe", PENDING]
    service.stages = {CURRENT: "2", PREVIOUS: "1"}
    assert passwords(read(service, during)) == ["two", None, "one"]
    assert service.calls == ["describe"]


def test_a_pending_stage_on_the_current_version_says_nothing() -> None:
    service = Service(AWSCURRENT="2", AWSPENDING="2", AWSPREVIOUS="1")
    known = read(service)
    assert passwords(known) == ["two", None, "one"]
    assert read(service, known) is known


def test_a_pending_version_without_content_is_asked_for_until_it_has_some() -> None:
    service = Service(AWSCURRENT="1", AWSPENDING="2")
    service.errors[PENDING] = refused("ResourceNotFoundException")
    known = read(service)
    assert passwords(known) == ["one", None, None]
    assert read(service, known) is known
    service.errors.clear()
    assert passwords(read(service, known)) == ["one", "two", None]


def test_a_version_that_holds_no_secret_is_fetched_once() -> None:
    service = Service(AWSCURRENT="2", AWSPREVIOUS="1")
    service.texts["1"] = "hunter2"
    known = read(service)
    assert passwords(known) == ["two", None, None]
    assert [(each.stage, each.version_id) for each in known.unusable] == [(PREVIOUS, "1")]
    assert "hunter2" not in repr(known)
    assert read(service, known) is known
    assert service.calls == ["describe"]
    service.stages = {CURRENT: "3", PENDING: "1", PREVIOUS: "2"}
    again = read(service, known)
    assert service.calls == ["describe", CURRENT]
    assert [(each.stage, each.version_id) for each in again.unusable] == [(PENDING, "1")]


def test_a_current_version_that_holds_no_secret() -> None:
    service = Service(AWSCURRENT="1", AWSPREVIOUS="2")
    service.texts["1"] = '{"username": "hunter2"}'
    with pytest.raises(SecretError, match="has no password") as caught:
        read(service)
    assert caught.value.__context__ is None


def test_no_current_version() -> None:
    with pytest.raises(SecretNotFoundError, match="has no version with the stage AWSCURRENT"):
        read(Service(AWSPENDING="1"))


def test_a_stage_on_two_versions_is_believed_of_neither() -> None:
    """What moto says after a mix of its ways to rotate."""
    service = Service(AWSCURRENT="2")
    service.extra = {"1": [CURRENT], "2": [CURRENT]}
    assert passwords(read(service)) == ["two", None, None]
    assert service.calls == ["describe", CURRENT, PENDING, PREVIOUS]


def test_a_secret_that_may_not_be_described(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(secret_reader.time, "monotonic", lambda: now[0])
    service = Service(AWSCURRENT="2", AWSPREVIOUS="1")
    service.errors["describe"] = refused("AccessDeniedException")
    reads = reader(service)
    known = reads.read(ARN, None)
    assert passwords(known) == ["two", None, "one"]
    service.calls.clear()
    assert reads.read(ARN, known) is known
    assert service.calls == [CURRENT, PENDING, PREVIOUS]
    now[0] += secret_reader.DESCRIBE_INTERVAL
    service.errors.clear()
    service.calls.clear()
    assert reads.read(ARN, known) is known
    assert service.calls == ["describe"]


def test_a_stage_that_cannot_be_asked_for_at_present_stays() -> None:
    service = Service(AWSCURRENT="2", AWSPREVIOUS="1")
    service.errors["describe"] = refused("AccessDeniedException")
    known = read(service)
    service.errors[PREVIOUS] = refused("ThrottlingException")
    assert read(service, known) is known
    # Where nothing is known of it, the current one alone has to do.
    assert passwords(read(service)) == ["two", None, None]


def test_without_its_previous_version_a_secret_is_asked_for_it_again() -> None:
    service = Service(AWSCURRENT="2", AWSPREVIOUS="1")
    service.errors[PREVIOUS] = ReadTimeoutError(endpoint_url="x")
    known = read(service)
    assert passwords(known) == ["two", None, None]
    service.errors.clear()
    assert passwords(read(service, known)) == ["two", None, "one"]
    assert service.calls == ["describe", PREVIOUS]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (refused("ResourceNotFoundException"), SecretNotFoundError, "does not exist in Secrets Manager"),
        (refused("InvalidRequestException", "marked deleted"), SecretNotFoundError, "is marked for deletion"),
        (refused("InvalidRequestException", "being created"), SecretError, "Secrets Manager cannot read it"),
        (refused("DecryptionFailure"), SecretError, "cannot be decrypted"),
        (KeyError("hunter2"), SecretError, "Secrets Manager failed with KeyError"),
    ],
    ids=["missing", "deleted", "state", "key", "bug"],
)
def test_an_error_is_told_without_what_it_came_of(
    error: Exception, kind: type[SecretError], reason: str
) -> None:
    service = Service(AWSCURRENT="1")
    service.errors["describe"] = error
    with pytest.raises(SecretError) as caught:
        read(service)
    assert type(caught.value) is kind
    assert caught.value.reason.startswith(reason)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert service.forgotten == 0


def test_other_credentials_are_looked_for() -> None:
    service = Service(AWSCURRENT="1")
    service.errors["describe"] = NoCredentialsError()
    with pytest.raises(SecretError):
        read(service)
    assert service.forgotten == 1


def test_the_text_as_it_is() -> None:
    service = Service(AWSCURRENT="1", AWSPREVIOUS="2")
    assert reader(service).text(ARN) == login("one").encode()
    assert service.calls == [CURRENT]
    with pytest.raises(SecretNotFoundError):
        reader(Service()).text(ARN)


def test_the_region_of_an_arn() -> None:
    assert region_of("arn:aws-cn:secretsmanager:cn-north-1:1:secret:x") == "cn-north-1"
    assert region_of("name") == ""
