"""A full queue: who fills it does not keep others out."""

import pytest

from proxy.pool.limits import is_full


@pytest.mark.parametrize(
    ("length", "of_tenant", "full"),
    [
        (99, None, False),
        (100, None, True),
        (99, 99, False),
        (100, 100, True),
        (100, 1, True),
        (100, 0, False),
        (111, 0, False),
        (113, 0, True),
    ],
)
def test_a_tenant_with_few_waiters_still_gets_in(length: int, of_tenant: int | None, full: bool) -> None:
    assert is_full(length, 100, of_tenant) is full


def test_few_is_a_hundredth() -> None:
    assert not is_full(10_000, 10_000, 99)
    assert is_full(10_000, 10_000, 100)
    assert is_full(11_250, 10_000, 0)
