"""Times as AWS writes them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.iam.moments import parse_moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-02", 86_400.0),
        ("1970-01-01T01:00+01:00", 0.0),
        ("1970-01-01T00:00:00.5Z", 0.5),
        ("2013-08-31T12:00:00Z", 1_377_950_400.0),
        ("1377950400", 1_377_950_400.0),
    ],
)
def test_a_time(text: str, seconds: float) -> None:
    assert parse_moment(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "now", "2013-08-31T12:00:00", "2013-02-30", "2013-08-31T24:01Z", "-1", "1e9", "١٢", "31.08.2013"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_moment(text)


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]([+-][0-9]{2}:[0-9]{2}|Z)", fullmatch=True
    )
)
def test_no_other_error_than_a_wrong_value(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_moment(text), float)
