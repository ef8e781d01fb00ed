"""`rds-proxy analyze` over general query logs that real servers have written."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from proxy.demo.private_server import PrivateMariaDB, find_server
from tests.mysql_server.installation import MySQLInstallation
from tests.mysql_server.server import MySQLServer

from .clients import CommandClient, run
from .polling import eventually

LOG = "--general-log=1", "--general-log-file=general.log"
PASSWORD = "app's secret"
Server = PrivateMariaDB | MySQLServer
ANALYZE_LIMIT = 60
LONG = 20_000


@pytest.fixture(scope="module")
def mariadb_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if find_server() is None:
        pytest.skip("no MariaDB server on this machine: `python -m proxy.demo.install` installs one")
    with PrivateMariaDB(tmp_path_factory.mktemp("mariadb"), options=LOG) as server:
        yield _use(server)


@pytest.fixture(scope="module")
def mysql_log(
    mysql_installation: MySQLInstallation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    with MySQLServer(mysql_installation, tmp_path_factory.mktemp("mysql"), options=LOG) as server:
        yield _use(server)


def _use(server: Server) -> Path:
    """Have sessions of every kind; returns the log of what they did."""
    quoted = PASSWORD.replace("'", "''")
    server.execute(
        f"CREATE DATABASE app; CREATE USER app@'%' IDENTIFIED BY '{quoted}'; GRANT ALL ON app.* TO app@'%';"
        "CREATE TABLE app.item (id INT AUTO_INCREMENT PRIMARY KEY, note TEXT)"
    )
    for session in SESSIONS.values():
        with _client(server) as client:
            run(client, "SELECT 'the beginning'")
            session(client)
    with pytest.raises(pymysql.OperationalError):
        _client(server, password="wrong")
    with _client(server) as client:
        run(client, "SELECT 'the end'")
    (log,) = server.folder.rglob("general.log")
    eventually(lambda: b"the end" in log.read_bytes(), "the end of the log")
    return log


def _client(server: Server, password: str = PASSWORD) -> CommandClient:
    return CommandClient(
        host="127.0.0.1",
        port=server.port,
        user="app",
        password=password,
        database="app",
        autocommit=True,
        ssl_disabled=True,
    )


def _plain(client: Any) -> None:
    for number in range(3):
        run(client, "INSERT INTO item (note)\nVALUES (%s),\n\t('and a tab')", (f"note {number}",))


def _binary(client: Any) -> None:
    statement, _, _ = client.prepare("SELECT 'one'")
    for _ in range(3):
        client.execute_prepared(statement)
    client.close_prepared(statement)


def _text(client: Any) -> None:
    run(client, "PREPARE plan FROM 'SELECT 1'")
    run(client, "EXECUTE plan")
    run(client, "DEALLOCATE PREPARE plan")


def _temporary(client: Any) -> None:
    run(client, "CREATE TEMPORARY TABLE fleeting (id INT)")
    run(client, "SELECT * FROM fleeting")
    run(client, "DROP TEMPORARY TABLE fleeting")
    run(client, "SELECT 'after it'")


SESSIONS: dict[str, Callable[[Any], None]] = {
    "plain": _plain,
    "binary": _binary,
    "text": _text,
    "variable": lambda client: run(client, "SET @secret = 'hunter2'"),
    "settings": lambda client: run(client, "SET SESSION group_concat_max_len = 4711"),
    "long": lambda client: run(client, f"SELECT '{'x' * LONG}'"),
    "lock": lambda client: run(client, "SELECT GET_LOCK('kept', 0)"),
    "temporary": _temporary,
}


def analyze(log: Path | str, *options: str, given: bytes | None = None) -> str:
    script = "import sys; from proxy.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "analyze", str(log), *options]
    done = subprocess.run(command, input=given, capture_output=True, timeout=ANALYZE_LIMIT, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.fixture(params=["mariadb_log", "mysql_log"])
def log(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def _reasons(world: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {each["reason"]: (each["sessions"], each["runs"]) for each in world["reasons"]}


def test_what_pins_under_rds(log: Path) -> None:
    found = json.loads(analyze(log, "--json"))
    assert found["ignored_lines"] == 0
    assert found["failed_logins"] == 1
    assert _reasons(found["rds"]) == {
        # One prepared statement of the binary protocol; PREPARE and EXECUTE.
        "prepared_statement": (2, 3),
        "user_variable": (1, 1),
        "session_settings": (1, 1),
        "statement_size": (1, 1),
        "named_lock": (1, 1),
        "temporary_table": (1, 1),
    }
    assert found["rds"]["pinned_sessions"] == 7


def test_what_pins_here(log: Path) -> None:
    found = json.loads(analyze(log, "--json"))
    assert _reasons(found["here"]) == {"named_lock": (1, 1), "temporary_table": (1, 1)}
    assert found["here"]["pinned_sessions"] == 2
    # GET_LOCK; from CREATE to DROP TEMPORARY TABLE, of which the last ends it.
    assert found["here"]["statements_while_pinned"] == 4


def test_a_statement_is_named_by_its_shape_and_its_line(log: Path) -> None:
    found = json.loads(analyze(log, "--json"))
    assert "hunter2" not in json.dumps(found)
    (settings,) = [each for each in found["rds"]["reasons"] if each["reason"] == "session_settings"]
    (statement,) = settings["statements"]
    assert statement["digest"] == "SET SESSION group_concat_max_len = ?"
    assert "group_concat_max_len = 4711" in log.read_text().split("\n")[statement["line"] - 1]


def test_the_text_and_a_pipe(log: Path) -> None:
    text = analyze("-", given=log.read_bytes())
    assert text.startswith("standard input: ")
    assert "Pins under RDS Proxy" in text
    assert "temporary_table: 1 session, 1 statement" in text
    assert "hunter2" not in text


def test_a_log_cut_anywhere_and_with_noise_in_it(log: Path) -> None:
    content = log.read_bytes()
    noisy = b"\x00\xff noise\n" + content[200:-10] + b"\xfe" * 100
    found = json.loads(analyze("-", "--json", given=noisy))
    assert found["ignored_lines"] > 0
    assert found["sessions"] > 0
