"""What STS says of a caller, and what is not taken for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.aws.identity_answer import CallerArn, read_code, read_identity

ARN = "arn:aws:iam::123456789012:user/app"


def as_json(arn: object = ARN, account: object = "123456789012", user_id: object = "AIDA") -> bytes:
    result = {"Arn": arn, "Account": account, "UserId": user_id}
    return json.dumps({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}}).encode()


def as_xml(arn: str = ARN, account: str = "123456789012", before: str = "", within: str = "") -> bytes:
    return (
        f"{before}<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'>"
        f"<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AIDA</UserId><Account>{account}</Account>{within}"
        "</GetCallerIdentityResult><ResponseMetadata/></GetCallerIdentityResponse>"
    ).encode()


@pytest.mark.parametrize("content", [as_json(), as_xml(), b" \n" + as_json()], ids=["json", "xml", "blank"])
def test_a_good_answer(content: bytes) -> None:
    assert read_identity(content) == CallerArn(ARN, "123456789012", "AIDA")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"<GetCallerIdentityResponse>",
        b"\xff\xfe",
        as_json(arn=None),
        as_json(arn=[ARN]),
        as_json(account="210987654321"),
        as_json(arn="arn:aws:s3:::bucket"),
        as_json(arn=f"{ARN}\nother"),
        as_xml(account=""),
        as_xml(arn="&arn;"),
        as_xml(within=f"<Arn>{ARN.replace('app', 'root')}</Arn>"),
        as_xml(arn="&lol;", before="<!DOCTYPE x [<!ENTITY lol 'lollol'>]>"),
        as_xml(before="<!DOCTYPE x>"),
        as_xml(within="<A/>".join([""] * 200)),
        b"{" * 100_000,
        b"<A>" * 20_000,
    ],
)
def test_any_other_answer(content: bytes) -> None:
    assert read_identity(content) is None


def test_the_code_of_an_error() -> None:
    xml = b"<ErrorResponse xmlns='x'><Error><Code>ExpiredToken</Code></Error></ErrorResponse>"
    assert read_code(xml) == "ExpiredToken"
    assert read_code(b'{"Error": {"Code": "ExpiredToken"}}') == "ExpiredToken"
    assert read_code(b'{"Error": {"Code": "a b"}}') == ""
    assert read_code(b"busy") == ""


@given(st.binary(max_size=300))
def test_nothing_is_too_strange(content: bytes) -> None:
    assert read_identity(content) is None
    read_code(content)
    read_identity(b"{" + content)
    read_identity(b"<a>" + content)
