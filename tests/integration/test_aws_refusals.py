"""What Secrets Manager refuses, in the words of the service; moto never says these."""

from collections.abc import Iterator

import pytest

from .aws_calls import AwsCaller, aws_caller
from .aws_server import AwsServer
from .aws_stubs import Answer, Stub, refusal, secret_value, stub

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-abcdef"
WHO = "User: arn:aws:iam::123456789012:user/proxy is not authorized to perform: secretsmanager:X on it"
DENIED = refusal("AccessDeniedException", WHO)
APP = {"username": "app", "password": "first"}


@pytest.fixture(scope="module")
def service() -> Iterator[Stub]:
    """What plays Secrets Manager; each test says what it answers."""
    with stub({}) as found:
        yield found


@pytest.fixture(scope="module")
def caller(aws_server: AwsServer, service: Stub) -> Iterator[AwsCaller]:
    """A process that asks it, and tries nothing again."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_server.environment.items():
            patch.setenv(name, value)
        with aws_caller(endpoint_url=service.url, max_attempts=1) as process:
            yield process


def test_a_role_that_may_only_get_values(service: Stub, caller: AwsCaller) -> None:
    service.answers = {"DescribeSecret": DENIED, "GetSecretValue": secret_value("1", APP)}
    service.asked.clear()
    found = caller.call("fetch", arn=ARN)
    assert (found["current"]["version"], found["current"]["created_at"]) == ("1", 1_800_000_000.5)
    # The stub gives the same version for every stage.
    assert (found["pending"], found["previous"]) == (None, None)
    assert caller.call("fetch", arn=ARN)["is_known"] is True
    asked = [each.headers["x-amz-target"].rpartition(".")[2] for each in service.asked]
    assert asked == ["DescribeSecret", *["GetSecretValue"] * 6]
    service.answers["GetSecretValue"] = secret_value("2", {**APP, "password": "second"})
    assert caller.call("fetch", arn=ARN)["current"]["password"] == "second"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (DENIED, f"Secrets Manager denies access: {WHO}"),
        (refusal("DecryptionFailure", "no key"), "cannot be decrypted with its KMS key"),
        (refusal("ThrottlingException", "Rate exceeded"), "Secrets Manager throttles the proxy's requests"),
        (refusal("InternalServiceError", "oh", 500), "Secrets Manager has an internal error"),
        (
            refusal("ExpiredTokenException", "The security token included in the request is expired"),
            "Secrets Manager does not accept the proxy's AWS credentials (ExpiredTokenException)",
        ),
        (
            refusal("InvalidRequestException", "creating"),
            "Secrets Manager cannot read it in its present state",
        ),
        (Answer("<html>Bad gateway</html>", 502), "Secrets Manager answered 502"),
    ],
    ids=["denied", "key", "throttled", "internal", "expired", "state", "gateway"],
)
def test_what_is_refused(service: Stub, caller: AwsCaller, answer: Answer, reason: str) -> None:
    service.answers = {"DescribeSecret": answer, "GetSecretValue": answer}
    found = caller.call("fetch", arn=f"{ARN[:-6]}other0")
    assert (found["error"], found["reason"], found["chain"]) == ("SecretError", reason, [])


def test_what_passes_is_tried_again(aws_environment: AwsServer) -> None:
    throttled = refusal("ThrottlingException", "Rate exceeded")
    with stub({"DescribeSecret": throttled}) as service, aws_caller(endpoint_url=service.url) as caller:
        caller.call("fetch", arn=ARN)
        assert len(service.asked) == 3
