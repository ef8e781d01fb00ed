"""Tokens and places: which endpoint a client came to, by which way, and from where."""

import socket
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.unit.iam.signing import LONG_LIVED, boto3_token

from .certificates import KeyFiles
from .clients import one
from .databases import Target
from .endpoints import EndpointDaemon
from .iam import IAM, IamDaemon, allowing, keys_of

OFFICE = "10.20.1.1"
WHO = "SELECT CURRENT_USER()"


class Daemon(IamDaemon, EndpointDaemon):
    """One with further endpoints."""


@pytest.fixture(scope="module")
def daemon(target: Target, proxy_key: KeyFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """`app` may log in from anywhere, `eve` from the office, `strict` from anywhere but this machine."""
    folder = tmp_path_factory.mktemp("places")
    office = {"IpAddress": {"aws:SourceIp": "10.20.0.0/16"}}
    elsewhere = {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}
    policies = (allowing("app"), allowing("eve", Condition=office), allowing("strict", Condition=elsewhere))
    daemon = Daemon(
        folder,
        target.port,
        target.users,
        proxy_key,
        keys_of(LONG_LIVED, policies=policies),
        auth={"app": IAM, "eve": IAM, "strict": IAM},
        endpoints=[{"name": "second"}],
        proxy={"proxy_protocol_networks": ["127.0.0.0/8"], "socket": str(folder / "s")},
    )
    with daemon:
        yield daemon


def from_address(daemon: Daemon, address: str, user: str, token: str) -> str:
    """Who a client is, or the error's number, whom a balancer says to come from an address."""
    options = {"host": "localhost", "port": daemon.port, "user": user, "password": token, "database": "app"}
    client: Any = pymysql.Connection(**options, ssl=daemon.trusting(), defer_connect=True)
    line = socket.create_connection(("127.0.0.1", daemon.port), 30)
    line.sendall(f"PROXY TCP4 {address} 127.0.0.1 4711 3306\r\n".encode())
    try:
        client.connect(line)
    except pymysql.OperationalError as error:
        return str(error.args[0])
    with client:
        return str(one(client, WHO))


def test_a_token_is_for_one_endpoint(daemon: Daemon) -> None:
    port = daemon.port_of("second")
    token = boto3_token(LONG_LIVED, "localhost", port, "app").decode()
    assert daemon.answer(token, host="localhost", port=port) == ()
    assert daemon.refusal(token, host="localhost") == "the token is for another endpoint"
    first = daemon.token(host="localhost")
    assert daemon.answer(first, host="localhost") == ()
    assert daemon.refusal(first, host="localhost", port=port) == "the token is for another endpoint"


def test_a_unix_socket_has_the_usual_port_and_needs_no_tls(daemon: Daemon) -> None:
    token = boto3_token(LONG_LIVED, "localhost", 3306, "app").decode()
    path = {"unix_socket": daemon.proxy["socket"], "ssl_disabled": True}
    with daemon.connect("app", password=token, **path) as client:
        assert one(client, WHO) == "app@%"
    with pytest.raises(pymysql.OperationalError, match="1045"):
        daemon.connect("app", password=daemon.token(host="localhost"), **path)


def test_from_where_a_client_comes(daemon: Daemon) -> None:
    token = daemon.token("eve", host="localhost")
    mark = daemon.mark()
    assert daemon.refusal(token, "eve") == "no policy allows it"
    assert from_address(daemon, OFFICE, "eve", token) == "eve@%"
    line = daemon.wait_for_log("log-in granted", mark)
    assert f" from={OFFICE}:4711 via=127.0.0.1:" in line
    # What was remembered is remembered of that place alone.
    assert daemon.refusal(token, "eve") == "no policy allows it"
    assert from_address(daemon, "10.21.1.1", "eve", token) == "1045"
    assert from_address(daemon, OFFICE, "eve", token) == "eve@%"


def test_a_place_that_is_left_out(daemon: Daemon) -> None:
    token = daemon.token("strict", host="localhost")
    assert from_address(daemon, "127.0.0.9", "strict", token) == "1045"
    assert from_address(daemon, OFFICE, "strict", token) == "strict@%"
