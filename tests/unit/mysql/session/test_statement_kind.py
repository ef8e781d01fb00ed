"""What a text is for routing: a read, a write, the end of a transaction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.mysql.session import statement_kind
from proxy.mysql.session.read_functions import read_functions
from proxy.mysql.session.screen import Dialect
from proxy.mysql.session.statement_kind import (
    LONGEST_READ,
    LONGEST_SHAPE,
    StatementKind,
    StatementKinds,
    ends_transaction,
    is_rerunnable,
    kind_of,
    traits_of,
)

READ, WRITE, COMMIT = StatementKind.READ, StatementKind.WRITE, StatementKind.COMMIT
ROLLBACK, BEGIN, OTHER = StatementKind.ROLLBACK, StatementKind.BEGIN, StatementKind.OTHER

READS = [
    b"SELECT 1",
    b"select a, b from t where id = 5;",
    b"(SELECT a FROM t) UNION ALL (SELECT b FROM u) ORDER BY 1",
    b"SELECT COUNT(*), MAX(a), CONCAT('a', b) FROM t WHERE a IN (1, 2) AND (b = 1 OR EXISTS (SELECT 1))",
    b"WITH x AS (SELECT 1) SELECT * FROM x",
    b"WITH RECURSIVE x (a, b) AS (SELECT 1, 2), y (c) AS (SELECT 3) SELECT * FROM x, y",
    b"SELECT * FROM t WHERE a = ANY (SELECT b FROM u) AND c > ALL (SELECT 1)",
    b"SELECT * FROM (SELECT 1 AS a) AS d (b) JOIN LATERAL (SELECT 2) e ON 1",
    b"SELECT SLEEP(1), NOW(), UUID(), RAND(), abs (1)",
    b"SELECT SUBSTRING('abc' FROM 1 FOR 2), INSERT('a', 1, 1, 'b'), REPLACE(a, 'b', 'c'), TRUNCATE(1.5, 1)",
    b"SELECT * FROM t FOR SYSTEM_TIME AS OF NOW()",
    b"SELECT * FROM t USE INDEX FOR JOIN (i) LIMIT 5, 10",
    b"SELECT {fn ABS(1)}, {d '2020-01-01'}",
    b"SELECT 'INTO OUTFILE', \"FOR UPDATE\", `lock`, 'f(1)' -- GET_LOCK(1)\n",
    b"/* comment */ SELECT 1 /* f() */ # INTO @x",
    b"SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`",
    b"SELECT /*! STRAIGHT_JOIN */ a FROM t /*M!50100 WHERE 1 */",
    b"SELECT @a, @@max_allowed_packet, @@session.sql_mode",
    b"SELECT * FROM t PARTITION (p0) WHERE MATCH (a) AGAINST ('x')",
    b"SELECT a->'$.b' FROM t",
    b"TABLE t ORDER BY a LIMIT 1",
    b"VALUES ROW(1, 2), ROW(3, ABS(4))",
    b"SHOW TABLES",
    b"SHOW FULL COLUMNS FROM t LIKE 'a%'",
    b"SHOW CREATE PROCEDURE p",
    b"SHOW PROCEDURE STATUS WHERE Name = LOWER('P')",
    b"SHOW GLOBAL VARIABLES LIKE 'x'",
    b"DESC t",
    b"DESCRIBE s.t a",
    b"EXPLAIN SELECT 1",
    b"EXPLAIN FORMAT=JSON SELECT * FROM t",
    b"EXPLAIN ANALYZE SELECT * FROM t",
    b"EXPLAIN EXTENDED (SELECT 1)",
    b"EXPLAIN FOR CONNECTION 5",
    b"ANALYZE FORMAT=JSON SELECT 1",
    b"SELECT 1; SELECT 2;",
    b"SELECT * FROM t WHERE a = ? AND b IN (?, ?)",
    "SELECT 'Grüße', `größe` FROM t".encode(),
]
WRITES = [
    b"SELECT * FROM t INTO OUTFILE '/tmp/x'",
    b"SELECT 1 INTO DUMPFILE 'x'",
    b"SELECT a INTO @x FROM t",
    b"SELECT 1 INTO x",
    b"SELECT @x := 1",
    b"SELECT @x:=@x+1 FROM t",
    b"SELECT stored()",
    b"SELECT stored ()",
    b"SELECT stored/**/(1)",
    b"SELECT stored-- \n(1)",
    b"SELECT stored/*+ x */(1)",
    b"SELECT `stored`(1)",
    b'SELECT "stored"(1)',
    b"SELECT `abs`(1)",
    b"SELECT db.stored(1)",
    b"SELECT db . stored (1)",
    b"SELECT db.abs(1)",
    b"SELECT `db`.`stored`()",
    b"SELECT db.package.stored(1)",
    b"SELECT {fn stored(1)}",
    b"SELECT count (*)",
    b"SELECT any(1)",
    b"SELECT a FROM t WHERE b = stored((SELECT 1))",
    b"SELECT a FROM t ORDER BY stored(a)",
    b"WITH x AS (SELECT stored()) SELECT 1",
    b"VALUES ROW(stored())",
    b"SHOW TABLES WHERE stored() = 1",
    b"EXPLAIN SELECT stored()",
    b"SELECT GET_LOCK('a', 1)",
    b"SELECT RELEASE_LOCK('a')",
    b"SELECT RELEASE_ALL_LOCKS()",
    b"SELECT LAST_INSERT_ID(5)",
    b"SELECT LAST_INSERT_ID()",
    b"SELECT FOUND_ROWS()",
    b"SELECT ROW_COUNT()",
    b"SELECT @@warning_count",
    b"SHOW WARNINGS",
    b"SHOW COUNT(*) ERRORS",
    b"SHOW PROFILES",
    b"SHOW PROXY PINS",
    b"SELECT SQL_CALC_FOUND_ROWS * FROM t",
    b"SELECT NEXTVAL(s)",
    b"SELECT NEXT VALUE FOR s",
    b"SELECT PREVIOUS VALUE FOR s",
    b"SELECT SETVAL(s, 5)",
    b"SELECT s.nextval",
    b"SELECT s.`nextval`",
    b"SELECT MASTER_POS_WAIT('a', 1)",
    b"SELECT * FROM t FOR UPDATE",
    b"SELECT * FROM t FOR UPDATE SKIP LOCKED",
    b"SELECT * FROM (SELECT * FROM t FOR UPDATE SKIP LOCKED) d",
    b"SELECT * FROM t FOR SHARE NOWAIT",
    b"SELECT * FROM t LOCK IN SHARE MODE",
    b"SELECT * FROM t PROCEDURE ANALYSE()",
    b"SELECT /*+ SET_VAR(sort_buffer_size = 16M) */ 1",
    b"WITH x AS (SELECT 1) UPDATE t SET a = 1",
    b"WITH x AS (SELECT 1) DELETE FROM t",
    b"EXPLAIN ANALYZE DELETE FROM t",
    b"EXPLAIN FORMAT=JSON INTO @x SELECT 1",
    b"EXPLAIN UPDATE t SET a = 1",
    b"ANALYZE UPDATE t SET a = 1",
    b"ANALYZE FORMAT=JSON DELETE FROM t",
    b"HANDLER t OPEN",
    b"HANDLER t READ FIRST",
    b"DO SLEEP(1)",
    b"CALL p()",
    b"EXECUTE s",
    b"EXECUTE IMMEDIATE 'SELECT 1'",
    b"SELECT 1 /*!50000 INTO @x */",
    b"SELECT /*! stored( */ 1 /*! ) */",
    b"/*!50000 UPDATE t SET a = */ /*M! SELECT */ 1",
    b"SELECT stored /*!99999 , */ (1)",
    b"SELECT /*!500001 */",
    b"SELECT 1; UPDATE t SET a = 1",
    b"SELECT 1; SELECT stored()",
    b"SELECT 1; COMMIT",
    b"SET GLOBAL max_connections = 5",
    b"SET @a = stored()",
    b"SET STATEMENT max_statement_time = 1 FOR SELECT 1",
    b"INSERT INTO t VALUES (1)",
    b"REPLACE t SELECT 1",
    b"UPDATE t SET a = 1",
    b"LOAD DATA INFILE 'x' INTO TABLE t",
    b"CREATE TEMPORARY TABLE x (a INT)",
    b"DROP TEMPORARY TABLE x",
    b"BEGIN NOT ATOMIC COMMIT; END",
    b"IF 1 THEN COMMIT; END IF",
    b"BINLOG 'x'",
    b"nonsense",
    b"SELECT 'open",
    b"SELECT [a] FROM t",
    b"SELECT 'a\0' \0",
    "SELECT größe(1)".encode(),
    "SELECT a FROM größe".encode(),
    b"SELECT 1 " + b"+ a" * LONGEST_SHAPE,
]
ENDS = [
    (b"COMMIT", COMMIT),
    (b"commit work and chain", COMMIT),
    (b"CREATE TABLE t (a INT)", COMMIT),
    (b"CREATE OR REPLACE VIEW v AS SELECT 1", COMMIT),
    (b"DROP TABLE t", COMMIT),
    (b"ALTER TABLE t ADD b INT", COMMIT),
    (b"TRUNCATE t", COMMIT),
    (b"LOCK TABLES t READ", COMMIT),
    (b"UNLOCK TABLES", COMMIT),
    (b"ANALYZE TABLE t", COMMIT),
    (b"LOAD INDEX INTO CACHE t", COMMIT),
    (b"FLUSH TABLES", COMMIT),
    (b"SET PASSWORD = 'x'", COMMIT),
    (b"SET autocommit = 1", COMMIT),
    (b"SET @@session.autocommit := ON, time_zone = '+00:00'", COMMIT),
    (b"SET `autocommit` = @x", COMMIT),
    (b"XA COMMIT 'a'", COMMIT),
    (b"START REPLICA", COMMIT),
    (b"ROLLBACK", ROLLBACK),
    (b"ROLLBACK WORK AND NO CHAIN NO RELEASE", ROLLBACK),
    (b"BEGIN", BEGIN),
    (b"begin work;", BEGIN),
    (b"START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", BEGIN),
]
OTHERS = [
    b"USE db",
    b"SET NAMES utf8mb4",
    b"SET @a = CONCAT('x', @c)",
    b"SET autocommit = 0",
    b"SET SESSION TRANSACTION READ ONLY",
    b"SAVEPOINT a",
    b"RELEASE SAVEPOINT a",
    b"ROLLBACK TO SAVEPOINT a",
    b"ROLLBACK WORK TO a",
    b"PREPARE s FROM 'SELECT 1'",
    b"DEALLOCATE PREPARE s",
    b"DROP PREPARE s",
    b"",
    b"-- nothing",
    b"/*!40101 SET NAMES utf8 */;",
]


@pytest.mark.parametrize("text", READS)
def test_reads(text: bytes) -> None:
    assert kind_of(text) is READ
    assert kind_of(text, dialect=Dialect.NO_BACKSLASH_ESCAPES) is READ
    assert is_rerunnable(text)
    assert not ends_transaction(text)


@pytest.mark.parametrize("text", WRITES)
def test_what_is_no_read(text: bytes) -> None:
    for dialect in Dialect:
        assert kind_of(text, dialect=dialect) is WRITE
        assert not is_rerunnable(text, dialect=dialect)


@pytest.mark.parametrize(("text", "kind"), ENDS)
def test_ends_of_a_transaction(text: bytes, kind: StatementKind) -> None:
    traits = traits_of(text)
    assert traits.kind is kind
    assert traits.ends_transaction
    assert traits.may_commit is (kind is not ROLLBACK)


@pytest.mark.parametrize("text", OTHERS)
def test_what_touches_the_session_only(text: bytes) -> None:
    assert kind_of(text) is OTHER
    assert not ends_transaction(text)


@pytest.mark.parametrize(
    "text",
    [
        b"CALL p()",
        b"EXECUTE s",
        b"BEGIN NOT ATOMIC COMMIT; END",
        b"CREATE PROCEDURE p() BEGIN SELECT 1; END",
        b"nonsense",
        b"SELECT 'open; COMMIT",
        b"INSERT INTO t VALUES (1); COMMIT",
        b"SELECT 1; ROLLBACK",
        b"SET STATEMENT max_statement_time = 1 FOR COMMIT",
        b"/*!50000 COMMIT */",
    ],
)
def test_what_may_end_one(text: bytes) -> None:
    assert ends_transaction(text)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES ('open",
        b'update t set a = "\\""',
        b"DELETE FROM t;",
        b"INSERT INTO t VALUES " + b"('x')," * LONGEST_READ,
        b"SELECT [a] FROM t",
        b"UPDATE t SET a = ';'",
        b"SELECT stored()",
        b"CREATE TEMPORARY TABLE x (a INT)",
        b"SET STATEMENT max_statement_time = 1 FOR UPDATE t SET a = 1",
    ],
)
def test_what_never_ends_one(text: bytes) -> None:
    assert not ends_transaction(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"BEGIN", True),
        (b"START TRANSACTION READ WRITE", True),
        (b"ROLLBACK", True),
        (b"ROLLBACK AND CHAIN", True),
        (b"ROLLBACK RELEASE", False),
        (b"ROLLBACK TO a", False),
        (b"USE db", True),
        (b"COMMIT", False),
        (b"SET NAMES utf8", False),
        (b"SAVEPOINT a", False),
        (b"BEGIN; BEGIN", False),
        (b"SELECT 1; SELECT 2", True),
        (b"START SLAVE", False),
        (b"", False),
    ],
)
def test_what_may_run_again(text: bytes, expected: bool) -> None:
    assert is_rerunnable(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"SELECT a FROM t", True),
        (b"SHOW COLUMNS FROM t", True),
        (b"DESC t", True),
        (b"SELECT 1; SELECT 2", True),
        (b"SELECT @@read_only", False),
        (b"SELECT @x", False),
        (b"SELECT VERSION()", False),
        (b"SELECT CONNECTION_ID()", False),
        (b"SELECT IS_USED_LOCK('a')", False),
        (b"SELECT * FROM information_schema.PROCESSLIST", False),
        (b"SELECT * FROM `performance_schema`.x", False),
        (b"SHOW REPLICA STATUS", False),
        (b"SHOW STATUS", False),
        (b"EXPLAIN FOR CONNECTION 4", False),
        (b"SELECT 1; SELECT @@hostname", False),
        (b"INSERT INTO t VALUES (1)", False),
    ],
)
def test_what_any_server_may_answer(text: bytes, expected: bool) -> None:
    assert traits_of(text).anywhere is expected


def test_bytes_that_other_character_sets_read_otherwise() -> None:
    for text in ("SELECT 'ä'".encode(), b"SELECT 'a\\\\'", b"SELECT `a`", b"SELECT @x"):
        assert kind_of(text) is READ
        assert kind_of(text, dialect=Dialect.OPAQUE) is WRITE
    assert kind_of(b"SELECT a FROM t WHERE b = 'c' AND d <> 5", dialect=Dialect.OPAQUE) is READ
    assert kind_of(b"COMMIT", dialect=Dialect.OPAQUE) is COMMIT


def test_a_quote_behind_a_backslash() -> None:
    text = b"SELECT 'a\\' INTO @x -- '"
    assert kind_of(text) is READ
    assert kind_of(text, dialect=Dialect.NO_BACKSLASH_ESCAPES) is WRITE
    assert kind_of(b'SELECT "a\\" INTO @x -- "') is WRITE


def test_functions_of_the_configuration_and_of_the_servers() -> None:
    functions = read_functions(["tax"], [("10.11.6-MariaDB", True)])
    assert kind_of(b"SELECT tax(a), MD5(b), RANK() OVER (ORDER BY c) FROM t", functions=functions) is READ
    assert kind_of(b"SELECT tax(a), other(b) FROM t", functions=functions) is WRITE
    assert kind_of(b"SELECT MD5(b) FROM t") is WRITE
    json = (
        b"SELECT * FROM t, JSON_TABLE(t.a, '$[*]' COLUMNS (b INT PATH '$.b', c VARCHAR(9) PATH '$.c')) AS j"
    )
    assert kind_of(json, functions=functions) is READ


def test_remembers_queries_by_their_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = StatementKinds(cached=2)
    examined: list[bytes] = []
    original = statement_kind._examined

    def counting(text: bytes, *more: object) -> object:
        examined.append(text)
        return original(text, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(statement_kind, "_examined", counting)
    for number in range(100):
        text = b"SELECT a FROM t WHERE id IN (%s) AND b = 'x%d'" % (b"1, " * number + b"2", number)
        assert kinds.traits(text, Dialect.DEFAULT).kind is READ
        assert kinds.traits(b"INSERT INTO t VALUES (%d)" % number, Dialect.DEFAULT).kind is WRITE
    assert len(examined) == 1
    for text in (b"COMMIT", b"BEGIN", b"COMMIT", b"SELECT a FROM t WHERE id IN (1) AND b = ''"):
        kinds.traits(text, Dialect.DEFAULT)
    assert len(examined) == 4
    assert sum(map(len, kinds._caches.values())) == 2


def test_remembers_no_long_texts() -> None:
    kinds = StatementKinds(cached_length=10)
    assert kinds.traits(b"SELECT a, b, c FROM t", Dialect.DEFAULT).kind is READ
    assert StatementKinds(cached=0).traits(b"COMMIT", Dialect.DEFAULT).kind is COMMIT
    assert not any(kinds._caches.values())


FRAGMENTS = (
    "SELECT|a|FROM|t|(|)|,|;|'x'|'it''s'|'\\''|\"q\"|`n`|1|-2|1.5|-|--| -- |\n|/|*|/*|*/|/*!|/*!50000 |"
    "/* c */|#|@|@x|@@y|:=|=|:|.|f|f(|now(|count (|INTO|UPDATE|WITH|AS|AS (|FOR|SHARE|NEXT|VALUE|LOCK|SET|"
    "SHOW|EXPLAIN|ANALYZE|START|TRANSACTION|ROLLBACK|TO|$a$|[|\\|\0|é|{|}|?|0x1F|1a|x'4'|INSERT|REPLACE|"
    "CREATE|COMMIT|BEGIN"
)
TEXTS = st.lists(st.sampled_from(FRAGMENTS.split("|")), max_size=12).flatmap(
    lambda found: st.sampled_from(("", " ")).map(lambda space: space.join(found).encode())
)


@given(st.one_of(st.binary(max_size=60), TEXTS), st.sampled_from(list(Dialect)))
def test_never_fails(text: bytes, dialect: Dialect) -> None:
    traits = StatementKinds().traits(text, dialect)
    assert traits == traits_of(text, dialect=dialect)
    assert traits.kind is not READ or (traits.rerunnable and not traits.ends_transaction)


@given(TEXTS, st.sampled_from((Dialect.DEFAULT, Dialect.NO_BACKSLASH_ESCAPES)))
def test_a_shape_is_what_its_query_is(text: bytes, dialect: Dialect) -> None:
    """What the shape is taken for, the text itself is taken for: never a READ that is none."""
    for query in (b"SELECT " + text, b"WITH x AS (SELECT 1) SELECT " + text):
        by_shape = traits_of(query, dialect=dialect)
        itself = statement_kind._examined(query, dialect, statement_kind.BUILT_INS_ONLY)
        assert by_shape == itself
