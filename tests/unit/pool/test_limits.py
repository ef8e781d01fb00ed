import pytest

from proxy.pool.limits import PoolLimits


def test_defaults_are_valid_and_as_in_the_service():
    limits = PoolLimits()
    assert limits.borrow_timeout == 120
    assert limits.idle_connection_timeout == 300
    assert limits.max_life == 24 * 3600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_connections", 0),
        ("max_idle", -1),
        ("min_idle", -1),
        ("borrow_timeout", -0.1),
        ("max_queue_length", 0),
        ("max_connecting", 0),
        ("backoff_initial", 0),
        ("max_life", 0),
        ("life_jitter", 1.5),
        ("tick_interval", 0),
    ],
)
def test_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        PoolLimits(**{name: value})
