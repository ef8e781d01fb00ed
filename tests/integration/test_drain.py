"""SIGTERM: what is in progress may end, and nothing stays behind."""

import signal
import socket
from typing import Any

import pymysql
import pytest

from proxy.demo.child import LOOPBACK

from .clients import run, thread_of
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually

PATIENT_DRAIN = 20.0
"""Seconds; more than the transaction of a test takes."""


def is_refused(daemon: ProxyDaemon) -> bool:
    """Whether nobody listens any more."""
    try:
        socket.create_connection((LOOPBACK, daemon.port), timeout=30).close()
    except ConnectionRefusedError:
        return True
    return False


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


def test_a_stop_waits_for_a_running_statement(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"drain_timeout": PATIENT_DRAIN})
    client: Any = daemon.connect()
    client._execute_command(0x03, "INSERT INTO item (note) SELECT CONCAT('drained statement', SLEEP(1))")
    eventually(lambda: target.threads("INFO LIKE 'INSERT%SLEEP%'"), "the statement on the database")
    daemon.signal(signal.SIGTERM)
    assert client._read_packet().is_ok_packet()
    daemon.wait()


def test_a_stop_does_not_wait_for_ever(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"drain_timeout": 0.2})
    busy = daemon.connect()
    run(busy, "BEGIN")
    run(busy, "INSERT INTO item (note) VALUES ('not drained')")
    number = thread_of(busy)
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
