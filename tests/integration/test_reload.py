"""SIGHUP: configuration, certificate and secrets are read again; what is wrong leaves the old in force."""

import ssl
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK

from .certificates import Authority, KeyFiles
from .clients import one, run
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target


def serial(daemon: ProxyDaemon, authority: KeyFiles) -> bytes:
    """The certificate a client is shown."""
    context = ssl.create_default_context(cafile=str(authority.authority))
    with daemon.connect(ssl=context) as client:
        shown: Any = client
        certificate: bytes = shown._sock.getpeercert(binary_form=True)
        return certificate


@pytest.mark.parametrize("grace", [0, 300])
def test_a_new_password(start_proxy: StartProxy, plain_target: Target, grace: int) -> None:
    daemon = start_proxy(plain_target, proxy={"previous_password_grace": grace})
    with daemon.connect() as old:
        plain_target.server.execute("ALTER USER app@'%' IDENTIFIED BY 'a new secret'")
        try:
            daemon.users["app"] = "a new secret"
            with pytest.raises(pymysql.OperationalError, match="1045"):
                daemon.connect()
            daemon.reload()
            with daemon.connect() as new:
                assert one(new, "SELECT CURRENT_USER()") == "app@%"
            if grace:
                # Who has not heard of the new one yet is let in, and reaches the database with it.
                with daemon.connect(password=plain_target.users["app"]) as late:
                    assert one(late, "SELECT CURRENT_USER()") == "app@%"
            else:
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


def test_a_reload_does_not_disturb_transactions_and_pins(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target)
    with daemon.connect() as busy, daemon.connect() as pinned:
        run(busy, "BEGIN")
        run(busy, "INSERT INTO item (note) VALUES ('across a reload')")
        run(pinned, "CREATE TEMPORARY TABLE mine SELECT 'kept'")
        daemon.pool["init_query"] = "SET group_concat_max_len = 5003"
        daemon.reload()
        run(busy, "COMMIT")
        assert one(pinned, "SELECT * FROM mine") == "kept"
        assert one(busy, "SELECT @@group_concat_max_len") == 5003
    assert target.one("SELECT COUNT(*) FROM app.item WHERE note = 'across a reload'") == "1"


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
