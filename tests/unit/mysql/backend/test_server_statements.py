"""The statements that one connection has prepared."""

import pytest

from proxy.mysql.backend.server_statements import DEFAULT_STATEMENTS, ServerStatements
from proxy.mysql.session.prepared import NEW, PreparedText, PreparedTexts, ServerState
from proxy.mysql.session.settings import FRESH

TEXTS = PreparedTexts()
ONE, TWO, THREE = (TEXTS.text("key", FRESH, text) for text in (b"1", b"2", b"3"))
USED: ServerState = (None, ((8,),), False)


def statements(*texts: PreparedText) -> ServerStatements:
    made = ServerStatements()
    for at, text in enumerate(texts, 1):
        assert made.put(text, NEW, at) is None
    return made


def test_what_is_taken_is_nobody_elses() -> None:
    made = statements(ONE)
    assert made.take(ONE, NEW) == (1, NEW)
    assert not made.has(ONE, NEW)
    with pytest.raises(KeyError):
        made.take(ONE, NEW)


def test_the_first_state_there_is() -> None:
    made = statements(ONE)
    made.put(ONE, USED, 7)
    assert made.has(ONE, USED)
    assert not made.has(TWO, USED, NEW)
    assert made.take(ONE, USED, NEW) == (7, USED)
    assert made.take(ONE, USED, NEW) == (1, NEW)


def test_one_for_each_state() -> None:
    made = statements(ONE)
    assert made.put(ONE, NEW, 5) == 1
    assert made.put(ONE, NEW, 5) is None
    assert len(made) == 1


def test_the_least_recently_used_goes() -> None:
    made = statements(ONE, TWO, THREE)
    number, state = made.take(ONE, NEW)
    made.put(ONE, state, number)
    made.limit = 2
    assert made.surplus() == [2]
    assert made.surplus(room=1) == [3]
    assert made.all() == [1]


@pytest.mark.parametrize(("count", "closed", "left"), [(3, 2, 1), (2, 1, 1), (1, 1, 0), (0, 0, 0)])
def test_half_is_kept(count: int, closed: int, left: int) -> None:
    """Of one none: the server must have room for another."""
    made = statements(*(ONE, TWO, THREE)[:count])
    assert len(made.halve()) == closed
    assert len(made) == left
    assert made.limit >= 1


def test_a_reset_forgets_all() -> None:
    made = statements(ONE, TWO)
    made.halve()
    made.clear()
    assert len(made) == 0
    assert made.limit == DEFAULT_STATEMENTS
