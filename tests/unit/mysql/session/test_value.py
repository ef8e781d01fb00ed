import attrs
import pytest

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.value import SessionValue, Tie
from proxy.mysql.session.verdict import PLAIN, Diagnostics, Verdict
from proxy.mysql.wire.results import SessionChanges

AUTOCOMMIT, IN_TRANS, READ_ONLY = 0x0002, 0x0001, 0x2000
NAMES_ONLY = Verdict(names_only_variables=True)
USER_VARIABLE = Verdict(pins=frozenset({PinReason.USER_VARIABLE}), user_variable_sets_only=True)
CALL = Verdict(calls=True)


@pytest.fixture
def value() -> SessionValue:
    return SessionValue(FRESH.changed(schema="shop"), AUTOCOMMIT)


def after(
    value: SessionValue, verdict: Verdict, *changes: SessionChanges, **options: object
) -> list[PinReason]:
    fields = {"status": AUTOCOMMIT, "tracked": True, "now": 5.0, **options}
    return value.after(verdict, changes=changes, **fields)  # type: ignore[arg-type]


class TestTies:
    def test_a_new_session_has_none(self, value: SessionValue) -> None:
        assert value.tie() is Tie.NONE
        assert not value.in_transaction

    @pytest.mark.parametrize("status", [IN_TRANS, IN_TRANS | AUTOCOMMIT, READ_ONLY | IN_TRANS])
    def test_a_transaction(self, value: SessionValue, status: int) -> None:
        after(value, PLAIN, status=status)
        assert value.tie() is Tie.TRANSACTION
        after(value, PLAIN, status=AUTOCOMMIT)
        assert value.tie() is Tie.NONE

    def test_what_was_said_of_the_next_transaction(self, value: SessionValue) -> None:
        after(value, PLAIN, SessionChanges(transaction_characteristics="SET TRANSACTION READ ONLY;"))
        assert value.tie() is Tie.TRANSACTION
        after(value, PLAIN, SessionChanges(transaction_characteristics=""))
        assert value.tie() is Tie.NONE

    def test_a_pin_wins(self, value: SessionValue) -> None:
        after(value, PLAIN, status=IN_TRANS)
        value.pin(PinReason.NAMED_LOCK, 1.0)
        assert value.tie() is Tie.PINNED


class TestPins:
    def test_each_reason_is_new_once(self, value: SessionValue) -> None:
        assert after(value, USER_VARIABLE) == [PinReason.USER_VARIABLE]
        assert after(value, USER_VARIABLE, now=9.0) == []
        assert value.pins == {PinReason.USER_VARIABLE: 5.0}

    def test_a_reason_that_ends(self, value: SessionValue) -> None:
        value.pin(PinReason.PREPARED_STATEMENT, 1.0)
        value.unpin(PinReason.PREPARED_STATEMENT)
        value.unpin(PinReason.PREPARED_STATEMENT)
        assert value.tie() is Tie.NONE

    def test_an_excluded_user_variable_does_not_pin(self) -> None:
        value = SessionValue(FRESH, AUTOCOMMIT, exclude_variable_sets=True)
        assert after(value, USER_VARIABLE) == []
        assert value.leaves_user_variables(USER_VARIABLE)
        other = attrs.evolve(USER_VARIABLE, user_variable_sets_only=False)
        assert after(value, other) == [PinReason.USER_VARIABLE]

    def test_state_that_nobody_explains(self, value: SessionValue) -> None:
        assert after(value, PLAIN, SessionChanges(state_changed=True)) == [PinReason.UNTRACKED_STATE]

    def test_state_that_reported_variables_explain(self, value: SessionValue) -> None:
        assert after(value, NAMES_ONLY, SessionChanges((("sql_mode", "ANSI"),), state_changed=True)) == []
        assert after(value, NAMES_ONLY, SessionChanges(schema="crm", state_changed=True)) == []

    def test_state_that_they_do_not_explain(self, value: SessionValue) -> None:
        assert after(value, NAMES_ONLY, SessionChanges(state_changed=True)) == [PinReason.UNTRACKED_STATE]
        other = SessionValue(FRESH, AUTOCOMMIT)
        change = SessionChanges((("sql_mode", "ANSI"),), state_changed=True)
        assert after(other, CALL, change) == [PinReason.UNTRACKED_STATE]

    @pytest.mark.parametrize("verdict", [NAMES_ONLY, CALL])
    def test_without_trackers_what_may_set_pins(self, value: SessionValue, verdict: Verdict) -> None:
        assert after(value, verdict, tracked=False) == [PinReason.SESSION_TRACKING]
        assert after(value, PLAIN, tracked=False) == []


class TestSettings:
    def test_they_follow_the_tracker(self, value: SessionValue) -> None:
        after(value, NAMES_ONLY, SessionChanges((("sql_mode", "ANSI"),)), SessionChanges(schema="crm"))
        assert value.settings is FRESH.changed(schema="crm", variables=[("sql_mode", "ANSI")])

    def test_no_schema_any_more(self, value: SessionValue) -> None:
        after(value, PLAIN, SessionChanges(schema=""))
        assert value.settings is FRESH

    def test_a_plain_set_leaves_no_doubt(self, value: SessionValue) -> None:
        after(value, NAMES_ONLY, SessionChanges((("sql_mode", "ANSI"),)))
        assert not value.unsettled

    def test_set_names_hides_its_collation(self, value: SessionValue) -> None:
        names = (("character_set_client", "latin1"), ("character_set_connection", "latin1"))
        after(value, NAMES_ONLY, SessionChanges(names))
        assert value.unsettled

    def test_with_the_collation_there_is_no_doubt(self, value: SessionValue) -> None:
        names = (("character_set_connection", "latin1"), ("collation_connection", "latin1_bin"))
        after(value, NAMES_ONLY, SessionChanges(names))
        assert not value.unsettled

    def test_a_value_reported_in_passing_is_doubtful(self, value: SessionValue) -> None:
        after(value, PLAIN, SessionChanges((("sql_mode", "ANSI"),)))
        assert value.unsettled


class TestInsertId:
    def test_only_the_connection_knows_after_an_insert(self, value: SessionValue) -> None:
        assert value.take_insert_id(PLAIN, 7, unknown=False)
        assert value.reported_insert_id == 7

    @pytest.mark.parametrize("verdict", [CALL, Verdict(reads=Diagnostics.LAST_INSERT_ID)])
    def test_or_after_what_may_change_it_unreported(self, value: SessionValue, verdict: Verdict) -> None:
        assert value.take_insert_id(verdict, 0, unknown=False)

    def test_or_after_rows_of_an_insert(self, value: SessionValue) -> None:
        assert value.take_insert_id(PLAIN, 0, unknown=True)

    def test_nothing_happened(self, value: SessionValue) -> None:
        assert not value.take_insert_id(PLAIN, 0, unknown=False)

    def test_the_answer_counts(self, value: SessionValue) -> None:
        value.take_insert_id(PLAIN, 7, unknown=False)
        value.know_insert_id(9)
        assert (value.last_insert_id, value.reported_insert_id) == (9, 0)
        value.know_insert_id(0)
        assert value.last_insert_id == 9


class TestEnds:
    def test_a_lost_connection_takes_what_could_not_be_held(self, value: SessionValue) -> None:
        after(value, USER_VARIABLE, SessionChanges((("sql_mode", "ANSI"),)), status=IN_TRANS | AUTOCOMMIT)
        value.statements[1] = PLAIN
        value.characteristics = "START TRANSACTION;"
        value.take_insert_id(PLAIN, 7, unknown=False)
        settings = value.settings
        value.forget_connection()
        assert value.tie() is Tie.NONE
        assert value.statements == {}
        assert value.status == AUTOCOMMIT
        assert not value.unsettled
        assert value.settings is settings
        assert value.last_insert_id == 7

    def test_a_reset_keeps_the_schema(self, value: SessionValue) -> None:
        after(value, USER_VARIABLE, SessionChanges((("sql_mode", "ANSI"),), schema="crm"), status=IN_TRANS)
        value.take_insert_id(PLAIN, 7, unknown=False)
        value.reset()
        assert value.settings is FRESH.changed(schema="crm")
        assert value.status == AUTOCOMMIT
        assert value.last_insert_id == 0
        assert value.tie() is Tie.NONE

    def test_a_reset_goes_back_to_what_the_log_in_asked_for(self) -> None:
        initial = FRESH.changed(variables=[("character_set_client", "latin1")])
        value = SessionValue(initial, AUTOCOMMIT)
        after(value, NAMES_ONLY, SessionChanges((("character_set_client", "utf8mb4"), ("a", "1"))))
        value.reset()
        assert value.settings is initial
