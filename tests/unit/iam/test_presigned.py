"""The query of a presigned URL: what is read of it, and each reason for which it is refused."""

import pytest

from proxy.iam.presigned import PresignedQuery, TokenError, parse_query

OWN = frozenset(["Action", "DBUser"])
FIELDS = {
    "Action": "connect",
    "DBUser": "d%C3%A9",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AKIA%2F20130831%2Feu-west-1%2Frds-db%2Faws4_request",
    "X-Amz-Date": "20130831T120000Z",
    "X-Amz-Expires": "900",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0123456789abcdef" * 4,
}
MADE = 1_377_950_400.0


def query(**changes: str | None) -> str:
    fields = {**FIELDS, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "&".join(f"{name}={value}" for name, value in fields.items() if value is not None)


def read(text: str) -> PresignedQuery:
    return parse_query(text, OWN, "rds-db")


def reason(text: str) -> str:
    with pytest.raises(TokenError) as caught:
        read(text)
    assert caught.value.__context__ is None or "d%C3" not in str(caught.value.__context__)
    return caught.value.reason


def test_what_it_says() -> None:
    found = read(query())
    assert found.values == {"Action": "connect", "DBUser": "dé"}
    assert (found.access_key_id, found.region, found.timestamp) == ("AKIA", "eu-west-1", "20130831T120000Z")
    assert (found.issued_at, found.expires_at) == (MADE, MADE + 900)
    assert (found.signed_headers, found.session_token) == ("host", "")
    assert "Signature" not in found.canonical
    assert found.canonical.split("&") == sorted(
        text for text in query().split("&") if "Signature" not in text
    )


def test_a_session_token_stands_as_it_is() -> None:
    assert read(query(X_Amz_Security_Token="a%2Fb%3D")).session_token == "a%2Fb%3D"
    assert read(query(X_Amz_Security_Token="")).session_token == ""


def test_it_shows_nothing_that_proves_anything() -> None:
    shown = repr(read(query(X_Amz_Security_Token="SESSION")))
    assert "SESSION" not in shown
    assert FIELDS["X-Amz-Signature"] not in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "has a parameter that does not belong there"),
        ("&", "has a parameter that does not belong there"),
        (query() + "&", "has a parameter that does not belong there"),
        (query() + "&Foo=1", "has a parameter that does not belong there"),
        (query() + "&x-amz-date=20130831T120000Z", "has a parameter that does not belong there"),
        (query() + "&Action=connect", "has a parameter twice"),
        (query() + "&X-Amz-Expires=1", "has a parameter twice"),
        (query(Action=None), "lacks a parameter"),
        (query(X_Amz_Signature=None), "lacks a parameter"),
        (query(X_Amz_Date=None, X_Amz_Security_Token="a"), "lacks a parameter"),
        (query(Action=""), "has a malformed parameter"),
        (query(DBUser="a=b"), "has a malformed parameter"),
        (query(DBUser="a b"), "has characters that no signer leaves"),
        (query(DBUser="a+b"), "has characters that no signer leaves"),
        (query(DBUser="é"), "has characters that no signer leaves"),
        (query(DBUser="a%2fb"), "has characters that no signer leaves"),
        (query(DBUser="a%2"), "has characters that no signer leaves"),
        (query(DBUser="%"), "has characters that no signer leaves"),
        (query(DBUser="a\n"), "has characters that no signer leaves"),
        (query(DBUser="%FF"), "is not UTF-8 text"),
        (query(DBUser="%ED%A0%80"), "is not UTF-8 text"),
        (query(X_Amz_Algorithm="AWS4-HMAC-SHA1"), "is signed with another algorithm"),
        (query(X_Amz_Algorithm="AWS4-ECDSA-P256-SHA256"), "is signed with another algorithm"),
        (query(X_Amz_Credential="AKIA"), "has a malformed credential scope"),
        (
            query(X_Amz_Credential="A%2F20130831%2Feu-west-1%2Frds-db%2Faws5"),
            "has a malformed credential scope",
        ),
        (
            query(X_Amz_Credential="A%2F20130831%2Feu-west-1%2Frds-db%2Faws4_request%2Fa"),
            "has a malformed credential scope",
        ),
        (
            query(X_Amz_Credential="%2F20130831%2Feu-west-1%2Frds-db%2Faws4_request"),
            "has a malformed credential scope",
        ),
        (
            query(X_Amz_Credential="A.%2F20130831%2Feu-west-1%2Frds-db%2Faws4_request"),
            "has a malformed credential scope",
        ),
        (
            query(X_Amz_Credential="A%2F20130831%2F%0A%2Frds-db%2Faws4_request"),
            "has a malformed credential scope",
        ),
        (
            query(X_Amz_Credential="A%2F20130831%2Feu-west-1%2Frds%2Faws4_request"),
            "is signed for another service",
        ),
        (
            query(X_Amz_Credential="A%2F20130830%2Feu-west-1%2Frds-db%2Faws4_request"),
            "is signed for another day than its date",
        ),
        (query(X_Amz_Date="20130831T240000Z"), "has a malformed date"),
        (query(X_Amz_Date="20130831T120060Z"), "has a malformed date"),
        (query(X_Amz_Date="20130831T1200Z"), "has a malformed date"),
        (query(X_Amz_Date="20130831T120000"), "has a malformed date"),
        (query(X_Amz_Signature="0" * 63), "has a malformed signature"),
        (query(X_Amz_Signature="0123456789ABCDEF" * 4), "has a malformed signature"),
        *(
            (query(X_Amz_Expires=value), "is not valid for 1 to 900 seconds")
            for value in ("0", "901", "999", "1000", "-1", "0900", "9e2", "900.0", "%D9%A1")
        ),
    ],
)
def test_why_it_is_refused(text: str, expected: str) -> None:
    assert reason(text) == expected


@pytest.mark.parametrize("day", ["20130231", "00000101", "99999999"])
def test_a_day_that_is_none(day: str) -> None:
    credential = f"A%2F{day}%2Feu-west-1%2Frds-db%2Faws4_request"
    assert reason(query(X_Amz_Credential=credential, X_Amz_Date=f"{day}T120000Z")) == "has a malformed date"


def test_its_time() -> None:
    found = read(query(X_Amz_Expires="60"))
    for now in (MADE - 5, MADE, MADE + 59.9):
        found.check_time(now, 5)
    for now, expected in ((MADE + 60, "has expired"), (MADE - 5.1, "is from the future")):
        with pytest.raises(TokenError) as caught:
            found.check_time(now, 5)
        assert caught.value.reason == expected
