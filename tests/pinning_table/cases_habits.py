"""Rows on what drivers and frameworks send by themselves."""

from .case import Case
from .peers import ProxySql, Router

__all__ = ["HABITS"]

_CONNECTOR_J = (
    "/* mysql-connector-j-8.3.0 */SELECT @@session.auto_increment_increment AS auto_increment_increment,"
    " @@character_set_client AS character_set_client, @@sql_mode AS sql_mode, @@time_zone AS time_zone,"
    " @@wait_timeout AS wait_timeout"
)
_R2DBC = (
    "SET autocommit = 1, {isolation} = 'REPEATABLE-READ', session_track_schema = 1,"
    " session_track_system_variables = 'autocommit,{isolation}'"
)
_ISOLATION = {"mariadb": "tx_isolation", "mysql": "transaction_isolation"}

HABITS = (
    Case(
        "Connector/J's start",
        (_CONNECTOR_J, "SET character_set_results = NULL", "SET autocommit=1"),
        ProxySql.AT_SIGN,
        Router.TRACKED,
    ),
    Case(
        "MariaDB R2DBC's start: `SET …, session_track_system_variables = …`",
        (_R2DBC.format(isolation=_ISOLATION["mariadb"]),),
        ProxySql.UNKNOWN,
        Router.REFUSED,
        servers=("mariadb",),
    ),
    Case(
        "Django's start: `SQL_AUTO_IS_NULL = 0`, isolation level",
        ("SET SQL_AUTO_IS_NULL = 0", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case(
        "Rails' start: `SET @@SESSION.sql_mode`, `wait_timeout`",
        (
            "SET @@SESSION.sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'),"
            " @@SESSION.wait_timeout = 2147483",
        ),
        ProxySql.UNKNOWN,
        Router.TRACKED,
    ),
    Case(
        "Laravel's start: names, isolation level, `sql_mode`",
        (
            "set names 'utf8mb4' collate 'utf8mb4_unicode_ci'",
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "set session sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
        ),
        ProxySql.TRACKED,
        Router.TRACKED,
    ),
    Case(
        "mysqldump's head: `/*!40014 SET @OLD_… */`",
        (
            "/*!40101 SET NAMES utf8mb4 */",
            "/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */",
            "/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */",
        ),
        ProxySql.AT_SIGN,
        Router.USER_VARIABLE,
    ),
)
