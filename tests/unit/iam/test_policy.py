"""Policies: what they allow and deny, and that nothing that is not understood lets anybody in."""

import ipaddress
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.iam.conditions import Circumstances
from proxy.iam.policy import Policy, PolicyError, Resource, decide, parse_policy

USER = "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-1/app"
RESOURCE = Resource("eu-west-1", "123456789012", "dbuser:prx-1/app")
GIVEN = Circumstances("arn:aws:iam::123456789012:user/app", ipaddress.ip_address("192.0.2.1"), True, 1000.0)
ELSEWHERE = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
HERE = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
UNKNOWN = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    found = {"Effect": effect, "Action": "rds-db:connect", "Resource": USER, **elements}
    return {name: value for name, value in found.items() if value is not None}


def allowed(*statements: Any) -> bool:
    return decide([parse_policy({"Statement": list(statements)})], RESOURCE, GIVEN).allowed


def test_what_nothing_allows_is_denied() -> None:
    decision = decide([], RESOURCE, GIVEN)
    assert (decision.allowed, decision.reason) == (False, "no policy allows it")


def test_what_one_statement_allows_is_allowed() -> None:
    assert allowed(statement())
    assert allowed(statement(Resource="*"))
    assert allowed(statement(Resource=["arn:aws:rds-db:*:*:dbuser:x/*", USER]))
    assert decide([parse_policy({"Statement": statement()})], RESOURCE, GIVEN).allowed


def test_a_denial_wins_wherever_it_stands() -> None:
    assert not allowed(statement(), statement("Deny"))
    assert not allowed(statement("Deny"), statement())
    both = [parse_policy({"Statement": statement()}), parse_policy({"Statement": statement("Deny")})]
    decision = decide(both, RESOURCE, GIVEN)
    assert (decision.allowed, decision.reason) == (False, "a policy denies it")
    assert not decide(both[::-1], RESOURCE, GIVEN).allowed


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("rds-db:connect", True),
        ("RDS-DB:Connect", True),
        ("rds-db:*", True),
        ("*", True),
        ("rds-db:conn?ct", True),
        (["s3:GetObject", "rds-db:connect"], True),
        ("rds:connect", False),
        ("rds-db:connec", False),
        ("rds-db", False),
        ("", False),
    ],
)
def test_actions(action: Any, expected: bool) -> None:
    assert allowed(statement(Action=action)) is expected
    assert allowed(statement(Action=None, NotAction=action)) is not expected
    assert allowed(statement(), statement("Deny", Action=action)) is not expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (USER, True),
        ("*", True),
        ("arn:aws:rds-db:*:*:dbuser:prx-1/*", True),
        ("arn:aws:rds-db:*:*:dbuser:prx-1/App", False),
        ("arn:aws:rds-db:us-east-1:*:*", False),
        (["arn:aws:s3:::x", USER], True),
    ],
)
def test_resources(resource: Any, expected: bool) -> None:
    assert allowed(statement(Resource=resource)) is expected
    assert allowed(statement(Resource=None, NotResource=resource)) is not expected
    assert allowed(statement(), statement("Deny", Resource=resource)) is not expected
    assert allowed(statement(), statement("Deny", Resource=None, NotResource=resource)) is expected


def test_conditions() -> None:
    assert allowed(statement(Condition=HERE))
    assert not allowed(statement(Condition=ELSEWHERE))
    assert not allowed(statement(), statement("Deny", Condition=HERE))
    assert allowed(statement(), statement("Deny", Condition=ELSEWHERE))


VARIABLE = "arn:aws:rds-db:*:*:dbuser:*/${aws:username}"


@pytest.mark.parametrize(
    "unknown", [{"Condition": UNKNOWN}, {"Resource": "app"}, {"Resource": [USER, VARIABLE]}]
)
def test_what_is_not_understood_allows_nothing_and_denies(unknown: dict[str, Any]) -> None:
    assert not allowed(statement(**unknown))
    assert not allowed(statement(), statement("Deny", **unknown))


def test_what_is_not_understood_leaves_the_rest_of_a_denial_as_it_is() -> None:
    assert allowed(statement(), statement("Deny", Condition={**UNKNOWN, **ELSEWHERE}))
    assert not allowed(statement(), statement("Deny", Condition={**UNKNOWN, **HERE}))
    assert allowed(statement(), statement("Deny", Resource="arn:aws:s3:::x", Condition=UNKNOWN))
    assert allowed(statement(), statement("Deny", Action="s3:*", Resource="x", Condition=UNKNOWN))
    assert allowed(statement(), statement("Deny", Resource=None, NotResource=[USER, "x"]))
    assert not allowed(statement(), statement("Deny", Resource=None, NotResource=VARIABLE))
    assert not allowed(statement(Resource=None, NotResource=VARIABLE))


def test_it_is_warned_of() -> None:
    document = {"Statement": [statement(Condition=UNKNOWN), statement("Deny", Resource=["x", VARIABLE])]}
    assert parse_policy(document).warnings == (
        "statement 1 allows nothing: unknown condition key 'aws:RequestedRegion' of StringEquals",
        "statement 2 denies whatever that may mean: resource 'x' is not an ARN, "
        f"resource '{VARIABLE}' holds a policy variable",
    )
    assert parse_policy({"Statement": statement()}).warnings == ()


def test_a_decision_ends_with_the_next_time_in_a_condition() -> None:
    def until(*statements: Any) -> float:
        return decide([parse_policy({"Statement": list(statements)})], RESOURCE, GIVEN).until

    assert until(statement()) == float("inf")
    assert until(statement(Condition={"DateLessThan": {"aws:EpochTime": "2000"}})) == 2000
    later = statement("Deny", Condition={"DateGreaterThan": {"aws:EpochTime": "1500"}})
    assert allowed(statement(), later)
    assert until(statement(), later) == 1500


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "is not an object"),
        ([], "is not an object"),
        ("[]", "is not an object"),
        ("{", "is not valid JSON, or has a name twice"),
        ('{"Statement": [], "Statement": []}', "is not valid JSON, or has a name twice"),
        ("[" * 100_000, "is not valid JSON, or has a name twice"),
        ({}, "has no Statement"),
        ({"Statement": []}, "has no Statement"),
        ({"Statement": "x"}, "has no Statement"),
        ({"Statement": statement(), "Version": "2013-01-01"}, "has an unknown Version"),
        ({"Statement": statement(), "Version": []}, "has an unknown Version"),
        ({"statement": statement()}, "has an unknown element 'statement'"),
        ({"Statement": [1]}, "statement 1 is not an object"),
        ({"Statement": [statement(), statement("allow")]}, "statement 2 has no Effect of Allow or Deny"),
        ({"Statement": statement(Effect=["Deny"])}, "statement 1 has no Effect of Allow or Deny"),
        ({"Statement": statement(Principal="*")}, "statement 1 has an unknown element 'Principal'"),
        ({"Statement": statement(conditions={})}, "statement 1 has an unknown element 'conditions'"),
        ({"Statement": statement(Action=None)}, "statement 1 needs either Action or NotAction"),
        ({"Statement": statement(NotAction="x")}, "statement 1 needs either Action or NotAction"),
        ({"Statement": statement(NotResource="*")}, "statement 1 needs either Resource or NotResource"),
        ({"Statement": statement(Resource=[])}, "statement 1 Resource is not a list of strings"),
        ({"Statement": statement(Resource=[1])}, "statement 1 Resource is not a list of strings"),
        ({"Statement": statement(Action=3)}, "statement 1 Action is not a list of strings"),
        ({"Statement": statement(Action={"a": "b"})}, "statement 1 Action is not a list of strings"),
    ],
    ids=range(24),
)
def test_what_is_no_policy(document: Any, reason: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    assert caught.value.reason == reason


def test_its_json_text_is_a_policy() -> None:
    text = json.dumps({"Version": "2012-10-17", "Id": "x", "Statement": [statement(Sid="s")]})
    assert decide([parse_policy(text)], RESOURCE, GIVEN).allowed


def test_in_the_place_of_one_that_cannot_be_read() -> None:
    assert not decide([parse_policy({"Statement": statement()}), Policy.deny_all()], RESOURCE, GIVEN).allowed


effects = st.sampled_from(["Allow", "Deny"])
actions = st.sampled_from(["rds-db:connect", "rds-db:*", "s3:*", "*"])
resources = st.sampled_from(
    [USER, "*", "arn:aws:s3:::x", "arn:aws:rds-db:*:*:dbuser:prx-1/a*", "nonsense", VARIABLE]
)
blocks = st.sampled_from([{}, HERE, ELSEWHERE, UNKNOWN, {**UNKNOWN, **HERE}])
statements = st.fixed_dictionaries(
    {"Effect": effects, "Action": actions, "Resource": resources, "Condition": blocks}
) | st.fixed_dictionaries(
    {"Effect": effects, "NotAction": actions, "NotResource": resources, "Condition": blocks}
)


@given(st.lists(statements, min_size=1, max_size=6), statements)
def test_a_further_denial_never_lets_anybody_in(listed: list[Any], further: Any) -> None:
    before = allowed(*listed)
    assert not allowed(*listed, {**further, "Effect": "Deny"}) or before
    assert allowed(*listed, {**further, "Effect": "Allow"}) or not before
    assert not allowed(*listed, statement("Deny"))
    assert any(each["Effect"] == "Allow" for each in listed) or not before


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
elements = st.sampled_from(["Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Sid"])


@given(
    json_values | st.fixed_dictionaries({"Statement": json_values | st.dictionaries(elements, json_values)})
)
def test_no_other_error_than_that_it_is_no_policy(document: Any) -> None:
    try:
        policy = parse_policy(document)
    except PolicyError:
        return
    assert isinstance(policy, Policy)
