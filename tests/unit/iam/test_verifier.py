"""Verdicts: each check on its own, with tokens whose signature is right, and what the log is told."""

from typing import Any

import attrs
import pytest

from proxy.credentials import Password
from proxy.iam import verifier as module
from proxy.iam.keys import AccessKey
from proxy.iam.policy import parse_policy
from proxy.iam.presigned import TokenError
from proxy.iam.verifier import TokenOptions, Verdict

from .signing import (
    ACCOUNT,
    HOST,
    LONG_LIVED,
    OPTIONS,
    PRINCIPAL,
    REGION,
    RESOURCE_ID,
    SIGNERS,
    TEMPORARY,
    Signer,
    allow,
    boto3_token,
    issued_at,
    odd_token,
    verifier_at,
)

NAMES = frozenset([f"{HOST}:3306", "127.0.0.1:3306"])


def verdict(
    token: bytes,
    *keys: AccessKey,
    after: float = 0.0,
    user: str = "app",
    names: frozenset[str] = NAMES,
    address: str = "192.0.2.1",
    options: TokenOptions = OPTIONS,
) -> Verdict:
    return verifier_at(issued_at(token) + after, *keys, options=options).verify(
        token, user, names, address, True
    )


def with_policy(*policies: Any) -> AccessKey:
    return LONG_LIVED.key(policies=tuple(parse_policy(policy) for policy in policies))


@pytest.mark.parametrize("signer", SIGNERS)
def test_a_good_token(signer: Signer) -> None:
    token = boto3_token(signer)
    found = verdict(token)
    assert found == Verdict(True, "", PRINCIPAL, signer.access_key_id, issued_at(token) + 900)


def test_what_it_is_compared_with() -> None:
    for token, reason in (
        (boto3_token(user="other"), "the token is for another user"),
        (boto3_token(host="other.example.com"), "the token is for another endpoint"),
        (boto3_token(port=3307), "the token is for another endpoint"),
        (boto3_token(region="us-east-1"), "the token is for another region"),
        (odd_token(service="rds"), "the token is signed for another service"),
        (odd_token(expires=901), "the token is not valid for 1 to 900 seconds"),
        (odd_token(expires=604_800), "the token is not valid for 1 to 900 seconds"),
        (odd_token(headers={"x-amz-foo": "1"}), "the token signs other headers than host"),
        (odd_token(parameters={"Action": "connect", "DBUser": "app", "X": "1"}), None),
        (odd_token(parameters={"Action": "connect"}), "the token lacks a parameter"),
        (odd_token(parameters={"Action": "Connect", "DBUser": "app"}), None),
        (boto3_token(Signer("AKIAOTHER", LONG_LIVED.secret)), "the token's access key is not known"),
    ):
        found = verdict(token)
        assert not found.allowed
        assert found.principal == ""
        assert reason in (None, found.reason)


def test_a_wrong_secret_or_session_token() -> None:
    for signer in (
        Signer(LONG_LIVED.access_key_id, "wrong"),
        Signer(LONG_LIVED.access_key_id, LONG_LIVED.secret + "x"),
        Signer(LONG_LIVED.access_key_id, LONG_LIVED.secret, "session"),
        Signer(TEMPORARY.access_key_id, TEMPORARY.secret),
        Signer(TEMPORARY.access_key_id, TEMPORARY.secret, "other"),
        Signer(TEMPORARY.access_key_id, "wrong", TEMPORARY.session_token),
        Signer(LONG_LIVED.access_key_id, TEMPORARY.secret),
    ):
        found = verdict(boto3_token(signer))
        expected = "the token's signature or session token is wrong"
        assert found == Verdict(False, expected, "", signer.access_key_id)


def test_an_empty_session_token_is_none() -> None:
    """SDKs send one where the environment has it empty."""
    signer = Signer(LONG_LIVED.access_key_id, LONG_LIVED.secret, "")
    assert b"X-Amz-Security-Token=&" in boto3_token(signer) + b"&"
    assert verdict(boto3_token(signer)).allowed
    assert not verdict(boto3_token(signer), TEMPORARY.key()).allowed


@pytest.mark.parametrize("host", ["Proxy.Example.COM", HOST, "127.0.0.1"])
@pytest.mark.parametrize("port", [3306, 443])
def test_names_of_the_endpoint(host: str, port: int) -> None:
    names = frozenset([f"{host}:{port}".lower()])
    assert verdict(boto3_token(host=host, port=port), names=names).allowed
    assert not verdict(boto3_token(host=host, port=port), names=frozenset([host.lower()])).allowed


def test_a_host_signed_as_it_was_given_is_good_too() -> None:
    """botocore signs it in lower case, others do not."""
    given = "Proxy.Example.com"
    token = odd_token(endpoint=f"{given}:3306", headers={"host": f"{given}:3306"})
    assert token.startswith(given.encode())
    assert verdict(token).allowed


def test_its_time() -> None:
    token = odd_token(expires=60)
    assert verdict(token, after=59.9).allowed
    assert verdict(token, after=60).reason == "the token has expired"
    assert verdict(token, after=-300).allowed
    assert verdict(token, after=-301).reason == "the token is from the future"
    exact = attrs.evolve(OPTIONS, clock_skew=0)
    assert verdict(token, after=-1, options=exact).reason == "the token is from the future"


def test_the_end_of_a_key() -> None:
    token = boto3_token(TEMPORARY)
    end = issued_at(token) + 100
    key = TEMPORARY.key(expires_at=end)
    assert verdict(token, key, after=99).expires_at == end
    found = verdict(token, key, after=100)
    assert found == Verdict(False, "the access key has expired", PRINCIPAL, TEMPORARY.access_key_id)


def test_its_size() -> None:
    token = boto3_token(TEMPORARY)
    found = verdict(token, options=attrs.evolve(OPTIONS, max_token_size=1000))
    assert found.reason == "the token is longer than 1000 bytes"


def test_without_a_region_nobody_gets_in() -> None:
    found = verdict(boto3_token(), options=attrs.evolve(OPTIONS, region=""))
    assert found.reason == "the token cannot be verified: no region is configured"


def test_without_a_region_the_form_is_looked_at_all_the_same() -> None:
    """For somebody else to verify it, who knows."""
    token = boto3_token(region="us-east-1")
    verifier = verifier_at(issued_at(token), options=attrs.evolve(OPTIONS, region=""))
    assert verifier.examine(token, "app", NAMES).query.region == "us-east-1"
    with pytest.raises(TokenError, match="another user"):
        verifier.examine(token, "eve", NAMES)


@pytest.mark.parametrize(
    ("user", "let_in"), [("app", True), ("ap*", True), ("*", True), ("root", False), ("App", False)]
)
def test_its_principal_needs_a_policy(user: str, let_in: bool) -> None:
    found = verdict(boto3_token(), with_policy(allow(user)))
    assert found.allowed is let_in
    assert found.reason == ("" if let_in else "no policy allows it")
    assert (found.principal, found.access_key_id) == (PRINCIPAL, LONG_LIVED.access_key_id)


def test_a_policy_for_another_proxy_account_or_region() -> None:
    for part, other in ((RESOURCE_ID, "prx-other"), (ACCOUNT, "999999999999"), (REGION, "us-east-1")):
        policy = allow("app")
        policy["Statement"][0]["Resource"] = policy["Statement"][0]["Resource"].replace(part, other)
        assert verdict(boto3_token(), with_policy(policy)).reason == "no policy allows it"


def test_a_refusal_tells_what_was_wanted() -> None:
    """For the log: what to add to the policies or to the names of the endpoint."""
    wanted = f"for arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{RESOURCE_ID}/app"
    assert verdict(boto3_token(), with_policy()).claim == wanted
    assert verdict(boto3_token(), with_policy(allow("app"))).claim == ""
    verifier = verifier_at(issued_at(boto3_token()))
    for token, claim in (
        (boto3_token(host="db.example.com"), "for db.example.com:3306"),
        (boto3_token(region="us-east-1"), "for region us-east-1"),
        (boto3_token(user="eve"), "for user eve"),
    ):
        assert verifier.verify(token, "app", NAMES, "", True).claim == claim


def test_no_policy_and_a_denial() -> None:
    assert verdict(boto3_token(), with_policy()).reason == "no policy allows it"
    assert verdict(boto3_token(), with_policy(allow(), allow(Effect="Deny"))).reason == "a policy denies it"


def test_conditions_on_address_encryption_and_principal() -> None:
    here = {
        "IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
        "Bool": {"aws:SecureTransport": "true"},
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"},
    }
    key = with_policy(allow(Condition=here))
    assert verdict(boto3_token(), key).allowed
    assert verdict(boto3_token(), key, address="::ffff:192.0.2.7").allowed
    for address in ("198.51.100.1", "::1", ""):
        assert verdict(boto3_token(), key, address=address).reason == "no policy allows it"
    assert verdict(boto3_token(), address="somewhere").reason == "the client's address is not known"


def test_a_verdict_ends_when_a_condition_may() -> None:
    token = boto3_token()
    end = int(issued_at(token)) + 60
    key = with_policy(allow(Condition={"DateLessThan": {"aws:CurrentTime": str(end)}}))
    assert verdict(token, key, after=1).expires_at == end
    assert verdict(token, key, after=61).reason == "no policy allows it"


def test_a_principal_that_proved_itself_otherwise_is_asked_about_alike() -> None:
    verifier = verifier_at(1000.0)
    policies = [parse_policy(allow("app"))]
    found = verifier.authorise(PRINCIPAL, policies, "app", "192.0.2.1", True, 1900.0)
    assert found == Verdict(True, "", PRINCIPAL, "", 1900.0)
    assert not verifier.authorise(PRINCIPAL, policies, "root", "192.0.2.1", True, 1900.0).allowed
    assert not verifier.authorise(PRINCIPAL, [], "app", "192.0.2.1", True, 1900.0).allowed


def test_a_token_that_somebody_else_verifies() -> None:
    token = boto3_token(Signer("AKIAOTHER", "unknown"), host="db.example.com")
    verifier = verifier_at(issued_at(token))
    found = verifier.examine(token, "app", frozenset(["db.example.com:3306"]))
    assert found.query.expires_at == issued_at(token) + 900
    with pytest.raises(TokenError, match="is for another endpoint"):
        verifier.examine(token, "app", NAMES)


def test_other_keys_and_options() -> None:
    token = boto3_token()
    verifier = verifier_at(issued_at(token), TEMPORARY.key())
    assert not verifier.verify(token, "app", NAMES, "", True).allowed
    verifier.replace(module.KeyStore([LONG_LIVED.key()]), OPTIONS)
    assert verifier.verify(token, "app", NAMES, "", True).allowed


def test_an_unknown_key_costs_what_a_wrong_signature_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: the same steps are taken."""
    steps: list[str] = []
    for name in ("signing_key", "signature"):
        original = getattr(module, name)

        def counted(*args: Any, _name: str = name, _original: Any = original) -> Any:
            steps.append(_name)
            return _original(*args)

        monkeypatch.setattr(module, name, counted)
    taken = []
    for signer in (LONG_LIVED, Signer("AKIAOTHER", "x"), Signer(LONG_LIVED.access_key_id, "x")):
        steps.clear()
        verdict(boto3_token(signer, "Proxy.example.com"))
        taken.append(list(steps))
    assert taken[0] == taken[1] == taken[2] == ["signing_key", "signature", "signature"]


def test_nothing_shows_a_secret() -> None:
    key = TEMPORARY.key(expires_at=1.0)
    token = boto3_token(TEMPORARY)
    verifier = verifier_at(issued_at(token), key)
    found = verifier.examine(token, "app", NAMES)
    shown = f"{key!r} {key} {found!r} {verdict(token)!r} {vars(verifier)!r} {key.secret_access_key}"
    for hidden in (TEMPORARY.secret, str(TEMPORARY.session_token), token.decode()[-64:], token.decode()):
        assert hidden not in shown
    assert isinstance(key.secret_access_key, Password)
