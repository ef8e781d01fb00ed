"""A proxy of two database connections, and programs with many clients that have to do with them.

A program is given its task as a line of JSON, reports as a line of JSON when its clients have done their
work, and ends when its input ends (`python/crowd.py`). While they work the database's list of connections is
looked at again and again; when they have, and are still connected, nobody may be pinned.
"""

import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
from pymysql.cursors import DictCursor

from proxy.demo.child import LOOPBACK
from tests.integration.daemon import ProxyDaemon

from .servers import SCHEMA, DriverServer

__all__ = ["CLIENTS", "CONNECTIONS", "Crossing", "play", "two_connections"]

CLIENTS = 50
CONNECTIONS = 2
PROBES = 1
"""Connections of the proxy's own, with which it asks the database how it is."""
USER, PASSWORD = "crowd", "crowd's secret"
RUN_LIMIT = 90.0
"""Seconds a program may take until its report."""
END_LIMIT = 30.0
LOOK_INTERVAL = 0.02
BORROW_TIMEOUT = 20
"""Seconds; with pinned sessions it is over before RUN_LIMIT is."""
PINNED = "The client session was pinned"


@attrs.frozen
class Crossing:
    """The narrow proxy, and the database behind it."""

    vendor: str
    server: DriverServer
    daemon: ProxyDaemon


@contextmanager
def two_connections(server: DriverServer, folder: Path) -> Iterator[Crossing]:
    """Start a proxy of CONNECTIONS before a database, with a user of its own."""
    quoted = PASSWORD.replace("'", "''")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY '{quoted}'")
        cursor.execute(f"GRANT ALL ON {SCHEMA}.* TO {USER}@'%'")
        cursor.execute("SELECT @@max_connections")
        most = int(cursor.fetchone()[0])
    percent = -(-CONNECTIONS * 100 // most)
    assert most * percent // 100 == CONNECTIONS
    pool = {"max_connections_percent": percent, "connection_borrow_timeout": BORROW_TIMEOUT}
    daemon = ProxyDaemon(folder, server.port, {USER: PASSWORD}, pool=pool, proxy={"admin_users": [USER]})
    try:
        daemon.start()
        yield Crossing(server.vendor, server, daemon)
        daemon.stop()
    finally:
        daemon.kill()


def play(
    crossing: Crossing,
    command: Sequence[str],
    task: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a program with CLIENTS clients; AssertionError if one was not served well, or pinned."""
    mark, pins_before = crossing.daemon.mark(), _pins_so_far(crossing.daemon)
    with ExitStack() as stack:
        seen = stack.enter_context(_watched(crossing.server.connect))
        process = stack.enter_context(_running(command, environment or {}, crossing.daemon.folder))
        report = _reported(process, {**_task(crossing.daemon.port), **(task or {})})
        _check_nobody_is_pinned(crossing.daemon, pins_before)
        assert process.stdin is not None
        process.stdin.close()
        status = process.wait(END_LIMIT)
    assert report is not None, _said(crossing.daemon.folder)
    assert not report["failures"], f"{len(report['failures'])} clients failed: {report['failures'][0]}"
    assert (status, report["clients"]) == (0, CLIENTS), _said(crossing.daemon.folder)
    assert 0 < max(seen) <= CONNECTIONS + PROBES, seen
    assert PINNED not in crossing.daemon.log_since(mark)


def _task(port: int) -> dict[str, object]:
    place = {"host": LOOPBACK, "port": port, "user": USER, "password": PASSWORD, "schema": SCHEMA}
    return {**place, "clients": CLIENTS}


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    surroundings = {**os.environ, "TZ": "UTC", **environment}
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=surroundings
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _said(folder: Path) -> str:
    return (folder / "said").read_text(errors="replace")


def _reported(process: "subprocess.Popen[bytes]", task: Mapping[str, object]) -> Any:
    """Give the program its task, and wait for its report; None when it ended, or took too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(RUN_LIMIT, process.kill)
    timer.start()
    try:
        process.stdin.write(json.dumps(task).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    finally:
        timer.cancel()
    return json.loads(line) if line else None


@contextmanager
def _watched(connect: Callable[[], Any]) -> Iterator[set[int]]:
    """Count the connections of the user again and again; the set has all the numbers that were seen."""
    seen: set[int] = set()
    over = threading.Event()

    def look() -> None:
        with connect() as connection, connection.cursor() as cursor:
            # A server may cut the statements it lists in the middle of a character.
            cursor.execute("SET character_set_results = ascii")
            while not over.wait(LOOK_INTERVAL):
                cursor.execute("SHOW PROCESSLIST")
                seen.add(sum(row[1] == USER for row in cursor.fetchall()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _pins_so_far(daemon: ProxyDaemon) -> Counter[tuple[str, str]]:
    """How many pins there were since the proxy's start, by reason and digest."""
    rows = _asked(daemon, "SHOW PROXY PIN TOTALS")
    return Counter({(row["reason"], row["digest"]): int(row["pins"]) for row in rows})


def _check_nobody_is_pinned(daemon: ProxyDaemon, pins_before: Counter[tuple[str, str]]) -> None:
    """Nobody was pinned since then, and all connections can be borrowed while the clients are still there."""
    pins = _pins_so_far(daemon) - pins_before
    assert not pins, f"pinned: {dict(pins)}"
    pinned_now = _asked(daemon, "SHOW PROXY PINS")
    assert not pinned_now, f"still pinned: {pinned_now}"
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            client = stack.enter_context(daemon.connect(USER, database=SCHEMA))
            cursor = stack.enter_context(client.cursor())
            cursor.execute("BEGIN")
            cursor.execute("SELECT 1")


def _asked(daemon: ProxyDaemon, view: str) -> list[dict[str, Any]]:
    with daemon.connect(USER, cursorclass=DictCursor) as client, client.cursor() as cursor:
        cursor.execute(view)
        return list(cursor.fetchall())
