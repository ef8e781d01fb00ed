"""Signatures, against the example that AWS publishes and against botocore's."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.iam.signature import signature, signing_key
from proxy.iam.token import parse_token

from .signing import Signer, boto3_token, issued_at, odd_token, verifier_at


def test_the_signing_key_of_the_published_example() -> None:
    """From the developer guide: IAM, us-east-1, 30 August 2015."""
    key = signing_key(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


hosts = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,20}(\.[A-Za-z0-9]{1,10}){0,3}", fullmatch=True)
users = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32)
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
ids = st.from_regex(r"[A-Z0-9]{16,32}", fullmatch=True)
sessions = st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=300)


@settings(deadline=None, max_examples=100)
@given(
    host=hosts,
    port=st.integers(1, 65535) | st.just(443),
    user=users,
    key=ids,
    secret=secrets,
    session=sessions,
)
def test_botocore_signs_alike(
    host: str, port: int, user: str, key: str, secret: str, session: str | None
) -> None:
    signer = Signer(key, secret, session)
    token = odd_token(signer, f"{host}:{port}", parameters={"Action": "connect", "DBUser": user})
    verifier = verifier_at(issued_at(token), signer.key())
    verdict = verifier.verify(token, user, frozenset([f"{host}:{port}".lower()]), "192.0.2.1", True)
    assert verdict.allowed, verdict


def test_each_part_counts() -> None:
    query = parse_token(boto3_token(), 8192).query
    key = signing_key(b"k", "20150830", "us-east-1", "rds-db")
    base = (key, query.timestamp, "us-east-1", "rds-db", query.canonical, {"host": "a:1"})
    others = (
        signing_key(b"k", "20150831", "us-east-1", "rds-db"),
        "20150830T000000Z",
        "us-east-2",
        "rds",
        query.canonical + "&a=b",
        {"host": "a:2"},
    )
    for at, other in enumerate(others):
        assert signature(*base[:at], other, *base[at + 1 :]) != signature(*base)  # type: ignore[arg-type]
