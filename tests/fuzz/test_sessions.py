"""Whole sessions with a hostile client or a hostile database, the same ones each time."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import targets


@pytest.mark.parametrize("name", targets.SESSIONS)
@settings(
    max_examples=200,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.binary(min_size=20, max_size=160))
def test_a_session_harms_nobody(name: str, data: bytes) -> None:
    targets.load(name)(data)
