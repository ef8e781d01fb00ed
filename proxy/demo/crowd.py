"""`python -m proxy.demo.crowd`: many clients at once, and how many connections the database sees.

Each client sets session variables of its own, writes a row of its own and reads all of that back; what it
reads must be its own, whichever database connection served it.
"""

import argparse
import os
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import attrs

from .child import LOOPBACK

__all__ = ["CLIENT_COUNT", "CrowdResult", "main", "run_crowd"]

CLIENT_COUNT = 200
MEETING_LIMIT = 120.0
"""Seconds until all clients must be connected."""
CONNECT_LIMIT = 60
QUERY_LIMIT = 120
STACK_SIZE = 256 * 1024
SHOWN_PROBLEMS = 5
STATEMENTS_EACH = 10

Connect = Callable[[], Any]


@attrs.frozen
class CrowdResult:
    """What the clients did and met. `connections` is the most the database has had open since its start."""

    clients: int
    statements: int
    connections: int
    problems: tuple[str, ...]


class _Crowd:
    """The shared part of the clients' threads."""

    def __init__(self, connect: Connect, clients: int, table: str) -> None:
        self.connect = connect
        self.table = table
        self.problems: list[str] = []
        self.statements = 0
        self.lock = threading.Lock()
        # Nobody begins before all are connected and nobody leaves before all are done.
        self.meeting = threading.Barrier(clients)

    def client(self, number: int) -> None:
        """Be one client, from connecting to leaving."""
        try:
            with self.connect() as connection:
                self.meeting.wait(MEETING_LIMIT)
                with connection.cursor() as cursor:
                    count = self._work(cursor, number)
                with self.lock:
                    self.statements += count
                self.meeting.wait(QUERY_LIMIT)
        except threading.BrokenBarrierError:
            # Another client failed and tells why.
            return
        except Exception as error:
            with self.lock:
                self.problems.append(f"client {number}: {error}")
            self.meeting.abort()

    def _work(self, cursor: Any, number: int) -> int:
        limit, zone = 2000 + number, f"+{number % 13:02}:30"
        note = f"written by client {number}"
        settings = "SELECT @@session.group_concat_max_len, @@session.time_zone"
        read = f"SELECT note FROM {self.table} WHERE client = {number}"
        steps: list[tuple[str, tuple[object, ...] | None]] = [
            (f"SET SESSION group_concat_max_len = {limit}", None),
            (f"SET SESSION time_zone = '{zone}'", None),
            (f"INSERT INTO {self.table} (client, note) VALUES ({number}, '{note}')", None),
            (read, (note,)),
            (settings, (limit, zone)),
            (f"UPDATE {self.table} SET note = CONCAT(note, ', twice') WHERE client = {number}", None),
            (read, (f"{note}, twice",)),
            (settings, (limit, zone)),
            (f"DELETE FROM {self.table} WHERE client = {number}", None),
            (f"SELECT COUNT(*) FROM {self.table} WHERE client = {number}", (0,)),
        ]
        for statement, expected in steps:
            cursor.execute(statement)
            found = cursor.fetchone() if expected is not None else None
            if found != expected:
                raise AssertionError(f"{statement} gave {found}, not {expected}")
        return len(steps)


def run_crowd(connect: Connect, clients: int) -> CrowdResult:
    """Let `clients` threads, each on a connection from `connect`, do their work at once in a new table."""
    table = f"rds_proxy_crowd_{os.getpid()}"
    crowd = _Crowd(connect, clients, table)
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE {table} (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
            " client INT NOT NULL UNIQUE, note VARCHAR(80) NOT NULL) ENGINE = InnoDB"
        )
        try:
            _run_threads(crowd, clients)
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Max_used_connections'")
            connections = int(cursor.fetchone()[1])
        finally:
            cursor.execute(f"DROP TABLE {table}")
    if not crowd.problems and crowd.statements < clients * STATEMENTS_EACH:
        crowd.problems.append("not all clients were served in time")
    return CrowdResult(clients, crowd.statements, connections, tuple(crowd.problems))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when every client read its own data, 1 when not."""
    arguments = _parser().parse_args(argv)
    try:
        import pymysql  # noqa: PLC0415 - it comes with the extra `demo` only
    except ImportError:
        print("This needs PyMySQL: pip install 'rds-proxy[demo]'", file=sys.stderr)
        return 1
    print(f"{arguments.clients} clients connect to {arguments.host}:{arguments.port} ...", flush=True)
    try:
        result = run_crowd(_connector(pymysql, arguments), arguments.clients)
    except pymysql.MySQLError as error:
        print(f"The crowd could not begin: {error}", file=sys.stderr)
        return 1
    print(f"{result.clients} clients, {result.statements:,} statements, ", end="")
    print(f"at most {result.connections} database connections, the health probe's included")
    for problem in result.problems[:SHOWN_PROBLEMS]:
        print(problem, file=sys.stderr)
    if not result.problems:
        print("Every client read back its own rows and its own session settings.")
    return 1 if result.problems else 0


def _run_threads(crowd: _Crowd, clients: int) -> None:
    # The default of 8 MB of address space for each of hundreds of threads is too much for small machines.
    threading.stack_size(STACK_SIZE)
    threads = [
        threading.Thread(target=crowd.client, args=(number,), daemon=True) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _connector(pymysql: ModuleType, arguments: argparse.Namespace) -> Connect:
    def connect() -> Any:
        return pymysql.connect(
            host=arguments.host,
            port=arguments.port,
            user=arguments.user,
            password=arguments.password,
            database=arguments.database,
            autocommit=True,
            connect_timeout=CONNECT_LIMIT,
            read_timeout=QUERY_LIMIT,
            # Hundreds of TLS handshakes would cost more time than all that is shown here.
            ssl_disabled=True,
        )

    return connect


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proxy.demo.crowd", description="Many clients at once.")
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=3306)
    parser.add_argument("--user", default="app")
    parser.add_argument("--password", default="")
    parser.add_argument("--database", default="shop")
    parser.add_argument("--clients", type=int, default=CLIENT_COUNT)
    return parser


if __name__ == "__main__":
    sys.exit(main())
