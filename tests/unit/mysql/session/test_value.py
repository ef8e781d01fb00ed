from collections.abc import Callable

import pytest

from proxy.mysql.session.pin_ends import UNNAMED
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.prepared import MAX_TEXTS_SIZE, OpenStatement, PreparedTexts
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.user_variables import Kind, Variable
from proxy.mysql.session.value import SessionValue, Tie
from proxy.mysql.session.verdict import PLAIN, Diagnostics, End, Verdict
from proxy.mysql.wire.results import SessionChanges
from proxy.mysql.wire.shown_changes import SHOWN_BY_DEFAULT

AUTOCOMMIT, IN_TRANS, READ_ONLY = 0x0002, 0x0001, 0x2000
NAMES_ONLY = Verdict(names_only_variables=True)
USER_VARIABLE = Verdict(pins=frozenset({PinReason.USER_VARIABLE}), user_variable_sets_only=True)
CALL = Verdict(calls=True)
TRACKING = frozenset({PinReason.SESSION_TRACKING})
TEXTS = PreparedTexts()
ONE = Variable(Kind.SIGNED, b"1")


def statement(number: int, text: bytes | None = b"SELECT 1") -> OpenStatement:
    """One of the binary protocol; without a text only its connection has it."""
    prepared = None if text is None else TEXTS.text("key", FRESH, text)
    return OpenStatement(number, prepared, PLAIN)


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

    @pytest.mark.parametrize("verdict", [PLAIN, NAMES_ONLY, CALL])
    def test_state_that_nobody_explains_is_asked_for(self, value: SessionValue, verdict: Verdict) -> None:
        assert after(value, verdict, SessionChanges(state_changed=True)) == []
        assert value.unexplained
        assert value.is_doubtful
        assert value.must_ask

    def test_state_that_reported_variables_explain(self, value: SessionValue) -> None:
        after(value, NAMES_ONLY, SessionChanges((("sql_mode", "ANSI"),), state_changed=True))
        after(value, NAMES_ONLY, SessionChanges(schema="crm", state_changed=True))
        assert not value.unexplained

    def test_state_that_they_do_not_explain(self, value: SessionValue) -> None:
        after(value, CALL, SessionChanges((("sql_mode", "ANSI"),), state_changed=True))
        assert value.unexplained

    def test_state_that_the_text_explains(self, value: SessionValue) -> None:
        after(value, Verdict(explains_visible_change=True), SessionChanges(state_changed=True))
        assert not value.unexplained

    def test_state_of_a_session_that_stays_pinned(self, value: SessionValue) -> None:
        """Nobody else gets its connection, so nobody needs to know."""
        value.pin(PinReason.ROLE, 1.0)
        after(value, CALL, SessionChanges(state_changed=True))
        assert not value.unexplained

    def test_state_of_a_session_whose_pin_may_end(self, value: SessionValue) -> None:
        value.pin_for(PinReason.TEMPORARY_TABLE, "shop.t", 1.0)
        after(value, CALL, SessionChanges(state_changed=True))
        assert value.unexplained

    @pytest.mark.parametrize("verdict", [NAMES_ONLY, CALL])
    def test_without_trackers_what_may_set_pins(self, value: SessionValue, verdict: Verdict) -> None:
        assert after(value, verdict, tracked=False) == [PinReason.SESSION_TRACKING]
        assert after(value, PLAIN, tracked=False) == []


class TestNamedPins:
    def test_each_name_holds_it(self, value: SessionValue) -> None:
        assert value.pin_for(PinReason.TEMPORARY_TABLE, "shop.a", 1.0)
        assert not value.pin_for(PinReason.TEMPORARY_TABLE, "shop.b", 2.0)
        value.give_up(PinReason.TEMPORARY_TABLE, "shop.a")
        value.give_up(PinReason.TEMPORARY_TABLE, "shop.other")
        assert value.tie() is Tie.PINNED
        value.give_up(PinReason.TEMPORARY_TABLE, "shop.b")
        assert value.tie() is Tie.NONE

    def test_what_was_never_opened_ends_nothing(self, value: SessionValue) -> None:
        value.pin(PinReason.ROLE, 1.0)
        value.give_up(PinReason.ROLE, "a")
        assert value.tie() is Tie.PINNED

    def test_a_text_ends_what_it_names(self, value: SessionValue) -> None:
        pins = frozenset({PinReason.TEMPORARY_TABLE})
        opens = Verdict(pins=pins, names={PinReason.TEMPORARY_TABLE: frozenset({"t"})})
        assert after(value, opens) == [PinReason.TEMPORARY_TABLE]
        ends = Verdict(ends=(End(PinReason.TEMPORARY_TABLE, ("shop.t",)),))
        after(value, ends, failed=True)
        assert value.tie() is Tie.PINNED
        after(value, ends)
        assert value.tie() is Tie.NONE


class TestNamedLocks:
    RELEASES = Verdict(releases_lock=True)

    def test_a_release_is_asked_about(self, value: SessionValue) -> None:
        value.pin_for(PinReason.NAMED_LOCK, "a", 1.0)
        after(value, self.RELEASES)
        assert value.must_ask
        assert value.may_unpin

    def test_without_a_lock_there_is_nothing_to_ask(self, value: SessionValue) -> None:
        after(value, self.RELEASES)
        assert not value.must_ask

    def test_one_that_may_not_have_been_got(self, value: SessionValue) -> None:
        names = {PinReason.NAMED_LOCK: frozenset({"a"})}
        after(value, Verdict(pins=frozenset({PinReason.NAMED_LOCK}), names=names))
        assert value.may_unpin

    def test_a_name_that_is_not_known_stays(self, value: SessionValue) -> None:
        value.pin_for(PinReason.NAMED_LOCK, "a", 1.0)
        value.pin_for(PinReason.NAMED_LOCK, UNNAMED, 1.0)
        after(value, self.RELEASES)
        assert not value.may_unpin

    def test_another_pin_stays(self, value: SessionValue) -> None:
        value.pin_for(PinReason.NAMED_LOCK, "a", 1.0)
        value.pin(PinReason.ROLE, 1.0)
        after(value, self.RELEASES)
        assert not value.may_unpin

    def test_nobody_asks_in_a_transaction(self, value: SessionValue) -> None:
        value.pin_for(PinReason.NAMED_LOCK, "a", 1.0)
        after(value, self.RELEASES, status=IN_TRANS)
        assert not value.may_unpin


class TestTrackers:
    TRACKS = Verdict(
        pins=TRACKING,
        tracks={"session_track_schema": "OFF"},
        assigned_variables=frozenset({"session_track_schema", "sql_mode"}),
    )

    def test_the_clients_own_are_held(self, value: SessionValue) -> None:
        assert after(value, self.TRACKS) == []
        assert not value.shown.schema
        assert value.trackers_set
        assert value.unreported == {"sql_mode"}, "it was set without a report"
        assert value.must_ask

    def test_one_that_fails_may_have_set_them(self, value: SessionValue) -> None:
        assert after(value, self.TRACKS, failed=True) == []
        assert value.shown is SHOWN_BY_DEFAULT
        assert value.trackers_set

    def test_others_pin(self, value: SessionValue) -> None:
        verdict = Verdict(pins=TRACKING, tracks={"session_track_gtids": "OWN_GTID"})
        assert after(value, verdict) == [PinReason.SESSION_TRACKING]
        assert not value.trackers_set

    def test_in_a_transaction_they_pin(self, value: SessionValue) -> None:
        assert after(value, self.TRACKS, status=IN_TRANS) == [PinReason.SESSION_TRACKING]


class TestReports:
    def test_what_was_reported_is_known(self, value: SessionValue) -> None:
        value.note_reports({"sql_mode", "time_zone"}, [SessionChanges((("sql_mode", "ANSI"),))])
        assert value.unreported == {"time_zone"}
        assert value.must_ask

    def test_all_were_reported(self, value: SessionValue) -> None:
        value.note_reports({"sql_mode"}, [SessionChanges((("time_zone", "x"), ("sql_mode", "ANSI")))])
        assert not value.must_ask

    def test_they_add_up(self, value: SessionValue) -> None:
        for name in ("a", "b"):
            value.note_reports({name}, [])
        assert value.unreported == {"a", "b"}


class TestSavepoints:
    """Without autocommit the flags tell of a transaction only from its first statement with a table."""

    SETS = Verdict(savepoint=True)

    @pytest.fixture
    def manual(self, value: SessionValue) -> SessionValue:
        after(value, PLAIN, status=0)
        return value

    def set_savepoint(self, value: SessionValue, *, failed: bool = False) -> None:
        value.note_savepoint(b"SAVEPOINT a", self.SETS, failed=failed)

    def test_one_before_the_transaction_keeps_the_connection(self, manual: SessionValue) -> None:
        self.set_savepoint(manual)
        assert manual.tie() is Tie.TRANSACTION
        assert manual.in_transaction

    def test_one_that_fails_is_none(self, manual: SessionValue) -> None:
        self.set_savepoint(manual, failed=True)
        assert manual.tie() is Tie.NONE
        self.set_savepoint(manual)
        self.set_savepoint(manual, failed=True)
        assert manual.tie() is Tie.TRANSACTION

    def test_with_autocommit_it_is_none(self, value: SessionValue) -> None:
        self.set_savepoint(value)
        assert value.tie() is Tie.NONE

    def test_from_its_begin_on_the_flags_tell(self, manual: SessionValue) -> None:
        self.set_savepoint(manual)
        after(manual, PLAIN, status=IN_TRANS)
        manual.note_savepoint(b"SELECT 1 FROM t", PLAIN, failed=False)
        assert not manual.savepoint
        assert manual.tie() is Tie.TRANSACTION

    @pytest.mark.parametrize("text", [b"COMMIT", b" commit work", b"ROLLBACK", b"rollback work"])
    def test_the_end_of_the_transaction_ends_it(self, manual: SessionValue, text: bytes) -> None:
        self.set_savepoint(manual)
        manual.note_savepoint(text, PLAIN, failed=True)
        assert manual.tie() is Tie.TRANSACTION
        manual.note_savepoint(text, PLAIN, failed=False)
        assert manual.tie() is Tie.NONE

    @pytest.mark.parametrize("text", [b"ROLLBACK TO a", b"rollback to savepoint a", b"SELECT 1"])
    def test_others_do_not(self, manual: SessionValue, text: bytes) -> None:
        self.set_savepoint(manual)
        manual.note_savepoint(text, PLAIN, failed=False)
        assert manual.tie() is Tie.TRANSACTION


class TestStatements:
    def test_their_texts_have_a_limit(self, value: SessionValue) -> None:
        text = b"SELECT '" + b"x" * 1000 + b"'"
        value.open_statement(statement(1, text))
        assert value.has_room_for(b"x" * (MAX_TEXTS_SIZE - len(text)))
        assert not value.has_room_for(b"x" * (MAX_TEXTS_SIZE - len(text) + 1))
        value.close_statement(1)
        assert value.has_room_for(b"x" * MAX_TEXTS_SIZE)

    def test_closing_one(self, value: SessionValue) -> None:
        opened = statement(7)
        value.open_statement(opened)
        assert value.last_statement == 7
        assert value.close_statement(7) is opened
        assert value.close_statement(7) is None


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
        value.open_statement(statement(1))
        value.open_statement(statement(2, text=None))
        value.characteristics = "START TRANSACTION;"
        value.take_insert_id(PLAIN, 7, unknown=False)
        settings = value.settings
        value.forget_connection()
        assert value.tie() is Tie.NONE
        assert list(value.statements) == [1], "the other one was only there"
        assert value.status == AUTOCOMMIT
        assert not value.unsettled
        assert value.settings is settings
        assert value.last_insert_id == 7

    def test_with_it_goes_what_was_to_be_asked(self, value: SessionValue) -> None:
        value.variables.answered({"a"}, {"a": ONE})
        value.variables.ask_again()
        value.unexplained = value.doubtful_locks = value.trackers_set = value.savepoint = True
        value.unreported = frozenset({"sql_mode"})
        assert value.must_ask
        value.forget_connection()
        assert not value.must_ask
        assert value.variables.values == {"a": ONE}, "what was known before is the best there is"

    def test_long_data_is_lost_with_it(self, value: SessionValue) -> None:
        for number in (1, 2):
            value.open_statement(statement(number))
            value.statements[number].server_id = 40 + number
        value.pin_for(PinReason.LONG_DATA, 2, 1.0)
        value.forget_connection()
        assert [each.lost_data for each in value.statements.values()] == [False, True]
        assert [each.server_id for each in value.statements.values()] == [None, None]

    @pytest.mark.parametrize(
        ("set_up", "told"),
        [
            (lambda value: None, "the database connection was lost"),
            (lambda value: value.pin(PinReason.NAMED_LOCK, 1.0), "named_lock"),
            (lambda value: after(value, PLAIN, status=IN_TRANS), "the transaction is rolled back"),
            (lambda value: setattr(value, "savepoint", True), "the transaction is rolled back"),
            (lambda value: value.variables.ask_again({"a"}), "the values of user variables"),
        ],
    )
    def test_the_client_is_told_what_is_lost(
        self, value: SessionValue, set_up: Callable[[SessionValue], object], told: str
    ) -> None:
        set_up(value)
        assert value.what_is_lost().endswith(told)

    def test_a_reset_keeps_the_schema(self, value: SessionValue) -> None:
        after(value, USER_VARIABLE, SessionChanges((("sql_mode", "ANSI"),), schema="crm"), status=IN_TRANS)
        value.take_insert_id(PLAIN, 7, unknown=False)
        value.open_statement(statement(1))
        value.variables.answered({"a"}, {"a": ONE})
        after(value, Verdict(pins=TRACKING, tracks={"session_track_system_variables": "*"}))
        value.reset()
        assert value.settings is FRESH.changed(schema="crm")
        assert value.status == AUTOCOMMIT
        assert value.last_insert_id == 0
        assert value.tie() is Tie.NONE
        assert (value.statements, value.last_statement, dict(value.variables.values)) == ({}, 0, {})
        assert value.shown is SHOWN_BY_DEFAULT
        assert not value.must_ask

    def test_a_reset_goes_back_to_what_the_log_in_asked_for(self) -> None:
        initial = FRESH.changed(variables=[("character_set_client", "latin1")])
        value = SessionValue(initial, AUTOCOMMIT)
        after(value, NAMES_ONLY, SessionChanges((("character_set_client", "utf8mb4"), ("a", "1"))))
        value.reset()
        assert value.settings is initial
