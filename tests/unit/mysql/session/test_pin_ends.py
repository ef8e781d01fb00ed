import pytest

from proxy.mysql.session.pin_ends import ENDING, UNNAMED, apply
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.value import SessionValue
from proxy.mysql.session.verdict import PLAIN, End, Verdict

TABLE, LOCK, ROLE = PinReason.TEMPORARY_TABLE, PinReason.NAMED_LOCK, PinReason.ROLE


@pytest.fixture
def board() -> SessionValue:
    return SessionValue(FRESH, 2)


def run(
    board: SessionValue, verdict: Verdict, *, schema: str = "shop", failed: bool = False
) -> list[PinReason]:
    return apply(board, verdict, verdict.pins, schema, failed=failed, now=5.0)


def opens(reason: PinReason, *names: str, multiple: bool = False) -> Verdict:
    return Verdict(pins=frozenset({reason}), names={reason: frozenset(names)}, multiple=multiple)


def ends(reason: PinReason, *names: str) -> Verdict:
    """Without names: all there are."""
    return Verdict(ends=(End(reason, names or None),))


class TestBegins:
    def test_with_its_names(self, board: SessionValue) -> None:
        assert run(board, opens(LOCK, "a", "b")) == [LOCK]
        assert (board.pins, board.names) == ({LOCK: 5.0}, {LOCK: {"a", "b"}})

    def test_is_new_once(self, board: SessionValue) -> None:
        run(board, opens(LOCK, "a"))
        assert run(board, opens(LOCK, "b")) == []
        assert board.names[LOCK] == {"a", "b"}

    def test_without_a_name(self, board: SessionValue) -> None:
        assert run(board, Verdict(pins=frozenset({ROLE}))) == [ROLE]
        assert board.names[ROLE] == {UNNAMED}

    def test_a_tables_schema_is_the_sessions(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "t", "crm.u"))
        assert board.names[TABLE] == {"shop.t", "crm.u"}

    def test_what_the_text_has_closed_itself(self, board: SessionValue) -> None:
        assert run(board, opens(TABLE)) == []
        assert not board.pins

    def test_plain_does_nothing(self, board: SessionValue) -> None:
        assert run(board, PLAIN) == []
        assert not board.pins


class TestErrors:
    def test_a_table_that_was_not_made(self, board: SessionValue) -> None:
        assert run(board, opens(TABLE, "t"), failed=True) == []
        assert not board.pins

    @pytest.mark.parametrize("multiple", [False, True])
    def test_a_lock_may_have_been_got(self, board: SessionValue, multiple: bool) -> None:
        assert run(board, opens(LOCK, "a", multiple=multiple), failed=True) == [LOCK]
        assert board.names[LOCK] == ({UNNAMED} if multiple else {"a"})

    def test_of_several_statements_one_may_have_made_it(self, board: SessionValue) -> None:
        assert run(board, opens(TABLE, "t", multiple=True), failed=True) == [TABLE]
        assert board.names[TABLE] == {UNNAMED}

    def test_what_a_text_would_have_closed_itself(self, board: SessionValue) -> None:
        assert run(board, opens(TABLE, multiple=True), failed=True) == [TABLE]

    def test_nothing_ends(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "t"))
        run(board, ends(TABLE, "t"), failed=True)
        assert TABLE in board.pins


class TestEnds:
    def test_with_its_last_name(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "a", "b"))
        run(board, ends(TABLE, "shop.a"))
        assert TABLE in board.pins
        run(board, ends(TABLE, "b"))
        assert not board.pins

    def test_another_schemas_table_is_another_one(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "a"))
        run(board, ends(TABLE, "a"), schema="crm")
        assert TABLE in board.pins

    def test_all_at_once(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "a", "b"))
        run(board, ends(TABLE))
        assert not board.pins
        assert not board.names

    def test_without_its_name_only_with_all(self, board: SessionValue) -> None:
        run(board, Verdict(pins=frozenset({TABLE})))
        run(board, ends(TABLE, "a"))
        assert TABLE in board.pins
        run(board, ends(TABLE))
        assert not board.pins

    def test_what_comes_after_it_stays(self, board: SessionValue) -> None:
        """DROP of the old ones, then CREATE, in one text."""
        run(board, opens(TABLE, "a"))
        both = Verdict(
            pins=frozenset({TABLE}), names={TABLE: frozenset({"b"})}, ends=(End(TABLE, None),), multiple=True
        )
        assert run(board, both) == [TABLE]
        assert board.names[TABLE] == {"shop.b"}

    def test_other_reasons_stay(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "a"))
        run(board, opens(LOCK, "a"))
        run(board, ends(LOCK, "a"))
        assert list(board.pins) == [TABLE]


class TestRenames:
    RENAMES = Verdict(renames_tables=True)

    def test_a_table_may_have_another_name_now(self, board: SessionValue) -> None:
        run(board, opens(TABLE, "a"))
        run(board, self.RENAMES)
        run(board, ends(TABLE, "a"))
        assert TABLE in board.pins, "or it would be left to the next session"

    def test_without_one_there_is_none_to_rename(self, board: SessionValue) -> None:
        run(board, self.RENAMES)
        assert not board.pins


@pytest.mark.parametrize("reason", [PinReason.ROLE, PinReason.UNTRACKED_STATE, PinReason.UNREADABLE])
def test_what_nobody_can_see_the_end_of_lasts(reason: PinReason) -> None:
    assert reason not in ENDING
