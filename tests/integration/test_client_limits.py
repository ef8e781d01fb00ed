"""Limits on clients: what they are told, what the log says, and that a reload changes them."""

import resource
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK

from .clients import one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

CROWD = 400
"""Connections that say nothing; far below what one process may open."""


def refused(connect: Callable[[], Any]) -> tuple[Any, ...]:
    """What a client is told that is not let in."""
    with pytest.raises(pymysql.OperationalError) as caught:
        connect()
    return caught.value.args


def is_let_in(daemon: ProxyDaemon, unless: int) -> bool:
    """Whether there is room for a client, which is told error `unless` if there is not."""
    try:
        daemon.connect().close()
    except pymysql.OperationalError as error:
        if error.args[0] != unless:
            raise
        return False
    return True


def test_connections_per_second(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"client_connection_rate_limit": 5})
    told = [first_packet(daemon) for _ in range(200)]
    errors = [packet for packet in told if packet[4:5] == b"\xff"]
    assert len(errors) >= 150
    assert set(errors) == {
        (2 + 1 + len(b"Connections rate limit exceeded (5)")).to_bytes(3, "little")
        + b"\0\xff\x10\x04Connections rate limit exceeded (5)"
    }
    lines = [line for line in daemon.log_text().splitlines() if "Connections rate limit exceeded" in line]
    assert 1 <= len(lines) <= 20
    daemon.proxy["client_connection_rate_limit"] = 0
    daemon.reload()
    assert all(first_packet(daemon)[4:5] == b"\n" for _ in range(50))


def first_packet(daemon: ProxyDaemon) -> bytes:
    """Greeting or error."""
    with socket.create_connection((LOOPBACK, daemon.port), timeout=60) as sock:
        return sock.recv(4096)


def test_connections_of_one_address(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"max_client_connections_per_address": 2})

    def connect(address: str) -> Any:
        return daemon.connect(bind_address=address)

    # The daemon's start looked for its greeting from 127.0.0.1.
    with connect("127.0.0.7"), connect("127.0.0.7") as second:
        words = "rds-proxy: Number simultaneous connections from 127.0.0.7 exceeded (2)"
        assert refused(lambda: connect("127.0.0.7")) == (1040, words)
        with connect("127.0.0.8") as other:
            assert one(other, "SELECT 1") == 1
        daemon.proxy["max_client_connections_per_address"] = 3
        daemon.reload()
        with connect("127.0.0.7") as third:
            assert one(third, "SELECT 1") == one(second, "SELECT 1") == 1


def test_connections_of_one_user(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"max_client_connections_per_user": 1})
    with daemon.connect() as first:
        words = "User app already has more than 'max_client_connections_per_user' active connections"
        assert refused(daemon.connect) == (1203, words)
        with daemon.connect("eve") as other:
            assert one(other, "SELECT 1") == one(first, "SELECT 1") == 1
    eventually(lambda: is_let_in(daemon, 1203), "the place of the client that left")


def test_a_crowd_that_says_nothing_is_cut(start_proxy: StartProxy, target: Target) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CROWD + 200
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"a process may open only {hard} files here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    options = {"handshake_timeout": 2.0, "max_client_connections": CROWD, "client_connection_rate_limit": 0}
    daemon = start_proxy(target, proxy=options)
    with ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(socket.create_connection((LOOPBACK, daemon.port), timeout=60))

        eventually(lambda: is_let_in(daemon, 1040), "the end of the crowd")
    told = [line for line in daemon.log_text().splitlines() if "no log-in within handshake_timeout" in line]
    assert 1 <= len(told) <= CROWD // 20


def test_a_queue_that_is_full(start_proxy: StartProxy, target: Target) -> None:
    pool = {"max_connections_percent": 2, "max_idle_connections_percent": 2}
    daemon = start_proxy(target, pool={**pool, "connection_borrow_queue_length": 1})
    daemon.wait_for_log("up to 1 database connections")
    with daemon.connect() as holder, daemon.connect() as waiting, daemon.connect() as refused_one:
        holder.begin()
        assert one(holder, "SELECT 1") == 1
        waiting._execute_command(3, "SELECT 2")  # type: ignore[attr-defined]

        def told() -> bool:
            with pytest.raises((pymysql.OperationalError, pymysql.InternalError)) as caught:
                one(refused_one, "SELECT 3")
            return "queue for database connections is full" in str(caught.value)

        eventually(told, "a full queue")
        holder.commit()
        waiting._read_query_result()  # type: ignore[attr-defined]
