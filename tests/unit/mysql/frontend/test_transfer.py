"""What is asked of a connection before somebody else has it, and what is brought to it."""

from collections.abc import Iterator

import pytest

from proxy.mysql.backend.errors import ConnectFailed, TargetError
from proxy.mysql.backend.own_commands import query
from proxy.mysql.frontend.transfer import is_ready, prepare, settle
from proxy.mysql.session.need import NOTHING, Need
from proxy.mysql.session.pin_ends import UNNAMED
from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.settings import FRESH
from proxy.mysql.session.user_variables import MAX_VARIABLES, Kind, NotHeld, Variable
from proxy.mysql.session.value import SessionValue
from proxy.mysql.wire.status import Status
from tests.peers import packets as p
from tests.peers.borrowed import NAMES, Borrowed
from tests.peers.world import proxied

ONE = Variable(Kind.SIGNED, b"1")
TRACKERS = "session_track_system_variables"


@pytest.fixture
def borrowed() -> Iterator[Borrowed]:
    with proxied(cap=1) as world:
        borrowed = Borrowed(world)
        yield borrowed
        world.pool.discard(borrowed.connection)


@pytest.fixture
def value() -> SessionValue:
    return SessionValue(NAMES, 2)


def run(borrowed: Borrowed, *texts: str) -> int:
    """What the session has run; returns how much the database had been asked by then."""
    for sql in texts:
        borrowed.result(query(borrowed.connection, sql))
    return len(borrowed.statements())


def settled(borrowed: Borrowed, value: SessionValue) -> None:
    borrowed.result(settle(borrowed.connection, value, lambda: 5.0))


class TestSettle:
    def test_nothing_in_doubt_asks_nothing(self, borrowed: Borrowed, value: SessionValue) -> None:
        start = run(borrowed)
        settled(borrowed, value)
        assert borrowed.statements()[start:] == []
        assert is_ready(borrowed.connection, value, NOTHING)

    def test_a_collation_that_was_not_reported(self, borrowed: Borrowed, value: SessionValue) -> None:
        run(borrowed, "SET NAMES latin1 COLLATE latin1_german1_ci")
        value.unsettled = True
        settled(borrowed, value)
        assert value.settings.variables["collation_connection"] == "latin1_german1_ci"
        assert not value.must_ask
        assert borrowed.connection.settings is value.settings

    def test_a_transaction_that_an_error_hides(self, borrowed: Borrowed, value: SessionValue) -> None:
        with pytest.raises(TargetError):
            run(borrowed, "CALL broken()")
        value.unsettled = True
        settled(borrowed, value)
        assert value.in_transaction
        assert value.status & Status.IN_TRANS

    def test_values_set_without_a_report(self, borrowed: Borrowed, value: SessionValue) -> None:
        borrowed.world.database.hides_bare_names = True
        run(borrowed, "SET @@sql_mode='ANSI', @@time_zone='+01:00'")
        value.unreported = frozenset({"sql_mode", "time_zone"})
        settled(borrowed, value)
        assert value.settings is NAMES.changed(variables=[("sql_mode", "ANSI"), ("time_zone", "+01:00")])
        assert not value.must_ask

    def test_the_clients_own_trackers(self, borrowed: Borrowed, value: SessionValue) -> None:
        before = borrowed.session.variables[TRACKERS]
        run(borrowed, f"SET {TRACKERS}='time_zone'", "SET sql_mode='ANSI'")
        value.trackers_set = True
        value.unreported = frozenset({"sql_mode"})
        settled(borrowed, value)
        assert borrowed.session.variables[TRACKERS] == before
        assert value.settings.variables["sql_mode"] == "ANSI"
        assert not value.must_ask


class TestUserVariables:
    def test_are_read(self, borrowed: Borrowed, value: SessionValue) -> None:
        run(borrowed, "SET @a=1, @b='text', @c=1.50, @d=18446744073709551615, @e=1e3, @f=x'ff'")
        value.variables.ask_again("abcdefg")
        settled(borrowed, value)
        assert dict(value.variables.values) == {
            "a": ONE,
            "b": Variable(Kind.STRING, b"text", "utf8mb4_general_ci"),
            "c": Variable(Kind.DECIMAL, b"1.50"),
            "d": Variable(Kind.SIGNED, b"18446744073709551615"),
            "e": Variable(Kind.DOUBLE, b"1000.0"),
            "f": Variable(Kind.STRING, b"\xff"),
        }
        assert not value.must_ask
        assert borrowed.connection.variables is value.variables.values

    def test_in_several_questions(self, borrowed: Borrowed, value: SessionValue) -> None:
        run(borrowed, "SET @a1=1")
        start = run(borrowed, f"SET @a{MAX_VARIABLES + 7}=1")
        value.variables.ask_again(f"a{number}" for number in range(MAX_VARIABLES + 8))
        settled(borrowed, value)
        assert dict(value.variables.values) == {"a1": ONE, f"a{MAX_VARIABLES + 7}": ONE}
        assert len(borrowed.statements()[start:]) == 2

    def test_what_is_too_long_pins(self, borrowed: Borrowed, value: SessionValue) -> None:
        run(borrowed, f"SET @a='{'x' * 100_000}'")
        value.variables.ask_again("a")
        settled(borrowed, value)
        assert value.variables.not_held == {"a"}
        assert list(value.pins) == [PinReason.USER_VARIABLE]

    def test_an_answer_to_something_else(self, borrowed: Borrowed, value: SessionValue) -> None:
        value.variables.answered(["a"], {"a": ONE})
        value.variables.ask_again()
        borrowed.session.answer = lambda _: [  # type: ignore[assignment, method-assign]
            p.number(1), p.column(), p.eof() if borrowed.session.eof else p.row([b"1"]), p.eof()
        ]  # fmt: skip
        with pytest.raises((ConnectFailed, ValueError)):
            settled(borrowed, value)


class TestNamedLocks:
    def ask(self, borrowed: Borrowed, value: SessionValue, *names: object) -> None:
        for name in names:
            value.pin_for(PinReason.NAMED_LOCK, name, 1.0)
        value.doubtful_locks = True
        settled(borrowed, value)
        assert not value.doubtful_locks

    def test_those_that_are_gone(self, borrowed: Borrowed, value: SessionValue) -> None:
        run(borrowed, "SELECT GET_LOCK('a', 0)", "SELECT GET_LOCK('b', 0)", "SELECT RELEASE_LOCK('a')")
        self.ask(borrowed, value, "a", "b")
        assert value.names == {PinReason.NAMED_LOCK: {"b"}}

    def test_the_last_one(self, borrowed: Borrowed, value: SessionValue) -> None:
        self.ask(borrowed, value, "a")
        assert not value.pins

    def test_names_are_asked_for_as_they_are(self, borrowed: Borrowed, value: SessionValue) -> None:
        """On MariaDB two names that differ in case are two locks."""
        run(borrowed, "SELECT GET_LOCK('Ab', 0)")
        self.ask(borrowed, value, "Ab")
        assert value.pins

    def test_with_one_of_no_name_there_is_no_question(self, borrowed: Borrowed, value: SessionValue) -> None:
        start = run(borrowed)
        self.ask(borrowed, value, "a", UNNAMED)
        assert borrowed.statements()[start:] == []
        assert value.pins


class TestIsReady:
    def test_other_settings(self, borrowed: Borrowed, value: SessionValue) -> None:
        value.settings = NAMES.changed(variables=[("sql_mode", "ANSI")])
        assert not is_ready(borrowed.connection, value, NOTHING)

    def test_other_variables(self, borrowed: Borrowed, value: SessionValue) -> None:
        value.variables.answered(["a"], {"a": ONE})
        assert not is_ready(borrowed.connection, value, NOTHING)
        borrowed.connection.has_now(value)
        assert is_ready(borrowed.connection, value, NOTHING)

    def test_traces_of_another_session(self, borrowed: Borrowed, value: SessionValue) -> None:
        borrowed.connection.leave_traces(value)
        assert is_ready(borrowed.connection, value, NOTHING)
        assert not is_ready(borrowed.connection, SessionValue(NAMES, 2), NOTHING)
        value.reset()
        value.settings = NAMES
        assert not is_ready(borrowed.connection, value, NOTHING), "they are of before its reset"

    def test_a_name_that_another_session_has_left(self, borrowed: Borrowed, value: SessionValue) -> None:
        reads = Need(variables=frozenset({"a"}))
        borrowed.connection.is_used_by(value)
        assert is_ready(borrowed.connection, value, reads)
        borrowed.connection.is_used_by(SessionValue(NAMES, 2))
        assert is_ready(borrowed.connection, value, NOTHING)
        assert not is_ready(borrowed.connection, value, reads), "it may be NULL, or have been set unseen"


class TestPrepare:
    def prepared(self, borrowed: Borrowed, value: SessionValue, need: Need = NOTHING) -> list[str]:
        start = len(borrowed.statements())
        borrowed.result(prepare(borrowed.connection, value, need, lambda: 5.0))
        borrowed.connection.is_used_by(value)
        return borrowed.statements()[start:]

    def test_one_statement_for_all_variables(self, borrowed: Borrowed, value: SessionValue) -> None:
        value.settings = NAMES.changed(variables=[("sql_mode", "ANSI")])
        value.variables.answered("a", {"a": ONE})
        [replay] = self.prepared(borrowed, value)
        assert borrowed.session.variables["sql_mode"] == "ANSI"
        assert borrowed.session.user["a"].value == "1"
        assert replay.startswith("SET ")

    def test_only_what_differs(self, borrowed: Borrowed, value: SessionValue) -> None:
        value.variables.answered("ab", {"a": ONE, "b": ONE})
        self.prepared(borrowed, value)
        value.variables.answered("b", {"b": Variable(Kind.SIGNED, b"2")})
        assert self.prepared(borrowed, value) == ["SET @`b`=2"]

    def test_another_sessions_variables_become_null(self, borrowed: Borrowed, value: SessionValue) -> None:
        other = SessionValue(NAMES, 2)
        other.variables.answered("a", {"a": ONE})
        self.prepared(borrowed, other)
        self.prepared(borrowed, value)
        assert borrowed.session.user["a"].value is None

    def test_a_name_that_is_read_resets(self, borrowed: Borrowed, value: SessionValue) -> None:
        other = SessionValue(NAMES, 2)
        other.variables.answered("a", {"a": ONE})
        self.prepared(borrowed, other)
        self.prepared(borrowed, value)
        self.prepared(borrowed, value, Need(variables=frozenset({"a"})))
        assert "a" not in borrowed.session.user

    def test_its_own_name_does_not(self, borrowed: Borrowed, value: SessionValue) -> None:
        other = SessionValue(NAMES, 2)
        other.variables.answered("a", {"a": ONE})
        value.variables.answered("b", {"b": ONE})
        for each in (other, value, other):
            self.prepared(borrowed, each)
        assert self.prepared(borrowed, other, Need(variables=frozenset({"a"}))) == []
        assert borrowed.session.user["a"].value == "1"

    def test_traces_are_reset_first(self, borrowed: Borrowed, value: SessionValue) -> None:
        borrowed.connection.leave_traces(SessionValue(NAMES, 2))
        run(borrowed, "SET @unseen=1")
        self.prepared(borrowed, value)
        assert "unseen" not in borrowed.session.user
        assert borrowed.connection.traces_of is None

    def test_a_reset_that_fails(self, borrowed: Borrowed, value: SessionValue) -> None:
        borrowed.connection.leave_traces(SessionValue(NAMES, 2))
        borrowed.session.answer = lambda _: [p.err()]  # type: ignore[assignment, method-assign]
        with pytest.raises(ConnectFailed):
            borrowed.result(prepare(borrowed.connection, value, NOTHING, lambda: 5.0))
        assert not borrowed.connection.is_clean


def test_a_value_that_cannot_be_held_is_no_value() -> None:
    value = SessionValue(FRESH, 2)
    value.variables.answered("a", {"a": NotHeld(7)})
    assert value.check_variables(1.0)
    assert not value.check_variables(2.0), "it is pinned already"
    value.variables.answered("a", {"a": ONE})
    assert not value.check_variables(3.0)
    assert not value.pins
