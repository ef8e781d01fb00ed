"""When a server was started, as its own count of seconds tells."""

import pytest

from proxy.mysql.session.server_run import CLOSE, was_restarted

OPENED = 1000.0


@pytest.mark.parametrize(
    ("answered", "uptime", "expected"),
    [
        (1100.0, 500.0, False),
        (1100.0, 101.0 + CLOSE, False),
        (1100.0, 100.0, None),
        (1100.0, 100.0 + CLOSE / 2, None),
        (1100.0, 99.0 - CLOSE, True),
        (1100.0, 0.0, True),
        (1001.0, 0.0, None),
    ],
)
def test_by_the_seconds(answered: float, uptime: float, expected: bool | None) -> None:
    assert was_restarted(OPENED, answered, answered, uptime) is expected


def test_an_answer_that_took_long_says_less() -> None:
    assert was_restarted(OPENED, 1050.0, 1100.0, 70.0) is None
    assert was_restarted(OPENED, 1050.0, 1100.0, 110.0) is False
    assert was_restarted(OPENED, 1050.0, 1100.0, 40.0) is True
