"""What the text of a statement tells of FOUND_ROWS(); tests/integration has the servers judge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.found_rows import Found, FoundRows, found_rows_of

ROWS, UNCHANGED, UNKNOWN = FoundRows(Found.ROWS), FoundRows(Found.UNCHANGED), FoundRows(Found.UNKNOWN)

SKIPPED = FoundRows(Found.ROWS, 2)


@pytest.mark.parametrize(
    ("text", "mariadb", "mysql"),
    [
        ("SELECT 1", ROWS, ROWS),
        (" (SELECT a FROM t)", ROWS, ROWS),
        ("SELECT a FROM t LIMIT 3", ROWS, ROWS),
        ("SELECT a FROM t LIMIT ?;", ROWS, ROWS),
        ("SELECT 'limit 2,3' FROM t LIMIT 1", ROWS, ROWS),
        ("SELECT a FROM t WHERE b IN (1, 2) LIMIT 1", ROWS, ROWS),
        ("SELECT a FROM t LIMIT 2,3", FoundRows(Found.ROWS, 2), FoundRows(Found.ROWS, 2)),
        ("SELECT a FROM t LIMIT 2 , 3 ;", FoundRows(Found.ROWS, 2), FoundRows(Found.ROWS, 2)),
        ("SELECT a FROM t LIMIT 2 OFFSET 3", FoundRows(Found.ROWS, 3), FoundRows(Found.ROWS, 3)),
        ("SELECT a FROM t LIMIT ?, ?", UNKNOWN, UNKNOWN),
        (f"SELECT a FROM t LIMIT {'1' * 5000}, 2", UNKNOWN, UNKNOWN),
        ("SELECT a FROM t -- limit 5,6", ROWS, ROWS),
        ("SELECT * FROM (SELECT a FROM t LIMIT 2,3) d", ROWS, ROWS),
        ("SELECT * FROM (SELECT a FROM t LIMIT 5) d LIMIT 2", ROWS, ROWS),
        ("SELECT * FROM (SELECT 1 UNION SELECT 2) d LIMIT 2,1", SKIPPED, SKIPPED),
        ("SELECT a IN ('(', ')') FROM t LIMIT 2,1", SKIPPED, SKIPPED),
        ("(SELECT a FROM t LIMIT 2,4) LIMIT 1", UNKNOWN, UNKNOWN),
        ("(SELECT a FROM t LIMIT 1)", ROWS, ROWS),
        ("SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1", UNKNOWN, UNKNOWN),
        ("SELECT a INTO @a FROM t", UNKNOWN, UNKNOWN),
        ("SELECT 1 UNION SELECT 2", UNKNOWN, ROWS),
        ("SELECT 1 UNION SELECT 2 LIMIT 1", UNKNOWN, UNKNOWN),
        ("SELECT /*!50000 SQL_CALC_FOUND_ROWS */ 1", UNKNOWN, UNKNOWN),
        ("SHOW FULL COLUMNS FROM t", ROWS, ROWS),
        ("SHOW COUNT(*) WARNINGS", ROWS, ROWS),
        ("SHOW WARNINGS", UNCHANGED, UNCHANGED),
        ("SHOW PRIVILEGES", UNKNOWN, UNKNOWN),
        ("EXPLAIN SELECT 1", UNKNOWN, UNKNOWN),
        ("SET @a = 1", UNCHANGED, UNCHANGED),
        ("SET @a = (SELECT 1)", UNKNOWN, UNKNOWN),
        ("DO 1", UNKNOWN, UNKNOWN),
        ("COMMIT", UNCHANGED, UNCHANGED),
        ("BEGIN NOT ATOMIC", UNKNOWN, UNKNOWN),
        ("INSERT INTO t VALUES (1)", UNCHANGED, UNCHANGED),
        ("INSERT INTO t SELECT 1", UNKNOWN, UNKNOWN),
        ("INSERT INTO t TABLE u", UNKNOWN, UNKNOWN),
        ("INSERT INTO t VALUES ('select')", UNCHANGED, UNCHANGED),
        ("UPDATE t SET a = 1", UNCHANGED, UNKNOWN),
        ("UPDATE t u SET a = 1, b = 2", UNCHANGED, UNKNOWN),
        ("UPDATE t, u SET t.a = 1", UNKNOWN, UNKNOWN),
        ("UPDATE t SET a = (SELECT 1)", UNKNOWN, UNKNOWN),
        ("DELETE FROM t WHERE a = 1", UNCHANGED, UNCHANGED),
        ("DELETE t FROM t JOIN u", UNKNOWN, UNKNOWN),
        ("DELETE FROM t WHERE a IN (SELECT 1)", UNKNOWN, UNKNOWN),
        ("CREATE TABLE t AS SELECT 1", UNKNOWN, UNKNOWN),
        ("CALL p()", UNKNOWN, UNKNOWN),
        ("# nothing", UNCHANGED, UNCHANGED),
        ("SELECT 1; SELECT 2", UNKNOWN, UNKNOWN),
    ],
)
def test_rules(text: str, mariadb: FoundRows, mysql: FoundRows) -> None:
    assert found_rows_of(text.encode(), is_mariadb=True) == mariadb
    assert found_rows_of(text.encode(), is_mariadb=False) == mysql


@given(st.sampled_from([b"SELECT ", b"UPDATE t SET ", b"", b"SHOW "]), st.binary(max_size=64), st.booleans())
def test_any_bytes_can_be_read(start: bytes, text: bytes, is_mariadb: bool) -> None:
    found_rows_of(start + text, is_mariadb=is_mariadb)
