"""Runs the rows through a real proxy before a real database and reads after each step what pins."""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from proxy.demo.private_server import PrivateMariaDB, find_server
from tests.integration.clients import STMT_EXECUTE, CommandClient
from tests.integration.daemon import ProxyDaemon
from tests.integration.databases import Target, prepare, tls_options
from tests.mysql_server.installation import Unavailable, find_mysql
from tests.mysql_server.server import MySQLServer

from .case import MARIADB, MYSQL, Act, Case, Step
from .table import CASES, Seen

__all__ = ["Walk", "observe", "pins_after_each_step"]

STMT_FETCH = 0x1C
_READ_ONLY_CURSOR = 1
_ROWS = 1000
_REPOSITORY = Path(__file__).parents[2]


class Walk:
    """One client of the proxy that takes the steps of a case."""

    def __init__(self, daemon: ProxyDaemon, case: Case) -> None:
        self._daemon = daemon
        flags = CLIENT.MULTI_STATEMENTS if case.multi else 0
        self.client = CommandClient(
            host="127.0.0.1",
            port=daemon.port,
            user="app",
            password=daemon.users["app"],
            database="app",
            autocommit=True,
            ssl_disabled=True,
            client_flag=flags,
        )
        self._statement = 0

    def __enter__(self) -> "Walk":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def take(self, step: Step) -> None:
        """One step, all of whose results are read; raises the client's error."""
        if not isinstance(step, str):
            self._act(*step)
            return
        with self.client.cursor() as cursor:
            cursor.execute(step)
            while cursor.nextset():
                pass

    def pins(self) -> list[str]:
        """The reasons that hold now, in the order of their words.

        The session itself asks: what the proxy asks after a step comes to its end before the next statement.
        """
        with self.client.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SHOW PROXY PINS")
            rows = cursor.fetchall()
        return sorted(str(row["reason"]) for row in rows if row["client"] == self.client.thread_id())

    def _act(self, act: Act, text: str) -> None:
        client = self.client
        if act is Act.PREPARE:
            self._statement = client.prepare(text)[0]
        elif act is Act.EXECUTE:
            client.execute_prepared(self._statement)
        elif act is Act.EXECUTE_WITH_CURSOR:
            self._open_cursor()
        elif act is Act.FETCH_ALL:
            self._fetch()
        elif act is Act.LONG_DATA:
            client.send_long_data(self._statement, 0, text.encode())
            client.ping()
        elif act is Act.EXECUTE_LONG_DATA:
            client.execute_prepared(self._statement, text, sent=True)
        elif act is Act.CLOSE:
            client.close_prepared(self._statement)
            client.ping()
        else:
            client.reset_connection()

    def _open_cursor(self) -> None:
        raw: Any = self.client
        packet = self.client.command(STMT_EXECUTE, struct.pack("<IBI", self._statement, _READ_ONLY_CURSOR, 1))
        for _ in range(packet.read_length_encoded_integer()):
            raw._read_packet()
        assert raw._read_packet().is_eof_packet()

    def _fetch(self) -> None:
        raw: Any = self.client
        raw._execute_command(STMT_FETCH, struct.pack("<II", self._statement, _ROWS))
        while not raw._read_packet().is_eof_packet():
            pass


def pins_after_each_step(daemon: ProxyDaemon, case: Case) -> list[list[str]]:
    """What pins the session after each step of a case."""
    found = []
    with Walk(daemon, case) as walk:
        for step in case.steps:
            walk.take(step)
            found.append(walk.pins())
    return found


def observe() -> Seen:
    """Every case before every server that this machine has; AssertionError names a case that fails."""
    seen: Seen = {}
    for name, daemon in _daemons():
        for case in CASES:
            if name not in case.servers:
                continue
            try:
                seen.setdefault(case.name, {})[name] = pins_after_each_step(daemon, case)
            except pymysql.MySQLError as error:
                raise AssertionError(f"{case.name} before {name}: {error}") from error
    return seen


def _daemons() -> Iterator[tuple[str, ProxyDaemon]]:
    for name in (MARIADB, MYSQL):
        with ExitStack() as stack:
            target = stack.enter_context(_target(name))
            if target is None:
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            daemon = ProxyDaemon(folder, target.port, target.users).start()
            try:
                yield name, daemon
                daemon.stop()
            finally:
                daemon.kill()


@contextmanager
def _target(name: str) -> Iterator[Target | None]:
    with tempfile.TemporaryDirectory(prefix="pinning-", dir="/tmp") as place:
        folder = Path(place) / "server"
        Path(place).chmod(0o755)
        folder.mkdir()
        if name == MARIADB and find_server() is None:
            yield None
            return
        server: PrivateMariaDB | MySQLServer
        try:
            server = (
                PrivateMariaDB(folder, options=tls_options(folder)[1])
                if name == MARIADB
                else MySQLServer(find_mysql(_REPOSITORY), folder, options=tls_options(folder)[1])
            )
        except Unavailable:
            yield None
            return
        with server:
            yield prepare(server, folder / "tls" / "authority.pem")
