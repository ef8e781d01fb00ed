"""How long a session of a log is pinned here."""

import pytest

from proxy.analyze import pins_here as module
from proxy.analyze.pins_here import PinsHere, pins_here
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.verdict import End, Verdict

TABLE = PinReason.TEMPORARY_TABLE
LOCK = PinReason.NAMED_LOCK


def opens(reason: PinReason, *names: str) -> Verdict:
    return Verdict(pins=frozenset((reason,)), names={reason: frozenset(names)})


def ends(reason: PinReason, *names: str) -> Verdict:
    return Verdict(ends=(End(reason, names or None),))


def test_what_is_held_as_a_value_pins_nothing() -> None:
    pins = frozenset(PinReason)
    assert {TABLE, LOCK, PinReason.LOCK_TABLES, PinReason.HANDLER, PinReason.ROLE} <= pins_here(Verdict(pins))
    assert "text_prepared_statement" not in {reason.value for reason in pins_here(Verdict(pins))}


def test_trackers_that_the_proxy_can_stand_in_for_pin_nothing() -> None:
    pins = frozenset((PinReason.SESSION_TRACKING,))
    held = Verdict(pins, tracks={"session_track_system_variables": "autocommit"})
    assert pins_here(held) == frozenset()
    assert pins_here(Verdict(pins, tracks={"session_track_gtids": "own_gtid"})) == pins


def test_a_pin_ends_with_the_last_of_its_causes() -> None:
    pins = PinsHere()
    assert pins.after(opens(TABLE, "a", "b"), b"") == {TABLE}
    pins.after(ends(TABLE, "a"), b"")
    assert TABLE in pins.open
    pins.after(ends(TABLE, "b"), b"")
    assert pins.open == {}


def test_repeats_of_a_lock_count() -> None:
    pins = PinsHere()
    for _ in range(2):
        pins.after(opens(LOCK, "a"), b"")
    pins.after(ends(LOCK, "a"), b"")
    assert LOCK in pins.open
    pins.after(ends(LOCK, "a"), b"")
    assert pins.open == {}


def test_all_end_at_once() -> None:
    pins = PinsHere()
    pins.after(opens(LOCK, "a", "b"), b"")
    pins.after(opens(TABLE, "t"), b"")
    pins.after(ends(LOCK), b"")
    assert set(pins.open) == {TABLE}


def test_what_is_not_known_by_name_ends_only_with_all() -> None:
    pins = PinsHere()
    pins.after(Verdict(pins=frozenset((LOCK,))), b"")
    pins.after(ends(LOCK, "a"), b"")
    assert LOCK in pins.open
    pins.after(ends(LOCK), b"")
    assert pins.open == {}


def test_ends_come_before_what_the_same_text_opens() -> None:
    pins = PinsHere()
    pins.after(opens(PinReason.LOCK_TABLES), b"")
    both = Verdict(
        pins=frozenset((PinReason.LOCK_TABLES,)),
        names={PinReason.LOCK_TABLES: frozenset("t")},
        ends=(End(PinReason.LOCK_TABLES),),
    )
    pins.after(both, b"")
    assert PinReason.LOCK_TABLES in pins.open


def test_what_a_text_opens_and_closes_leaves_nothing() -> None:
    pins = PinsHere()
    assert pins.after(opens(TABLE), b"") == frozenset()
    assert pins.open == {}


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_NAMES", 2)
    pins = PinsHere()
    for name in "abcde":
        pins.after(opens(TABLE, name), b"")
    assert pins.open == {TABLE: None}


@pytest.mark.parametrize(
    ("held", "text", "is_open"),
    [
        (("a",), b"SELECT RELEASE_LOCK('A')", False),
        (("a",), b"do release_lock ( 'b' )", True),
        (("a", "b"), b"SELECT RELEASE_LOCK('a'), RELEASE_LOCK('b')", False),
        (("a",), b"SELECT RELEASE_LOCK(@name)", False),
        (("a", "b"), b"SELECT RELEASE_LOCK(@name)", True),
        ((), b"SELECT RELEASE_LOCK(@name)", False),
    ],
)
def test_a_lock_that_is_released(held: tuple[str, ...], text: bytes, is_open: bool) -> None:
    pins = PinsHere()
    pins.after(opens(LOCK, *held) if held else Verdict(pins=frozenset((LOCK,))), b"")
    pins.after(Verdict(releases_lock=True), text)
    assert (LOCK in pins.open) is is_open
