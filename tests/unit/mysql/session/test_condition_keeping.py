"""Which commands leave older conditions in place; tests/integration has the servers judge the same texts."""

import pytest

from proxy.mysql.session.condition_keeping import Keep, adds, keeps, keeps_text
from proxy.mysql.wire.commands import Command

CLEARS, KEEPS, UNKNOWN = Keep.CLEARS, Keep.KEEPS, Keep.UNKNOWN


@pytest.mark.parametrize(
    ("text", "mariadb", "mysql"),
    [
        ("SELECT 1", KEEPS, CLEARS),
        ("SELECT 1 FROM DUAL", KEEPS, CLEARS),
        ("SELECT * FROM t", CLEARS, CLEARS),
        ("SELECT @@warning_count FROM t", CLEARS, CLEARS),
        ("SELECT EXTRACT(DAY FROM NOW())", UNKNOWN, CLEARS),
        ("SELECT stored()", UNKNOWN, CLEARS),
        ("SELECT app.version()", UNKNOWN, CLEARS),
        ("SELECT NEXT VALUE FOR s", UNKNOWN, CLEARS),
        ("SELECT CONCAT(VERSION(), (1))", KEEPS, CLEARS),
        ("SHOW WARNINGS LIMIT 1", KEEPS, KEEPS),
        ("SHOW COUNT(*) ERRORS", KEEPS, KEEPS),
        ("SHOW TABLES", CLEARS, CLEARS),
        ("SHOW FULL PROCESSLIST", KEEPS, CLEARS),
        ("SHOW CREATE TABLE t", CLEARS, CLEARS),
        ("SHOW ENGINE INNODB STATUS", UNKNOWN, CLEARS),
        ("GET DIAGNOSTICS @n = NUMBER", KEEPS, KEEPS),
        ("SET @x = 1", KEEPS, CLEARS),
        ("SET @x = (SELECT MAX(a) FROM t)", CLEARS, CLEARS),
        ("SET STATEMENT max_statement_time = 1 FOR SELECT 1", UNKNOWN, CLEARS),
        ("COMMIT", KEEPS, CLEARS),
        ("BEGIN NOT ATOMIC SET @x = 1; END", UNKNOWN, CLEARS),
        ("INSERT INTO t VALUES (1)", CLEARS, CLEARS),
        ("ALTER TABLE t ADD b INT", CLEARS, CLEARS),
        ("ALTER USER u ACCOUNT LOCK", UNKNOWN, CLEARS),
        ("CREATE DATABASE d", KEEPS, CLEARS),
        ("DROP VIEW v", CLEARS, CLEARS),
        ("CALL p()", UNKNOWN, CLEARS),
        ("DESC t", CLEARS, CLEARS),
        ("EXPLAIN SELECT 1", KEEPS, CLEARS),
        ("/* nothing */", KEEPS, CLEARS),
        ("SELECT 1; SELECT 2", KEEPS, CLEARS),
        ("SELECT 1; SHOW WARNINGS", KEEPS, CLEARS),
        ("SELECT * FROM t; SELECT 1", CLEARS, CLEARS),
        ("CALL p(); SELECT 1", UNKNOWN, CLEARS),
        ("SELECT /*!50000 1 */", UNKNOWN, UNKNOWN),
    ],
)
def test_statements(text: str, mariadb: Keep, mysql: Keep) -> None:
    assert keeps_text(text.encode(), is_mariadb=True) is mariadb
    assert keeps_text(text.encode(), is_mariadb=False) is mysql


@pytest.mark.parametrize(
    ("text", "mariadb", "mysql"),
    [
        ("SELECT 1/0; SELECT 1", UNKNOWN, CLEARS),
        ("SELECT 1/0; SHOW WARNINGS", UNKNOWN, UNKNOWN),
        ("SELECT 1/0; SELECT * FROM t", CLEARS, CLEARS),
        ("SELECT a/0 FROM t; SELECT 1", UNKNOWN, CLEARS),
    ],
)
def test_several_statements_of_which_one_has_warned(text: str, mariadb: Keep, mysql: Keep) -> None:
    assert keeps_text(text.encode(), is_mariadb=True, warned=True) is mariadb
    assert keeps_text(text.encode(), is_mariadb=False, warned=True) is mysql


def test_a_long_text_is_not_read() -> None:
    text = b"SET @x = '" + b"x" * 20_000 + b"'"
    assert keeps_text(text, is_mariadb=True) is UNKNOWN
    assert keeps_text(text, is_mariadb=False) is CLEARS


@pytest.mark.parametrize("is_mariadb", [True, False])
def test_commands_that_are_no_statement(is_mariadb: bool) -> None:
    for command in (
        Command.PING,
        Command.INIT_DB,
        Command.STMT_CLOSE,
        Command.STMT_RESET,
        Command.SET_OPTION,
    ):
        assert keeps(command, b"", is_mariadb=is_mariadb) is KEEPS
    assert keeps(Command.RESET_CONNECTION, b"", is_mariadb=is_mariadb) is CLEARS
    assert keeps(Command.FIELD_LIST, b"", is_mariadb=is_mariadb) is (KEEPS if is_mariadb else UNKNOWN)
    assert keeps(Command.STMT_PREPARE, b"SELECT 1", is_mariadb=is_mariadb) is (
        KEEPS if is_mariadb else CLEARS
    )


def test_conditions_that_come_on_top() -> None:
    assert adds(Command.INIT_DB, b"", 1049, is_mariadb=False)
    assert not adds(Command.INIT_DB, b"", 1049, is_mariadb=True)
    assert adds(Command.STMT_EXECUTE, b"", 1243, is_mariadb=False)
    assert adds(Command.QUERY, b" resignal", 1645, is_mariadb=True)
    assert adds(Command.QUERY, b"GET DIAGNOSTICS CONDITION 9 @a = MYSQL_ERRNO", 0, is_mariadb=True)
    assert not adds(Command.QUERY, b"GET DIAGNOSTICS", 1064, is_mariadb=True)
    assert not adds(Command.QUERY, b"SELECT nothing", 1054, is_mariadb=False)
    assert not adds(Command.QUERY, b"", 1065, is_mariadb=False)
