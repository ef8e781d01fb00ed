"""TLS towards the database, in every mode, with what the log says when it must not be."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from .certificates import Authority
from .clients import one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .faults import FaultProxy

BORROW_TIMEOUT = {"connection_borrow_timeout": 0.5}
OTHER_LOOPBACK = "127.0.0.2"
"""An address that the database's certificate does not name."""


@pytest.fixture
def elsewhere(target: Target) -> Iterator[FaultProxy]:
    """The database at another address."""
    forwarder = FaultProxy(target.port, host=OTHER_LOOPBACK)
    yield forwarder
    forwarder.close()


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """An authority that has not signed the database's certificate."""
    return Authority(tmp_path, "Another authority").file


def tls_version(daemon: ProxyDaemon, user: str = "app") -> Any:
    """Of the database connection that a client gets; empty without TLS."""
    with daemon.connect(user) as client, client.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_version'")
        row = cursor.fetchone()
        assert row is not None
        return row[1]


def refused(daemon: ProxyDaemon) -> str:
    """Nobody gets a connection; return what the log says of the target."""
    with pytest.raises(pymysql.MySQLError) as caught:
        tls_version(daemon)
    assert caught.value.args[0] in (9501, 1105)
    return daemon.wait_for_log("is UNAVAILABLE")


@pytest.mark.parametrize("mode", ["preferred", "required", "verify-ca", "verify-identity"])
def test_modes_with_tls(start_proxy: StartProxy, target: Target, mode: str) -> None:
    daemon = start_proxy(target, target={"tls": mode, "tls_ca": str(target.authority)})
    assert tls_version(daemon) in ("TLSv1.2", "TLSv1.3")
    assert tls_version(daemon, "strict").startswith("TLS")


def test_mode_off(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, target={"tls": "off"}, pool=BORROW_TIMEOUT)
    assert tls_version(daemon) == ""
    with pytest.raises(pymysql.OperationalError) as caught:
        tls_version(daemon, "strict")
    assert caught.value.args[0] == 1045


def test_required_takes_any_certificate_and_the_identity_check_the_name(
    start_proxy: StartProxy, target: Target, elsewhere: FaultProxy, stranger: Path
) -> None:
    place = {"host": OTHER_LOOPBACK, "port": elsewhere.port}
    daemon = start_proxy(target, target={**place, "tls": "required", "tls_ca": str(stranger)})
    assert tls_version(daemon).startswith("TLS")
    daemon = start_proxy(target, target={**place, "tls": "verify-ca", "tls_ca": str(target.authority)})
    assert tls_version(daemon).startswith("TLS")


def test_a_wrong_name_is_refused(start_proxy: StartProxy, target: Target, elsewhere: FaultProxy) -> None:
    daemon = start_proxy(
        target,
        pool=BORROW_TIMEOUT,
        target={
            "host": OTHER_LOOPBACK,
            "port": elsewhere.port,
            "tls": "verify-identity",
            "tls_ca": str(target.authority),
        },
    )
    line = refused(daemon)
    assert OTHER_LOOPBACK in line
    assert "certificate" in line or "match" in line, line


@pytest.mark.parametrize("mode", ["verify-ca", "verify-identity"])
def test_a_wrong_authority_is_refused(
    start_proxy: StartProxy, target: Target, stranger: Path, mode: str
) -> None:
    daemon = start_proxy(target, pool=BORROW_TIMEOUT, target={"tls": mode, "tls_ca": str(stranger)})
    line = refused(daemon)
    assert "certificate" in line, line


def test_a_database_without_tls(start_proxy: StartProxy, plain_target: Target) -> None:
    daemon = start_proxy(plain_target, target={"tls": "preferred"})
    assert tls_version(daemon) == ""
    daemon = start_proxy(plain_target, target={"tls": "required"}, pool=BORROW_TIMEOUT)
    assert "TLS" in refused(daemon)


def test_the_host_name_is_checked(start_proxy: StartProxy, target: Target) -> None:
    options = {"host": "localhost", "tls": "verify-identity", "tls_ca": str(target.authority)}
    daemon = start_proxy(target, target=options)
    assert tls_version(daemon).startswith("TLS")
    with daemon.connect() as client:
        assert one(client, "SELECT 1") == 1
