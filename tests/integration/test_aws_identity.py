"""Tokens that the proxy makes, and presigned requests that it sends on: by real boto3, to a stub for STS."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from proxy.demo.child import free_port

from .aws_calls import AwsCaller, aws_caller
from .aws_server import AwsServer
from .aws_stubs import Answer, Stub, stub
from .certificates import KeyFiles

ARN = "arn:aws:sts::123456789012:assumed-role/app/session"
RESULT = {"Arn": ARN, "Account": "123456789012", "UserId": "AROA:session"}
AS_JSON = json.dumps({"GetCallerIdentityResponse": {"GetCallerIdentityResult": RESULT}})
AS_XML = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
  {"".join(f"<{name}>{value}</{name}>" for name, value in RESULT.items())}
</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
  <Code>SignatureDoesNotMatch</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"""
HEADERS = {"x-rds-proxy-endpoint": "proxy.example:3306"}
GAP_LIMIT = 500.0
"""Milliseconds, see test_aws_secrets."""


@pytest.fixture(scope="module")
def sts(proxy_key: KeyFiles) -> Iterator[Stub]:
    """What plays STS; each test says what it answers."""
    with stub({}, proxy_key) as found:
        yield found


@pytest.fixture(scope="module")
def caller(aws_server: AwsServer, proxy_key: KeyFiles) -> Iterator[AwsCaller]:
    """A process that trusts the stub's certificate."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws_server.environment.items():
            patch.setenv(name, value)
        patch.setenv("AWS_CA_BUNDLE", str(proxy_key.authority))
        with aws_caller(connect_timeout=0.5, read_timeout=0.5) as process:
            yield process


def signed(url: str) -> str:
    """A presigned GetCallerIdentity, as botocore makes one."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", f"{url}/?Action=GetCallerIdentity&Version=2011-06-15", headers=HEADERS)
    SigV4QueryAuth(Credentials("ASIA", "x", "token+/="), "sts", "eu-west-1", expires=900).add_auth(request)
    return str(request.url)


@pytest.mark.parametrize("body", [AS_JSON, AS_XML], ids=["json", "xml"])
def test_the_very_request_is_sent_on(sts: Stub, caller: AwsCaller, body: str) -> None:
    sts.answers = {"/": Answer(body)}
    url = signed(sts.url)
    sts.asked.clear()
    assert caller.call("identify", url=url, headers=HEADERS) == {"arn": ARN, "account": "123456789012"}
    (asked,) = sts.asked
    assert (asked.method, asked.path) == ("GET", url.removeprefix(sts.url))
    assert asked.headers["host"] == sts.url.removeprefix("https://")
    assert asked.headers["x-rds-proxy-endpoint"] == "proxy.example:3306"
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("answer", "reason", "is_refused"),
    [
        (Answer(REFUSED, 403), "STS answered 403 (SignatureDoesNotMatch)", True),
        (Answer("busy", 503), "STS answered 503 (no code)", False),
        (Answer("{}"), "the answer of STS is not one to GetCallerIdentity", False),
        (Answer(AS_JSON, 302, {"Location": "/other"}), "STS answered 302 (no code)", False),
        (Answer(b" " * 70_000), "the answer of STS is larger than 65536 bytes", False),
    ],
    ids=["refused", "busy", "empty", "redirect", "large"],
)
def test_any_other_answer(
    sts: Stub, caller: AwsCaller, answer: Answer, reason: str, is_refused: bool
) -> None:
    sts.answers = {"/": answer, "/other": Answer(AS_JSON)}
    found = caller.call("identify", url=signed(sts.url), headers=HEADERS)
    assert found == {"error": "IdentityError", "reason": reason, "is_refused": is_refused, "chain": []}


def test_what_is_not_https_is_not_sent(aws_server: AwsServer, caller: AwsCaller) -> None:
    found = caller.call("identify", url=signed(aws_server.url), headers=HEADERS)
    assert (found["reason"], found["is_refused"]) == ("the request is not for HTTPS", True)


def test_sts_that_is_gone_or_somebody_else(
    sts: Stub, caller: AwsCaller, aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller.call("gap")
    url = signed(f"https://127.0.0.1:{free_port()}")
    assert caller.call("identify", url=url, headers=HEADERS)["reason"] == "STS cannot be reached"
    assert caller.call("gap")["ms"] < GAP_LIMIT
    monkeypatch.delenv("AWS_CA_BUNDLE")
    with aws_caller() as distrusting:
        found = distrusting.call("identify", url=signed(sts.url), headers=HEADERS)
    assert found["reason"] == "the certificate of STS is not accepted"


def test_a_token_is_one_that_boto3_would_make(caller: AwsCaller) -> None:
    host = "db1.abcdefgh.ap-southeast-2.rds.amazonaws.com"
    token = caller.call("token", host=host, port=3306, user="app")["token"]
    parts = urlsplit(f"https://{token}")
    query = parse_qs(parts.query)
    assert parts.netloc == f"{host}:3306"
    assert (query["Action"], query["DBUser"], query["X-Amz-Expires"]) == (["connect"], ["app"], ["900"])
    assert query["X-Amz-Credential"][0].split("/")[2:4] == ["ap-southeast-2", "rds-db"]
    assert caller.call("token", host=host, port=3306, user="app")["token"] == token
    assert caller.call("token", host="db.example", port=3306, user="app")["token"] != token


def test_no_region_for_a_token(aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with aws_caller() as caller:
        found = caller.call("token", host="db.example", port=3306, user="app")
    assert (found["error"], found["reason"]) == ("TargetTokenError", "no AWS region is configured")
