"""Presigned identities, made by botocore: what the proxy would ask STS, and what it would not."""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proxy.iam.keys import PrincipalRule, Principals
from proxy.iam.policy import parse_policy
from proxy.iam.presigned import TokenError
from proxy.iam.sts import (
    ENDPOINT_HEADER,
    PREFIX,
    PresignedIdentity,
    is_presigned,
    map_principal,
    parse_presigned,
    sts_hosts_of,
)

from .signing import HOST, LONG_LIVED, REGION, SIGNERS, Signer, allow, issued_at, presigned

NAME = f"{HOST}:3306"
STS = f"sts.{REGION}.amazonaws.com"
CALL = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
HOSTS = sts_hosts_of(REGION) | {"sts.test:8443"}


def password(signer: Signer = LONG_LIVED, host: str = STS, name: str = NAME, **changes: Any) -> bytes:
    parameters = {**CALL, **changes.pop("parameters", {})}
    headers = changes.pop("headers", {ENDPOINT_HEADER: name})
    url = presigned(
        f"https://{host}/", parameters, changes.pop("service", "sts"), signer, headers=headers, **changes
    )
    return PREFIX + url.encode()


def read(sent: bytes, names: frozenset[str] = frozenset([NAME]), after: float = 0.0) -> PresignedIdentity:
    return parse_presigned(sent, names, HOSTS, issued_at(sent) + after)


def reason(sent: bytes, **changes: Any) -> str:
    with pytest.raises(TokenError) as caught:
        read(sent, **changes)
    assert sent[-64:].decode("latin-1") not in caught.value.reason
    return caught.value.reason


@pytest.mark.parametrize("signer", SIGNERS)
@pytest.mark.parametrize("host", [STS, "sts.amazonaws.com", "sts.test:8443"])
def test_what_is_asked(signer: Signer, host: str) -> None:
    sent = password(signer, host)
    found = read(sent)
    assert PREFIX + found.url.encode() == sent
    assert found.headers == (("x-rds-proxy-endpoint", NAME),)
    assert (found.host, found.access_key_id) == (host, signer.access_key_id)
    assert found.expires_at == issued_at(sent) + 900
    assert sent[-64:].decode() not in repr(found)


def test_the_name_is_not_in_the_url() -> None:
    """The proxy adds its own, so that a URL signed for another proxy is one that STS refuses."""
    assert NAME.encode() not in password()
    assert read(password(name="other:3306")).headers == (("x-rds-proxy-endpoint", NAME),)


def test_one_of_several_names() -> None:
    names = frozenset([NAME, "127.0.0.1:3306"])
    assert read(password() + b"#127.0.0.1:3306", names).headers == ((ENDPOINT_HEADER, "127.0.0.1:3306"),)
    assert "#" not in read(password() + b"#" + NAME.encode(), names).url
    assert reason(password(), names=names) == "does not say which of the endpoint's names it is for"
    for other in (
        b"#",
        b"#other:3306",
        b"#" + NAME.upper().encode(),
        b"#a#b",
        b"#" + NAME.encode() + b"\r\nx: y",
    ):
        assert reason(password() + other, names=names) in (
            "is for another endpoint",
            "is not in the form of a presigned identity",
        )
    assert reason(password(), names=frozenset()) == "does not say which of the endpoint's names it is for"


def test_its_time() -> None:
    assert read(password(), after=899.9)
    assert reason(password(), after=900) == "has expired"
    assert reason(password(), after=-301) == "is from the future"
    assert reason(password(expires=901)) == "is not valid for 1 to 900 seconds"


OTHER_HOSTS = (
    "sts.us-east-1.amazonaws.com",
    "evil.example.com",
    f"{STS}.evil.com",
    f"x{STS}",
    "STS.amazonaws.com",
    f"{STS}:443",
    "127.0.0.1",
    "169.254.169.254",
    "sts.test",
    "sts.test:8444",
)


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_other_hosts_are_never_asked(host: str) -> None:
    good = password().decode()
    assert reason(good.replace(STS, host).encode()) == "is for a host that is not one of sts_hosts"


@pytest.mark.parametrize(
    "change",
    [
        ("https://", "http://"),
        ("https://", ""),
        ("https://", "https://a@"),
        ("https://", "https://a:b@"),
        ("https://", " https://"),
        ("/?", "/a?"),
        ("/?", "?"),
        ("/?", "//?"),
        (f"https://{STS}", f"https://{STS}#@evil.example.com"),
        (f"https://{STS}", f"https://{STS}\\@evil.example.com"),
        ("rds-proxy-sts:", ""),
        ("rds-proxy-sts:", "RDS-proxy-sts:"),
        ("https://", "file://"),
    ],
)
def test_other_urls_are_never_asked(change: tuple[str, str]) -> None:
    sent = password().decode().replace(*change, 1).encode()
    assert reason(sent) in (
        "is not in the form of a presigned identity",
        "is for a host that is not one of sts_hosts",
    )


def test_other_calls_are_never_made() -> None:
    another = "is for another call than GetCallerIdentity"
    assert reason(password(parameters={"Action": "GetSessionToken"})) == another
    assert reason(password(parameters={"Action": "getcalleridentity"})) == another
    assert reason(password(parameters={"Version": "2010-05-08"})) == another
    assert reason(password(parameters={"RoleArn": "x"})) == "has a parameter that does not belong there"
    assert reason(password(service="iam")) == "is signed for another service"
    assert reason(password(region="us-east-1")) == "is signed for another region than its host's"
    assert read(password(host="sts.amazonaws.com", region="us-east-1"))


def test_the_name_has_to_be_signed() -> None:
    expected = f"signs other headers than host and {ENDPOINT_HEADER}"
    assert reason(password(headers={})) == expected
    assert reason(password(headers={ENDPOINT_HEADER: NAME, "x-other": "a"})) == expected
    assert reason(password(headers={"x-k8s-aws-id": NAME})) == expected


def test_its_size() -> None:
    assert reason(password() + b"a" * 8192) == "is longer than 8192 bytes"


def test_what_is_meant_as_one() -> None:
    assert is_presigned(password())
    assert not is_presigned(b"secret")


GOOD = password()


@settings(deadline=None)
@given(data=st.data())
def test_no_change_gets_another_request_out_of_the_proxy(data: st.DataObject) -> None:
    """What may be asked is always GetCallerIdentity, of an allowed host, with the proxy's own name."""
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 10)))
    changed = (
        GOOD[:start] + data.draw(st.binary(max_size=10) | st.text(max_size=5).map(str.encode)) + GOOD[end:]
    )
    assume(changed != GOOD)
    try:
        found = parse_presigned(changed, frozenset([NAME]), HOSTS, issued_at(GOOD))
    except TokenError:
        return
    assert re.fullmatch(
        r"https://(sts\.eu-west-1\.amazonaws\.com|sts\.amazonaws\.com|sts\.test:8443)/\?[!-~]+", found.url
    )
    assert found.url.count("Action=GetCallerIdentity&") + found.url.endswith("Action=GetCallerIdentity") == 1
    assert found.headers == ((ENDPOINT_HEADER, NAME),)


@given(sent=st.binary(max_size=300))
def test_anything_can_be_sent(sent: bytes) -> None:
    for each in (sent, PREFIX + sent, PREFIX + b"https://sts.amazonaws.com/?" + sent):
        with pytest.raises(TokenError):
            parse_presigned(each, frozenset([NAME]), HOSTS, 0.0)


def test_hosts_of_a_region() -> None:
    assert sts_hosts_of("") == {"sts.amazonaws.com"}
    assert sts_hosts_of("eu-west-1") == {"sts.amazonaws.com", "sts.eu-west-1.amazonaws.com"}
    assert "sts.cn-north-1.amazonaws.com.cn" in sts_hosts_of("cn-north-1")


def test_whom_an_identity_stands_for() -> None:
    policy = parse_policy(allow("app"))
    rules = Principals([PrincipalRule("arn:aws:iam::123456789012:role/app-*", (policy,))])
    found = map_principal("arn:aws:sts::123456789012:assumed-role/app-1/session", rules)
    assert found is not None
    assert (found.arn, found.policies) == ("arn:aws:iam::123456789012:role/app-1", (policy,))
    for other in (
        "arn:aws:sts::123456789012:assumed-role/other/app-1",
        "arn:aws:sts::999999999999:assumed-role/app-1/session",
        "arn:aws:iam::123456789012:user/app-1",
        "",
        "nonsense",
    ):
        assert map_principal(other, rules) is None
