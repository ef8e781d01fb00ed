"""Wildcards, against a plain recursive reading of them, and ARNs part by part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.iam.patterns import ArnPattern, glob, has_wildcard


def fits(pattern: str, text: str) -> bool:
    """What a pattern means, without any care for time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return fits(pattern[1:], text) or bool(text and fits(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


@given(st.text("ab*?\n.", max_size=8), st.text("ab*?\n.", max_size=8))
def test_wildcards(pattern: str, text: str) -> None:
    assert glob(pattern)(text) == fits(pattern, text)


@given(st.text(max_size=20))
def test_a_text_without_wildcards_stands_for_itself(text: str) -> None:
    if not has_wildcard(text):
        assert glob(text)(text)
        assert not glob(text)(text + "x")


@pytest.mark.parametrize("pattern", ["*a" * 40 + "b", "a*" * 40 + "b", "*" * 60 + "b", "*?" * 40 + "b"])
def test_a_pattern_with_many_wildcards_takes_no_time(pattern: str) -> None:
    """Not by a clock: the plain way would not be done before the stars are cold."""
    assert not glob(pattern)("a" * 20_000)


def arn(text: str, resource: str = "dbuser:prx-1/app") -> bool:
    return ArnPattern(text).fits("rds-db", "eu-west-1", "123456789012", resource)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-1/app",
        "arn:aws-cn:rds-db:eu-west-1:123456789012:dbuser:prx-1/app",
        "arn:aws-us-gov:rds-db:*:*:*",
        "arn:*:rds-db:eu-*-1:1234567890??:dbuser:*/a*",
        "arn:aws:*:*:*:dbuser:prx-?/*",
    ],
)
def test_an_arn_fits(text: str) -> None:
    assert arn(text)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:rds:eu-west-1:123456789012:dbuser:prx-1/app",
        "arn:aws:rds-db:eu-west-2:123456789012:dbuser:prx-1/app",
        "arn:aws:rds-db:eu-west-1:123456789013:dbuser:prx-1/app",
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-2/app",
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-1/App",
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-1/ap",
        "arn:aws:rds-db:eu-west-1:123456789012:dbuser:prx-1",
        "arn:aws:rds-db::123456789012:dbuser:prx-1/app",
        "arn:aws:rds-db:::*",
    ],
)
def test_an_arn_does_not_fit(text: str) -> None:
    assert not arn(text)


def test_a_wildcard_ends_with_its_part() -> None:
    """A user's name cannot pretend to be an account."""
    text = "arn:aws:rds-db:*:999999999999:dbuser:prx-1/app"
    assert not arn(text, "dbuser:prx-1/x:999999999999:dbuser:prx-1/app")


@pytest.mark.parametrize(
    "text", ["", "*", "arn", "arn:aws:rds-db:*", "arn:gcp:a:b:c:d", "x:aws:a:b:c:d", "arn::a:b:c:d"]
)
def test_what_is_no_arn(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ARN"):
        ArnPattern(text)
