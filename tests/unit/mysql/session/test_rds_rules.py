"""RDS Proxy's conditions, one by one, with what lies next to each and does not pin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.rds_messages import rds_remedy
from proxy.mysql.session.rds_rules import (
    LONGEST_UNPINNED_TEXT,
    RDS_PREPARED,
    RdsPin,
    RdsReason,
    pin_message,
    rds_pins,
)

NEVER: tuple[RdsReason, ...] = ()
SETTINGS = (RdsReason.SESSION_SETTINGS,)
VARIABLE = (RdsReason.USER_VARIABLE,)
NEXT = (RdsReason.NEXT_TRANSACTION,)
TEMPORARY = (RdsReason.TEMPORARY_TABLE,)
TABLES = (RdsReason.TABLE_LOCK,)
LOCK = (RdsReason.NAMED_LOCK,)
PREPARED = (RdsReason.PREPARED_STATEMENT,)
COUNTS = (RdsReason.DIAGNOSTICS,)
COMMENT = (RdsReason.EXECUTABLE_COMMENT,)
SIZE = (RdsReason.STATEMENT_SIZE,)


def reasons(text: str | bytes, *, exclude: bool = False, escapes: bool = True) -> tuple[RdsReason, ...]:
    sent = text.encode() if isinstance(text, str) else text
    return tuple(
        pin.reason for pin in rds_pins(sent, exclude_variable_sets=exclude, backslash_escapes=escapes)
    )


CASES = {
    "": NEVER,
    "SELECT 1": NEVER,
    "SELECT 'SET @x = 1', \"GET_LOCK(1)\", `get_lock` FROM t /* LOCK TABLES */ -- ROW_COUNT()": NEVER,
    "UPDATE t SET sort_buffer_size = 1, role = 2": NEVER,
    "USE app": NEVER,
    "DROP DATABASE app": NEVER,
    "BEGIN": NEVER,
    "CALL p(@out)": NEVER,
    "SELECT @x, @@sort_buffer_size": NEVER,
    "SELECT LAST_INSERT_ID()": NEVER,
    # Tracked
    "SET autocommit = 0": NEVER,
    "set NAMES utf8mb4 COLLATE utf8mb4_bin": NEVER,
    "SET CHARACTER SET utf8mb4": NEVER,
    "SET CHARSET utf8mb4": NEVER,
    "SET CHAR SET utf8mb4": NEVER,
    "SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), time_zone = '+00:00'": NEVER,
    "SET sql_mode=(SELECT CONCAT(@@sql_mode,',PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION'))": NEVER,
    "SET @@session.sql_mode := 'ANSI'": NEVER,
    "SET SESSION `wait_timeout` = 28800, interactive_timeout = 1, NAMES utf8": NEVER,
    "SET character_set_results = NULL, NAMES utf8mb4, AUTOCOMMIT=1, SESSION net_write_timeout=600": NEVER,
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY": NEVER,
    "SET GLOBAL TRANSACTION READ WRITE": NEVER,
    "SET transaction_isolation = 'SERIALIZABLE', tx_read_only = 1": NEVER,
    "SET @@session.transaction_isolation = 'SERIALIZABLE'": NEVER,
    "SET session_track_schema = 1": NEVER,
    # Not session state
    "SET GLOBAL sort_buffer_size = 1": NEVER,
    "SET GLOBAL sort_buffer_size = 1, join_buffer_size = 2": NEVER,
    "SET @@global.sort_buffer_size = 1": NEVER,
    "SET PERSIST sort_buffer_size = 1": NEVER,
    "SET LOCAL sort_buffer_size = 1": NEVER,
    "SET PASSWORD FOR 'a'@'b' = 'c'": NEVER,
    "SET DEFAULT ROLE a, b TO 'u'@'%'": NEVER,
    # Untracked
    "SET sort_buffer_size = 1": SETTINGS,
    "SET SESSION group_concat_max_len = 1": SETTINGS,
    "SET @@sort_buffer_size = 1": SETTINGS,
    "SET @@ session . sort_buffer_size = 1": SETTINGS,
    "SET autocommit=1, foreign_key_checks=0": SETTINGS,
    "SET GLOBAL sort_buffer_size = 1, SESSION join_buffer_size = 2": SETTINGS,
    "SET sql_mode = IF(1, 2, 3), unique_checks = 0": SETTINGS,
    "SET session_track_system_variables = '*'": SETTINGS,
    "SET ROLE admin": SETTINGS,
    "SET STATEMENT max_statement_time = 1 FOR SELECT 1": SETTINGS,
    "SELECT 1; SET lock_wait_timeout = 1": SETTINGS,
    "/* app */ SET lock_wait_timeout = 1": SETTINGS,
    "  \n\tSET lock_wait_timeout = 1;": SETTINGS,
    "# app\nset lock_wait_timeout = 1": SETTINGS,
    # The next transaction
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED": NEXT,
    "SET TRANSACTION READ ONLY": NEXT,
    "SET @@transaction_isolation = 'SERIALIZABLE'": NEXT,
    "SET @@tx_read_only = 1": NEXT,
    # User variables
    "SET @x = 1": VARIABLE,
    "SET @x := (SELECT 1, 2)": VARIABLE,
    "SET sql_mode = '', @`x` = 1": VARIABLE,
    "SELECT @x := 1": VARIABLE,
    "SELECT @'x':=1": VARIABLE,
    "SELECT 1 INTO @x": VARIABLE,
    "SELECT 1, 2 INTO @x, @y": VARIABLE,
    "LOAD DATA INFILE 'f' INTO TABLE t (a, @b) SET c = @b": VARIABLE,
    "GET DIAGNOSTICS @n = ROW_COUNT": VARIABLE,
    "UPDATE t SET a = (@x := @x + 1)": VARIABLE,
    "SELECT @x": NEVER,
    "CREATE USER bob@localhost": NEVER,
    # Locks and tables
    "CREATE TEMPORARY TABLE t (a INT)": TEMPORARY,
    "CREATE OR REPLACE TEMPORARY TABLE t (a INT)": TEMPORARY,
    "DROP TEMPORARY TABLE t": NEVER,
    "CREATE TABLE temporary_things (a INT)": NEVER,
    "LOCK TABLE t WRITE": TABLES,
    "lock tables t READ": TABLES,
    "FLUSH TABLES WITH READ LOCK": TABLES,
    "FLUSH LOCAL TABLES t WITH READ LOCK": TABLES,
    "FLUSH TABLES": NEVER,
    "UNLOCK TABLES": NEVER,
    "SELECT * FROM t LOCK IN SHARE MODE": NEVER,
    "LOCK INSTANCE FOR BACKUP": NEVER,
    "SELECT GET_LOCK('a', 1)": LOCK,
    "DO get_lock ('a', 1)": LOCK,
    "SELECT RELEASE_LOCK('a'), IS_FREE_LOCK('a')": NEVER,
    "SELECT get_lock FROM t": NEVER,
    # Prepared statements
    "PREPARE s FROM 'SELECT 1'": PREPARED,
    "EXECUTE s USING @x": PREPARED,
    "EXECUTE IMMEDIATE 'SELECT 1'": PREPARED,
    "DEALLOCATE PREPARE s": NEVER,
    "XA PREPARE 'a'": NEVER,
    # Diagnostics
    "SELECT ROW_COUNT()": COUNTS,
    "SELECT FOUND_ROWS() AS n": COUNTS,
    "SELECT row_count FROM t": NEVER,
    "SELECT SQL_CALC_FOUND_ROWS * FROM t": NEVER,
    "SHOW WARNINGS": NEVER,
    # Comments that servers run
    "/*!40101 SET NAMES utf8 */": COMMENT,
    "/*M!100100 SELECT 1 */": COMMENT,
    "SELECT /*! STRAIGHT_JOIN */ 1; SET @x = 1": COMMENT,
    "SELECT '/*! x */' /* /*! */": NEVER,
    "SELECT /*+ MAX_EXECUTION_TIME(1) */ 1": NEVER,
    # Stored programs
    "CREATE PROCEDURE p() BEGIN SET @x = 1; SELECT GET_LOCK('a', 1); END": NEVER,
    "CREATE DEFINER=`root`@`localhost` FUNCTION f() RETURNS INT BEGIN SET @x = 1; RETURN 1; END": NEVER,
    "CREATE OR REPLACE DEFINER = CURRENT_USER() TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @x = 1": NEVER,
    # Sizes
    "SELECT '" + "x" * (LONGEST_UNPINNED_TEXT - 9) + "'": NEVER,
    "SELECT '" + "x" * (LONGEST_UNPINNED_TEXT - 8) + "'": SIZE,
    "SET @x = '" + "x" * LONGEST_UNPINNED_TEXT + "'": SIZE,
}


@pytest.mark.parametrize("text", CASES, ids=lambda text: text[:60])
def test_what_pins(text: str) -> None:
    assert reasons(text) == CASES[text]


def test_several_conditions_in_one_text() -> None:
    assert reasons("SET @x = GET_LOCK('a', 1); CREATE TEMPORARY TABLE t (a INT); SET @y = 2") == (
        RdsReason.USER_VARIABLE,
        RdsReason.NAMED_LOCK,
        RdsReason.TEMPORARY_TABLE,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET @x = 1", NEVER),
        ("SET sort_buffer_size = 1", NEVER),
        ("SET TRANSACTION READ ONLY", NEVER),
        ("SET @l = GET_LOCK('a', 1)", LOCK),
        ("SET @x = 1; SELECT @y := 2", VARIABLE),
        ("SELECT 1 INTO @x", VARIABLE),
        ("CREATE TEMPORARY TABLE t (a INT)", TEMPORARY),
    ],
)
def test_the_filter_excludes_set_only(text: str, expected: tuple[RdsReason, ...]) -> None:
    assert reasons(text, exclude=True) == expected


def test_a_backslash_hides_a_quote_only_where_it_escapes() -> None:
    text = r"SELECT 'a\', @x := 1, '"
    assert reasons(text, escapes=True) == NEVER
    assert reasons(text, escapes=False) == VARIABLE
    inside = r"SET sql_mode = CONCAT('a\', ', sort_buffer_size = 1', 'b')"
    assert reasons(inside, escapes=False) == NEVER


@given(st.binary(max_size=200))
def test_nothing_makes_it_fail(noise: bytes) -> None:
    for escapes in (True, False):
        rds_pins(b"SET " + noise, exclude_variable_sets=False, backslash_escapes=escapes)
        rds_pins(noise + b"@", exclude_variable_sets=True, backslash_escapes=escapes)


@given(st.sampled_from(sorted(CASES)), st.sampled_from(["/* c */ ", " ", "\n", "-- c\n"]))
def test_what_stands_before_a_statement_changes_nothing(text: str, before: str) -> None:
    if len(text) < LONGEST_UNPINNED_TEXT - 20:
        assert reasons(before + text) == CASES[text]


# The words that users of RDS Proxy have published.
SETTINGS_WORDS = (
    "SQL changed session settings that the proxy doesn't track. Consider moving session configuration to the"
    ' proxy\'s initialization query. Digest: "SET sort_buffer_size = ?".'
)


def test_the_message_has_the_words_of_rds() -> None:
    text = b"SET sort_buffer_size = 4711"
    (pin,) = rds_pins(text, exclude_variable_sets=False, backslash_escapes=True)
    assert pin_message(pin, 2383522377, 46, text) == (
        "[clientConnection=2383522377] The client session was pinned to the database connection"
        " [dbConnection=46] for the remainder of the session. The proxy can't reuse this connection until the"
        " session ends. Reason: " + SETTINGS_WORDS
    )


def test_the_words_of_a_long_statement_and_of_a_prepared_one() -> None:
    (pin,) = rds_pins(b"x" * 16_385, exclude_variable_sets=False, backslash_escapes=True)
    assert pin.log_reason(b"x" * 16_385) == (
        "The connection ran a SQL query which exceeded the 16384 byte limit."
    )
    assert RDS_PREPARED.log_reason(b"SELECT 1").startswith("Running a prepared statement")


@pytest.mark.parametrize("reason", RdsReason, ids=lambda reason: reason.value)
def test_every_reason_has_words_without_literals(reason: RdsReason) -> None:
    words = RdsPin(reason).log_reason(b"SELECT 'secret', 4711")
    assert words[0].isupper()
    assert words.endswith(".")
    assert "secret" not in words
    assert "4711" not in words


@pytest.mark.parametrize("reason", RdsReason, ids=lambda reason: reason.value)
def test_every_reason_has_a_remedy(reason: RdsReason) -> None:
    assert rds_remedy(reason.value).endswith(".")
