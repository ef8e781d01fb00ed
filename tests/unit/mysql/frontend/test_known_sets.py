import pytest

from proxy.mysql.frontend.known_sets import KnownSets, SetOutcome
from proxy.mysql.session.settings import FRESH

ANSI = FRESH.changed(variables=[("sql_mode", "ANSI")])
OUTCOME = SetOutcome(ANSI, 2, b"an answer with somebody's time zone")
TEXT = b"SET sql_mode='ANSI'"


def test_the_outcome_is_remembered() -> None:
    sets = KnownSets()
    sets.learn("app", FRESH, TEXT, OUTCOME)
    assert sets.find("app", FRESH, TEXT) is OUTCOME


@pytest.mark.parametrize(
    ("key", "settings", "text"),
    [("other", FRESH, TEXT), ("app", ANSI, TEXT), ("app", FRESH, b"SET sql_mode='X'")],
)
def test_it_depends_on_all_of_these(key: str, settings: object, text: bytes) -> None:
    sets = KnownSets()
    sets.learn("app", FRESH, TEXT, OUTCOME)
    assert sets.find(key, settings, text) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "response"),
    [(b"SET x='" + b"y" * 1024, b"ok"), (TEXT, b"o" * 1025), (TEXT, b"")],
)
def test_what_is_long_is_not_kept(text: bytes, response: bytes) -> None:
    """An answer is empty where not all of it was seen."""
    sets = KnownSets()
    sets.learn("app", FRESH, text, SetOutcome(ANSI, 2, response))
    assert sets.find("app", FRESH, text) is None


def test_answers_stay_out_of_logs() -> None:
    assert "zone" not in repr(OUTCOME)
