"""Errors of boto3 in words for an operator."""

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from proxy.aws.problems import MAX_MESSAGE_LENGTH, error_code, explain, is_about_credentials
from proxy.aws.threads import AwsBusy, AwsStopped


def answered(code: str, message: str = "hunter2") -> ClientError:
    """An error as botocore makes one of an answer."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (answered("ResourceNotFoundException"), "does not exist in It"),
        (answered("DecryptionFailure"), "cannot be decrypted with its KMS key"),
        (answered("ThrottlingException"), "It throttles the proxy's requests"),
        (answered("UnrecognizedClientException"), "It does not accept the proxy's AWS credentials (Unrec"),
        (answered("InternalServiceError"), "It has an internal error"),
        (
            answered("AccessDeniedException", "User: u is not\nauthorized"),
            "It denies access: User: u is not au",
        ),
        (answered("SomethingNew"), "It answered SomethingNew"),
        (exceptions.NoCredentialsError(), "no AWS credentials were found in the environment"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="x"), "the AWS credentials are incompl"),
        (
            exceptions.ProfileNotFound(profile="p"),
            "the AWS profile that the environment names does not exist",
        ),
        (exceptions.ConnectTimeoutError(endpoint_url="u"), "It does not answer (connect timeout)"),
        (exceptions.ReadTimeoutError(endpoint_url="u"), "It does not answer (read timeout)"),
        (exceptions.EndpointConnectionError(endpoint_url="u"), "It cannot be reached"),
        (exceptions.ConnectionClosedError(endpoint_url="u"), "It closed the connection"),
        (exceptions.SSLError(endpoint_url="u", error="e"), "the certificate of It is not accepted"),
        (exceptions.ProxyConnectionError(proxy_url="u"), "It cannot be reached through the HTTP proxy"),
        (exceptions.NoRegionError(), "no AWS region is configured"),
        (exceptions.InvalidRegionError(region_name="?"), "the AWS region is not valid"),
        (exceptions.ParamValidationError(report="hunter2"), "It does not accept its ARN"),
        (ModuleNotFoundError("boto3"), "boto3 is not installed"),
        (AwsBusy(), "too many calls to AWS wait already"),
        (AwsStopped(), "calls to AWS have been stopped"),
        (ValueError("hunter2"), "It failed with ValueError"),
        (None, "It failed with NoneType"),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)
def test_each_has_words_of_its_own(error: BaseException | None, words: str) -> None:
    found = explain(error, "It")
    assert found.startswith(words)
    assert "hunter2" not in found
    assert "\n" not in found


def test_a_long_message_is_cut_and_a_strange_code_is_cleaned() -> None:
    long = explain(answered("AccessDenied", "x" * 10_000), "It")
    assert len(long) < MAX_MESSAGE_LENGTH + 50
    assert explain(answered("new\x1b[31m\nline"), "It") == "It answered new [31m line"


def test_which_are_about_credentials() -> None:
    assert is_about_credentials(exceptions.NoCredentialsError())
    assert is_about_credentials(answered("ExpiredTokenException"))
    assert not is_about_credentials(answered("AccessDeniedException"))
    assert not is_about_credentials(exceptions.ConnectTimeoutError(endpoint_url="u"))


def test_only_an_answer_has_a_code() -> None:
    assert error_code(answered("A")) == "A"
    assert error_code(ValueError("A")) == ""
    assert error_code(None) == ""
