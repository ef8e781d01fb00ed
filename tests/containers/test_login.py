"""Clients log in, with every plugin on either side, with TLS and without."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pymysql
import pytest

from tests.integration.clients import fetch, one, run
from tests.integration.daemon import ProxyDaemon

from .servers import PLUGIN_USERS, Server

Serve = Callable[..., ProxyDaemon]


@pytest.fixture
def serve(server: Server, tmp_path: Path) -> Iterator[Serve]:
    """Starts a proxy with options by section."""
    with ExitStack() as stack:

        def start(**sections: Any) -> ProxyDaemon:
            target = {"host": server.host, **sections.pop("target", {})}
            daemon = ProxyDaemon(tmp_path, server.port, server.users, target=target, **sections)
            stack.callback(daemon.kill)
            stack.callback(daemon.stop)
            return daemon.start()

        yield start


def cipher(connection: Any) -> str:
    """Of the connection to the database; empty without TLS."""
    return str(fetch(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1])


@pytest.mark.parametrize("client_plugin", ["MYSQL_NATIVE_PASSWORD", "MYSQL_CACHING_SHA2_PASSWORD"])
@pytest.mark.parametrize("server_plugin", PLUGIN_USERS)
def test_every_plugin(server: Server, serve: Serve, server_plugin: str, client_plugin: str) -> None:
    user = PLUGIN_USERS[server_plugin]
    if user not in server.users:
        pytest.skip(f"{server.name} has no {server_plugin}")
    daemon = serve(proxy={"default_client_password_auth_type": client_plugin})
    with server.connect() as admin:
        # Else caching_sha2_password would know the password from an earlier log-in.
        run(admin, "FLUSH PRIVILEGES")
    for _ in ("nothing is cached", "the second time"):
        with daemon.connect(user) as client:
            assert one(client, "SELECT CURRENT_USER()") == f"{user}@%"
    with pytest.raises(pymysql.OperationalError) as caught:
        daemon.connect(user, password="wrong")
    assert caught.value.args[0] == 1045


@pytest.mark.parametrize("mode", ["off", "preferred", "required", "verify-ca"])
def test_tls_to_the_database(server: Server, serve: Serve, mode: str) -> None:
    daemon = serve(target={"tls": mode, "tls_ca": str(server.authority) if mode == "verify-ca" else ""})
    with daemon.connect() as client:
        assert bool(cipher(client)) is (mode != "off")


def test_authority_that_did_not_sign(proxy: ProxyDaemon, serve: Serve) -> None:
    stranger = Path(proxy.proxy["tls_certificate"]).with_name("authority.pem")
    daemon = serve(
        target={"tls": "verify-ca", "tls_ca": str(stranger)}, pool={"connection_borrow_timeout": 0.5}
    )
    with pytest.raises(pymysql.OperationalError):
        daemon.connect()


def test_account_that_requires_tls(proxy: ProxyDaemon, serve: Serve) -> None:
    with proxy.connect("strict") as client:
        assert one(client, "SELECT CURRENT_USER()") == "strict@%"
    with pytest.raises(pymysql.OperationalError) as caught:
        serve(target={"tls": "off"}).connect("strict")
    assert caught.value.args[0] == 1045


def test_tls_to_the_client(proxy: ProxyDaemon) -> None:
    authority = Path(proxy.proxy["tls_certificate"]).with_name("authority.pem")
    with proxy.connect(ssl_ca=str(authority), ssl_verify_cert=True, ssl_verify_identity=True) as client:
        assert client._sock.cipher()
        assert one(client, "SELECT 1") == 1


def test_user_without_a_secret(proxy: ProxyDaemon) -> None:
    with pytest.raises(pymysql.OperationalError) as caught:
        proxy.connect("nobody", password="at all")
    assert caught.value.args[0] == 1045
