"""What texts open on their connection, and what they end, by name."""

import pytest

from proxy.mysql.session.pins import PinReason
from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.verdict import End, Verdict

TABLE, HANDLER, LOCK = PinReason.TEMPORARY_TABLE, PinReason.HANDLER, PinReason.NAMED_LOCK
TABLES, FLUSH, BACKUP = (
    PinReason.LOCK_TABLES,
    PinReason.FLUSH_TABLES_WITH_READ_LOCK,
    PinReason.BACKUP_LOCK,
)
ONE_SHOT = PinReason.ONE_SHOT_VARIABLE


def verdict(text: str | bytes, dialect: Dialect = Dialect.DEFAULT) -> Verdict:
    return Screen().verdict(text.encode() if isinstance(text, str) else text, dialect)


@pytest.mark.parametrize(
    ("text", "reason", "names"),
    [
        ("CREATE TEMPORARY TABLE t (a INT)", TABLE, {"t"}),
        ("create /* x */ or replace temporary table `d` . `T``x` AS SELECT 1", TABLE, {"d.T`x"}),
        ("CREATE TEMPORARY TABLE IF NOT EXISTS t LIKE u", TABLE, {"t"}),
        ("SET STATEMENT max_statement_time=1 FOR CREATE TEMPORARY TABLE t (a INT)", TABLE, {"t"}),
        ("CREATE TEMPORARY TABLE t (a INT); CREATE TEMPORARY TABLE u (a INT); SELECT 1", TABLE, {"t", "u"}),
        ("CREATE TEMPORARY TABLE t (a INT); DROP TABLE t", TABLE, set()),
        ("DROP TABLE IF EXISTS t; CREATE TEMPORARY TABLE t (a INT)", TABLE, {"t"}),
        ("USE d; CREATE TEMPORARY TABLE e.t (a INT)", TABLE, {"e.t"}),
        ("CREATE TABLE t (temporary INT)", TABLE, set()),
        ("HANDLER t OPEN", HANDLER, {"t"}),
        ("HANDLER d.t OPEN", HANDLER, {"t"}),
        ("HANDLER d.t OPEN AS `My`", HANDLER, {"my"}),
        ("HANDLER t OPEN a", HANDLER, {"a"}),
        ("SELECT GET_LOCK('Ab', 1)", LOCK, {"Ab"}),
        ("SELECT 1, get_lock /**/ ( 'it''s' , -1 ), 2", LOCK, {"it's"}),
        ("DO GET_LOCK('a', 1), GET_LOCK('b', 1)", LOCK, {"a", "b"}),
        ("DO GET_LOCK('a', 1); SELECT RELEASE_ALL_LOCKS()", LOCK, set()),
        ("SELECT RELEASE_ALL_LOCKS(); DO GET_LOCK('a', 1)", LOCK, {"a"}),
        ("SELECT RELEASE_ALL_LOCKS(), GET_LOCK('a', 1)", LOCK, {"a"}),
        ("LOCK TABLES t READ; UNLOCK TABLES", TABLES, set()),
        ("LOCK TABLES t READ; BEGIN", TABLES, set()),
        ("FLUSH TABLES WITH READ LOCK; UNLOCK TABLES", FLUSH, set()),
        ("LOCK INSTANCE FOR BACKUP", BACKUP, {"instance"}),
        ("BACKUP STAGE BLOCK_DDL", BACKUP, {"stage"}),
        ("BACKUP LOCK t", BACKUP, {"lock"}),
        ("SET insert_id = 5, @@session.timestamp := 7", ONE_SHOT, {"insert_id", "timestamp"}),
        ("SET timestamp = DEFAULT", ONE_SHOT, set()),
        ("SET timestamp = 5; SET timestamp = 0", ONE_SHOT, set()),
    ],
)
def test_what_is_left_open(text: str, reason: PinReason, names: set[str]) -> None:
    found = verdict(text)
    assert reason in found.pins
    assert found.names[reason] == names


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CREATE TEMPORARY TABLE `a.b` (a INT)", TABLE),
        ("CREATE TEMPORARY TABLE `é` (a INT)", TABLE),
        ("CREATE TEMPORARY TABLE é (a INT)", TABLE),
        ('CREATE TEMPORARY TABLE "t" (a INT)', TABLE),
        ("CREATE TEMPORARY SEQUENCE s", TABLE),
        ("USE d; CREATE TEMPORARY TABLE t (a INT)", TABLE),
        ("CREATE /*!32302 TEMPORARY */ TABLE t (a INT)", TABLE),
        ("/*!50000 CREATE TEMPORARY TABLE t (a INT) */", TABLE),
        ("CREATE PROCEDURE p() CREATE TEMPORARY TABLE t (a INT)", TABLE),
        ("BEGIN NOT ATOMIC CREATE TEMPORARY TABLE t (a INT); END", TABLE),
        ("IF 1 THEN CREATE TEMPORARY TABLE t (a INT); END IF", TABLE),
        ("CREATE TEMPORARY TABLE t (a INT); CREATE TEMPORARY TABLE `a.b` (a INT)", TABLE),
        ("CREATE TEMPORARY TABLE t (a INT) -- " + "x" * 17000, TABLE),
        ("SELECT GET_LOCK(name, 1) FROM t", LOCK),
        ("SELECT GET_LOCK(CONCAT('a', 'b'), 1)", LOCK),
        ("SELECT GET_LOCK('a' 'b', 1)", LOCK),
        ("SELECT GET_LOCK('é', 1)", LOCK),
        ("SELECT GET_LOCK(?, 1)", LOCK),
        ("SELECT GET_LOCK('a', 1), GET_LOCK(@b, 1)", LOCK),
        ("SELECT service_get_read_locks('a', 'b', 1)", LOCK),
        ("LOCK TABLES t READ", TABLES),
        ("UNLOCK TABLES; LOCK TABLES t READ", TABLES),
        ("FLUSH TABLES WITH READ LOCK; BEGIN", FLUSH),
        ("SET STATEMENT insert_id = 5 FOR INSERT INTO t VALUES (1)", ONE_SHOT),
    ],
)
def test_names_that_are_not_known(text: str, reason: PinReason) -> None:
    found = verdict(text)
    assert reason in found.pins
    assert reason not in found.names


def test_opaque_texts_name_nothing() -> None:
    found = verdict("CREATE TEMPORARY TABLE t (a INT); DROP TABLE u", Dialect.OPAQUE)
    assert (dict(found.names), found.ends) == ({}, ())
    # The Kelvin sign reads as a k for some servers.
    assert not verdict("DROP TABLE \u212a").ends


def ends(text: str) -> dict[PinReason, tuple[str, ...] | None]:
    return {end.reason: end.names for end in verdict(text).ends}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DROP TABLE t", {TABLE: ("t",)}),
        ("drop temporary table if exists a , `d`.`b` /* x */ cascade;", {TABLE: ("a", "d.b")}),
        ("DROP TABLES a, b WAIT 5", {TABLE: ("a", "b")}),
        ("DROP TABLE t NOWAIT", {TABLE: ("t",)}),
        ("DROP TABLE a; DROP TABLE b, a", {TABLE: ("a", "b")}),
        ("USE d; DROP TABLE a, e.b", {TABLE: ("e.b",)}),
        ("UNLOCK TABLES", {TABLES: None, FLUSH: None}),
        ("unlock/**/table", {TABLES: None, FLUSH: None}),
        ("BEGIN", {TABLES: None}),
        ("BEGIN WORK", {TABLES: None}),
        ("START TRANSACTION WITH CONSISTENT SNAPSHOT", {TABLES: None}),
        ("UNLOCK INSTANCE", {BACKUP: ("instance",)}),
        ("UNLOCK BINLOG", {BACKUP: ("binlog",)}),
        ("BACKUP UNLOCK", {BACKUP: ("lock",)}),
        ("BACKUP STAGE END", {BACKUP: ("stage",)}),
        ("HANDLER `X` CLOSE", {HANDLER: ("x",)}),
        ("SELECT RELEASE_ALL_LOCKS()", {LOCK: None}),
        ("DO release_all_locks ( )", {LOCK: None}),
        ("SET timestamp = DEFAULT", {ONE_SHOT: ("timestamp",)}),
        ("SET @@timestamp = 0, autocommit = 1", {ONE_SHOT: ("timestamp",)}),
        ("DROP TABLE a; UNLOCK TABLES", {TABLE: ("a",), TABLES: None, FLUSH: None}),
    ],
)
def test_what_ends(text: str, expected: dict[PinReason, tuple[str, ...] | None]) -> None:
    assert ends(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT 'DROP TABLE t', unlock FROM t",
        "DROP VIEW t",
        "DROP SEQUENCE t",
        "DROP TABLE a b",
        "DROP TABLE a, `b.c`",
        "USE d; DROP TABLE a",
        "DROP TABLE /*!99999 t, */ u",
        "/*!99999 DROP TABLE t */",
        "/*M! UNLOCK TABLES */",
        "EXPLAIN DROP TABLE t",
        "CREATE PROCEDURE p() DROP TABLE t",
        "BEGIN NOT ATOMIC DROP TABLE t; END",
        "IF 0 THEN UNLOCK TABLES; END IF",
        "l: BEGIN UNLOCK TABLES; END",
        "SELECT 1; CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO UNLOCK TABLES; UNLOCK TABLES",
        "START SLAVE",
        "COMMIT",
        "HANDLER t READ FIRST",
        "SELECT RELEASE_ALL_LOCKS() FROM t",
        "SELECT IF(a, RELEASE_ALL_LOCKS(), 0)",
        "SELECT RELEASE_LOCK('a')",
        "SET timestamp = 5",
        "SET GLOBAL timestamp = DEFAULT",
        "SET profiling = 0",
        "SET STATEMENT timestamp = DEFAULT FOR SELECT 1",
        "DROP TABLE `t",
        "CALL p()",
    ],
)
def test_what_ends_nothing(text: str) -> None:
    assert verdict(text).ends == ()


def test_all_ends_before_what_is_opened_after_it() -> None:
    found = verdict("CREATE TEMPORARY TABLE a (i INT); DROP TABLE b, a; CREATE TEMPORARY TABLE b (i INT)")
    assert found.names[TABLE] == {"b"}
    assert found.ends == (End(TABLE, ("b", "a")),)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("SELECT GET_LOCK(?, ?)", (0,)),
        ("SELECT ?, GET_LOCK(?, 1), '?' /* ? */, `?`, ?, GET_LOCK(?, ?)", (1, 3)),
        ("SELECT GET_LOCK('a', ?)", ()),
        ("SELECT GET_LOCK('a', 1), GET_LOCK(?, 1)", ()),
        ("SELECT GET_LOCK(CONCAT(?, 'a'), 1)", ()),
        ("SELECT ?; SELECT GET_LOCK(?, 1)", ()),
        ("SELECT ?", ()),
    ],
)
def test_parameters_that_name_locks(text: str, parameters: tuple[int, ...]) -> None:
    assert verdict(text).lock_parameters == parameters


@pytest.mark.parametrize(
    ("text", "releases"),
    [
        ("SELECT RELEASE_LOCK('a')", True),
        ("DO `release_lock`('a')", True),
        ("SELECT 1; DO RELEASE_LOCK('a')", True),
        ("SELECT RELEASE_ALL_LOCKS() FROM t", True),
        ("SELECT /*!50000 RELEASE_LOCK('a') */ 1", True),
        ("SELECT [a'b], RELEASE_LOCK('a')", True),
        ("SELECT 'RELEASE_LOCK(1)'", False),
        ("SELECT GET_LOCK('a', 1)", False),
    ],
)
def test_releases_of_named_locks(text: str, releases: bool) -> None:
    assert verdict(text).releases_lock is releases


@pytest.mark.parametrize(
    ("text", "renames"),
    [
        ("RENAME TABLE a TO b", True),
        ("rename tables a to b", True),
        ("ALTER TABLE a RENAME b", True),
        ("ALTER TABLE a ADD c INT, RENAME TO b", True),
        ("ALTER TABLE a RENAME /*!50000 TO */ b", True),
        ("SELECT 1; ALTER TABLE a RENAME AS b", True),
        ("ALTER TABLE a RENAME COLUMN b TO c, RENAME INDEX d TO e, RENAME KEY f TO g", False),
        ("ALTER TABLE a ADD `rename` INT COMMENT 'RENAME'", False),
        ("RENAME USER a TO b", False),
        ("SELECT 'RENAME'", False),
    ],
)
def test_renames_of_tables(text: str, renames: bool) -> None:
    assert verdict(text).renames_tables is renames
