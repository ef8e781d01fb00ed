"""The form of a token around its query."""

import pytest

from proxy.iam.presigned import TokenError
from proxy.iam.token import parse_token

from .signing import HOST, SIGNERS, Signer, boto3_token, odd_token

LIMIT = 8192


def reason(token: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(TokenError) as caught:
        parse_token(token, limit)
    return caught.value.reason


@pytest.mark.parametrize("signer", SIGNERS)
def test_what_it_says(signer: Signer) -> None:
    token = parse_token(boto3_token(signer, "My-Proxy.Example.com", 3307, "dé f+&="), LIMIT)
    assert (token.host, token.port, token.username) == ("My-Proxy.Example.com", "3307", "dé f+&=")
    assert token.endpoint == "my-proxy.example.com:3307"
    assert token.query.access_key_id == signer.access_key_id
    assert bool(token.query.session_token) == bool(signer.session_token)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "my_proxy", "a-b.c-d.e"])
def test_hosts(host: str) -> None:
    assert parse_token(boto3_token(host=host), LIMIT).host == host


@pytest.mark.parametrize(
    ("host", "port", "signed"),
    [
        ("a.b", 3306, ["a.b:3306"]),
        ("A.b", 3306, ["A.b:3306", "a.b:3306"]),
        ("a.b", 443, ["a.b:443", "a.b"]),
        ("A.b", 443, ["A.b:443", "a.b:443", "A.b", "a.b"]),
    ],
)
def test_the_hosts_that_may_have_been_signed(host: str, port: int, signed: list[str]) -> None:
    assert list(parse_token(boto3_token(host=host, port=port), LIMIT).signed_hosts()) == signed


def test_its_size() -> None:
    token = boto3_token()
    assert parse_token(token, len(token)).username == "app"
    assert reason(token, len(token) - 1) == f"is longer than {len(token) - 1} bytes"


PLACES = b"""
/ host/ :3306/ host:/ host:0/ host:03306/ host:333306/ host:3306 host:3306// host:3306/a https://host:3306/
a@host:3306/ [host]:3306/ host:3306:3306/ %68ost:3306/ //host:3306/
""".split()


@pytest.mark.parametrize(
    "place",
    [*PLACES, b"", b"ho st:3306/", b"h\xc3\xb6st:3306/", b"\nhost:3306/", b"host:3306/\n", b"host:\xd9\xa1/"],
)
def test_a_place_that_is_none(place: bytes) -> None:
    _, _, query = boto3_token().partition(b"?")
    assert reason(place + b"?" + query) == "is not in the form of a database token"


def test_another_action_and_other_headers() -> None:
    other = odd_token(parameters={"Action": "DbConnect", "DBUser": "app"})
    assert reason(other) == "is for another action than connect"
    assert reason(odd_token(headers={"x-other": "a"})) == "signs other headers than host"


def test_it_is_long_enough_for_no_host_beyond_what_names_may_have() -> None:
    assert (
        reason(b"a" * 256 + boto3_token().removeprefix(HOST.encode()))
        == "is not in the form of a database token"
    )
