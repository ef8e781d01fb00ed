"""One server of a cluster as a real process, and the data that all of them begin with.

The data are made once for each vendor (``Seed``) and copied, so that a node stands within moments. Every node
has a line of its own (``Node.line``, a FaultProxy), over which a proxy can be made to reach it; the nodes
reach each other, and the tests reach them, directly.
"""

import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymysql

from proxy.demo.child import LOOPBACK, free_port
from proxy.demo.private_server import PrivateMariaDB
from tests.mysql_server.installation import MySQLInstallation
from tests.mysql_server.server import MySQLServer

from .clients import run
from .faults import FaultProxy
from .ledger import LEDGER_SCHEMA
from .replication import (
    REPLICATION_PASSWORD,
    REPLICATION_USER,
    MariaDBReplication,
    MySQLReplication,
    Replication,
)

__all__ = ["CLUSTER_USERS", "MONITOR", "Node", "Seed"]

NODE_CONNECTIONS = 60
"""max_connections of a node: its proxy's, and those of direct clients."""
MONITOR = "monitor"
CLUSTER_USERS = {"app": "app's secret", MONITOR: "monitor's secret"}
"""Passwords of the users that a proxy knows."""
OPERATOR, OPERATOR_PASSWORD = "operator", "operator's secret"
OPERATOR_LIMIT = 30
"""Seconds one statement of an operator may take."""
DATA_IDENTITY = "auto.cnf"
"""Where MySQL keeps the server's UUID, which no two nodes may share."""

Server = PrivateMariaDB | MySQLServer

# READ ONLY ADMIN and the like let a user write to a replica: those that the application has must not.
_MONITOR_GRANTS = {
    "mariadb": "REPLICA MONITOR, BINLOG MONITOR, PROCESS, CONNECTION ADMIN, READ ONLY ADMIN,"
    " REPLICATION SLAVE, REPLICATION SLAVE ADMIN",
    "mysql": "REPLICATION CLIENT, PROCESS, CONNECTION_ADMIN, SYSTEM_VARIABLES_ADMIN, REPLICATION SLAVE,"
    " REPLICATION_SLAVE_ADMIN",
}


class Seed:
    """Data with users and tables, from which nodes are copied; `mysql` None stands for MariaDB."""

    def __init__(self, folder: Path, mysql: MySQLInstallation | None = None) -> None:
        self.mysql = mysql
        self.replication: Replication = MariaDBReplication() if mysql is None else MySQLReplication()
        self._folder = folder
        self._account_names = {**CLUSTER_USERS, REPLICATION_USER: REPLICATION_PASSWORD}
        folder.mkdir(mode=0o755, exist_ok=True)
        server = self.server(folder, ("--skip-log-bin",))
        with server:
            server.execute(self._users() + LEDGER_SCHEMA)

    def server(self, folder: Path, options: Sequence[str]) -> Server:
        """A server on a folder, not yet started."""
        if self.mysql is None:
            return PrivateMariaDB(folder, options=options)
        return MySQLServer(self.mysql, folder, options=options)

    def sow(self, folder: Path) -> None:
        """Copy the data."""
        shutil.copytree(self._folder / "data", folder / "data", ignore=shutil.ignore_patterns(DATA_IDENTITY))
        (folder / "complete").touch()
        owner = self._folder.stat()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)

    def _users(self) -> str:
        grants = {
            "app": "ALL ON app.*",
            MONITOR: _MONITOR_GRANTS["mariadb" if self.mysql is None else "mysql"] + " ON *.*",
            REPLICATION_USER: "REPLICATION SLAVE ON *.*",
            OPERATOR: "ALL ON *.*",
        }
        passwords = {**self._account_names, OPERATOR: OPERATOR_PASSWORD}
        lines = ["CREATE DATABASE app;"]
        for name, password in passwords.items():
            quoted = password.replace("'", "''")
            lines.append(f"CREATE USER {name}@'%' IDENTIFIED BY '{quoted}';")
            lines.append(f"GRANT {grants[name]} TO {name}@'%';")
        return "\n".join(lines) + "\n"


class Node:
    """One server of a cluster, and the line that leads to it."""

    def __init__(self, seed: Seed, folder: Path, number: int, *, semi_sync: bool) -> None:
        self.name = f"node{number}"
        self.number = number
        self.seed = seed
        folder.mkdir(mode=0o755)
        seed.sow(folder)
        self._data = folder / "data"
        self._options = (
            *(f"--server-id={number}", f"--max-connections={NODE_CONNECTIONS}"),
            *("--max-connect-errors=1000000", *seed.replication.options(semi_sync=semi_sync)),
        )
        self.server = seed.server(folder, self._options)
        self.server.start()
        self.line = FaultProxy(self.server.port)
        self._operator: Any = None
        self._is_frozen = False

    @property
    def port(self) -> int:
        """Where the server itself listens."""
        return self.server.port

    # Statements

    def run(self, sql: str) -> None:
        """Run a statement as the operator, who may write to a replica, too."""
        run(self.operator(), sql)

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement as the operator; return its rows."""
        with self.operator().cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def operator(self) -> Any:
        """The operator's connection, which is kept as long as the server lives."""
        if self._operator is None:
            self._operator = self.connect(OPERATOR, OPERATOR_PASSWORD, read_timeout=OPERATOR_LIMIT)
        return self._operator

    def connect(self, user: str, password: str, **options: Any) -> Any:
        """A client of the server itself."""
        return pymysql.connect(
            host=LOOPBACK,
            port=self.port,
            user=user,
            password=password,
            autocommit=True,
            connect_timeout=OPERATOR_LIMIT,
            **options,
        )

    def position(self) -> str:
        """The GTIDs that it has executed."""
        return self.seed.replication.position(self.operator())

    def threads_of(self, user: str) -> int:
        """How many connections a user has."""
        return int(
            self.fetch(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{user}'")[0][0]
        )

    # Faults

    def kill(self) -> None:
        """As `kill -9` does."""
        self._forget_operator()
        self.server.kill()

    def stop(self) -> None:
        """An orderly end."""
        self._forget_operator()
        self.server.stop()

    def start(self, *, as_replica: bool = False) -> None:
        """Start it again, on the same port; unless it comes back as a replica, which goes on, it leads."""
        self.server.options = (*self._options, *(("--read-only=1",) if as_replica else ()))
        self.server.start()
        self.line.target_port = self.server.port

    def start_aside(self) -> None:
        """Start it on another port, so that its data can be looked at and nobody else finds it."""
        self.server.port = free_port()
        self.server.start()

    def freeze(self) -> None:
        """SIGSTOP: its sockets stay, the kernel takes new connections for it, and it says nothing."""
        self._forget_operator()
        self._signal(signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        """SIGCONT: it goes on where it stopped, and knows of nothing."""
        self._is_frozen = False
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it. Of its files its log stays: the data of all clusters would fill a small disk."""
        self.line.close()
        if self._is_frozen:
            self.thaw()
        self._forget_operator()
        self.server.kill()
        shutil.rmtree(self._data, ignore_errors=True)

    def _signal(self, number: int) -> None:
        assert self.server.pid is not None
        os.kill(self.server.pid, number)

    def _forget_operator(self) -> None:
        operator, self._operator = self._operator, None
        if operator is not None:
            with suppress(Exception):
                operator._force_close()
