"""Advice about pins: there is some for each reason, in one line."""

import pytest

from proxy.mysql.session.pin_advice import ADVICE, advice
from proxy.mysql.session.pins import PinReason


@pytest.mark.parametrize("reason", PinReason, ids=lambda reason: reason.value)
def test_each_reason_has_advice(reason: PinReason) -> None:
    assert reason.value in ADVICE
    for ends in (True, False):
        text = advice(reason.value, ends=ends)
        assert text
        assert "\n" not in text
        assert text.endswith(".")
        # Whatever the character set of a session's results is, it gets through.
        assert text.isascii()
        # The column's declared length.
        assert len(text) <= 256


def test_what_ends_a_pin_comes_first() -> None:
    assert advice("named_lock").startswith("RELEASE_LOCK()")


def test_where_pins_never_end_nothing_is_said_to_end_them() -> None:
    texts = [advice(reason.value, ends=False) for reason in PinReason]
    assert not [text for text in texts if "ends it" in text]


def test_an_unknown_reason_is_no_error() -> None:
    assert "docs/pinning.md" in advice("something new")
