"""When a connection has to be asked for what a session's last statement has left."""

import pytest

from proxy.mysql.session.conditions import Conditions
from proxy.mysql.session.held_diagnostics import HeldDiagnostics
from proxy.mysql.wire.commands import Command

SOME = Conditions(rows=(b"row",), total=1)
DUPLICATE = 1062


def held(text: bytes, *, is_mariadb: bool = False, rows: int | None = 1) -> HeldDiagnostics:
    """After one statement that went well."""
    diagnostics = HeldDiagnostics()
    diagnostics.counts.is_mariadb = is_mariadb
    diagnostics.after(Command.QUERY, text, in_rows=rows is not None, rows=rows)
    return diagnostics


class TestFoundRows:
    @pytest.mark.parametrize(
        ("text", "is_mariadb"),
        [
            (b"SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1", False),
            (b"select" + b" " * 100 + b"Sql_Calc_Found_Rows a from t limit 1", True),
            (b"SELECT 1 UNION SELECT 2 LIMIT 1", False),
            (b"SELECT 1 union SELECT 2", True),
            (b"SELECT 1 EXCEPT SELECT 2 LIMIT 1", True),
        ],
    )
    def test_what_a_query_has_found_is_asked_at_once(self, text: bytes, is_mariadb: bool) -> None:
        diagnostics = held(text, is_mariadb=is_mariadb)
        assert diagnostics.must_ask
        diagnostics.know_found_rows(12)
        assert not diagnostics.must_ask
        assert diagnostics.counts.found_rows == 12

    @pytest.mark.parametrize(
        "text",
        [b"SELECT a FROM t LIMIT 1", b"SELECT 1 UNION SELECT 2", b"SELECT 'SQL_CALC_FOUND_ROWS' LIMIT 1"],
    )
    def test_what_is_known_is_not_asked(self, text: bytes) -> None:
        diagnostics = held(text)
        assert diagnostics.must_ask == (diagnostics.counts.found_rows is None)

    def test_it_is_asked_at_the_end_of_the_transaction(self) -> None:
        diagnostics = held(b"SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1")
        diagnostics.after(Command.QUERY, b"COMMIT")
        assert diagnostics.must_ask

    def test_an_update_costs_nothing_until_somebody_asks(self) -> None:
        diagnostics = held(b"UPDATE t SET a = 1", rows=None)
        assert diagnostics.counts.found_rows is None
        assert not diagnostics.must_ask
        diagnostics.want_found_rows()
        assert diagnostics.must_ask

    def test_who_asks_for_what_was_counted_need_not_want_all(self) -> None:
        diagnostics = held(b"SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1")
        diagnostics.want_found_rows()
        assert not diagnostics.wants_found_rows

    def test_it_costs_little_beside_an_error(self) -> None:
        diagnostics = held(b"UPDATE t SET a = 1", rows=None)
        assert diagnostics.asks_found_rows
        diagnostics.after(Command.QUERY, b"SELECT 1/0", in_rows=True, rows=1, warnings=1)
        assert not diagnostics.asks_found_rows

    def test_many_warnings_are_counted_instead(self) -> None:
        diagnostics = held(b"SELECT 1")
        diagnostics.after(Command.QUERY, b"UPDATE t SET a = 1", warnings=70)
        assert not diagnostics.asks_found_rows


class TestConditions:
    def test_an_error_of_the_proxy_takes_their_place(self) -> None:
        diagnostics = held(b"INSERT INTO t VALUES (1)", rows=None)
        diagnostics.answered(SOME)
        diagnostics.conditions = SOME
        diagnostics.refused(1105)
        assert not diagnostics.conditions
        assert not diagnostics.must_ask
        assert diagnostics.counts.row_count == -1

    def test_an_error_in_the_place_of_the_server_is_not_denied(self) -> None:
        diagnostics = held(b"SELECT 1")
        diagnostics.refused(1243)
        assert diagnostics.are_lost

    def test_they_are_asked_once(self) -> None:
        diagnostics = HeldDiagnostics()
        diagnostics.after(Command.QUERY, b"INSERT INTO t VALUES (1)", errno=DUPLICATE, sqlstate=b"23000")
        assert diagnostics.must_ask
        diagnostics.answered(SOME)
        assert not diagnostics.unread
        assert diagnostics.conditions is SOME

    def test_they_are_lost_with_their_connection(self) -> None:
        diagnostics = HeldDiagnostics()
        diagnostics.after(Command.QUERY, b"SELECT 1/0", in_rows=True, rows=1, warnings=1)
        diagnostics.forget_connection()
        assert diagnostics.are_lost
        assert not diagnostics.must_ask

    @pytest.mark.parametrize(
        ("text", "is_kept"),
        [(b"PREPARE s FROM 'SELECT 1'", True), (b"PREPARE s FROM 'SELECT a FROM t'", False)],
    )
    def test_mariadb_prepares_as_it_runs(self, text: bytes, is_kept: bool) -> None:
        diagnostics = held(b"DO 1", is_mariadb=True, rows=None)
        diagnostics.conditions = SOME
        diagnostics.after(Command.QUERY, text)
        assert bool(diagnostics.conditions) is is_kept
