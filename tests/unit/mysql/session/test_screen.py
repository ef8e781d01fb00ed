"""The screen: which statement leaves what on its connection, whatever its case, blanks and comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.screen import Dialect, Screen, dialect_of
from proxy.mysql.session.verdict import PLAIN, Diagnostics, Verdict, Xa

DEFAULT = Dialect.DEFAULT


def holds(found: Verdict, reason: PinReason) -> bool:
    """Whether it pins, or the user variables that it would pin for are known."""
    is_known = found.variables is not None and bool(found.variables.mentioned)
    return reason in found.pins or (reason is PinReason.USER_VARIABLE and is_known)


def verdict(statement: str | bytes, dialect: Dialect = DEFAULT) -> Verdict:
    text = statement.encode() if isinstance(statement, str) else statement
    return Screen().verdict(text, dialect)


PINNING = {
    "SET @x = 1": PinReason.USER_VARIABLE,
    "SELECT@x": PinReason.USER_VARIABLE,
    "SELECT a INTO @'x' FROM t": PinReason.USER_VARIABLE,
    'SELECT @"x" := 1': PinReason.USER_VARIABLE,
    "SELECT @`x`": PinReason.USER_VARIABLE,
    "SELECT 1, @@session.sql_mode, @ x": PinReason.USER_VARIABLE,
    "LOAD DATA INFILE 'f' INTO TABLE t (@a)": PinReason.USER_VARIABLE,
    "DROP USER app@localhost": PinReason.USER_VARIABLE,
    "CREATE TEMPORARY TABLE t (a INT)": PinReason.TEMPORARY_TABLE,
    "CREATE OR REPLACE TEMPORARY TABLE t SELECT 1": PinReason.TEMPORARY_TABLE,
    "CREATE TEMPORARY SEQUENCE s": PinReason.TEMPORARY_TABLE,
    "LOCK TABLES t READ": PinReason.LOCK_TABLES,
    "LOCK TABLE t WRITE": PinReason.LOCK_TABLES,
    "FLUSH TABLES WITH READ LOCK": PinReason.FLUSH_TABLES_WITH_READ_LOCK,
    "FLUSH LOCAL TABLES a, `b` WITH READ LOCK": PinReason.FLUSH_TABLES_WITH_READ_LOCK,
    "FLUSH TABLES t WITH READ LOCK AND DISABLE CHECKPOINT": PinReason.FLUSH_TABLES_WITH_READ_LOCK,
    "FLUSH TABLES t FOR EXPORT": PinReason.FLUSH_TABLES_WITH_READ_LOCK,
    "LOCK INSTANCE FOR BACKUP": PinReason.BACKUP_LOCK,
    "LOCK BINLOG FOR BACKUP": PinReason.BACKUP_LOCK,
    "BACKUP STAGE START": PinReason.BACKUP_LOCK,
    "BACKUP LOCK d . t": PinReason.BACKUP_LOCK,
    "SELECT GET_LOCK ('a', 1)": PinReason.NAMED_LOCK,
    "DO `get_lock` ('a', 1)": PinReason.NAMED_LOCK,
    "SELECT \"get_lock\" ('a', 1)": PinReason.NAMED_LOCK,
    "SELECT service_get_read_locks ('a', 'b', 1)": PinReason.NAMED_LOCK,
    "SELECT service_get_write_locks ('a', 'b', 1)": PinReason.NAMED_LOCK,
    "SELECT version_tokens_lock_shared ('a', 1)": PinReason.NAMED_LOCK,
    "SELECT version_tokens_lock_exclusive ('a', 1)": PinReason.NAMED_LOCK,
    "HANDLER d . t OPEN AS h": PinReason.HANDLER,
    "PREPARE s FROM 'SELECT 1'": PinReason.TEXT_PREPARED_STATEMENT,
    "EXECUTE s": PinReason.TEXT_PREPARED_STATEMENT,
    "EXECUTE IMMEDIATE 'SELECT 1'": PinReason.UNREADABLE,
    "BINLOG 'abcd'": PinReason.UNREADABLE,
    "SET ROLE admin": PinReason.ROLE,
    "SET ROLE NONE": PinReason.ROLE,
    "SET SESSION AUTHORIZATION 'a' @ 'b'": PinReason.ROLE,
    "SET RESOURCE GROUP g": PinReason.UNTRACKED_STATE,
    "SET insert_id = 5": PinReason.ONE_SHOT_VARIABLE,
    "SET sql_mode = '' , SESSION `rand_seed1` := 5": PinReason.ONE_SHOT_VARIABLE,
    "SET @@session . rand_seed2 = 5": PinReason.ONE_SHOT_VARIABLE,
    "SET gtid_next = 'AUTOMATIC'": PinReason.ONE_SHOT_VARIABLE,
    "SET gtid_seq_no = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET pseudo_thread_id = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET pseudo_slave_mode = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET pseudo_replica_mode = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET @@local . identity = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET last_insert_id = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET timestamp = 1": PinReason.ONE_SHOT_VARIABLE,
    "SET session_track_system_variables = ''": PinReason.SESSION_TRACKING,
    "SET session_track_gtids = OFF": PinReason.SESSION_TRACKING,
    "SET profiling = 1": PinReason.PROFILING,
    "SHOW PROFILES": PinReason.PROFILING,
    "SHOW PROFILE ALL": PinReason.PROFILING,
    "SELECT * FROM information_schema . profiling": PinReason.PROFILING,
    "SET sql_auto_is_null = ON": PinReason.UNTRACKED_STATE,
    "; SET ROLE admin": PinReason.ROLE,
    "BEGIN NOT ATOMIC SELECT 1 ; SET timestamp = 5 ; END": PinReason.ONE_SHOT_VARIABLE,
    "IF 1 THEN PREPARE s FROM 'a' ; END IF": PinReason.TEXT_PREPARED_STATEMENT,
    "SET STATEMENT max_statement_time = 1 FOR SELECT GET_LOCK ('a', 1)": PinReason.NAMED_LOCK,
}


@pytest.mark.parametrize(("statement", "reason"), PINNING.items())
def test_pinning_statements(statement: str, reason: PinReason) -> None:
    assert holds(verdict(statement), reason)


BLANKS = [" ", "\t", "\n ", "/**/", " /* ' */ ", ' -- "\n', " #`\n", "\r\v\f"]


@st.composite
def disguised(draw: st.DrawFn) -> tuple[str, PinReason]:
    """A pinning statement with other blanks and another case, perhaps in executable comments."""
    statement, reason = draw(st.sampled_from(sorted(PINNING.items(), key=str)))
    words = [draw(st.sampled_from([word, word.lower(), word.swapcase()])) for word in statement.split(" ")]
    if draw(st.booleans()):
        at = draw(st.integers(0, len(words) - 1))
        words[at] = draw(st.sampled_from(["/*!{} */", "/*!50110{}*/", "/*M!100100 {}*/"])).format(words[at])
    text = "".join(draw(st.sampled_from(BLANKS)) + word for word in words)
    return draw(st.sampled_from(["", "SELECT 1;", "(", "/*!99999 x */"])) + text, reason


@given(disguised())
def test_no_disguise_hides_a_pin(case: tuple[str, PinReason]) -> None:
    statement, reason = case
    found = verdict(statement)
    assert holds(found, reason) or PinReason.UNREADABLE in found.pins


@given(disguised())
def test_opaque_text_pins_at_least_as_much(case: tuple[str, PinReason]) -> None:
    assert verdict(case[0]).pins - {PinReason.UNREADABLE} <= verdict(case[0] + "\\é", Dialect.OPAQUE).pins


@pytest.mark.parametrize(
    "statement",
    [
        "",
        ";",
        "SELECT 1;",
        "SELECT '@x', 'GET_LOCK(1)', \"SET ROLE x\", `get_lock` FROM t -- LOCK TABLES @x",
        "SELECT @@sql_mode, @@session.time_zone",
        "SELECT * FROM t FOR UPDATE",
        "SELECT DISTINCT SQL_CALC_FOUND_ROWS a FROM t",
        "SELECT * FROM t LOCK IN SHARE MODE",
        "UPDATE users SET role = 'x', timestamp = 1, insert_id = 5, resource = 2",
        "INSERT INTO t SET identity = 1, session_track_x = 2",
        "FLUSH TABLES",
        "SELECT * FROM backup",
        "SHOW BINLOG EVENTS",
        "GRANT ALL ON *.* TO 'app'@'%', `b`@`c`",
        "SELECT found_rows, row_count, last_insert_id, lastval FROM stats",
        "SHOW COLUMNS FROM profile",
        "SELECT /*+ SET_VAR(sort_buffer_size = 16M) */ 1",
        "SELECT /*!40001 SQL_NO_CACHE */ * FROM t",
        "SELECT 'unterminated",
    ],
)
def test_plain_statements(statement: str) -> None:
    assert verdict(statement) is PLAIN


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD b INT, ALGORITHM=INPLACE, LOCK=NONE",
        "DROP TEMPORARY TABLE t",
        "UNLOCK TABLES",
        "UNLOCK INSTANCE",
        "BACKUP UNLOCK",
        "DEALLOCATE PREPARE s",
        "CREATE TABLE profile (warnings INT, errors INT)",
        "BEGIN",
        "SAVEPOINT a",
        "SELECT RELEASE_LOCK('a')",
        "CREATE TABLE t (a INT) COMMENT 'unterminated",
        "DROP \x00 TABLE t",
    ],
)
def test_statements_that_leave_nothing(statement: str) -> None:
    found = verdict(statement)
    assert (found.pins, found.reads) == (frozenset(), Diagnostics.NONE)


HARMLESS_LITERAL = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=40)


@given(
    HARMLESS_LITERAL,
    st.sampled_from(["@x; SET ROLE a; GET_LOCK(", "LOCK TABLES", "SHOW WARNINGS", "CALL p()", "/*! */", ""]),
)
def test_literals_have_no_effects(content: str, trigger: str) -> None:
    literal = (content + trigger).replace("\\", "\\\\").replace("'", "''")
    assert verdict(f"SELECT * FROM t WHERE a = '{literal}' AND b = 1") == PLAIN


@pytest.mark.parametrize(
    ("statement", "reads"),
    [
        ("SELECT LAST_INSERT_ID()", Diagnostics.LAST_INSERT_ID),
        ("SELECT last_insert_id /* x */ (5)", Diagnostics.LAST_INSERT_ID),
        ("SELECT `last_insert_id`()", Diagnostics.LAST_INSERT_ID),
        ("SELECT @@identity", Diagnostics.LAST_INSERT_ID),
        ("SELECT @@session . `last_insert_id`", Diagnostics.LAST_INSERT_ID),
        ("SELECT ROW_COUNT()", Diagnostics.ROW_COUNT),
        ("SELECT FOUND_ROWS ()", Diagnostics.FOUND_ROWS),
        ("SELECT FOUND_ROWS(), ROW_COUNT()", Diagnostics.FOUND_ROWS | Diagnostics.ROW_COUNT),
        ("SHOW WARNINGS LIMIT 1", Diagnostics.CONDITIONS),
        ("SHOW COUNT(*) ERRORS", Diagnostics.CONDITIONS),
        ("SELECT @@warning_count", Diagnostics.CONDITIONS),
        ("SELECT @@local.error_count", Diagnostics.CONDITIONS),
        ("GET CURRENT DIAGNOSTICS n = NUMBER", Diagnostics.CONDITIONS),
        ("SELECT LASTVAL(s)", Diagnostics.SEQUENCE),
        ("SELECT PREVIOUS VALUE FOR s", Diagnostics.SEQUENCE),
        ("INSERT INTO t VALUES (1); SELECT ROW_COUNT(); SHOW WARNINGS", Diagnostics.NONE),
        ("SELECT ROW_COUNT(); INSERT INTO t VALUES (1)", Diagnostics.ROW_COUNT),
        ("INSERT INTO t VALUES (1); SELECT LAST_INSERT_ID()", Diagnostics.LAST_INSERT_ID),
        ("INSERT INTO t VALUES (1); SELECT FOUND_ROWS()", Diagnostics.FOUND_ROWS),
        ("SELECT 1 INTO OUTFILE 'f'; SELECT FOUND_ROWS()", Diagnostics.FOUND_ROWS),
        ("SELECT FOUND_ROWS(); SELECT FOUND_ROWS()", Diagnostics.FOUND_ROWS),
        ("SELECT `found_rows`(); SELECT FOUND_ROWS()", Diagnostics.FOUND_ROWS),
        ("SELECT 1; SELECT FOUND_ROWS()", Diagnostics.NONE),
        ("(SELECT a FROM t LIMIT 3); SELECT FOUND_ROWS()", Diagnostics.NONE),
        # On MariaDB a statement without tables keeps the conditions of the one before.
        ("SELECT 1; SHOW WARNINGS", Diagnostics.CONDITIONS),
        ("; SELECT ROW_COUNT()", Diagnostics.ROW_COUNT),
        ("IF 0 THEN SELECT 1; END IF; SELECT ROW_COUNT()", Diagnostics.ROW_COUNT),
        ("/*!99999 SELECT 1; */ SELECT ROW_COUNT()", Diagnostics.ROW_COUNT),
    ],
)
def test_reads_of_earlier_diagnostics(statement: str, reads: Diagnostics) -> None:
    assert verdict(statement).reads == reads


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", True),
        ("/* app */ SET autocommit=0", True),
        ("/*!40101 SET NAMES utf8 */;", True),
        ("SET CHARACTER SET utf8; USE d; SET SESSION TRANSACTION READ ONLY;", True),
        ("SET sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), wait_timeout = (1 + 2) * 3", True),
        ("USE d", True),
        ("", False),
        ("SET x = f(1)", False),
        ("SET x = d.concat(1)", False),
        ("SET x = (SELECT 1)", False),
        ("SET x = @y", False),
        ("SET NAMES utf8, @x = 1", False),
        ("SET PASSWORD = 'x'", False),
        ("SET ROLE x", False),
        ("SET DEFAULT ROLE x TO y", False),
        ("SET STATEMENT max_statement_time=1 FOR SELECT 1", False),
        ("SET NAMES utf8; SELECT 1", False),
        ("/*!99999 SET x = */ CALL p", False),
        ("SET x = 'a", False),
    ],
)
def test_names_only_variables(statement: str, expected: bool) -> None:
    assert verdict(statement).names_only_variables is expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SET @x = 1, @`y` = (SELECT 2)", True),
        ("SET @x = 1; SELECT 1", True),
        ("SELECT @x := 1", False),
        ("SET @x = 1; SELECT @x", False),
        ("SET @x = GET_LOCK('a', 1)", False),
        ("SET STATEMENT max_statement_time=1 FOR SELECT @x := 1", False),
        ("/*!99999 SET */ SELECT @x := 1", False),
        ("SET sql_mode = ''", False),
    ],
)
def test_user_variable_sets_only(statement: str, expected: bool) -> None:
    assert verdict(statement).user_variable_sets_only is expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("XA START 'a'", Xa.OPEN),
        ("xa/**/begin 'a'", Xa.OPEN),
        ("XA COMMIT 'a' ONE PHASE", Xa.CLOSE),
        ("XA ROLLBACK 'a'", Xa.CLOSE),
        ("XA START 'a'; XA COMMIT 'a'", Xa.OPEN),
        ("XA END 'a'", Xa.NONE),
        ("XA PREPARE 'a'", Xa.NONE),
        ("START TRANSACTION", Xa.NONE),
    ],
)
def test_xa(statement: str, expected: Xa) -> None:
    assert verdict(statement).xa is expected


def test_calls() -> None:
    assert verdict("CALL p()").calls
    assert verdict("BEGIN NOT ATOMIC CALL p(); END").calls
    assert verdict("EXECUTE IMMEDIATE 'CALL p()'").calls
    assert not verdict("SELECT 'CALL p()'; SELECT 1").calls


def test_multiple() -> None:
    assert verdict("SELECT 1; SELECT 2").multiple
    assert not verdict("SELECT 1; -- done").multiple
    assert not verdict("SELECT ';a'").multiple


@pytest.mark.parametrize("statement", ["SET @x = 'a", "CALL p() /*", "SELECT 1; `a", "LOCK \x00 TABLES t"])
def test_an_end_that_is_missing_is_unreadable(statement: str) -> None:
    assert PinReason.UNREADABLE in verdict(statement).pins


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT\xa0GET_LOCK('a', 1)",
        b"SELECT --\xa0'\n GET_LOCK('a', 1) -- '",
        rb'SELECT "a\" , GET_LOCK(1, 2), " "',
        b"SELECT [a'b], GET_LOCK('a', 1)",
        b"SELECT GET_LOC\xe2\x84\xaa('a', 1)",
        b"/*!99999 ' */ SELECT GET_LOCK('a', 1) /* ' */",
        b"CREATE FUNCTION f() LANGUAGE JAVASCRIPT AS $$ ' $$; SELECT GET_LOCK('a', 1) -- '",
    ],
)
def test_where_servers_and_modes_read_a_text_differently_every_reading_counts(statement: bytes) -> None:
    assert PinReason.NAMED_LOCK in verdict(statement).pins


def test_opaque_text_counts_what_is_in_literals_and_comments() -> None:
    found = verdict(b"SELECT '\x95\\', 'a@b' -- GET_LOCK", Dialect.OPAQUE)
    assert found.pins >= {PinReason.USER_VARIABLE, PinReason.NAMED_LOCK}
    assert PinReason.USER_VARIABLE in verdict("SELECT 'a@b'", Dialect.OPAQUE).pins
    assert verdict("SET NAMES utf8mb4", Dialect.OPAQUE).names_only_variables
    assert verdict(b"SELECT '\x95\\' FROM t", Dialect.OPAQUE) == PLAIN


def test_a_backslash_in_a_literal_follows_the_dialect() -> None:
    statement = rb"SELECT 'a\', GET_LOCK(1, 2), '"
    assert verdict(statement) == PLAIN
    assert verdict(statement, Dialect.NO_BACKSLASH_ESCAPES).pins >= {PinReason.NAMED_LOCK}


@pytest.mark.parametrize("charset", ["big5", "cp932", "gb18030", "gbk", "sjis", "swe7", "klingon", ""])
def test_dialect_of_charsets_that_hide_quotes_or_are_not_known(charset: str) -> None:
    assert dialect_of(charset, no_backslash_escapes=True) is Dialect.OPAQUE


def test_dialect_of_common_charsets() -> None:
    assert dialect_of("utf8mb4", no_backslash_escapes=False) is Dialect.DEFAULT
    assert dialect_of("LATIN1", no_backslash_escapes=True) is Dialect.NO_BACKSLASH_ESCAPES


@given(st.binary(), st.sampled_from(Dialect))
def test_arbitrary_bytes_never_fail(statement: bytes, dialect: Dialect) -> None:
    for prefix in (b"", b"SET ", b"@", b"/*!"):
        assert isinstance(verdict(prefix + statement, dialect), Verdict)


@pytest.mark.parametrize(
    "piece", [b"'", b'"', b"\\'", b"/*", b"SET ", b"@x=", b";", b"LOCK ", b"(", b"\xe9 "]
)
def test_a_megabyte_of_one_piece_returns(piece: bytes) -> None:
    for dialect in Dialect:
        assert isinstance(verdict(b"SET " + piece * (1_000_000 // len(piece)), dialect), Verdict)


class TestCache:
    def test_a_lexed_verdict_is_kept(self) -> None:
        screen = Screen()
        assert screen.verdict(b"SET @x = 1", DEFAULT) is screen.verdict(b"SET @x = 1", DEFAULT)

    def test_the_dialect_is_part_of_the_key(self) -> None:
        screen = Screen()
        statement = rb"SELECT 'a\', GET_LOCK(1, 2), '"
        assert screen.verdict(statement, DEFAULT) == PLAIN
        assert screen.verdict(statement, Dialect.NO_BACKSLASH_ESCAPES) != PLAIN

    def test_a_long_statement_is_not_kept(self) -> None:
        screen = Screen(cached_length=9)
        assert screen.verdict(b"SET @x = 1", DEFAULT) is not screen.verdict(b"SET @x = 1", DEFAULT)

    def test_the_least_recently_used_leaves_first(self) -> None:
        screen = Screen(cached_verdicts=2)
        a, b = (screen.verdict(text, DEFAULT) for text in (b"SET @a = 1", b"SET @b = 1"))
        assert screen.verdict(b"SET @a = 1", DEFAULT) is a
        screen.verdict(b"SET @c = 1", DEFAULT)
        assert screen.verdict(b"SET @a = 1", DEFAULT) is a
        assert screen.verdict(b"SET @b = 1", DEFAULT) is not b

    def test_statements_are_not_in_its_repr(self) -> None:
        screen = Screen()
        screen.verdict(b"SET PASSWORD = 'secret'", DEFAULT)
        assert "secret" not in repr(screen)


@pytest.mark.parametrize(
    ("sql", "may"),
    [
        (b"INSERT INTO t VALUES (1) RETURNING id", True),
        (b"  replace into t values (1) returning id", True),
        (b"/* a comment */ INSERT INTO t VALUES (1) RETURNING id", True),
        (b"-- a comment\nINSERT INTO t VALUES (1) RETURNING id", True),
        (b"/*!50000 INSERT */ INTO t VALUES (1) RETURNING id", True),
        (b"SELECT 1; INSERT INTO t VALUES (1) RETURNING id", True),
        (b"ANALYZE INSERT INTO t VALUES (1)", True),
        (b"SELECT 'INSERT INTO t VALUES (1) RETURNING id'", False),
        (b"SELECT 1", False),
    ],
)
def test_rows_that_may_come_from_an_insert(sql: bytes, may: bool) -> None:
    assert Screen().verdict(sql, Dialect.DEFAULT).returns_insert_id is may


@pytest.mark.parametrize("sql", [b"SELECT NEXTVAL(s)", b"SELECT NEXT VALUE FOR s", b"SELECT SETVAL(s, 3)"])
def test_sequences(sql: bytes) -> None:
    assert Screen().verdict(sql, Dialect.DEFAULT).uses_sequence
    assert not Screen().verdict(sql, Dialect.DEFAULT).pins
