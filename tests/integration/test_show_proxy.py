"""SHOW PROXY and `rds-proxy pins` with real clients, a real daemon and real databases."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.cursors import DictCursor

from proxy.cli import main
from tests.integration.certificates import Authority

from .clients import CommandClient, fetch, mariadb, one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

USERS = {"clerk": "clerk's secret"}
ADMIN = {"admin_users": ["app"]}
DENIED, UNPREPARABLE = 1227, 1295
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", params=["mariadb", "mysql"])
def database_target(request: pytest.FixtureRequest) -> Target:
    """Each database, with one user more."""
    target: Target = request.getfixturevalue("target" if request.param == "mariadb" else "mysql_target")
    quoted = USERS["clerk"].replace("'", "''")
    target.server.execute(
        "DROP USER IF EXISTS clerk@'%';"
        f"CREATE USER clerk@'%' IDENTIFIED BY '{quoted}'; GRANT ALL ON app.* TO clerk@'%';"
    )
    return target


@pytest.fixture(scope="module")
def shown(database_target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyDaemon]:
    """A proxy with an admin, before each database."""
    folder = tmp_path_factory.mktemp("shown")
    users = {**database_target.users, **USERS}
    daemon = ProxyDaemon(
        folder, database_target.port, users, proxy={**ADMIN, "socket": str(folder / "proxy.sock")}
    )
    with daemon:
        yield daemon


def rows(connection: Any, sql: str) -> list[dict[str, Any]]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def pins_of(connection: Any, client: Any) -> list[dict[str, Any]]:
    return [row for row in rows(connection, "SHOW PROXY PINS") if row["client"] == client.thread_id()]


class TestStatements:
    def test_a_lock_pins_until_it_is_gone(self, shown: ProxyDaemon) -> None:
        with shown.connect() as admin, shown.connect("clerk") as client:
            mark = shown.mark()
            run(client, "DO GET_LOCK('a secret name', 5)")
            eventually(lambda: pins_of(admin, client), "the pin")
            [row] = pins_of(admin, client)
            assert (row["user"], row["reason"], row["digest"]) == ("clerk", "named_lock", "DO GET_LOCK(...)")
            assert row["host"].startswith("127.0.0.1:")
            assert "RELEASE_LOCK" in row["advice"]
            assert isinstance(row["seconds"], float)
            assert 0 <= row["lost_connection_seconds"] <= row["seconds"]
            assert row["database_connection"] > 0
            reset(client)
            assert pins_of(admin, client) == []
            assert "Reason: named_lock. It lasted" in shown.wait_for_log("A pin of the client session", mark)
            totals = rows(admin, "SHOW PROXY PIN TOTALS")
            assert [row["pins"] for row in totals if row["digest"] == "DO GET_LOCK(...)"] == [1]
            assert "secret name" not in str(totals)

    @pytest.mark.parametrize(
        ("causes", "ends", "reason"),
        [
            ("DO GET_LOCK('a secret name', 5)", "DO RELEASE_LOCK('a secret name')", "named_lock"),
            ("CREATE TEMPORARY TABLE shown_t (a INT)", "DROP TEMPORARY TABLE shown_t", "temporary_table"),
        ],
    )
    def test_a_pin_that_ends_is_gone_from_the_list(
        self, shown: ProxyDaemon, causes: str, ends: str, reason: str
    ) -> None:
        with shown.connect() as admin, shown.connect("clerk") as client:
            mark = shown.mark()
            run(client, causes)
            eventually(lambda: pins_of(admin, client), "the pin")
            assert [row["reason"] for row in pins_of(admin, client)] == [reason]
            run(client, ends)
            eventually(lambda: not pins_of(admin, client), "the end of the pin")
            assert f"Reason: {reason}. It lasted" in shown.wait_for_log("A pin of the client session", mark)

    def test_who_is_connected(self, shown: ProxyDaemon) -> None:
        with shown.connect() as admin, shown.connect("clerk", autocommit=False) as client:
            run(client, "SELECT 1 FROM DUAL")
            run(client, "BEGIN")
            by_id = {row["client"]: row for row in rows(admin, "SHOW PROXY CLIENTS")}
            own, other = by_id[admin.thread_id()], by_id[client.thread_id()]
            assert own["client"] == one(admin, "SELECT CONNECTION_ID()")
            assert (own["state"], own["in_transaction"], own["schema"]) == ("running", "NO", "app")
            assert (other["user"], other["state"]) == ("clerk", "idle in transaction")
            assert other["statements"] >= 2
            assert own["database_connection"] is None

    def test_the_pool(self, shown: ProxyDaemon) -> None:
        with shown.connect() as admin, shown.connect("clerk") as client:
            run(client, "BEGIN")
            by_user = {row["user"]: row for row in rows(admin, "SHOW PROXY POOL")}
            assert by_user["clerk"]["borrowed"] == 1
            assert by_user["clerk"]["max_connections"] is None
            assert by_user["(all)"]["connections"] >= by_user["clerk"]["connections"]
            assert by_user["(all)"]["max_connections"] > 1

    def test_others_see_only_themselves(self, shown: ProxyDaemon) -> None:
        with shown.connect() as admin, shown.connect("clerk") as client:
            run(admin, "DO GET_LOCK('of the admin', 5)")
            assert {row["user"] for row in rows(client, "SHOW PROXY CLIENTS")} == {"clerk"}
            assert pins_of(client, admin) == []
            for sql in ("SHOW PROXY POOL", "SHOW PROXY PIN TOTALS"):
                with pytest.raises(pymysql.MySQLError) as caught:
                    run(client, sql)
                assert caught.value.args[0] == DENIED

    def test_rights_are_reloaded(self, database_target: Target, start_proxy: StartProxy) -> None:
        daemon = start_proxy(database_target)
        with daemon.connect() as client:
            with pytest.raises(pymysql.MySQLError):
                run(client, "SHOW PROXY POOL")
            daemon.proxy["admin_users"] = ["app"]
            daemon.reload()
            assert rows(client, "SHOW PROXY POOL")

    def test_in_and_between_statements_of_a_session(self, shown: ProxyDaemon) -> None:
        with shown.connect(autocommit=False) as client:
            run(client, "CREATE TABLE IF NOT EXISTS shown (id INT PRIMARY KEY AUTO_INCREMENT, v INT)")
            assert run(client, "INSERT INTO shown (v) VALUES (1)") == 1
            before = one(client, "SELECT LAST_INSERT_ID()")
            assert rows(client, "SHOW PROXY PINS") == []
            assert one(client, "SELECT LAST_INSERT_ID()") == before
            client.rollback()
            assert one(client, "SELECT COUNT(*) FROM shown WHERE id = %s", (before,)) == 0

    def test_a_prepared_one_is_refused(self, shown: ProxyDaemon) -> None:
        with (
            CommandClient(
                host="127.0.0.1",
                port=shown.port,
                user="app",
                password=shown.users["app"],
                ssl_disabled=True,
            ) as client,
            pytest.raises(pymysql.MySQLError) as caught,
        ):
            client.prepare("SHOW PROXY PINS")
        assert caught.value.args[0] == UNPREPARABLE


class TestClients:
    """Each library reads the result sets in its own way."""

    @pytest.mark.parametrize("options", [(), ("--compress",), ("--column-type-info",)], ids=str)
    def test_the_mariadb_client(self, shown: ProxyDaemon, options: tuple[str, ...]) -> None:
        with shown.connect("clerk") as client:
            run(client, "DO GET_LOCK('x', 5)")
            done = mariadb(
                shown.port, "app", shown.users["app"], "SHOW PROXY PINS; SHOW PROXY CLIENTS;\n", *options
            )
            assert str(client.thread_id()) in done.stdout
            assert "named_lock" in done.stdout

    def test_connector_python(self, shown: ProxyDaemon) -> None:
        connector = pytest.importorskip("mysql.connector", reason="MySQL Connector/Python is not installed")
        with shown.connect("clerk") as client:
            run(client, "DO GET_LOCK('x', 5)")
            for pure in (True, False):
                try:
                    asking = connector.connect(
                        host="127.0.0.1",
                        port=shown.port,
                        user="app",
                        password=shown.users["app"],
                        use_pure=pure,
                        ssl_disabled=True,
                    )
                except ImportError:
                    continue
                cursor = asking.cursor(dictionary=True)
                cursor.execute("SHOW PROXY PINS")
                found = [row for row in cursor.fetchall() if row["client"] == client.thread_id()]
                assert [(row["reason"], type(row["seconds"])) for row in found] == [("named_lock", float)]
                asking.close()

    def test_a_session_with_results_in_latin1(self, shown: ProxyDaemon) -> None:
        with shown.connect(charset="latin1") as client:
            assert fetch(client, "SHOW PROXY HELP")[0][0] == "SHOW PROXY PINS"

    def test_hundreds_of_clients(self, database_target: Target, start_proxy: StartProxy) -> None:
        daemon = start_proxy(database_target, proxy=ADMIN)
        crowd = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(450)]
        try:
            for each in crowd:
                assert each.recv(1)
            with daemon.connect() as admin:
                states = [row["state"] for row in rows(admin, "SHOW PROXY CLIENTS")]
                assert states.count("logging in") == len(crowd)
                done = mariadb(daemon.port, "app", daemon.users["app"], "SHOW PROXY CLIENTS;\n", "--compress")
                assert done.stdout.count("logging in") == len(crowd)
                assert one(admin, "SELECT 1") == 1
        finally:
            for each in crowd:
                each.close()


class TestCommand:
    """`rds-proxy pins` against the daemon."""

    @pytest.fixture
    def pinned(self, shown: ProxyDaemon) -> Iterator[Any]:
        with shown.connect("clerk") as client:
            run(client, "DO GET_LOCK('x', 5)")
            yield client

    def test_with_nothing_but_the_configuration(
        self, shown: ProxyDaemon, pinned: Any, capsys: Capture
    ) -> None:
        for view in ("pins", "clients", "pool", "totals"):
            assert main(["pins", view, "--config", str(shown.config)]) == 0
            out = capsys.readouterr().out
            assert "clerk" in out or view == "totals"
            assert "named_lock" in out or view == "pool"
        assert main(["pins", "--config", str(shown.config)]) == 0
        out = capsys.readouterr().out
        assert str(pinned.thread_id()) in out
        assert "named_lock: RELEASE_LOCK()" in out

    def test_as_a_process_of_its_own(self, shown: ProxyDaemon, pinned: Any) -> None:
        script = Path(sys.executable).with_name("rds-proxy")
        if not script.exists():
            pytest.skip("the console script is not beside this Python")
        done = subprocess.run(
            [str(script), "pins", "--config", str(shown.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert str(pinned.thread_id()) in done.stdout

    def test_by_tcp_as_another_user(
        self, shown: ProxyDaemon, pinned: Any, tmp_path: Path, capsys: Capture
    ) -> None:
        password = tmp_path / "password"
        password.write_text(shown.users["clerk"] + "\n")
        common = ["--port", str(shown.port), "--user", "clerk", "--password-file", str(password)]
        assert main(["pins", "--host", "127.0.0.1", *common]) == 0
        assert str(pinned.thread_id()) in capsys.readouterr().out
        assert main(["pins", "pool", "--host", "localhost", *common]) == 1
        assert str(DENIED) in capsys.readouterr().err

    def test_a_wrong_password(self, shown: ProxyDaemon, tmp_path: Path, capsys: Capture) -> None:
        password = tmp_path / "password"
        password.write_text("not the one\n")
        where = ["--host", "127.0.0.1", "--port", str(shown.port)]
        assert main(["pins", *where, "--user", "clerk", "--password-file", str(password)]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "1045" in line

    def test_a_proxy_that_is_not_there(self, shown: ProxyDaemon, capsys: Capture) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        assert main(["pins", "--config", str(shown.config), "--port", str(port)]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert f"127.0.0.1:{port}" in line

    def test_a_database_that_is_away_is_not_needed(
        self, database_target: Target, start_proxy: StartProxy, capsys: Capture
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            dead = server.getsockname()[1]
        daemon = start_proxy(database_target, port=dead, proxy=ADMIN)
        for view in ("pins", "clients", "pool", "totals"):
            assert main(["pins", view, "--config", str(daemon.config), "--port", str(daemon.port)]) == 0
        assert capsys.readouterr().err == ""

    def test_the_database_itself_is_no_proxy(
        self, shown: ProxyDaemon, database_target: Target, capsys: Capture
    ) -> None:
        arguments = ["--config", str(shown.config), "--port", str(database_target.port)]
        assert main(["pins", *arguments]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "1064" in line

    @pytest.mark.parametrize("auth", ["MYSQL_NATIVE_PASSWORD", "MYSQL_CACHING_SHA2_PASSWORD"])
    def test_through_tls(
        self, database_target: Target, start_proxy: StartProxy, tmp_path: Path, capsys: Capture, auth: str
    ) -> None:
        authority = Authority(tmp_path)
        key = authority.issue("proxy", "localhost", "127.0.0.1")
        daemon = start_proxy(
            database_target,
            proxy={
                **ADMIN,
                "require_tls": True,
                "tls_certificate": str(key.certificate),
                "tls_private_key": str(key.private_key),
                "default_client_password_auth_type": auth,
            },
        )
        common = ["pins", "pool", "--config", str(daemon.config), "--port", str(daemon.port)]
        assert main(common) == 0
        assert main([*common, "--tls-ca", str(authority.file)]) == 0
        stranger = Authority(tmp_path / "stranger")
        capsys.readouterr()
        assert main([*common, "--tls-ca", str(stranger.file)]) == 1
        [line] = capsys.readouterr().err.splitlines()
        assert "certificate" in line

    def test_caching_sha2_without_tls(
        self, database_target: Target, start_proxy: StartProxy, capsys: Capture
    ) -> None:
        daemon = start_proxy(
            database_target,
            proxy={**ADMIN, "default_client_password_auth_type": "MYSQL_CACHING_SHA2_PASSWORD"},
        )
        assert main(["pins", "clients", "--config", str(daemon.config), "--port", str(daemon.port)]) == 0
        assert "running" in capsys.readouterr().out


def test_what_is_logged_holds_no_literal(target: Target, start_proxy: StartProxy) -> None:
    daemon = start_proxy(target, log={"format": "json"})
    with daemon.connect() as client:
        run(client, "DO GET_LOCK('a secret name', 5)")
        reset(client)
    eventually(lambda: "A pin of the client session" in daemon.log_text(), "the end of the pin")
    [record] = [each for each in daemon.log_records() if "A pin of" in json.dumps(each)]
    assert record["reason"] == "named_lock"
    assert record["seconds"] >= 0
    assert "secret name" not in daemon.log_text()


def reset(client: Any) -> None:
    """COM_RESET_CONNECTION."""
    client._execute_command(0x1F, b"")
    assert client._read_packet().is_ok_packet()
