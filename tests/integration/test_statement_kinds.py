"""What the proxy takes for a read leaves no trace in a database, and what commits is known to.

Each database is asked itself: a fingerprint of all that a statement could leave is taken before and after.
"""

from collections.abc import Iterator
from typing import Any

import attrs
import pymysql
import pytest

from proxy.demo.private_server import PrivateMariaDB
from proxy.mysql.session.read_functions import ReadFunctions, read_functions
from proxy.mysql.session.readings import GUARD, REFUSED, UNGUARD
from proxy.mysql.session.statement_kind import StatementKind, traits_of

from .clients import fetch, one, run

UNKNOWN_FUNCTION = 1305
#: By these the server says that it does not have what a statement is about.
NOT_HERE = (1064, 1146, 1193, 1235, 1286, 1305, 1347, 1381, 1630, 4018, 4042, 4161)
SCHEMA = "kinds"

SETUP = (
    f"DROP DATABASE IF EXISTS {SCHEMA}",
    f"CREATE DATABASE {SCHEMA}",
    f"USE {SCHEMA}",
    "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, note VARCHAR(50), doc TEXT, FULLTEXT (note))",
    "INSERT INTO t (a, note, doc) VALUES (1, 'one', '[1, 2]'), (2, 'two', '{}'), (3, 'three', '[]')",
    "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE = InnoDB",
    "CREATE TABLE plain_log (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE = MyISAM",
    "CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO log VALUES (); RETURN 1; END",
    "CREATE FUNCTION g() RETURNS INT DETERMINISTIC BEGIN INSERT INTO plain_log VALUES (); RETURN 1; END",
    "CREATE FUNCTION harmless() RETURNS INT DETERMINISTIC RETURN 1",
    "CREATE PROCEDURE p() BEGIN INSERT INTO log VALUES (); END",
    "CREATE PROCEDURE committing() BEGIN COMMIT; END",
    "CREATE VIEW v AS SELECT a FROM t",
    "CREATE VIEW writing_view AS SELECT f() AS a",
    "CREATE VIEW other_writing_view AS SELECT g() AS a",
)
SEQUENCE = "CREATE SEQUENCE s NOCACHE"

READS = (
    "SELECT 1",
    "(SELECT a FROM t) UNION ALL (SELECT id FROM t) ORDER BY 1",
    "SELECT COUNT(*), MAX(a), GROUP_CONCAT(note SEPARATOR ',') FROM t WHERE a IN (1, 2) AND (id = 1 OR 1)",
    "WITH x (c) AS (SELECT a FROM t) SELECT * FROM x",
    "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 5) SELECT * FROM x",
    "SELECT * FROM t WHERE a = ANY (SELECT id FROM t) AND a >= ALL (SELECT 0)",
    "SELECT SLEEP(0), NOW(), UUID(), UUID_SHORT(), RAND(5), BENCHMARK(2, ABS(1)), SYSDATE()",
    "SELECT SUBSTRING('abc' FROM 1 FOR 2), INSERT('a', 1, 1, 'b'), REPLACE(note, 'b', 'c') FROM t",
    "SELECT a, RANK() OVER (ORDER BY a), SUM(a) OVER w FROM t WINDOW w AS (PARTITION BY note)",
    "SELECT j.b FROM t, JSON_TABLE(t.doc, '$[*]' COLUMNS (b INT PATH '$')) AS j",
    "SELECT REGEXP_REPLACE(note, 'o', '0'), JSON_VALUE('{}', '$.a'), MATCH (note) AGAINST ('one') FROM t",
    "SELECT {fn ABS(-1)}, {d '2020-01-01'}, \"INTO @x\", 'FOR UPDATE'",
    "SELECT /*!40001 SQL_NO_CACHE */ * FROM `t` /*! LIMIT 1 */",
    "SELECT @x, @@max_allowed_packet, @@session.sql_mode, @@global.server_id",
    "SELECT * FROM v",
    "SELECT * FROM t USE INDEX FOR JOIN (PRIMARY) LIMIT 1, 2",
    "SELECT * FROM t STRAIGHT_JOIN v LIMIT 1",
    "SELECT IS_FREE_LOCK('l'), IS_USED_LOCK('l'), VERSION(), CONNECTION_ID(), DATABASE(), USER()",
    "SELECT LOAD_FILE('/nowhere'), CONVERT('a' USING latin1), CAST('1' AS DECIMAL(5, 2)), _utf8mb4 'a'",
    "SELECT * FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'kinds'",
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST",
    "SELECT COUNT(*) FROM information_schema.ROUTINES",
    "TABLE t ORDER BY a LIMIT 1",
    "VALUES ROW(1, 2), ROW(3, ABS(4))",
    "VALUES (1, 2), (3, 4)",
    "SELECT COUNT(*) FROM s",
    "SHOW TABLES",
    "SHOW FULL TABLES WHERE Table_type = UPPER('base table')",
    "SHOW FULL COLUMNS FROM t LIKE 'a%'",
    "SHOW CREATE TABLE t",
    "SHOW CREATE VIEW v",
    "SHOW CREATE PROCEDURE p",
    "SHOW FUNCTION STATUS WHERE Db = 'kinds'",
    "SHOW TABLE STATUS",
    "SHOW INDEX FROM t",
    "SHOW GRANTS",
    "SHOW GLOBAL VARIABLES LIKE 'version%'",
    "SHOW SESSION STATUS LIKE 'Com_sel%'",
    "SHOW PROCESSLIST",
    "SHOW ENGINE INNODB STATUS",
    "SHOW BINARY LOGS",
    "SHOW OPEN TABLES",
    "SHOW TRIGGERS",
    "SHOW PLUGINS",
    "DESC t",
    "DESCRIBE kinds.t a",
    "EXPLAIN SELECT * FROM t",
    "EXPLAIN FORMAT=JSON SELECT * FROM v",
    "EXPLAIN ANALYZE SELECT * FROM t",
    "ANALYZE FORMAT=JSON SELECT * FROM t",
    "ANALYZE SELECT * FROM t",
)
#: What leaves a trace, or may not be taken for a read all the same.
SNEAKY = (
    "SELECT f()",
    "SELECT f ( )",
    "SELECT f/**/()",
    "SELECT `f`()",
    "SELECT kinds.f()",
    "SELECT kinds . `f` ()",
    "SELECT {fn f()}",
    "SELECT a FROM t WHERE a = f()",
    "SELECT a FROM t GROUP BY a HAVING f()",
    "SELECT a FROM t ORDER BY f() + a",
    "SELECT 1 LIMIT 0 UNION SELECT f()",
    "WITH x AS (SELECT f() AS c) SELECT * FROM x",
    "SELECT (SELECT (SELECT f()))",
    "SELECT IF(1, f(), 2)",
    "SELECT /*! f() */ /*!99999 , 1 */",
    "SELECT 1 /*!40000 + f() */",
    "SELECT f -- \n ()",
    "SELECT f# \n ()",
    "VALUES ROW(f())",
    "VALUES (f())",
    "SHOW TABLES WHERE f()",
    "SHOW VARIABLES WHERE Variable_name = f()",
    "EXPLAIN ANALYZE SELECT f()",
    "ANALYZE SELECT f()",
    "ANALYZE UPDATE t SET a = a + 1",
    "ANALYZE FORMAT=JSON DELETE FROM t",
    "DO f()",
    "SET @x = f()",
    "SELECT @x := 5",
    "SELECT @x:=@x+1 FROM t",
    "SELECT 5 INTO @x",
    "SELECT a FROM t LIMIT 1 INTO @x",
    "SELECT GET_LOCK('l', 0)",
    "SELECT get_lock ('l', 0)",
    "SELECT LAST_INSERT_ID(77)",
    "SELECT NEXTVAL(s)",
    "SELECT NEXT VALUE FOR s",
    "SELECT SETVAL(s, 500)",
    "SELECT * FROM t FOR UPDATE",
    "SELECT * FROM (SELECT * FROM t FOR UPDATE SKIP LOCKED) d",
    "SELECT * FROM t LOCK IN SHARE MODE",
    "SELECT * FROM t FOR SHARE",
    "WITH x AS (SELECT 2 AS c) UPDATE t, x SET a = a + 5",
    "WITH x AS (SELECT 2 AS c) DELETE t FROM t, x",
    "CALL p()",
    "INSERT INTO t (a) SELECT 1",
    "EXECUTE IMMEDIATE 'SELECT f()'",
    "BEGIN NOT ATOMIC INSERT INTO log VALUES (); END",
    "SET STATEMENT max_statement_time = 5 FOR SELECT f()",
    "HANDLER t OPEN",
)
TRANSACTIONS = (
    *("COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION", "SET autocommit = 1", "SET autocommit = 0"),
    *("SAVEPOINT a", "SELECT 1", "SELECT f()", "SET @x = 1", "DO 1", "USE kinds", "SHOW TABLES", "CALL p()"),
    *("CALL committing()", "CREATE TABLE x (a INT)", "DROP TABLE x", "ALTER TABLE log COMMENT = 'x'"),
    *("CREATE TEMPORARY TABLE y (a INT)", "DROP TEMPORARY TABLE y", "TRUNCATE plain_log"),
    *("CREATE TEMPORARY TABLE y SELECT 1 AS a", "DROP TEMPORARY TABLE IF EXISTS y"),
    *(
        "RENAME TABLE plain_log TO z",
        "RENAME TABLE z TO plain_log",
        "CREATE VIEW w AS SELECT 1",
        "DROP VIEW w",
    ),
    *("CREATE USER IF NOT EXISTS someone", "GRANT SELECT ON *.* TO someone", "DROP USER someone"),
    *("ANALYZE TABLE t", "CHECK TABLE t", "OPTIMIZE TABLE plain_log", "REPAIR TABLE plain_log"),
    *("CHECKSUM TABLE t", "FLUSH TABLES", "FLUSH STATUS", "LOCK TABLES log READ", "UNLOCK TABLES"),
    *("CACHE INDEX plain_log IN DEFAULT", "LOAD INDEX INTO CACHE plain_log", "PREPARE q FROM 'COMMIT'"),
    *(
        "EXECUTE q",
        "DEALLOCATE PREPARE q",
        "HANDLER t OPEN",
        "HANDLER t CLOSE",
        "INSERT INTO t (a) VALUES (9)",
    ),
    *("DELETE FROM t WHERE a = 9", "UPDATE t SET a = a", "REPLACE INTO t (id, a) VALUES (1, 1)"),
    *("SET STATEMENT max_statement_time = 5 FOR COMMIT", "BEGIN NOT ATOMIC COMMIT; END", "XA RECOVER"),
    *("SET SESSION TRANSACTION READ WRITE", "SET NAMES utf8mb4", "KILL QUERY 1000000", "HELP 'x'"),
    *("CREATE FUNCTION h() RETURNS INT RETURN 1", "DROP FUNCTION h", "EXPLAIN UPDATE t SET a = 1"),
    *("CREATE SEQUENCE r", "DROP SEQUENCE r", "DO f()", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DO 1"),
    *("DROP EVENT e", "CREATE ROLE a_role", "SET ROLE NONE", "DROP ROLE a_role"),
)


@attrs.define
class Database:
    """A session at a database with the schema in place, and one that watches it."""

    client: Any
    watcher: Any
    functions: ReadFunctions

    def read(self, sql: str) -> bool:
        """Whether the proxy takes it for a read."""
        return traits_of(sql.encode(), functions=self.functions).kind is StatementKind.READ

    def attempt(self, sql: str) -> int:
        """Run it; the number of the error, or 0."""
        try:
            fetch(self.client, sql)
        except pymysql.MySQLError as error:
            return int(error.args[0])
        return 0

    def traces(self) -> tuple[Any, ...]:
        """All that a statement could have left, in the data and in the session."""
        tables = (
            "SELECT (SELECT SUM(a + id) FROM t), (SELECT COUNT(*) FROM log), (SELECT COUNT(*) FROM plain_log)"
        )
        session = "SELECT @x, LAST_INSERT_ID(), IS_USED_LOCK('l')"
        return (*fetch(self.watcher, tables), *fetch(self.client, session), self._sequence(), self._locks())

    def _sequence(self) -> Any:
        try:
            return fetch(self.watcher, "SELECT * FROM s")
        except pymysql.MySQLError:
            return None

    def _locks(self) -> Any:
        """How many rows nobody has locked."""
        return one(self.watcher, "SELECT COUNT(*) FROM (SELECT id FROM t FOR UPDATE SKIP LOCKED) d")


def connect(server: Any) -> Any:
    """A session of somebody who may do everything."""
    if isinstance(server, PrivateMariaDB):
        return pymysql.connect(unix_socket=str(server.socket), user="root", autocommit=True)
    return server.connect()


@pytest.fixture(scope="module", params=["database", "mysql_server"])
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A MariaDB and a MySQL, each with the schema while the tests of this module run."""
    server = request.getfixturevalue(request.param)
    with connect(server) as admin:
        prepare(admin)
    yield server
    with connect(server) as admin:
        run(admin, f"DROP DATABASE {SCHEMA}")


def prepare(admin: Any) -> None:
    """Make the schema anew."""
    for statement in SETUP:
        run(admin, statement)
    if "MariaDB" in one(admin, "SELECT VERSION()"):
        run(admin, SEQUENCE)


@pytest.fixture
def database_pair(server: Any) -> Iterator[Database]:
    """Two new sessions."""
    with connect(server) as client, connect(server) as watcher:
        version = one(client, "SELECT VERSION()")
        for each in (client, watcher):
            run(each, f"USE {SCHEMA}")
            run(each, "SET SESSION lock_wait_timeout = 3")
        run(watcher, "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
        run(client, "SET @x = 42")
        yield Database(client, watcher, read_functions((), [(version, "MariaDB" in version)]))


@pytest.mark.parametrize("sql", READS)
def test_a_read_leaves_no_trace(database_pair: Database, sql: str) -> None:
    database = database_pair
    assert database.read(sql)
    before = database.traces()
    error = database.attempt(sql)
    assert error == 0 or error in NOT_HERE
    assert database.traces() == before
    run(database.client, "START TRANSACTION READ WRITE")
    assert database.attempt(sql) == error
    assert database.traces() == before
    run(database.client, "ROLLBACK")
    run(database.client, "START TRANSACTION READ ONLY")
    assert database.attempt(sql) == error


@pytest.mark.parametrize("sql", SNEAKY)
def test_what_leaves_one_is_no_read(server: Any, database_pair: Database, sql: str) -> None:
    database = database_pair
    assert not database.read(sql)
    before = database.traces()
    run(database.client, "BEGIN")
    error = database.attempt(sql)
    left = database.traces() != before
    run(database.client, "ROLLBACK")
    assert left or error in (0, *NOT_HERE)
    if error == 0 and sql.startswith(("SELECT", "WITH", "VALUES")):
        # The locks of a locking read, the rows a function wrote: the fingerprint is good enough to see them.
        assert left or "LIMIT 0" in sql


@pytest.mark.parametrize("view", ["writing_view", "other_writing_view"])
def test_a_view_that_writes(database_pair: Database, view: str) -> None:
    """It is taken for a read; the guard keeps it from writing when that must not be."""
    database = database_pair
    sql = f"SELECT * FROM {view}"
    assert database.read(sql)
    before = database.traces()
    assert database.attempt(sql) == 0
    written = database.traces()
    assert written != before
    assert database.attempt(GUARD.decode()) == 0
    others = (f"SHOW CREATE VIEW {view}", f"EXPLAIN {sql}")
    for statement in ("SELECT 1", "SELECT nothing", "SHOW TABLES", "SELECT COUNT(*) FROM t", *others):
        database.attempt(statement)
        assert database.attempt(sql) == REFUSED
    assert database.attempt(UNGUARD.decode()) == 0
    assert database.traces() == written
    assert database.attempt(sql) == 0


@pytest.mark.parametrize("sql", TRANSACTIONS)
def test_what_commits_is_known_to(database_pair: Database, sql: str) -> None:
    database = database_pair
    run(database.watcher, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    before = one(database.watcher, "SELECT COUNT(*) FROM log")
    if sql == "EXECUTE q":
        run(database.client, "PREPARE q FROM 'COMMIT'")
    run(database.client, "SET autocommit = 0")
    run(database.client, "INSERT INTO log VALUES ()")
    database.attempt(sql)
    committed = one(database.watcher, "SELECT COUNT(*) FROM log") > before
    traits = traits_of(sql.encode(), functions=database.functions)
    database.attempt("ROLLBACK")
    database.attempt("UNLOCK TABLES")
    assert traits.may_commit or not committed
    if traits.kind is StatementKind.READ:
        assert not committed


def test_every_function_is_built_in(database_pair: Database) -> None:
    database = database_pair
    assert len(database.functions.built_in) > 300
    unknown = [
        name.decode()
        for name in sorted(database.functions.built_in)
        if database.attempt(f"SELECT {name.decode()}(1, 2, 3, 4, 5, 6, 7, 8, 9)") == UNKNOWN_FUNCTION
    ]
    assert unknown == []
