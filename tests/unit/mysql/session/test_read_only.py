"""What a session that may only read is let do: nothing that could write, on whatever server, in any guise."""

import pytest

from proxy.mysql.session.read_functions import read_functions
from proxy.mysql.session.read_only import ReadOnlyScreen
from proxy.mysql.session.screen import Dialect
from proxy.mysql.session.statement_kind import StatementKinds

READS = """\
SELECT 1
SELECT * FROM t WHERE a = 'x;y'
SELECT 1; SELECT 2
SELECT @@version, CONNECTION_ID(), DATABASE()
SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 3
SELECT FOUND_ROWS()
SELECT LAST_INSERT_ID()
SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`
SELECT /*+ SET_VAR(max_execution_time=1) */ 1
WITH a AS (SELECT 1) SELECT * FROM a
VALUES (1)
SHOW WARNINGS
SHOW COUNT(*) WARNINGS
SHOW ERRORS LIMIT 3
SHOW TABLES LIKE 'x%'
SHOW FULL COLUMNS FROM `t`
SHOW CREATE TABLE t
SHOW STATUS
SHOW GRANTS
SHOW PROFILES
EXPLAIN SELECT 1
DESC t
BEGIN
START TRANSACTION
START TRANSACTION READ ONLY
START TRANSACTION /*!40100 WITH CONSISTENT SNAPSHOT */
COMMIT
ROLLBACK
SAVEPOINT a
ROLLBACK TO SAVEPOINT a
RELEASE SAVEPOINT a
SET NAMES utf8mb4
SET NAMES utf8mb4 COLLATE utf8mb4_bin
/*!40101 SET NAMES utf8 */
/*!40103 SET TIME_ZONE='+00:00' */
SET CHARACTER SET utf8
SET autocommit = 0
SET @a := 1; SELECT @a
SET @x = 1, @y := 2
SET @x = (SELECT MAX(a) FROM t)
SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
SET TRANSACTION READ ONLY
SET SESSION TRANSACTION READ ONLY
SET ROLE NONE
SET STATEMENT max_statement_time = 1 FOR SELECT 1
USE `db`
DO SLEEP(0.1)
GET DIAGNOSTICS @a = NUMBER
UNLOCK TABLES
""".splitlines()

WRITES = """\
INSERT INTO t VALUES (1)
(INSERT INTO t VALUES (1))
INSERT INTO t SELECT 1
REPLACE INTO t VALUES (1)
UPDATE t SET a = 1
DELETE FROM t
WITH a AS (SELECT 1) DELETE FROM t
WITH a AS (SELECT 1) UPDATE t SET a = 1
LOAD DATA INFILE 'x' INTO TABLE t
LOAD DATA LOCAL INFILE 'x' INTO TABLE t
SELECT 1; INSERT INTO t VALUES (1)
SELECT 1; /*!99999 INSERT */ INTO t VALUES (1)
/*!99999 INSERT INTO t VALUES (1) */
/*!99999 INSERT INTO t VALUES (1); */ SELECT 1
/*M! INSERT INTO t VALUES (1) */
SELECT 1 /*! INTO OUTFILE 'x' */
SELECT 1 INTO OUTFILE 'x'
SELECT 1 INTO DUMPFILE 'x'
TABLE t INTO OUTFILE 'x'
SELECT * FROM t FOR UPDATE
SELECT * FROM t FOR SHARE
SELECT * FROM t LOCK IN SHARE MODE
SET sql_mode = 'NO_BACKSLASH_ESCAPES'; SELECT 'a\\'; INSERT INTO t VALUES (1); -- '
SET NAMES gbk; SELECT 'ü'; INSERT INTO t VALUES (1)
SELECT f()
SELECT `f`(1)
SELECT db.f(1)
SELECT @a := f()
SELECT sys_exec('x')
SELECT NEXTVAL(s)
SELECT NEXT VALUE FOR s
SELECT s.nextval
SELECT SETVAL(s, 1)
SELECT GET_LOCK('a', 1)
DO RELEASE_ALL_LOCKS()
DO f()
SHOW TABLES WHERE f()
EXPLAIN ANALYZE INSERT INTO t VALUES (1)
ANALYZE INSERT INTO t VALUES (1)
CALL p()
PREPARE s FROM 'INSERT INTO t VALUES (1)'
EXECUTE s
EXECUTE IMMEDIATE 'INSERT INTO t VALUES (1)'
BEGIN NOT ATOMIC INSERT INTO t VALUES (1); END
IF 1 THEN INSERT INTO t VALUES (1); END IF
START TRANSACTION READ WRITE
START TRANSACTION /*!50000 READ WRITE */
SET TRANSACTION READ WRITE
SET SESSION TRANSACTION READ WRITE
SET /*!50000 SESSION */ TRANSACTION READ WRITE
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE
SET tx_read_only = 0
SET SESSION tx_read_only = OFF
SET LOCAL transaction_read_only = 0
SET @@session.tx_read_only = DEFAULT
SET @@tx_read_only = 0
SET @@`tx_read_only` = 0
SET `tx_read_only` = 0
SET @a = 1, tx_read_only = 0
SET @a = 1, @@session . tx_read_only = 0
SET NAMES utf8, tx_read_only = 0
SET GLOBAL tx_read_only = 0
SET @@global.max_connections = 1
SET PERSIST max_connections = 1
SET STATEMENT tx_read_only = 0 FOR SELECT 1
SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES (1)
SET STATEMENT max_statement_time = 1, tx_read_only = 0 FOR SELECT 1
SET session_track_system_variables = ''
SET sql_log_bin = 0
SET gtid_next = 'AUTOMATIC'
SET PASSWORD = 'x'
SET DEFAULT ROLE ALL TO x
SET SESSION AUTHORIZATION x
SET RESOURCE GROUP x
SET @x = f()
SET @x = (SELECT f())
CREATE TABLE x (a INT)
CREATE TEMPORARY TABLE x (a INT)
CREATE VIEW v AS SELECT 1
DROP TABLE t
TRUNCATE t
ALTER TABLE t ADD b INT
RENAME TABLE a TO b
LOCK TABLES t READ
FLUSH TABLES WITH READ LOCK
RESET QUERY CACHE
GRANT ALL ON *.* TO x
ANALYZE TABLE t
OPTIMIZE TABLE t
REPAIR TABLE t
HANDLER t OPEN
KILL 3
XA START 'a'
BACKUP STAGE START
LOCK INSTANCE FOR BACKUP
BINLOG 'x'
CHANGE MASTER TO MASTER_HOST = 'x'
PURGE BINARY LOGS TO 'x'
SHUTDOWN
INSTALL SONAME 'x'
SIGNAL SQLSTATE '45000'
nonsense
""".splitlines()


@pytest.fixture(scope="module")
def screen() -> ReadOnlyScreen:
    servers = [("10.11.19-MariaDB", True), ("8.0.36", False)]
    return ReadOnlyScreen(StatementKinds(read_functions((), servers)))


@pytest.mark.parametrize("text", READS)
def test_reading_is_permitted(screen: ReadOnlyScreen, text: str) -> None:
    assert screen.permits(text.encode(), Dialect.DEFAULT)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("text", WRITES)
def test_writing_is_not(screen: ReadOnlyScreen, text: str, dialect: Dialect) -> None:
    assert not screen.permits(text.encode(), dialect)
    assert not screen.permits(text.lower().replace("/*m", "/*M").encode(), dialect)
    assert not screen.permits(b"/* x */ " + text.encode() + b" ;", dialect)
    assert not screen.permits(b"SELECT 1; " + text.encode(), dialect)


def test_two_statements_with_tables_are_not_permitted_in_one_text(screen: ReadOnlyScreen) -> None:
    # The first one's view may lift the server's rule for the second one's.
    assert screen.permits(b"SELECT * FROM v; SELECT @@x", Dialect.DEFAULT)
    assert not screen.permits(b"SELECT * FROM v; SELECT * FROM w", Dialect.DEFAULT)


def test_what_a_backslash_hides_counts() -> None:
    screen = ReadOnlyScreen(StatementKinds())
    text = rb"SELECT 'a\'; START TRANSACTION READ WRITE; -- '"
    assert screen.permits(text, Dialect.DEFAULT)
    assert not screen.permits(text, Dialect.NO_BACKSLASH_ESCAPES)
    assert not screen.permits(b"SET @@sql_mode = 'NO_BACKSLASH_ESCAPES'; " + text, Dialect.DEFAULT)
    assert not screen.permits("SET NAMES gbk; SELECT 'ü'".encode(), Dialect.DEFAULT)
    assert screen.permits(rb"SELECT 'it\'s'; SELECT 2", Dialect.DEFAULT)


def test_configured_functions_are_permitted() -> None:
    screen = ReadOnlyScreen(StatementKinds(read_functions(["shop.total"])))
    assert screen.permits(b"SELECT shop.total(1)", Dialect.DEFAULT)
    assert not screen.permits(b"SELECT crm.total(1)", Dialect.DEFAULT)


def test_letters_that_servers_fold_hide_nothing(screen: ReadOnlyScreen) -> None:
    assert not screen.permits("LOC\u212a TABLES t READ".encode(), Dialect.DEFAULT)
    assert not screen.permits("SET tx_read_only = 0, \u212a = 1".encode(), Dialect.DEFAULT)


def test_what_is_remembered_is_bounded() -> None:
    screen = ReadOnlyScreen(StatementKinds(), cached=2)
    for number in range(5):
        assert screen.permits(b"SET @a%d = 1" % number, Dialect.DEFAULT)
        assert not screen.permits(b"SET GLOBAL a%d = 1" % number, Dialect.DEFAULT)
    assert len(screen._cache) == 2
