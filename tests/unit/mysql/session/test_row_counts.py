"""ROW_COUNT() and FOUND_ROWS() after each kind of command."""

from typing import Any

import pytest

from proxy.mysql.session.row_counts import RowCounts
from proxy.mysql.wire.commands import Command

UNKNOWN_STATEMENT, PARSE_ERROR, DUPLICATE = 1243, 1064, 1062


def counts(*, is_mariadb: bool = True) -> RowCounts:
    """After a SELECT of seven rows and an INSERT of three."""
    counts = RowCounts(is_mariadb)
    counts.take(Command.QUERY, b"SELECT a FROM t LIMIT 7", in_rows=True, rows=7)
    counts.take(Command.QUERY, b"INSERT INTO t VALUES (1), (2), (3)", affected_rows=3)
    assert (counts.row_count, counts.found_rows) == (3, 7)
    return counts


def test_a_new_session() -> None:
    assert (RowCounts(True).row_count, RowCounts(False).found_rows) == (0, 0)


@pytest.mark.parametrize(
    ("command", "text", "outcome", "row_count", "found_rows"),
    [
        (Command.QUERY, b"SELECT 1", {"in_rows": True, "rows": 1}, -1, 1),
        (Command.STMT_EXECUTE, b"SELECT 1", {"in_rows": True, "rows": 1}, -1, 1),
        (Command.STMT_EXECUTE, b"SELECT a FROM t", {"in_rows": True, "is_cursor": True}, -1, None),
        (Command.STMT_FETCH, b"", {"in_rows": True, "rows": 2}, -1, None),
        (Command.QUERY, b"SELECT a FROM t LIMIT 5,2", {"in_rows": True, "rows": 2}, -1, 7),
        (Command.QUERY, b"SELECT a FROM t LIMIT 50,2", {"in_rows": True, "rows": 0}, -1, None),
        (Command.QUERY, b"SELECT SQL_CALC_FOUND_ROWS 1", {"in_rows": True, "rows": 1}, -1, None),
        (Command.QUERY, b"SELECT nothing", {"errno": 1054}, -1, None),
        (Command.QUERY, b"SELEC 1", {"errno": PARSE_ERROR}, -1, 7),
        (Command.QUERY, b"SELECT 1; SELEC 2", {"errno": PARSE_ERROR, "rows": 1}, -1, None),
        (Command.QUERY, b"INSERT INTO t VALUES (1)", {"errno": DUPLICATE}, -1, 7),
        (Command.QUERY, b"SHOW WARNINGS", {"in_rows": True, "rows": 2}, -1, 7),
        (Command.QUERY, b"SET @a = 1", {}, 0, 7),
        (Command.QUERY, b"COMMIT", {}, 0, 7),
        (Command.QUERY, b"CALL p()", {"rows": 2, "affected_rows": 4}, 4, None),
        (Command.QUERY, b"SELECT 1 INTO @a", {"affected_rows": 1}, 1, None),
        (Command.QUERY, b"GET DIAGNOSTICS @n = NUMBER", {}, 3, 7),
        (Command.QUERY, b" get diagnostics condition 9 @n = mysql_errno", {"warnings": 1}, -1, 7),
        (Command.STMT_PREPARE, b"SELECT 1", {}, 3, 7),
        (Command.STMT_PREPARE, b"SELEC 1", {"errno": PARSE_ERROR}, -1, 7),
        (Command.STMT_EXECUTE, b"", {"errno": UNKNOWN_STATEMENT}, -1, 7),
        (Command.STMT_CLOSE, b"", {}, 3, 7),
        (Command.STMT_SEND_LONG_DATA, b"", {}, 3, 7),
        (Command.STATISTICS, b"", {}, 3, 7),
        (Command.STMT_RESET, b"", {}, 0, 7),
        (Command.PING, b"", {}, 0, 7),
        (Command.INIT_DB, b"", {}, 0, 7),
        (Command.INIT_DB, b"", {"errno": 1049}, -1, 7),
        (Command.SET_OPTION, b"", {}, -1, 7),
        (Command.DEBUG, b"", {}, -1, 7),
        (Command.FIELD_LIST, b"", {}, -1, 7),
        (Command.RESET_CONNECTION, b"", {}, 0, 7),
    ],
)
def test_after(
    command: int, text: bytes, outcome: dict[str, Any], row_count: int, found_rows: int | None
) -> None:
    taken = counts()
    taken.take(command, text, **outcome)
    assert (taken.row_count, taken.found_rows) == (row_count, found_rows)


def test_an_update_on_mysql_counts_what_it_matched() -> None:
    taken = counts(is_mariadb=False)
    taken.take(Command.QUERY, b"UPDATE t SET a = 1", affected_rows=1)
    assert (taken.row_count, taken.found_rows) == (1, None)


def test_statements_are_taken_in_in_their_order() -> None:
    taken = counts()
    for _ in range(20):
        taken.take(Command.QUERY, b"COMMIT")
    assert taken.found_rows == 7
    taken.take(Command.QUERY, b"DO 1")
    taken.take(Command.QUERY, b"COMMIT")
    assert taken.found_rows is None
    taken.take(Command.QUERY, b"SELECT 1", in_rows=True, rows=1)
    taken.take(Command.QUERY, b"COMMIT")
    assert taken.found_rows == 1


def test_what_the_connection_has_answered() -> None:
    taken = counts()
    taken.take(Command.QUERY, b"DO 1")
    taken.know_found_rows(5)
    assert taken.found_rows == 5


def test_long_texts_are_not_held() -> None:
    taken = counts()
    taken.take(Command.QUERY, b"INSERT INTO t VALUES ('" + b"x" * 1000 + b"')", affected_rows=1)
    assert (taken.row_count, taken.found_rows) == (1, 7)
    taken.take(Command.QUERY, b"INSERT INTO t VALUES ('" + b"x" * 10_000 + b"')", affected_rows=1)
    assert (taken.row_count, taken.found_rows) == (1, None)
    taken.take(Command.QUERY, b"SELECT '" + b"x" * 1000 + b"'", in_rows=True, rows=1)
    assert taken.found_rows == 1
    assert "xxx" not in repr(taken)


def test_where_the_number_is_known() -> None:
    """A connection answers with the session's own only where that was set, and was asked nothing since."""
    counts = RowCounts(is_mariadb=False)
    assert not counts.are_found_here
    counts.take(Command.QUERY, b"UPDATE t SET a = 1", affected_rows=1)
    counts.take(Command.QUERY, b"COMMIT")
    assert counts.are_found_here
    counts.elsewhere()
    counts.take(Command.QUERY, b"INSERT INTO t VALUES (1)", affected_rows=1)
    assert not counts.are_found_here
    counts.take(Command.QUERY, b"UPDATE t SET a = 2", affected_rows=1)
    counts.elsewhere()
    counts.take(Command.QUERY, b"SET @a = 1")
    assert not counts.are_found_here
    counts.take(Command.STMT_EXECUTE, b"SELECT a FROM t", in_rows=True, is_cursor=True)
    assert counts.are_found_here
    counts.know_found_rows(3)
    assert not counts.are_found_here
