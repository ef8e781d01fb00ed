"""Rows on what lasts beyond its statement: tables, locks, diagnostics."""

from .case import MARIADB, Act, Case
from .peers import ProxySql, Router

__all__ = ["LASTING"]

LOCKS = (
    Case(
        "`CREATE TEMPORARY TABLE`, kept",
        ("CREATE TEMPORARY TABLE fleeting (id INT)",),
        ProxySql.TEMPORARY,
        Router.TEMPORARY,
    ),
    Case(
        "`CREATE TEMPORARY TABLE`, then `DROP TEMPORARY TABLE`",
        (
            "CREATE TEMPORARY TABLE fleeting (id INT)",
            "SELECT * FROM fleeting",
            "DROP TEMPORARY TABLE fleeting",
        ),
        ProxySql.TEMPORARY,
        Router.TEMPORARY,
    ),
    Case(
        "`CREATE TEMPORARY TABLE`, then `COM_RESET_CONNECTION`",
        ("CREATE TEMPORARY TABLE fleeting (id INT)", (Act.RESET_CONNECTION, "")),
        ProxySql.UNKNOWN,
        Router.RESET,
        rds_resets=True,
    ),
    Case(
        "`LOCK TABLES`, then `UNLOCK TABLES`",
        ("LOCK TABLES item READ", "UNLOCK TABLES"),
        ProxySql.LOCK_TABLES,
        Router.LOCK_TABLES,
    ),
    Case(
        "`FLUSH TABLES WITH READ LOCK`, then `UNLOCK TABLES`",
        ("FLUSH TABLES WITH READ LOCK", "UNLOCK TABLES"),
        ProxySql.LOCK_TABLES,
        Router.FLUSH_TABLES,
    ),
    Case(
        "`BACKUP LOCK`, then `BACKUP UNLOCK` (MariaDB)",
        ("BACKUP LOCK item", "BACKUP UNLOCK"),
        ProxySql.UNKNOWN,
        Router.UNKNOWN,
        servers=(MARIADB,),
    ),
    Case("`GET_LOCK()`, kept", ("SELECT GET_LOCK('pinning table', 0)",), ProxySql.GET_LOCK, Router.GET_LOCK),
    Case(
        "`GET_LOCK()`, then `RELEASE_LOCK()`",
        ("SELECT GET_LOCK('pinning table', 0)", "SELECT RELEASE_LOCK('pinning table')"),
        ProxySql.GET_LOCK,
        Router.GET_LOCK,
    ),
    Case(
        "several `GET_LOCK()`, then `RELEASE_ALL_LOCKS()`",
        (
            "SELECT GET_LOCK('pinning table 1', 0)",
            "SELECT GET_LOCK('pinning table 2', 0)",
            "SELECT RELEASE_ALL_LOCKS()",
        ),
        ProxySql.GET_LOCK,
        Router.GET_LOCK,
    ),
    Case(
        "`HANDLER … OPEN`, then `CLOSE`",
        ("HANDLER item OPEN", "HANDLER item CLOSE"),
        ProxySql.UNKNOWN,
        Router.UNKNOWN,
    ),
)
DIAGNOSTICS = (
    Case(
        "`INSERT`, then `SELECT LAST_INSERT_ID()`",
        ("INSERT INTO item (owner) VALUES (1)", "SELECT LAST_INSERT_ID()"),
        ProxySql.INSERT_ID,
        Router.REFUSED,
    ),
    Case(
        "`INSERT … VALUES (LAST_INSERT_ID())`",
        ("INSERT INTO item (owner) VALUES (1)", "INSERT INTO item (owner) VALUES (LAST_INSERT_ID())"),
        ProxySql.INSERT_ID,
        Router.REFUSED,
    ),
    Case(
        "`ROW_COUNT()`", ("UPDATE item SET owner = 2", "SELECT ROW_COUNT()"), ProxySql.UNKNOWN, Router.UNKNOWN
    ),
    Case(
        "`SQL_CALC_FOUND_ROWS`, then `FOUND_ROWS()`",
        ("SELECT SQL_CALC_FOUND_ROWS * FROM item LIMIT 1", "SELECT FOUND_ROWS()"),
        ProxySql.FOUND_ROWS,
        Router.FOUND_ROWS,
    ),
    Case(
        "`SHOW WARNINGS` after a warning",
        ("DROP TABLE IF EXISTS missing_table", "SHOW WARNINGS", "SELECT 1"),
        ProxySql.WARNINGS,
        Router.WARNINGS,
    ),
    Case(
        "`GET DIAGNOSTICS @n = …`",
        ("UPDATE item SET owner = 3", "GET DIAGNOSTICS @n = ROW_COUNT"),
        ProxySql.AT_SIGN,
        Router.REFUSED,
    ),
)

LASTING = (*LOCKS, *DIAGNOSTICS)
