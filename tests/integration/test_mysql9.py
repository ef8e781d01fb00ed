"""Oracle's MySQL behind the proxy: what it does otherwise than MariaDB.

The environment variable RDS_PROXY_TEST_MYSQL names a folder with MySQL 8 or 9 unpacked from Debian packages
(`usr/sbin/mysqld`, `usr/bin/mysql` and the libraries they need, with the loader that belongs to them).
"""

import os
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK, die_with_parent, free_port
from proxy.demo.installation import account_for

from .clients import STMT_EXECUTE, CommandClient, fetch, one, run, vanish
from .daemon import ProxyDaemon
from .polling import POLL_INTERVAL, eventually
from .sharing import ONE_CONNECTION, is_shared

VARIABLE = "RDS_PROXY_TEST_MYSQL"
START_LIMIT = 60.0
STOP_LIMIT = 30.0
CLIENT_LIMIT = 60
MAX_CONNECTIONS = 50
ADMIN_PASSWORD = "admin's secret"
USERS = {"app": "app's secret", "eve": "eve's secret", "strict": "strict's secret", "lost": "another secret"}
"""What the proxy's secrets say; the server has another password for `lost`."""
NO_PROBES = {"probe_interval": 300.0}
STMT_FETCH = 0x1C
READ_ONLY_CURSOR = 1

OPTIONS = (
    *("--mysqlx=OFF", "--skip-name-resolve", "--local-infile=1", f"--max-connections={MAX_CONNECTIONS}"),
    *("--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--performance-schema=OFF"),
    *("--secure-file-priv=", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--socket=mysql.sock"),
)
SCHEMA = (
    "CREATE DATABASE app",
    "CREATE DATABASE other",
    "CREATE TABLE app.item (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(100) UNIQUE)",
    "CREATE PROCEDURE app.three_results() BEGIN SELECT 1; SELECT 2, 'two'; SELECT 3 FROM DUAL WHERE 0; END",
    "CREATE PROCEDURE app.sets() BEGIN SET SESSION sort_buffer_size = 300000; END",
    "CREATE PROCEDURE app.starts() BEGIN"
    " START TRANSACTION; INSERT INTO item (note) VALUES ('started'); SIGNAL SQLSTATE '45000'; END",
)


class MySQLServer:
    """A private MySQL in a folder of its own; the account `admin` may do everything."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.port = free_port()
        self._root = root
        self._account = account_for(folder)
        self._folder = folder
        self._log = folder / "error.log"
        self.authority = folder / "data" / "ca.pem"
        self._process: subprocess.Popen[bytes] | None = None

    def program(self, path: str) -> list[str]:
        """The beginning of the command line of one of its programs, run with its own libraries."""
        loaders = sorted((self._root / "usr/lib64").glob("ld-linux-*"))
        libraries = [str(each) for each in (self._root / "usr/lib").glob("*-linux-gnu")]
        loader = [str(loaders[0]), "--library-path", ":".join(libraries)] if loaders and libraries else []
        return [*loader, str(self._root / path), "--no-defaults"]

    def make(self) -> None:
        """Make the data, and the account `admin` at the first start."""
        quoted = ADMIN_PASSWORD.replace("'", "''")
        script = self._folder / "first.sql"
        script.write_text(
            f"CREATE USER admin@'%' IDENTIFIED BY '{quoted}';\n"
            "GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION;\n"
        )
        self._account.own(self._folder)
        assert self._spawn("--initialize-insecure").wait(START_LIMIT) == 0, self._log.read_text()
        self.start(f"--init-file={script}")

    def start(self, *options: str) -> None:
        """Start it and return when it takes connections."""
        self._process = self._spawn(f"--port={self.port}", f"--bind-address={LOOPBACK}", *OPTIONS, *options)
        deadline = time.monotonic() + START_LIMIT
        while True:
            with suppress(pymysql.MySQLError):
                self.connect().close()
                return
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(POLL_INTERVAL)

    def stop(self) -> None:
        """Shut it down."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_LIMIT)
            finally:
                self._process.kill()
                self._process.wait()
                self._process = None

    def connect(self) -> Any:
        """A connection of `admin`."""
        return pymysql.connect(
            host=LOOPBACK, port=self.port, user="admin", password=ADMIN_PASSWORD, autocommit=True
        )

    def _spawn(self, *options: str) -> subprocess.Popen[bytes]:
        command = [
            *self.program("usr/sbin/mysqld"),
            f"--basedir={self._root / 'usr'}",
            *self._account.options,
        ]
        command += [f"--datadir={self._folder / 'data'}", f"--log-error={self._log}", *options]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._account.uid,
            group=self._account.gid,
            extra_groups=None if self._account.gid is None else [],
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
        )


@pytest.fixture(scope="module")
def mysql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySQLServer]:
    """A running MySQL with users, schemas and procedures."""
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"{VARIABLE} names no folder with MySQL's Debian packages unpacked")
    if not (Path(root) / "usr/sbin/mysqld").exists():
        pytest.skip(f"there is no usr/sbin/mysqld in {VARIABLE}={root}")
    server = MySQLServer(Path(root).absolute(), tmp_path_factory.mktemp("mysql"))
    try:
        server.make()
        with server.connect() as admin:
            for statement in SCHEMA:
                run(admin, statement)
            for name, password in USERS.items():
                kept = "nobody knows" if name == "lost" else password
                run(admin, f"CREATE USER {name}@'%%' IDENTIFIED BY %s", (kept,))
                run(admin, f"GRANT ALL ON *.* TO {name}@'%'")
            run(admin, "ALTER USER strict@'%' REQUIRE SSL")
        yield server
    finally:
        server.stop()


@pytest.fixture
def admin(mysql: MySQLServer) -> Iterator[Any]:
    """A connection around the proxy."""
    with mysql.connect() as connection:
        yield connection


Serve = Callable[..., ProxyDaemon]


@pytest.fixture
def serve(mysql: MySQLServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts proxies before MySQL, with options by section."""
    started: list[ProxyDaemon] = []

    def start(**sections: Any) -> ProxyDaemon:
        started.append(ProxyDaemon(tmp_path_factory.mktemp("proxy"), mysql.port, USERS, **sections))
        return started[-1].start()

    yield start
    try:
        for daemon in started:
            daemon.stop()
    finally:
        for daemon in started:
            daemon.kill()


@pytest.fixture
def narrow(serve: Serve) -> ProxyDaemon:
    """A proxy with one connection for all clients, and no statements of its own beside them."""
    return serve(pool=ONE_CONNECTION, target=NO_PROBES)


@pytest.fixture
def pair(narrow: ProxyDaemon) -> Iterator[tuple[Any, Any]]:
    """Two clients who share one connection."""
    with narrow.connect() as first, narrow.connect() as second:
        yield first, second


def thread_of(client: Any) -> int:
    """The id of the database connection the client is on."""
    return int(one(client, "SELECT CONNECTION_ID()"))


@pytest.mark.parametrize(("mode", "secure"), [("off", False), ("preferred", True), ("required", True)])
def test_log_in_to_a_server_that_has_nothing_cached(
    serve: Serve, admin: Any, mode: str, secure: bool
) -> None:
    daemon = serve(target={"tls": mode, **NO_PROBES})
    run(admin, "FLUSH PRIVILEGES")
    for _ in ("the password itself or under the RSA key", "a scramble"):
        with daemon.connect("eve") as client:
            assert bool(fetch(client, "SHOW SESSION STATUS LIKE 'Ssl_version'")[0][1]) is secure
            run(admin, f"KILL {thread_of(client)}")


def test_account_that_requires_tls(serve: Serve) -> None:
    with serve().connect("strict") as client:
        assert one(client, "SELECT CURRENT_USER()") == "strict@%"
    with pytest.raises(pymysql.OperationalError) as caught:
        serve(target={"tls": "off"}).connect("strict")
    assert caught.value.args[0] == 1045


def test_certificate_that_names_nobody(mysql: MySQLServer, serve: Serve) -> None:
    """MySQL makes itself a certificate without any subjectAltName."""
    trusting = {"tls_ca": str(mysql.authority), **NO_PROBES}
    with serve(target={"tls": "verify-ca", **trusting}).connect() as client:
        assert one(client, "SELECT 1") == 1
    daemon = serve(target={"tls": "verify-identity", **trusting}, pool={"connection_borrow_timeout": 0.5})
    with pytest.raises(pymysql.OperationalError):
        daemon.connect()


def test_secret_that_is_wrong(serve: Serve) -> None:
    daemon = serve()
    with pytest.raises(pymysql.OperationalError) as caught:
        daemon.connect("lost")
    assert caught.value.args[0] == 1045
    daemon.wait_for_log("could not open a database connection: 1045")


@pytest.mark.parametrize("mode", ["DISABLED", "PREFERRED"])
def test_the_mysql_client(mysql: MySQLServer, serve: Serve, tmp_path: Path, mode: str) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("501,from a file\n502,another one\n")
    command = [*mysql.program("usr/bin/mysql"), f"--host={LOOPBACK}", f"--port={serve().port}", "--user=app"]
    command += [f"--password={USERS['app']}", f"--ssl-mode={mode}", "--get-server-public-key"]
    command += ["--local-infile=1", "--batch", "--skip-column-names", "--force", "app"]
    script = (
        "CALL three_results(); SELECT nothing; SELECT REPEAT('x', 3);"
        f"LOAD DATA LOCAL INFILE '{rows}' INTO TABLE item FIELDS TERMINATED BY ',';"
        "SELECT note FROM item WHERE id = 502; DELETE FROM item WHERE id > 500; USE other; SELECT DATABASE()"
    )
    done = subprocess.run(
        command, input=script, capture_output=True, text=True, timeout=CLIENT_LIMIT, check=False
    )
    assert done.stdout.split("\n") == ["1", "2\ttwo", "xxx", "another one", "other", ""]
    assert "ERROR 1054" in done.stderr


def test_statements_report_nothing_and_cost_nothing_extra(pair: tuple[Any, Any], admin: Any) -> None:
    for client in pair:
        run(client, "SELECT 1")
    before = fetch(admin, "SHOW GLOBAL STATUS LIKE 'Questions'")
    for _ in range(10):
        for client in pair:
            run(client, "SELECT 1")
    after = fetch(admin, "SHOW GLOBAL STATUS LIKE 'Questions'")
    assert int(after[0][1]) - int(before[0][1]) == 21


def test_every_switch_is_each_clients_own(pair: tuple[Any, Any], admin: Any) -> None:
    first, second = pair
    tried = 0
    for name, value in fetch(second, "SHOW SESSION VARIABLES WHERE Value IN ('ON', 'OFF')"):
        wanted = int(value == "OFF")
        try:
            run(admin, f"SET @@session.{name} = {wanted}")
        except pymysql.MySQLError:
            continue
        if name.startswith(("session_track_", "pseudo_", "profiling", "sql_auto_is_null")):
            continue
        default, changed = one(second, f"SELECT @@session.{name}"), one(admin, f"SELECT @@session.{name}")
        run(first, f"SET @@session.{name} = {wanted}")
        values = [one(client, f"SELECT @@session.{name}") for client in (second, first, second)]
        assert values == [default, changed, default], name
        run(first, f"SET @@session.{name} = {1 - wanted}")
        tried += 1
    assert tried > 20


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("transaction_isolation = 'READ-COMMITTED'", "READ-COMMITTED"),
        ("sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"),
        ("sql_mode = ''", ""),
        ("time_zone = '+03:00'", "+03:00"),
        ("character_set_results = NULL", None),
        ("collation_connection = latin1_bin", "latin1_bin"),
        ("long_query_time = 1.5", 1.5),
        ("max_execution_time = 60000", 60000),
    ],
)
def test_setting_is_each_clients_own(pair: tuple[Any, Any], assignment: str, value: object) -> None:
    first, second = pair
    name = assignment.split(maxsplit=1)[0]
    default = one(second, f"SELECT @@session.{name}")
    run(first, f"SET SESSION {assignment}")
    assert [one(each, f"SELECT @@session.{name}") for each in (second, first)] == [default, value]


def test_what_set_names_means_differs_between_clients(pair: tuple[Any, Any]) -> None:
    first, second = pair
    run(second, "SET NAMES utf8mb4")
    run(first, "SET default_collation_for_utf8mb4 = utf8mb4_general_ci")
    run(first, "SET NAMES utf8mb4")
    expected = ["utf8mb4_0900_ai_ci", "utf8mb4_general_ci"]
    assert [one(each, "SELECT @@collation_connection") for each in (second, first)] == expected


def test_procedures(pair: tuple[Any, Any]) -> None:
    first, second = pair
    with pytest.raises(pymysql.OperationalError):
        run(first, "CALL starts()")
    first.rollback()
    run(first, "CALL sets()")
    vanish(first)
    eventually(lambda: is_shared(second), "the connection is free")
    assert one(second, "SELECT @@sort_buffer_size") == 262144
    assert one(second, "SELECT COUNT(*) FROM item WHERE note = 'started'") == 0


def test_schema_that_somebody_drops(pair: tuple[Any, Any], admin: Any) -> None:
    first, second = pair
    run(admin, "CREATE DATABASE brief")
    first.select_db("brief")
    run(second, "SELECT 1")
    run(admin, "DROP DATABASE brief")
    first.select_db("app")
    assert [one(each, "SELECT DATABASE()") for each in (first, second)] == ["app", "app"]


def test_cursor(narrow: ProxyDaemon) -> None:
    with CommandClient(
        host=LOOPBACK, port=narrow.port, user="app", password=USERS["app"], database="app", ssl_disabled=True
    ) as client:
        raw: Any = client
        statement, columns, _ = client.prepare("SELECT 1 UNION SELECT 2 UNION SELECT 3")
        client.command(STMT_EXECUTE, struct.pack("<IBI", statement, READ_ONLY_CURSOR, 1))
        assert all(not raw._read_packet().is_eof_packet() for _ in range(columns))
        assert raw._read_packet().is_eof_packet()
        raw._execute_command(STMT_FETCH, struct.pack("<II", statement, 2))
        assert [raw._read_packet().is_eof_packet() for _ in range(3)] == [False, False, True]
        client.close_prepared(statement)
        assert one(client, "SELECT 4") == 4


def test_connection_that_is_killed_or_too_long_idle(pair: tuple[Any, Any], admin: Any) -> None:
    client, _ = pair
    run(admin, f"KILL {thread_of(client)}")
    assert one(client, "SELECT 1") == 1
    run(client, "SET SESSION wait_timeout = 1")
    client.begin()
    number = thread_of(client)
    gone = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s"
    eventually(lambda: one(admin, gone, (number,)) == 0, "error 4031")
    with pytest.raises(pymysql.OperationalError, match="transaction is rolled back"):
        eventually(lambda: run(client, "SELECT 1") and False, "the loss is noticed")
    assert one(client, "SELECT 2") == 2


def test_statement_of_a_client_that_is_gone(narrow: ProxyDaemon, admin: Any) -> None:
    client: Any = narrow.connect()
    client._execute_command(pymysql.constants.COMMAND.COM_QUERY, "SELECT SLEEP(120)")
    running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = 'SELECT SLEEP(120)'"
    eventually(lambda: one(admin, running) == 1, "the statement runs")
    vanish(client)
    eventually(lambda: one(admin, running) == 0, "the statement is killed")


def test_restart_of_the_server(mysql: MySQLServer, serve: Serve) -> None:
    with serve().connect() as idle, serve().connect() as busy:
        run(idle, "SET SESSION sort_buffer_size = 300000")
        idle.select_db("other")
        busy.begin()
        mysql.stop()
        mysql.start()
        assert fetch(idle, "SELECT @@sort_buffer_size, DATABASE()") == ((300000, "other"),)
        with pytest.raises(pymysql.OperationalError, match="transaction is rolled back"):
            run(busy, "SELECT 1")
        assert one(busy, "SELECT 1") == 1
