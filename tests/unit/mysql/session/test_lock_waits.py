"""Which assignments of the variables about waiting for locks are certain to be within a limit."""

import pytest

from proxy.mysql.session.lock_waits import excess_in
from proxy.mysql.session.screen import Dialect

LIMIT = 10


@pytest.mark.parametrize(
    "text",
    [
        "SET innodb_lock_wait_timeout = 5",
        "SET SESSION lock_wait_timeout = 10, @a = 1",
        "SET sql_mode = '', lock_wait_timeout = 3",
        "SET STATEMENT lock_wait_timeout = 1 FOR SELECT 1",
        "SET @lock_wait_timeout = 100",
        "SELECT @@innodb_lock_wait_timeout",
        "SHOW VARIABLES LIKE 'innodb_lock_wait_timeout'",
        "INSERT INTO t VALUES ('SET lock_wait_timeout=100')",
        "SELECT 1",
    ],
)
def test_within(text: str) -> None:
    assert excess_in(text.encode(), LIMIT, Dialect.DEFAULT) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SET innodb_lock_wait_timeout = 11", "innodb_lock_wait_timeout"),
        ("SET @a = 1, SESSION lock_wait_timeout = 51", "lock_wait_timeout"),
        ("SET @@session.`lock_wait_timeout` = 51", "lock_wait_timeout"),
        ("SET @@lock_wait_timeout = DEFAULT", "lock_wait_timeout"),
        ("SET lock_wait_timeout = @@global.lock_wait_timeout", "lock_wait_timeout"),
        ("SET lock_wait_timeout = 1e3", "lock_wait_timeout"),
        ("SET lock_wait_timeout = ?", "lock_wait_timeout"),
        ("SET GLOBAL lock_wait_timeout = 100", "lock_wait_timeout"),
        ("SET STATEMENT lock_wait_timeout = 100 FOR SELECT 1", "lock_wait_timeout"),
        ("SELECT 1; SET lock_wait_timeout = 99", "lock_wait_timeout"),
        ("SELECT /*+ SET_VAR(lock_wait_timeout=100) */ 1", "lock_wait_timeout"),
        ("/*!50000 SET lock_wait_timeout = 100 */", "lock_wait_timeout"),
        ("SET loc\u212a_wait_timeout = 100", "lock_wait_timeout"),
        ("PREPARE s FROM 'SET lock_wait_timeout = 100'", "lock_wait_timeout"),
        ("EXECUTE IMMEDIATE 'SET lock_wait_timeout = 100'", "lock_wait_timeout"),
        ("CREATE PROCEDURE p() SET lock_wait_timeout = 100", "lock_wait_timeout"),
        ("BEGIN NOT ATOMIC SET lock_wait_timeout = 100; END", "lock_wait_timeout"),
    ],
)
def test_beyond(text: str, name: str) -> None:
    excess = excess_in(text.encode(), LIMIT, Dialect.DEFAULT)
    assert excess is not None
    assert excess[0] == name
