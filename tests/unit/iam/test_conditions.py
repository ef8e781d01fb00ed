"""Conditions: each operator and key, missing keys, IfExists, and what is not understood."""

import ipaddress
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.iam.conditions import Circumstances, parse_conditions

ROLE = "arn:aws:iam::123456789012:role/app"
NOW = 1_377_950_400.0  # 2013-08-31T12:00:00Z
GIVEN = Circumstances(ROLE, ipaddress.ip_address("192.0.2.10"), True, NOW)


def hold(block: Any, given: Circumstances = GIVEN, **changes: Any) -> bool:
    conditions, problems = parse_conditions(block)
    assert problems == ()
    return all(condition.holds(attrs.evolve(given, **changes)) for condition in conditions)


def at(address: str | None) -> Circumstances:
    return attrs.evolve(GIVEN, source=address and ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("192.0.2.0/24", True),
        ("192.0.2.10", True),
        ("192.0.2.99/24", True),
        ("0.0.0.0/0", True),
        ("198.51.100.0/24", False),
        (["198.51.100.0/24", "192.0.2.10/32"], True),
        ("2001:db8::/32", False),
        ("::/0", False),
    ],
)
def test_source_address(value: Any, expected: bool) -> None:
    assert hold({"IpAddress": {"aws:SourceIp": value}}) is expected
    assert hold({"NotIpAddress": {"aws:SourceIp": value}}) is not expected
    assert hold({"IpAddressIfExists": {"AWS:sourceip": value}}) is expected


def test_source_address_of_ipv6() -> None:
    assert hold({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, at("2001:db8::1"))
    assert not hold({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}, at("2001:db9::1"))


def test_a_client_without_an_address() -> None:
    assert not hold({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, at(None))
    assert hold({"IpAddressIfExists": {"aws:SourceIp": "0.0.0.0/0"}}, at(None))
    assert hold({"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, at(None))


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), (True, True), ("TRUE", True), ("false", False), (False, False)]
)
def test_secure_transport(value: Any, expected: bool) -> None:
    assert hold({"Bool": {"aws:SecureTransport": value}}) is expected
    assert hold({"Bool": {"aws:SecureTransport": value}}, secure=False) is not expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("StringEquals", ROLE, True),
        ("StringEquals", ROLE.upper(), False),
        ("StringEquals", "arn:*", False),
        ("StringEqualsIgnoreCase", ROLE.upper(), True),
        ("StringLike", "arn:aws:iam::*:role/a?p", True),
        ("StringLike", "arn:aws:iam::*:role/b*", False),
        ("StringLike", ["x", "*/app"], True),
        ("ArnLike", "arn:aws:iam::*:role/*", True),
        ("ArnEquals", "arn:aws:iam::*:role/*", True),
        ("ArnEquals", "arn:aws:iam::*", None),
        ("ArnLike", "arn:aws:iam::1:role/*", False),
    ],
)
def test_principal(operator: str, value: Any, expected: bool | None) -> None:
    negated = operator.replace("String", "StringNot").replace("Arn", "ArnNot")
    block = {operator: {"aws:PrincipalArn": value}}
    if expected is None:
        assert parse_conditions(block)[1] == (f"{value!r} is not an ARN",)
        return
    assert hold(block) is expected
    assert hold({negated: {"aws:PrincipalArn": value}}) is not expected
    assert hold({f"{operator}IfExists": {"aws:PrincipalArn": value}}) is expected


def test_of_several_values_none_may_match_where_it_is_negated() -> None:
    assert not hold({"StringNotEquals": {"aws:PrincipalArn": ["x", ROLE]}})
    assert hold({"StringNotEquals": {"aws:PrincipalArn": ["x", "y"]}})


def test_account() -> None:
    assert hold({"StringEquals": {"aws:PrincipalAccount": "123456789012"}})
    assert not hold({"StringEquals": {"aws:PrincipalAccount": "123456789013"}})
    assert not hold({"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, principal="nobody")


@pytest.mark.parametrize(
    ("operator", "before", "same", "after"),
    [
        ("DateLessThan", False, False, True),
        ("DateLessThanEquals", False, True, True),
        ("DateGreaterThan", True, False, False),
        ("DateGreaterThanEquals", True, True, False),
        ("DateEquals", False, True, False),
        ("DateNotEquals", True, False, True),
    ],
)
@pytest.mark.parametrize("key", ["aws:CurrentTime", "aws:EpochTime"])
def test_time(operator: str, key: str, before: bool, same: bool, after: bool) -> None:
    for moment, expected in (
        ("2013-08-31T11:59:59Z", before),
        ("2013-08-31T12:00:00Z", same),
        (str(int(NOW) + 1), after),
    ):
        assert hold({operator: {key: moment}}) is expected


def test_a_time_tells_when_its_answer_may_change() -> None:
    (condition,), _ = parse_conditions({"DateLessThan": {"aws:CurrentTime": "2013-08-31T13:00:00Z"}})
    assert NOW + 3600 in condition.moments


def test_all_operators_and_keys_have_to_hold() -> None:
    block = {
        "StringLike": {"aws:PrincipalArn": "*", "aws:PrincipalAccount": "1*"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    assert hold(block)
    assert not hold(block, secure=False)
    assert not hold({**block, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    assert hold({})


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ([], "Condition is not an object"),
        ("x", "Condition is not an object"),
        ({"Bool": "true"}, "'Bool' is not an object"),
        ({"Null": {"aws:SourceIp": "true"}}, "unknown condition operator 'Null'"),
        ({"ipaddress": {"aws:SourceIp": "::1"}}, "unknown condition operator 'ipaddress'"),
        (
            {"ForAnyValue:StringLike": {"aws:PrincipalArn": "*"}},
            "unknown condition operator 'ForAnyValue:StringLike'",
        ),
        (
            {"StringEquals": {"aws:RequestedRegion": "x"}},
            "unknown condition key 'aws:RequestedRegion' of StringEquals",
        ),
        ({"StringEquals": {"aws:SourceIp": "::1"}}, "unknown condition key 'aws:SourceIp' of StringEquals"),
        (
            {"ArnLike": {"aws:PrincipalAccount": "*"}},
            "unknown condition key 'aws:PrincipalAccount' of ArnLike",
        ),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}, "'10.0.0.0/33' is not a network"),
        ({"IpAddress": {"aws:SourceIp": []}}, "IpAddress has no value"),
        ({"IpAddress": {"aws:SourceIp": [None]}}, "a value of IpAddress is not a string"),
        ({"IpAddress": {"aws:SourceIp": {"a": "b"}}}, "a value of IpAddress is not a string"),
        ({"Bool": {"aws:SecureTransport": "yes"}}, "a value of Bool is neither true nor false"),
        (
            {"StringLike": {"aws:PrincipalArn": "${aws:username}"}},
            "a policy variable in a value of StringLike",
        ),
        ({"DateLessThan": {"aws:CurrentTime": "tomorrow"}}, "'tomorrow' is not a time"),
    ],
)
def test_what_is_not_understood(block: Any, problem: str) -> None:
    assert parse_conditions(block) == ((), (problem,))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["IpAddress", "NotIpAddress", "Bool", "StringLike", "ArnLike", "DateEquals", "IfExists", ""]
)
keys = st.sampled_from(["aws:SourceIp", "aws:SecureTransport", "aws:PrincipalArn", "aws:CurrentTime", ""])


@given(json_values | st.dictionaries(names, json_values | st.dictionaries(keys, json_values)))
def test_any_block_is_read(block: Any) -> None:
    conditions, _ = parse_conditions(block)
    for condition in conditions:
        assert condition.holds(GIVEN) in (True, False)
