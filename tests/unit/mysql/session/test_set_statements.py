"""SET statements: which variables, whose, and whether to constants."""

import pytest

from proxy.mysql.session.screen import Dialect, Screen
from proxy.mysql.session.verdict import Verdict


def verdict(text: str) -> Verdict:
    return Screen().verdict(text.encode(), Dialect.DEFAULT)


@pytest.mark.parametrize(
    "text",
    [
        "SET autocommit=1",
        "set AUTOCOMMIT = on, SESSION sql_mode := 'ANSI', @@session . `time_zone` = \"+00:00\";",
        "/* driver 1.0 */ SET NAMES utf8mb4 COLLATE utf8mb4_bin -- x",
        "SET NAMES 'utf8mb4'",
        "SET CHARACTER SET utf8",
        "SET CHARSET latin1",
        "SET character_set_results = NULL",
        "SET transaction_isolation = READ-COMMITTED",
        "SET LOCAL TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET SESSION TRANSACTION READ WRITE",
        "SET sql_select_limit = -1, max_statement_time = 1.5, lock_wait_timeout = +5, a = 0x4",
        "SET autocommit=1; SET NAMES utf8; SET sql_mode=''",
        "SET profiling = 0",
    ],
)
def test_constants(text: str) -> None:
    assert verdict(text).constant_set


@pytest.mark.parametrize(
    "text",
    [
        "SET autocommit = DEFAULT",
        "SET NAMES DEFAULT",
        "SET NAMES utf8 COLLATE DEFAULT",
        "SET CHARACTER SET DEFAULT",
        "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
        "SET sql_mode = @@global.sql_mode",
        "SET sql_mode = @x",
        "SET sql_mode = (SELECT 1)",
        "SET sql_mode = ('ANSI')",
        "SET sql_mode = _utf8'ANSI'",
        "SET sql_mode = 'A' 'B'",
        "SET sql_mode = t.a",
        "SET sql_mode = ?",
        "SET @x = 1",
        "SET @x = 1, sql_mode = ''",
        "SET GLOBAL sql_mode = ''",
        "SET @@global.sql_mode = ''",
        "SET PERSIST sql_mode = ''",
        "SET PERSIST_ONLY sql_mode = ''",
        "SET TRANSACTION READ ONLY",
        "SET GLOBAL TRANSACTION READ ONLY",
        "SET @@transaction_isolation = 'READ-COMMITTED'",
        "SET @@tx_read_only = 1",
        "SET insert_id = 1",
        "SET timestamp = 1",
        "SET timestamp = DEFAULT",
        "SET session_track_schema = 1",
        "SET session_track_gtids = OFF",
        "SET sql_auto_is_null = 1",
        "SET profiling = 1",
        "SET debug_sync = 'now SIGNAL x'",
        "SET hot.key_buffer_size = 1",
        "SET ROLE NONE",
        "SET PASSWORD = 'x'",
        "SET DEFAULT ROLE a TO b",
        "SET RESOURCE GROUP g",
        "SET STATEMENT max_statement_time=1 FOR SELECT 1",
        "SET STATEMENT max_statement_time=1 FOR SET autocommit=1",
        "SET autocommit=1; SELECT 1",
        "SET autocommit=1; USE d",
        "/*!99999 SET autocommit=1 */",
        "SET autocommit=/*!1*/",
        "SET autocommit",
        "SET autocommit='a",
        "SET \u212a = 1",
        "BEGIN NOT ATOMIC SET autocommit=1; END",
        "SELECT 'SET autocommit=1'",
        "USE d",
        "SET",
        "",
    ],
)
def test_what_is_not_constant(text: str) -> None:
    assert not verdict(text).constant_set


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SET autocommit=1, @@session.SQL_MODE='', @a=1, GLOBAL wait_timeout=5", {"autocommit", "sql_mode"}),
        ("SET `sql_mode` = (SELECT a = b, 1), LOCAL time_zone = IF(1, 2, 3)", {"sql_mode", "time_zone"}),
        (
            "SET autocommit=?, transaction_isolation=?, session_track_schema=?",
            {"autocommit", "transaction_isolation", "session_track_schema"},
        ),
        (
            "SET NAMES x",
            {
                "character_set_client",
                "character_set_connection",
                "character_set_results",
                "collation_connection",
            },
        ),
        ("SET a=1; SET b=1; SELECT @@c", {"a", "b"}),
        ("SET PASSWORD = 'x'", set()),
        ("UPDATE t SET a = @x", set()),
    ],
)
def test_assigned_variables(text: str, names: set[str]) -> None:
    assert verdict(text).assigned_variables == names


@pytest.mark.parametrize(
    ("text", "tracks"),
    [
        (
            "SET autocommit=1, session_track_schema=1, session_track_system_variables='autocommit, a'",
            {
                "session_track_schema": "1",
                "session_track_system_variables": "autocommit, a",
            },
        ),
        (r"SET @@session.Session_Track_System_Variables = 'a\'b'", {"session_track_system_variables": "a'b"}),
        ("SET session_track_gtids = OWN_GTID", {"session_track_gtids": "OWN_GTID"}),
        ("SET session_track_schema = ?", {}),
        ("SET session_track_schema = DEFAULT", {}),
        ("SET session_track_schema = 1, session_track_schema = @x", {}),
        ("SET session_track_schema = 1; SET session_track_schema = 1 + 1", {}),
        ("SET session_track_system_variables = CONCAT('a', 'b')", {}),
        ("SET GLOBAL session_track_schema = 1", {}),
        ("SET @session_track_schema = 1", {}),
        ("SET session_track_system_variables = 'é'", {}),
    ],
)
def test_values_of_the_tracker(text: str, tracks: dict[str, str]) -> None:
    assert verdict(text).tracks == tracks


@pytest.mark.parametrize(
    ("text", "is_global"),
    [
        ("SET GLOBAL a = 1", True),
        ("SET b = 1, @@global.a = 1", True),
        ("SET @@ GLOBAL . a = 1", True),
        ("SET PERSIST a = 1", True),
        ("SET GLOBAL TRANSACTION READ ONLY", True),
        ("/*!99999 SET GLOBAL a = 1 */", True),
        ("SET /*!50000 GLOBAL */ a = 1", True),
        ("IF 1 THEN SET GLOBAL a = 1; END IF", True),
        ("SELECT 1; SET GLOBAL a = 1", True),
        ("SET a = @@global.a", False),
        ("SET a = 'GLOBAL'", False),
        ("SET SESSION a = 1", False),
        ("SELECT @@global.a", False),
    ],
)
def test_global_variables(text: str, is_global: bool) -> None:
    assert verdict(text).sets_global is is_global
