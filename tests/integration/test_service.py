"""The daemon's life: drain, reload, secrets, log."""

import json
import signal
import socket
import ssl
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK

from .certificates import Authority, KeyFiles
from .clients import fetch, one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

QUICK = {"connection_borrow_timeout": 1}
PATIENT_DRAIN = 20.0
"""Seconds; more than the transaction of a test takes."""


def is_refused(daemon: ProxyDaemon) -> bool:
    """Whether nobody listens any more."""
    try:
        socket.create_connection((LOOPBACK, daemon.port), timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False


def serial(daemon: ProxyDaemon, authority: KeyFiles) -> bytes:
    """The certificate a client is shown."""
    context = ssl.create_default_context(cafile=str(authority.authority))
    with daemon.connect(ssl=context) as client:
        shown: Any = client
        certificate: bytes = shown._sock.getpeercert(binary_form=True)
        return certificate


# SIGTERM


def test_a_stop_waits_for_an_open_transaction(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"drain_timeout": PATIENT_DRAIN})
    idle, busy = daemon.connect(), daemon.connect()
    run(busy, "BEGIN")
    run(busy, "INSERT INTO item (note) VALUES ('drained')")
    daemon.signal(signal.SIGTERM)
    eventually(lambda: is_refused(daemon), "new connections to be refused")
    with pytest.raises(pymysql.OperationalError):
        run(idle, "SELECT 1")
    assert daemon.is_running
    run(busy, "INSERT INTO item (note) VALUES ('drained, too')")
    run(busy, "COMMIT")
    daemon.wait()
    assert target.one("SELECT COUNT(*) FROM app.item WHERE note LIKE 'drained%'") == "2"


def test_a_stop_does_not_wait_for_ever(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"drain_timeout": 0.2})
    busy = daemon.connect()
    run(busy, "BEGIN")
    run(busy, "INSERT INTO item (note) VALUES ('not drained')")
    number = one(busy, "SELECT CONNECTION_ID()")
    daemon.stop()
    with pytest.raises(pymysql.OperationalError):
        run(busy, "COMMIT")
    eventually(lambda: not target.has_thread(number), "the end of the connection")
    assert target.one("SELECT COUNT(*) FROM app.item WHERE note = 'not drained'") == "0"


def test_a_stop_leaves_no_connection_behind(start_proxy: StartProxy, plain_target: Target) -> None:
    daemon = start_proxy(plain_target)
    client = daemon.connect()
    run(client, "SELECT 1")
    assert plain_target.threads("USER = 'app'")
    client.close()
    daemon.stop()
    eventually(lambda: not plain_target.threads("USER = 'app'"), "the end of all connections")


def test_a_stop_while_the_database_is_away(start_proxy: StartProxy, target: Target) -> None:
    with socket.create_server((LOOPBACK, 0)) as deaf:
        daemon = start_proxy(target, port=deaf.getsockname()[1], target={"connect_timeout": 0.5}, begin=False)
        daemon.start()
        daemon.stop()


# SIGHUP


def test_a_new_password(start_proxy: StartProxy, plain_target: Target) -> None:
    daemon = start_proxy(plain_target)
    with daemon.connect() as old:
        plain_target.server.execute("ALTER USER app@'%' IDENTIFIED BY 'a new secret'")
        try:
            daemon.users["app"] = "a new secret"
            with pytest.raises(pymysql.OperationalError, match="1045"):
                daemon.connect()
            daemon.reload()
            with daemon.connect() as new:
                assert one(new, "SELECT CURRENT_USER()") == "app@%"
            with pytest.raises(pymysql.OperationalError, match="1045"):
                daemon.connect(password=plain_target.users["app"])
            assert one(old, "SELECT CURRENT_USER()") == "app@%"
        finally:
            daemon.users["app"] = plain_target.users["app"]
            password = plain_target.users["app"].replace("'", "''")
            plain_target.server.execute(f"ALTER USER app@'%' IDENTIFIED BY '{password}'")


def test_a_user_who_comes_and_one_who_goes(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, users={"app": target.users["app"]})
    with pytest.raises(pymysql.OperationalError, match="1045"):
        daemon.connect("eve", password=target.users["eve"])
    daemon.users = {"eve": target.users["eve"]}
    daemon.reload()
    with daemon.connect("eve") as client:
        assert one(client, "SELECT 1") == 1
    with pytest.raises(pymysql.OperationalError, match="1045"):
        daemon.connect("app", password=target.users["app"])


def test_a_new_certificate(start_proxy: StartProxy, target: Target, tmp_path_factory: Any) -> None:
    authority = Authority(tmp_path_factory.mktemp("keys"))
    first, second = authority.issue("first", LOOPBACK), authority.issue("second", LOOPBACK)
    options = {"tls_certificate": str(first.certificate), "tls_private_key": str(first.private_key)}
    daemon = start_proxy(target, proxy=options)
    before = serial(daemon, first)
    # The same paths, as certificate tools renew them.
    first.certificate.write_bytes(second.certificate.read_bytes())
    first.private_key.write_bytes(second.private_key.read_bytes())
    assert serial(daemon, first) == before
    daemon.reload()
    assert serial(daemon, first) != before


def test_a_broken_certificate_leaves_the_old_one(
    start_proxy: StartProxy, target: Target, tmp_path_factory: Any
) -> None:
    key = Authority(tmp_path_factory.mktemp("keys")).issue("proxy", LOOPBACK)
    options = {"tls_certificate": str(key.certificate), "tls_private_key": str(key.private_key)}
    daemon = start_proxy(target, proxy=options)
    before = serial(daemon, key)
    key.certificate.write_text("no certificate")
    daemon.reload()
    assert "not reloaded" in daemon.log_text()
    assert serial(daemon, key) == before


def test_pool_options(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={"max_connections_percent": 2, "connection_borrow_timeout": 0.3})
    first, second = daemon.connect(), daemon.connect()
    run(first, "BEGIN")
    with pytest.raises(pymysql.OperationalError, match="9501"):
        run(second, "SELECT 1")
    daemon.pool["max_connections_percent"] = 4
    daemon.reload()
    assert one(second, "SELECT 1") == 1
    run(first, "ROLLBACK")


def test_a_new_init_query_reaches_connections_that_exist(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, pool={"init_query": "SET group_concat_max_len = 5001"})
    with daemon.connect() as client:
        assert one(client, "SELECT @@group_concat_max_len") == 5001
        daemon.pool["init_query"] = "SET group_concat_max_len = 5002"
        daemon.reload()
        assert one(client, "SELECT @@group_concat_max_len") == 5002


def test_a_wrong_configuration_leaves_the_old_one(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    daemon.proxy["no_such_option"] = 1
    daemon.reload()
    assert "no_such_option" in daemon.log_text()
    with daemon.connect() as client:
        assert one(client, "SELECT 1") == 1


def test_what_needs_a_restart_is_said(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    daemon.proxy["name"] = "another-name"
    daemon.reload()
    assert "proxy.name has changed and needs a restart" in daemon.log_text()


# Secrets


def test_a_secrets_file_open_to_others_is_refused(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, secrets_mode=0o644)
    line = daemon.wait_for_log("is open to others (mode 0644)")
    assert "secrets.json" in line
    with pytest.raises(pymysql.OperationalError, match="1045"):
        daemon.connect()


def test_secrets_that_become_open_leave_the_last_good_ones(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    daemon._secrets_mode = 0o666
    daemon.reload()
    daemon.wait_for_log("is open to others (mode 0666)")
    with daemon.connect() as client:
        assert one(client, "SELECT 1") == 1


# The log


@pytest.mark.parametrize("debug", [False, True], ids=["info", "debug"])
def test_the_json_log_is_one_object_a_line_and_keeps_secrets(
    start_proxy: StartProxy, target: Target, debug: bool
) -> None:
    daemon = start_proxy(target, log={"format": "json"}, proxy={"debug_logging": debug})
    with daemon.connect() as client:
        run(client, "SET @card = 'private-4711'")
        run(client, "CREATE TEMPORARY TABLE fleeting (id INT)")
        for sql in (
            "SELECT * FROM missing_table WHERE note = 'private-4712'",
            "SELECT 'private-4713",
            'SET @x = "private-4714"',
            "INSERT INTO item (id, note) VALUES (1, 'private-4715'), (1, 'private-4715')",
        ):
            try:
                run(client, sql)
            except pymysql.MySQLError:
                continue
        number = one(client, "SELECT CONNECTION_ID()")
    with pytest.raises(pymysql.OperationalError):
        daemon.connect(password="private-4716")
    daemon.stop()
    text = daemon.log_text()
    for secret in (*target.users.values(), "private-47", "Traceback"):
        assert json.dumps(secret)[1:-1] not in text
    records = daemon.log_records()
    assert all({"time", "level", "message"} <= set(record) for record in records)
    assert all(record["time"].endswith("Z") for record in records)
    pin = next(record for record in records if "pinned" in record["message"])
    assert pin["number"] == number
    assert pin["reason"] == "user_variable"
    assert isinstance(pin["client"], int)
    assert any("authentication failed" in record["message"] for record in records)
    assert debug == any(record["level"] == "debug" for record in records)


def test_the_text_log_has_the_form_of_rds_proxy(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as client:
        run(client, "SET @mine = 1")
    line = daemon.wait_for_log("pinned")
    assert line[10] == "T"
    assert "Z [INFO] [proxyEndpoint=default] [clientConnection=" in line
    assert "for the remainder of the session" in line


def test_debug_logging_tells_of_connections(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"debug_logging": True})
    with daemon.connect() as client:
        assert fetch(client, "SELECT 1") == ((1,),)
    daemon.wait_for_log("A new client connected from")
    daemon.wait_for_log("The client connection closed")
