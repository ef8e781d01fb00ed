"""How clients come in: TLS, passwords, plugins, schemas, limits."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from proxy.demo.private_server import PrivateMariaDB

from .certificates import KeyFiles
from .clients import CommandClient, mariadb, one, run, server_version, thread_of
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target, prepare
from .polling import eventually

DENIED = "Access denied for user '{}'@'%' (using password: {})"
NATIVE, CACHING_SHA2 = "MYSQL_NATIVE_PASSWORD", "MYSQL_CACHING_SHA2_PASSWORD"


def tls_options(key: KeyFiles) -> dict[str, Any]:
    """The proxy's options that offer TLS."""
    return {"tls_certificate": str(key.certificate), "tls_private_key": str(key.private_key)}


def trusting(key: KeyFiles, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client's context that checks the proxy's certificate and name."""
    context = ssl.create_default_context(cafile=str(key.authority))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.fixture(scope="module")
def secure(
    target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyDaemon]:
    """A proxy that offers TLS, where `app` must use caching_sha2_password and `eve` the native plugin."""
    daemon = ProxyDaemon(
        tmp_path_factory.mktemp("proxy"),
        target.port,
        target.users,
        proxy=tls_options(proxy_key),
        auth={
            "app": {"client_password_auth_type": CACHING_SHA2},
            "eve": {"client_password_auth_type": NATIVE},
        },
    )
    with daemon:
        yield daemon


# TLS


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("user", ["app", "eve"])
def test_tls(secure: ProxyDaemon, proxy_key: KeyFiles, version: ssl.TLSVersion, user: str) -> None:
    with secure.connect(user, ssl=trusting(proxy_key, version)) as client:
        shown: Any = client
        assert shown._sock.version() == version.name.replace("_", ".")
        assert one(client, "SELECT CURRENT_USER()") == f"{user}@%"
        assert one(client, "SELECT REPEAT('x', 1000000)") == "x" * 1_000_000
        assert one(client, "SELECT LENGTH(%s)", ("y" * 1_000_000,)) == 1_000_000


def test_old_tls_is_refused(secure: ProxyDaemon, proxy_key: KeyFiles) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(proxy_key.authority))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((pymysql.MySQLError, OSError)):
        secure.connect(ssl=context)


def test_the_mariadb_client_with_tls(secure: ProxyDaemon, proxy_key: KeyFiles) -> None:
    options = (f"--ssl-ca={proxy_key.authority}", "--ssl-verify-server-cert")
    done = mariadb(secure.port, "eve", secure.users["eve"], "status", *options)
    assert "Cipher in use" in done.stdout


def test_require_tls(start_proxy: StartProxy, target: Target, proxy_key: KeyFiles) -> None:
    daemon = start_proxy(target, proxy={**tls_options(proxy_key), "require_tls": True})
    with pytest.raises(pymysql.MySQLError) as caught:
        daemon.connect()
    assert caught.value.args == (3159, "This RDS Proxy requires TLS connections.")
    done = mariadb(daemon.port, "app", daemon.users["app"], "SELECT 1", "--skip-ssl", check=False)
    assert "ERROR 3159 (HY000): This RDS Proxy requires TLS connections." in done.stderr
    with daemon.connect(ssl=trusting(proxy_key)) as client:
        assert one(client, "SELECT 1") == 1


# Passwords


@pytest.mark.parametrize("user", ["app", "eve"])
def test_a_wrong_password(secure: ProxyDaemon, user: str) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        secure.connect(user, password="wrong")
    assert caught.value.args == (1045, DENIED.format(user, "YES"))
    with pytest.raises(pymysql.OperationalError) as caught:
        secure.connect(user, password="")
    assert caught.value.args == (1045, DENIED.format(user, "NO"))


def test_the_sql_state_of_a_wrong_password(proxy: ProxyDaemon) -> None:
    done = mariadb(proxy.port, "app", "wrong", "SELECT 1", check=False)
    assert "ERROR 1045 (28000): " + DENIED.format("app", "YES") in done.stderr


@pytest.mark.parametrize("daemon", ["proxy", "secure"])
def test_an_unknown_user_looks_like_a_wrong_password(request: pytest.FixtureRequest, daemon: str) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        request.getfixturevalue(daemon).connect("nobody", password="something")
    assert caught.value.args == (1045, DENIED.format("nobody", "YES"))


def test_a_user_whom_the_database_does_not_know(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(
        target, users={**target.users, "ghost": "boo"}, pool={"connection_borrow_timeout": 1}
    )
    with pytest.raises(pymysql.OperationalError) as caught, daemon.connect("ghost") as client:
        run(client, "SELECT 1")
    assert caught.value.args == (1045, DENIED.format("ghost", "YES"))
    with daemon.connect() as client:
        assert one(client, "SELECT 1") == 1


# Plugins


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("user", ["app", "eve"])
def test_a_client_is_switched_to_its_users_plugin(
    secure: ProxyDaemon, proxy_key: KeyFiles, user: str, encrypted: bool
) -> None:
    options: dict[str, Any] = {"ssl": trusting(proxy_key)} if encrypted else {}
    with secure.connect(user, **options) as client:
        assert one(client, "SELECT CURRENT_USER()") == f"{user}@%"


@pytest.mark.parametrize("default", [NATIVE, CACHING_SHA2])
def test_the_plugin_of_the_greeting(start_proxy: StartProxy, target: Target, default: str) -> None:
    daemon = start_proxy(
        target,
        proxy={"default_client_password_auth_type": default},
        auth={"eve": {"client_password_auth_type": NATIVE}},
    )
    for user in ("app", "eve"):
        with daemon.connect(user) as client:
            shown: Any = client
            assert shown._auth_plugin_name.upper() in default.replace("MYSQL_CACHING", "CACHING")
            assert one(client, "SELECT CURRENT_USER()") == f"{user}@%"


def test_a_user_with_ed25519_at_the_database(proxy: ProxyDaemon) -> None:
    if "ed" not in proxy.users:
        pytest.skip("this machine has no auth_ed25519.so: `make test` fetches it")
    with proxy.connect("ed") as client:
        assert one(client, "SELECT CURRENT_USER()") == "ed@%"
    with pytest.raises(pymysql.OperationalError, match="1045"):
        proxy.connect("ed", password="wrong")


def test_a_user_who_must_use_tls_at_the_database(proxy: ProxyDaemon) -> None:
    with proxy.connect("strict") as client:
        assert one(client, "SELECT CURRENT_USER()") == "strict@%"


# Schemas


def test_an_unknown_schema(proxy: ProxyDaemon) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        proxy.connect(database="missing_schema")
    assert caught.value.args == (1049, "Unknown database 'missing_schema'")
    with proxy.connect() as client:
        for use in (lambda: run(client, "USE missing_schema"), lambda: client.select_db("missing_schema")):
            with pytest.raises(pymysql.OperationalError) as caught:
                use()
            assert caught.value.args == (1049, "Unknown database 'missing_schema'")
        assert one(client, "SELECT DATABASE()") == "app"


def test_a_forbidden_schema(proxy: ProxyDaemon) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        proxy.connect(database="mysql")
    assert caught.value.args == (1044, "Access denied for user 'app'@'%' to database 'mysql'")


# Limits


def test_too_many_clients(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"max_client_connections": 2})
    first = eventually_connect(daemon)
    second = eventually_connect(daemon)
    with pytest.raises(pymysql.OperationalError) as caught:
        daemon.connect()
    assert caught.value.args == (1040, "Number simultaneous connections exceeded (2)")
    first.close()
    eventually_connect(daemon).close()
    assert one(second, "SELECT 1") == 1
    second.close()


def eventually_connect(daemon: ProxyDaemon) -> Any:
    """Connect as soon as there is room: the proxy sees a moment later that a client has left."""

    def connect() -> Any:
        try:
            return daemon.connect()
        except pymysql.OperationalError as error:
            if error.args[0] != 1040:
                raise
            return None

    return eventually(connect, "room for a client")


def test_a_client_that_does_not_log_in_is_disconnected(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"handshake_timeout": 0.3})
    with socket.create_connection((LOOPBACK, daemon.port), timeout=30) as silent:
        assert b"MariaDB" in silent.recv(4096)
        with suppress(ConnectionResetError):
            assert silent.recv(4096) == b""
    daemon.wait_for_log("handshake_timeout")


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"\xff" * 70_000], ids=["http", "nul", "ff"]
)
def test_garbage_ends_its_own_connection_only(proxy: ProxyDaemon, garbage: bytes) -> None:
    stranger = socket.create_connection((LOOPBACK, proxy.port), timeout=30)
    with stranger, suppress(ConnectionError):
        stranger.sendall(garbage)
        # Fails where the proxy was quicker to reset the connection.
        with suppress(OSError):
            stranger.shutdown(socket.SHUT_WR)
        while stranger.recv(4096):
            pass
    with proxy.connect() as client:
        assert one(client, "SELECT 1") == 1


def test_the_greeting_names_the_databases_version(proxy: ProxyDaemon, target: Target) -> None:
    with proxy.connect() as client, proxy.connect(port=target.port) as direct:
        assert server_version(client) == server_version(direct)


def test_a_configured_version(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"server_version": "8.0.36-of-the-test"})
    with daemon.connect() as client:
        assert server_version(client) == "8.0.36-of-the-test"


def test_the_database_learns_who_is_behind(
    start_proxy: StartProxy, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = PrivateMariaDB(tmp_path_factory.mktemp("attributes"), options=["--performance-schema=ON"])
    with server:
        target = prepare(server, server.folder)
        with start_proxy(target).connect(program_name="billing") as client:
            thread = thread_of(client)
            told = dict(
                server.execute(
                    "SELECT ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs"
                    f" WHERE PROCESSLIST_ID = {thread}"
                )
            )
        assert told["program_name"] == "billing"
        assert told["_client_name"] == "rds-proxy"
        assert told["proxy_name"] == "rds-proxy"


def test_a_client_without_a_database_and_with_another_collation(proxy: ProxyDaemon) -> None:
    with CommandClient(
        host=LOOPBACK,
        port=proxy.port,
        user="app",
        password=proxy.users["app"],
        charset="latin1",
        collation="latin1_german2_ci",
        ssl_disabled=True,
    ) as client:
        assert one(client, "SELECT @@collation_connection") == "latin1_german2_ci"
