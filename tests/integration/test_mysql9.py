"""Oracle's MySQL behind the proxy: what it does otherwise than MariaDB."""

import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from tests.mysql_server.installation import MySQLInstallation
from tests.mysql_server.server import MySQLServer

from .clients import STMT_EXECUTE, CommandClient, fetch, one, run, vanish
from .daemon import ProxyDaemon
from .polling import eventually
from .sharing import ONE_CONNECTION, is_shared

CLIENT_LIMIT = 60
USERS = {"app": "app's secret", "eve": "eve's secret", "strict": "strict's secret", "lost": "another secret"}
"""What the proxy's secrets say; the server has another password for `lost`."""
NO_PROBES = {"probe_interval": 300.0}
STMT_FETCH = 0x1C
READ_ONLY_CURSOR = 1

SCHEMA = (
    "CREATE DATABASE app",
    "CREATE DATABASE other",
    "CREATE TABLE app.item (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(100) UNIQUE)",
    "CREATE PROCEDURE app.three_results() BEGIN SELECT 1; SELECT 2, 'two'; SELECT 3 FROM DUAL WHERE 0; END",
    "CREATE PROCEDURE app.sets() BEGIN SET SESSION sort_buffer_size = 300000; END",
    "CREATE PROCEDURE app.starts() BEGIN"
    " START TRANSACTION; INSERT INTO item (note) VALUES ('started'); SIGNAL SQLSTATE '45000'; END",
)


@pytest.fixture(scope="module")
def mysql(
    mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MySQLServer]:
    """A running MySQL with users, schemas and procedures; it made its certificate itself."""
    with MySQLServer(mysql_installation, tmp_path_factory.mktemp("mysql")) as server:
        with server.connect() as admin:
            for statement in SCHEMA:
                run(admin, statement)
            for name, password in USERS.items():
                kept = "nobody knows" if name == "lost" else password
                run(admin, f"CREATE USER {name}@'%%' IDENTIFIED BY %s", (kept,))
                run(admin, f"GRANT ALL ON *.* TO {name}@'%'")
            run(admin, "ALTER USER strict@'%' REQUIRE SSL")
        yield server


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


def thread_of(admin: Any, user: str = "app") -> int:
    """The database's id of the user's newest connection, which no client is told."""
    newest = "SELECT MAX(ID) FROM information_schema.PROCESSLIST WHERE USER = %s"
    return int(one(admin, newest, (user,)))


@pytest.mark.parametrize(("mode", "secure"), [("off", False), ("preferred", True), ("required", True)])
def test_log_in_to_a_server_that_has_nothing_cached(
    serve: Serve, admin: Any, mode: str, secure: bool
) -> None:
    daemon = serve(target={"tls": mode, **NO_PROBES})
    run(admin, "FLUSH PRIVILEGES")
    for _ in ("the password itself or under the RSA key", "a scramble"):
        with daemon.connect("eve") as client:
            assert bool(fetch(client, "SHOW SESSION STATUS LIKE 'Ssl_version'")[0][1]) is secure
            run(admin, f"KILL {thread_of(admin, 'eve')}")


def test_account_that_requires_tls(serve: Serve) -> None:
    with serve().connect("strict") as client:
        assert one(client, "SELECT CURRENT_USER()") == "strict@%"
    with pytest.raises(pymysql.OperationalError) as caught:
        serve(target={"tls": "off"}).connect("strict")
    assert caught.value.args[0] == 1045


def test_certificate_that_names_nobody(mysql: MySQLServer, serve: Serve) -> None:
    """MySQL makes itself a certificate without any subjectAltName."""
    trusting = {"tls_ca": str(mysql.data / "ca.pem"), **NO_PROBES}
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
    command = [*mysql.installation.client, f"--host={LOOPBACK}", f"--port={serve().port}", "--user=app"]
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
    # The proxy's first probe may still be under way the first time.
    eventually(lambda: _questions_of_ten_rounds(pair, admin) == 21, "twenty statements to cost twenty")


def _questions_of_ten_rounds(pair: tuple[Any, Any], admin: Any) -> int:
    """What the server counts, the question for the count included."""
    before = fetch(admin, "SHOW GLOBAL STATUS LIKE 'Questions'")
    for _ in range(10):
        for client in pair:
            run(client, "SELECT 1")
    after = fetch(admin, "SHOW GLOBAL STATUS LIKE 'Questions'")
    return int(after[0][1]) - int(before[0][1])


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
    run(admin, f"KILL {thread_of(admin)}")
    assert one(client, "SELECT 1") == 1
    run(client, "SET SESSION wait_timeout = 1")
    client.begin()
    number = thread_of(admin)
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
