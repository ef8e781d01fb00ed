"""The closer look: signals explained, stored code, definitions, savepoints, user variables."""

import pytest

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.verdict import PLAIN, Verdict


def verdict(text: str | bytes, dialect: Dialect = Dialect.DEFAULT) -> Verdict:
    return Screen().verdict(text.encode() if isinstance(text, str) else text, dialect)


@pytest.mark.parametrize(
    "text",
    [
        "SET @x = 1, sql_mode = CONCAT('a', 'b')",
        "SET @x = (SELECT 1)",
        "SELECT @x := 1",
        "SELECT 1 INTO @x",
        "DO @x := 2",
        "SET sql_mode = ''; SELECT @x := 1",
        "USE d; SET @x = 1",
        "PREPARE s FROM 'SELECT f(1)'",
        "DEALLOCATE PREPARE s",
        "CREATE TEMPORARY TABLE IF NOT EXISTS d.t(i INT, v VARCHAR(10), KEY (v), e ENUM('(')) COMMENT 'x'",
        "CREATE OR REPLACE TEMPORARY TABLE t LIKE u",
        "CREATE TEMPORARY TABLE t(a INT); CREATE TEMPORARY TABLE u(b INT)",
        "DROP TEMPORARY TABLE IF EXISTS t, u",
        "DROP TABLE t",
        "SET STATEMENT max_statement_time = 1 FOR SELECT @x := 1",
        "/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */",
        "BEGIN; SET @x = 1; COMMIT",
    ],
)
def test_what_explains_a_signal(text: str) -> None:
    found = verdict(text)
    assert found.explains_change
    assert found.explains_visible_change
    assert not found.runs_code


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a INTO @x FROM t",
        "SET @x = (SELECT a FROM t)",
        "INSERT INTO t(a) VALUES (@x)",
        "UPDATE t SET a = @x := a + 1",
        "CREATE TEMPORARY TABLE t AS SELECT * FROM v",
        "CREATE TEMPORARY TABLE t(a INT) SELECT 1 AS a",
        "SET STATEMENT max_statement_time = (SELECT a FROM t) FOR SELECT @x := 1",
    ],
)
def test_code_may_hide_behind_tables(text: str) -> None:
    found = verdict(text)
    assert not found.explains_change
    assert found.explains_visible_change


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "CALL p(@x)",
        "SET @x = f(1)",
        "SET @x = d.concat(1)",
        "SELECT f(@x)",
        "EXECUTE s",
        "EXECUTE s USING @x",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "PREPARE s FROM CONCAT('a', 'b')",
        "PREPARE s FROM 'SELECT 1'; SELECT 1",
        "CREATE TEMPORARY TABLE t (SELECT f(1))",
        "CREATE TEMPORARY TABLE t (a INT) AS SELECT f(1)",
        "CREATE TEMPORARY TABLE `a.b` (a INT)",
        "CREATE TEMPORARY SEQUENCE s",
        "CREATE TABLE t (a INT)",
        "DROP TABLE `a.b`",
        "DROP VIEW v",
        "ALTER TABLE t ADD a INT",
        "SET ROLE NONE; SET @x = 1",
        "SET PASSWORD = 'x'",
        "SET STATEMENT max_statement_time = 1 FOR CALL p()",
        "SET STATEMENT max_statement_time = f(1) FOR SELECT @x := 1",
        "BEGIN NOT ATOMIC SET @x = 1; END",
        "/*!50000 SET */ @x = 1",
        "SET @é = 1",
        "SET @x = 'a",
    ],
)
def test_what_explains_nothing(text: str) -> None:
    found = verdict(text)
    assert not found.explains_change
    assert not found.explains_visible_change


@pytest.mark.parametrize(
    "text",
    [
        "CALL p()",
        "EXECUTE s",
        "SET @x = f(1)",
        "SELECT GET_LOCK('a', 1), f(2)",
        "SELECT [a'b], GET_LOCK('a', 1)",
        "/*!99999 SET @x = */ f(1)",
        "DROP TABLE t; SELECT app.f()",
    ],
)
def test_stored_code_may_run(text: str) -> None:
    assert verdict(text).runs_code


@pytest.mark.parametrize(
    ("text", "is_ddl"),
    [
        ("CREATE TABLE t (a INT)", True),
        ("alter table t add b int", True),
        ("/* x */ DROP VIEW v", True),
        ("RENAME TABLE a TO b", True),
        (" truncate t", True),
        ("SELECT 1; DROP TABLE t", True),
        ("/*!50000 CREATE */ TABLE t (a INT)", True),
        ("SET STATEMENT max_statement_time = 1 FOR ALTER TABLE t ADD b INT", True),
        ("IF 1 THEN DROP TABLE t; END IF", True),
        ("CREATE TABLE t (a INT) COMMENT '" + "x" * 17000 + "'", True),
        ("SELECT 'CREATE', `drop`, truncate(1.5, 1) FROM t", False),
        ("SET sql_mode = 'DROP'", False),
        ("SHOW CREATE TABLE t", False),
        ("/* CREATE */ SELECT 1", False),
    ],
)
def test_definitions(text: str, is_ddl: bool) -> None:
    assert verdict(text).is_ddl is is_ddl


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("SAVEPOINT a", True),
        ("/* x */ savepoint `a`;", True),
        ("BEGIN; SAVEPOINT a", True),
        ("/*! SAVEPOINT a */", True),
        ("BEGIN NOT ATOMIC SAVEPOINT a; END", True),
        ("ROLLBACK TO SAVEPOINT a", False),
        ("RELEASE SAVEPOINT a", False),
        ("BEGIN; RELEASE SAVEPOINT a", False),
        ("SELECT 'SAVEPOINT a'", False),
    ],
)
def test_savepoints(text: str, sets: bool) -> None:
    assert verdict(text).savepoint is sets


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("SHOW PROXY PINS", True),
        ("/* x */ show\nproxy clients;", True),
        ("SHOW PROXY; SELECT 1", True),
        ("SHOW /* x */ PROXY", True),
        ("SELECT 1; SHOW PROXY PINS", False),
        ("SHOW TABLES LIKE 'PROXY'", False),
        ("SHOW TABLES FROM proxy", False),
        ("SELECT proxy FROM show_proxy", False),
        ("/*!50000 SHOW */ PROXY PINS", False),
        ("SHOW `PROXY`", False),
        ("PROXY SWITCHOVER TO 'db2:3306'", True),
        ("proxy nonsense", True),
        ("SELECT 1; PROXY SWITCHOVER TO 'db2:3306'", False),
        ("GRANT PROXY ON a TO b", False),
        ("proxy: LOOP LEAVE proxy; END LOOP", False),
    ],
)
def test_statements_for_the_proxy(text: str, shows: bool) -> None:
    assert verdict(text).shows_proxy is shows


class TestUserVariables:
    @pytest.mark.parametrize(
        ("text", "mentioned", "assigned", "literals"),
        [
            ("SET @A = 1, @b = @c", {"a", "b", "c"}, {"a", "b"}, {"a"}),
            ("SELECT @x", {"x"}, set(), set()),
            ("SELECT @x := 1", {"x"}, {"x"}, set()),
            ("SELECT /*!50000 @x, */ @y", {"x", "y"}, {"x", "y"}, set()),
            # A server may skip it.
            ("/*!99999 SET @x = 1 */", {"x"}, {"x"}, set()),
        ],
    )
    def test_known_ones_do_not_pin(
        self, text: str, mentioned: set[str], assigned: set[str], literals: set[str]
    ) -> None:
        found = verdict(text)
        assert found.variables is not None
        assert found.variables.mentioned == mentioned
        assert found.variables.assigned == assigned
        assert set(found.variables.literals) == literals
        assert PinReason.USER_VARIABLE not in found.pins

    @pytest.mark.parametrize(
        "text", ["SET @é = 1", "SELECT @ x", "SET @`a ` = 1", "SELECT [a'b], @x", "SELECT @\u212a"]
    )
    def test_others_pin(self, text: str) -> None:
        found = verdict(text)
        assert found.variables is None
        assert PinReason.USER_VARIABLE in found.pins

    def test_character_sets_that_hide_quotes(self) -> None:
        found = verdict("SET @x = 1", Dialect.OPAQUE)
        assert found.variables is None
        assert PinReason.USER_VARIABLE in found.pins

    @pytest.mark.parametrize(
        "text", ["SELECT 'a@b', `@c`", "GRANT ALL ON *.* TO 'a'@'b'", "SELECT @@a -- @x"]
    )
    def test_what_is_none(self, text: str) -> None:
        assert verdict(text) is PLAIN
