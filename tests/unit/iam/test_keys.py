"""Principals by what they are called, and their policies."""

import pytest

from proxy.iam.keys import NO_KEYS, KeyStore, PrincipalRule, Principals, principal_arn
from proxy.iam.policy import Policy, parse_policy

from .signing import LONG_LIVED, TEMPORARY, allow

ACCOUNT = "arn:aws:iam::123456789012"


@pytest.mark.parametrize(
    ("text", "principal"),
    [
        (f"{ACCOUNT}:user/app", f"{ACCOUNT}:user/app"),
        (f"{ACCOUNT}:user/team/app", f"{ACCOUNT}:user/team/app"),
        (f"{ACCOUNT}:root", f"{ACCOUNT}:root"),
        (f"{ACCOUNT}:role/app", f"{ACCOUNT}:role/app"),
        (f"{ACCOUNT}:role/team/a/app", f"{ACCOUNT}:role/app"),
        ("arn:aws:sts::123456789012:assumed-role/app/i-0123", f"{ACCOUNT}:role/app"),
        ("arn:aws-cn:sts::123456789012:assumed-role/app/a@b", "arn:aws-cn:iam::123456789012:role/app"),
        ("arn:aws:sts::123456789012:federated-user/x", "arn:aws:sts::123456789012:federated-user/x"),
        (f"{ACCOUNT}:role/app-*", f"{ACCOUNT}:role/app-*"),
        (f"{ACCOUNT}:role/team/*", f"{ACCOUNT}:role/team/*"),
        (f"{ACCOUNT}:*", f"{ACCOUNT}:*"),
    ],
)
def test_a_principal(text: str, principal: str) -> None:
    assert principal_arn(text) == principal
    assert principal_arn(principal) == principal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "app",
        "arn:aws:iam::123456789012:group/app",
        "arn:aws:iam::12345678901:user/app",
        "arn:aws:iam::*:user/app",
        "arn:aws:iam:eu-west-1:123456789012:user/app",
        "arn:gcp:iam::123456789012:user/app",
        "arn:aws:sts::123456789012:assumed-role/app",
        "arn:aws:sts::123456789012:assumed-role/app/a/b",
        "arn:aws:iam::123456789012:user/",
        "arn:aws:iam::123456789012:root/x",
        "arn:aws:iam::123456789012:user/app\n",
        " arn:aws:iam::123456789012:user/app",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN"):
        principal_arn(text)


def test_keys_by_their_id() -> None:
    store = KeyStore([LONG_LIVED.key(), TEMPORARY.key()])
    assert (
        getattr(store.find(TEMPORARY.access_key_id), "session_token", None) == TEMPORARY.key().session_token
    )
    assert store.find("") is None
    assert (len(store), len(NO_KEYS)) == (2, 0)
    assert {key.access_key_id for key in store} == {LONG_LIVED.access_key_id, TEMPORARY.access_key_id}


def test_the_stand_in_is_nobodys_to_know() -> None:
    assert KeyStore().stand_in.secret_access_key != KeyStore().stand_in.secret_access_key


def rule(pattern: str, user: str) -> PrincipalRule:
    return PrincipalRule(pattern, (policy(user),))


def policy(user: str) -> Policy:
    return parse_policy(allow(user, Sid=user))


def test_all_rules_that_fit_count() -> None:
    patterns = ("role/a", "role/*", "role/a", "role/b*")
    rules = Principals([rule(f"{ACCOUNT}:{pattern}", pattern) for pattern in patterns])
    assert len(rules.policies_of(f"{ACCOUNT}:role/a") or ()) == 3
    assert len(rules.policies_of(f"{ACCOUNT}:role/bc") or ()) == 2
    assert rules.policies_of(f"{ACCOUNT}:user/a") is None
    assert len(rules) == 3
