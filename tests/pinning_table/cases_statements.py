"""Rows on settings, variables, prepared statements and the forms of texts."""

from .case import MARIADB, Act, Case
from .peers import ProxySql, Router

__all__ = ["STATEMENTS"]

SETTINGS = (
    Case("`USE`", ("USE other",), ProxySql.NEVER, Router.TRACKED),
    Case("`SET NAMES`", ("SET NAMES latin1",), ProxySql.TRACKED, Router.TRACKED),
    Case(
        "`SET time_zone`, `sql_mode`",
        ("SET time_zone = '+03:00', sql_mode = 'ANSI'",),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case(
        "`SET foreign_key_checks`, `unique_checks`",
        ("SET foreign_key_checks = 0, unique_checks = 0",),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case(
        "`SET SESSION group_concat_max_len`",
        ("SET SESSION group_concat_max_len = 4711",),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case(
        "`SET SESSION TRANSACTION ISOLATION LEVEL`",
        ("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case(
        "`SET TRANSACTION` for the next transaction",
        ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "BEGIN", "COMMIT"),
        ProxySql.UNKNOWN,
        Router.NEXT_TRANSACTION,
    ),
    Case(
        "`SET autocommit = 0`, then `COMMIT`",
        ("SET autocommit = 0", "SELECT * FROM item", "COMMIT"),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case("`SET insert_id`", ("SET insert_id = 4711",), ProxySql.UNKNOWN, Router.UNKNOWN),
    Case("`SET ROLE`", ("SET ROLE reader",), ProxySql.UNPARSED_SET, Router.UNKNOWN),
    Case(
        "`SET STATEMENT … FOR` (MariaDB)",
        ("SET STATEMENT max_statement_time = 100 FOR SELECT 1",),
        ProxySql.UNPARSED_SET,
        Router.UNKNOWN,
        servers=(MARIADB,),
    ),
)
VARIABLES = (
    Case("`SET @x`, read later", ("SET @x = 1", "SELECT @x"), ProxySql.AT_SIGN, Router.USER_VARIABLE),
    Case("`SELECT @x := …`", ("SELECT @x := 1", "SELECT @x"), ProxySql.AT_SIGN, Router.USER_VARIABLE),
    Case("`SELECT … INTO @x`", ("SELECT 1 INTO @x", "SELECT @x"), ProxySql.AT_SIGN, Router.USER_VARIABLE),
    Case("reading `@x` only", ("SELECT @never_set",), ProxySql.AT_SIGN, Router.UNKNOWN),
    Case("reading `@@max_allowed_packet`", ("SELECT @@max_allowed_packet",), ProxySql.AT_SIGN, Router.NEVER),
)
PREPARED = (
    Case(
        "binary prepared statement: prepare, execute, close",
        ((Act.PREPARE, "SELECT 'one'"), (Act.EXECUTE, ""), (Act.CLOSE, "")),
        ProxySql.BINARY,
        Router.PREPARED,
    ),
    Case(
        "binary prepared statement, left open",
        ((Act.PREPARE, "SELECT 'one'"), (Act.EXECUTE, ""), (Act.EXECUTE, "")),
        ProxySql.BINARY,
        Router.PREPARED,
    ),
    Case(
        "`COM_STMT_SEND_LONG_DATA`, then the execution",
        (
            (Act.PREPARE, "INSERT INTO big (content) VALUES (?)"),
            (Act.LONG_DATA, "abc"),
            (Act.EXECUTE_LONG_DATA, "abc"),
        ),
        ProxySql.UNKNOWN,
        Router.PREPARED,
    ),
    Case(
        "cursor, read to its end",
        ((Act.PREPARE, "SELECT name FROM place"), (Act.EXECUTE_WITH_CURSOR, ""), (Act.FETCH_ALL, "")),
        ProxySql.UNKNOWN,
        Router.PREPARED,
    ),
    Case(
        "`PREPARE`, `EXECUTE`, `DEALLOCATE PREPARE`",
        ("PREPARE plan FROM 'SELECT 1'", "EXECUTE plan", "DEALLOCATE PREPARE plan"),
        ProxySql.PREPARE,
        Router.PREPARED,
    ),
    Case(
        "`PREPARE`, left open",
        ("PREPARE plan FROM 'SELECT 1'", "EXECUTE plan"),
        ProxySql.PREPARE,
        Router.PREPARED,
    ),
)
TEXTS = (
    Case(
        "`BEGIN` … `SAVEPOINT` … `COMMIT`",
        ("BEGIN", "SAVEPOINT s", "SELECT 1", "COMMIT"),
        ProxySql.TRANSACTION,
        Router.TRANSACTION,
    ),
    Case("a text above 16 KB", ("SELECT '" + "x" * 20_000 + "'",), ProxySql.NEVER, Router.NEVER),
    Case("executable comment `/*! … */`", ("/*!50000 SELECT 1 */",), ProxySql.UNKNOWN, Router.UNKNOWN),
    Case(
        "several statements in one text",
        ("SELECT 1; SELECT 2",),
        ProxySql.UNKNOWN,
        Router.REFUSED,
        multi=True,
    ),
    Case(
        "`CALL` of a procedure that leaves nothing", ("CALL three_results()",), ProxySql.NEVER, Router.NEVER
    ),
    Case(
        "`CALL` of a procedure that sets variables",
        ("CALL set_inside()",),
        ProxySql.UNKNOWN,
        Router.STATE_CHANGE,
    ),
)

STATEMENTS = (*SETTINGS, *VARIABLES, *PREPARED, *TEXTS)
