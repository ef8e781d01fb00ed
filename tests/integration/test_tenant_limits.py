"""Tenants' limits with a real daemon before real databases: what clients see, and what is in the tables."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest
from pymysql.cursors import SSCursor

from .clients import CommandClient, fetch, one, run
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

MULTI = 1 << 16
READ_ONLY, NO_SCHEMA, TOO_FAST, WRONG_VALUE, NOT_OWNER = 1290, 1044, 1226, 1231, 1095
IN_READ_ONLY_TRANSACTION = 1792
TOO_SLOW = {"mariadb": 1969, "mysql": 3024}
READ_ONLY_NAME = {"mariadb": "tx_read_only", "mysql": "transaction_read_only"}

ROUTINES = """
DROP DATABASE IF EXISTS limits; CREATE DATABASE limits;
CREATE TABLE limits.item (id INT PRIMARY KEY) ENGINE = InnoDB; INSERT INTO limits.item VALUES (1), (2);
SET GLOBAL log_bin_trust_function_creators = 1;
DELIMITER //
CREATE FUNCTION limits.lifts() RETURNS INT BEGIN SET SESSION {name} = 0; RETURN 1; END //
CREATE FUNCTION limits.writes() RETURNS INT BEGIN INSERT INTO limits.item VALUES (77); RETURN 1; END //
CREATE PROCEDURE limits.waits_longer() BEGIN SET SESSION innodb_lock_wait_timeout = 100; END //
CREATE PROCEDURE limits.writes_all_the_same() BEGIN
    START TRANSACTION READ WRITE; INSERT INTO limits.item VALUES (78); COMMIT; END //
DELIMITER ;
CREATE VIEW limits.lifting AS SELECT limits.lifts() AS x;
CREATE VIEW limits.writing AS SELECT limits.writes() AS x;
"""

#: None of them may change the table, in any session.
ATTACKS = """\
INSERT INTO item VALUES (10)
/*!50000 INSERT INTO item VALUES (10) */
SELECT 1; INSERT INTO item VALUES (10)
START TRANSACTION READ WRITE; INSERT INTO item VALUES (10); COMMIT
SET TRANSACTION READ WRITE; INSERT INTO item VALUES (10)
SET SESSION TRANSACTION READ WRITE; INSERT INTO item VALUES (10)
SET @@session.{name} = 0; INSERT INTO item VALUES (10)
SET @a = 1, {name} = 0
SET STATEMENT {name} = 0 FOR INSERT INTO item VALUES (10)
PREPARE s FROM 'INSERT INTO item VALUES (10)'; EXECUTE s
EXECUTE IMMEDIATE 'INSERT INTO item VALUES (10)'
SELECT writes()
SELECT * FROM writing
SELECT * FROM lifting; SELECT * FROM writing
SELECT * FROM lifting
SELECT * FROM writing
CALL writes_all_the_same()
BEGIN NOT ATOMIC START TRANSACTION READ WRITE; INSERT INTO item VALUES (10); COMMIT; END
SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT 'a\\'; START TRANSACTION READ WRITE; TRUNCATE item; -- '
CREATE TEMPORARY TABLE t (a INT)
DROP TABLE item
TRUNCATE item
RENAME TABLE item TO thing
LOCK TABLES item WRITE
SELECT * FROM item FOR UPDATE
SELECT 1 INTO OUTFILE '/tmp/rds-proxy-test-of-limits'
XA START 'a'
SET GLOBAL max_connections = 10""".splitlines()

#: Sections of tenants by the schema that a client logs in to; the user eve may only read.
TENANTS: list[dict[str, Any]] = [
    {"name": "slow", "schemas": ["limits_slow"], "max_execution_time": 1},
    {"name": "idle", "schemas": ["limits_idle"], "idle_in_transaction_timeout": 1},
    {"name": "waiting", "schemas": ["limits_waiting"], "lock_wait_timeout": 3},
    {"name": "one", "schemas": ["limits_one"], "allowed_schemas": ["limits_one", "no*"]},
    {"name": "others", "user_names": ["app"], "schemas": ["limits"], "allowed_schemas": ["limits"]},
    {"name": "fast", "schemas": ["limits_fast"], "statements_per_second": 5, "statement_burst": 20},
]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def limited_target(vendor: str, request: pytest.FixtureRequest) -> Target:
    """Each database, with what could be used to get around limits."""
    target: Target = request.getfixturevalue("target" if vendor == "mariadb" else "mysql_target")
    target.server.execute(ROUTINES.replace("{name}", READ_ONLY_NAME[vendor]))
    schemas = [section["schemas"][0] for section in TENANTS]
    made = [f"CREATE DATABASE IF NOT EXISTS {name}; GRANT ALL ON {name}.* TO app@'%';" for name in schemas]
    made.append("GRANT ALL ON limits.* TO eve@'%'; GRANT ALL ON limits.* TO app@'%';")
    target.server.execute("".join(made))
    return target


@pytest.fixture(scope="module")
def proxy(limited_target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """One proxy for all."""
    daemon = ProxyDaemon(
        tmp_path_factory.mktemp("limited"),
        limited_target.port,
        {name: limited_target.users[name] for name in ("app", "eve")},
        secret_fields={"eve": {"read_only": True}},
        tenants=TENANTS,
    )
    with daemon:
        yield daemon


def errno(error: pytest.ExceptionInfo[pymysql.MySQLError]) -> int:
    return int(error.value.args[0])


def refused(connection: Any, sql: str) -> int:
    with pytest.raises(pymysql.MySQLError) as error:
        run(connection, sql)
    return errno(error)


def rows(target: Target) -> list[list[str]]:
    return target.server.execute("SELECT id FROM limits.item ORDER BY id")


def run_all(connection: Any, sql: str) -> int:
    """All statements of a text; the error that ends it, or 0."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            while cursor.nextset():
                pass
    except pymysql.MySQLError as error:
        return int(error.args[0])
    return 0


class TestReadOnly:
    @pytest.mark.parametrize("before", ["", "SET autocommit = 0", "BEGIN", "SELECT * FROM lifting"])
    def test_nothing_writes(
        self, proxy: ProxyDaemon, limited_target: Target, vendor: str, before: str
    ) -> None:
        was, name = rows(limited_target), READ_ONLY_NAME[vendor]
        with proxy.connect(database="limits") as observer:
            before_all = fetch(observer, "SELECT id FROM item ORDER BY id")
            for attack in ATTACKS:
                with proxy.connect("eve", database="limits", client_flag=MULTI) as client:
                    assert run_all(client, before or "SELECT 1") == 0
                    error = run_all(client, attack.replace("{name}", name))
                    assert error in (READ_ONLY, IN_READ_ONLY_TRANSACTION, *_harmless(attack)), attack
                    run(client, "COMMIT")
                    assert one(client, f"SELECT @@{name}") == 1, attack
                assert fetch(observer, "SELECT id FROM item ORDER BY id") == before_all, attack
        assert rows(limited_target) == was

    def test_nothing_writes_by_way_of_prepared_statements(
        self, proxy: ProxyDaemon, limited_target: Target
    ) -> None:
        was = rows(limited_target)
        with CommandClient(**_options(proxy)) as client:
            for text in ("INSERT INTO item VALUES (10)", "CALL writes_all_the_same()", "SELECT writes()"):
                with pytest.raises(pymysql.MySQLError) as error:
                    client.prepare(text)
                assert errno(error) == READ_ONLY
            statement, _, _ = client.prepare("SELECT CONCAT(id) FROM item WHERE id = ?")
            assert client.execute_prepared(statement, "2") == [("2",)]
            with pytest.raises(pymysql.MySQLError) as error:
                client.prepare("SELECT CONCAT(x) FROM writing")
            assert errno(error) == IN_READ_ONLY_TRANSACTION
        assert rows(limited_target) == was

    def test_reading_is_as_ever(self, proxy: ProxyDaemon) -> None:
        with proxy.connect("eve", database="limits") as client:
            assert fetch(client, "SELECT id FROM item ORDER BY id") == ((1,), (2,))
            run(client, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
            assert one(client, "SELECT COUNT(*) FROM item") == 2
            run(client, "COMMIT")
            run(client, "SET @a = 5, SESSION sort_buffer_size = 65536")
            assert one(client, "SELECT @a") == 5
            run(client, "PREPARE s FROM 'SELECT id FROM item WHERE id = ?'")
            run(client, "SET @id = 2")
            assert one(client, "EXECUTE s USING @id") == 2
            run(client, "SELECT SQL_CALC_FOUND_ROWS id FROM item LIMIT 1")
            assert one(client, "SELECT FOUND_ROWS()") == 2
            fetch(client, "SHOW WARNINGS")
            fetch(client, "SHOW CREATE TABLE item")
            fetch(client, "EXPLAIN SELECT * FROM item")

    def test_a_dump(self, proxy: ProxyDaemon, vendor: str) -> None:
        dump = shutil.which("mariadb-dump")
        if dump is None or vendor != "mariadb":
            pytest.skip("needs mariadb-dump and MariaDB")
        command = [dump, "--no-defaults", "-h127.0.0.1", f"-P{proxy.port}", "-ueve", "--skip-lock-tables"]
        command += [f"-p{proxy.users['eve']}", "--single-transaction", "limits", "item"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "CREATE TABLE `item`" in done.stdout
        assert "INSERT INTO `item` VALUES" in done.stdout


def _harmless(attack: str) -> tuple[int, ...]:
    """What it may be answered with besides, since it is no write by itself or no statement there."""
    return (0,) if attack == "SELECT * FROM lifting" else ()


def _options(proxy: ProxyDaemon) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": proxy.port,
        "user": "eve",
        "password": proxy.users["eve"],
        "database": "limits",
        "autocommit": True,
        "ssl_disabled": True,
    }


class TestTime:
    def test_a_statement_that_waits_for_a_lock(
        self, proxy: ProxyDaemon, limited_target: Target, vendor: str
    ) -> None:
        with proxy.connect(database="limits") as holder, proxy.connect(database="limits_slow") as client:
            run(holder, "BEGIN")
            run(holder, "SELECT * FROM item WHERE id = 1 FOR UPDATE")
            assert refused(client, "UPDATE limits.item SET id = id WHERE id = 1") == TOO_SLOW[vendor]
            assert one(client, "SELECT 7") == 7
            run(client, "BEGIN")
            run(client, "INSERT INTO limits.item VALUES (30)")
            assert refused(client, "DELETE FROM limits.item WHERE id = 1") == TOO_SLOW[vendor]
            run(holder, "ROLLBACK")
            run(client, "COMMIT")
        assert ["30"] in rows(limited_target)
        limited_target.server.execute("DELETE FROM limits.item WHERE id = 30")

    def test_a_query_that_computes(self, proxy: ProxyDaemon, vendor: str) -> None:
        columns = "information_schema.columns"
        with proxy.connect(database="limits_slow") as client:
            sql = f"SELECT COUNT(*) FROM {columns} a, {columns} b, {columns} c"
            assert refused(client, sql) == TOO_SLOW[vendor]
            assert one(client, "SELECT SLEEP(0.2)") == 0
            assert one(client, "SELECT 7") == 7

    def test_a_client_that_reads_slowly_is_not_meant(self, proxy: ProxyDaemon) -> None:
        slowly = {"database": "limits_slow", "cursorclass": SSCursor}
        with proxy.connect(**slowly) as client, client.cursor() as cursor:
            cursor.execute("SELECT REPEAT('x', 1000000) FROM information_schema.columns LIMIT 40")
            for number in range(40):
                assert cursor.fetchone() is not None, number
                time.sleep(0.05)

    def test_idle_in_a_transaction(self, proxy: ProxyDaemon, limited_target: Target) -> None:
        with proxy.connect(database="limits_idle") as client, proxy.connect(database="limits") as other:
            run(client, "BEGIN")
            run(client, "INSERT INTO limits.item VALUES (40)")
            # Waits for the first one's lock until that is rolled back.
            run(other, "INSERT INTO item VALUES (40)")
            with pytest.raises(pymysql.MySQLError):
                run(client, "COMMIT")
            run(other, "DELETE FROM item WHERE id = 40")
        assert ["40"] not in rows(limited_target)

    def test_the_mariadb_client_notices(self, proxy: ProxyDaemon) -> None:
        if shutil.which("mariadb") is None:
            pytest.skip("needs the mariadb client")
        command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{proxy.port}", "-uapp", "--unbuffered"]
        command += [f"-p{proxy.users['app']}", "--skip-reconnect", "limits_idle"]
        script = "BEGIN;\nsystem sleep 2\nSELECT 1;\n"
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert "ERROR" in done.stderr


class TestSession:
    def test_waits_for_locks(self, proxy: ProxyDaemon) -> None:
        name = "innodb_lock_wait_timeout"
        with proxy.connect(database="limits_waiting") as client:
            assert fetch(client, f"SELECT @@{name}, @@lock_wait_timeout") == ((3, 3),)
            assert refused(client, f"SET {name} = 4") == WRONG_VALUE
            run(client, f"SET SESSION {name} = 2")
            assert one(client, f"SELECT @@{name}") == 2
            run(client, "CALL limits.waits_longer()")
            assert one(client, f"SELECT @@{name}") == 3
            run(client, "BEGIN")
            run(client, "CALL limits.waits_longer()")
            assert one(client, f"SELECT @@{name}") == 3
            run(client, "ROLLBACK")

    def test_schemas(self, proxy: ProxyDaemon) -> None:
        with proxy.connect(database="limits_one", client_flag=MULTI) as client:
            assert refused(client, "USE limits") == NO_SCHEMA
            assert refused(client, "SELECT 1; USE limits") == NO_SCHEMA
            with pytest.raises(pymysql.MySQLError) as error:
                client.select_db("limits")
            assert errno(error) == NO_SCHEMA
            assert one(client, "SELECT DATABASE()") == "limits_one"

    def test_statements_per_second(self, proxy: ProxyDaemon) -> None:
        with proxy.connect(database="limits_fast") as client:
            outcomes: list[int] = []
            for _ in range(60):
                try:
                    outcomes.append(one(client, "SELECT 0"))
                except pymysql.MySQLError as error:
                    outcomes.append(error.args[0])
            assert set(outcomes) == {0, TOO_FAST}
            eventually(lambda: _works(client), "the rate to allow a statement again")

    def test_kill_ends_at_the_tenant(self, proxy: ProxyDaemon) -> None:
        with proxy.connect(database="limits_one") as mine, proxy.connect(database="limits") as others:
            errors: list[int] = []

            def sleep() -> None:
                try:
                    run(others, "SELECT SLEEP(2)")
                except pymysql.MySQLError as error:
                    errors.append(error.args[0])

            sleeper = threading.Thread(target=sleep)
            sleeper.start()
            assert refused(mine, f"KILL QUERY {others.thread_id()}") == NOT_OWNER
            assert refused(mine, f"KILL {others.thread_id()}") == NOT_OWNER
            sleeper.join(30)
            assert errors == []
            shown = fetch(mine, "SHOW PROXY CLIENTS")
            assert [row[0] for row in shown] == [mine.thread_id()]
            assert [row[0] for row in fetch(mine, "SHOW PROXY TENANTS")] == ["one"]


def _works(client: Any) -> bool:
    try:
        return bool(one(client, "SELECT 1"))
    except pymysql.MySQLError:
        return False
