"""When a server was started, as its own count of seconds tells."""

import pytest

from proxy.mysql.session.server_run import CLOSE, StartWindow

OPENED = 1000.0


def was_restarted(opened_at: float, asked_at: float, answered_at: float, uptime: float) -> bool | None:
    """What one answer tells."""
    window = StartWindow()
    window.narrow(asked_at, answered_at, uptime)
    return window.is_after(opened_at)


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


def test_several_answers_tell_more_than_one() -> None:
    """Started at 999.5: the count changes with the server's whole seconds."""
    window = StartWindow()
    window.narrow(1003.0, 1003.0, 4.0)
    assert window.is_after(998.0) is None
    window.narrow(1003.9, 1003.9, 4.0)
    assert window.is_after(998.0) is True
    assert window.is_after(999.4) is None
    window.narrow(1004.0, 1004.0, 5.0)
    assert window.is_after(1000.2) is False


def test_a_start_since_the_last_answer() -> None:
    window = StartWindow()
    window.narrow(1100.0, 1100.0, 500.0)
    assert window.is_after(OPENED) is False
    window.narrow(1200.0, 1200.0, 3.0)
    assert window.is_after(OPENED) is True
    assert window.is_after(1199.0) is False
