"""Records what real drivers and a real MariaDB say to each other, without TLS, to make seeds of it."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pymysql

from proxy.demo.private_server import PrivateMariaDB

__all__ = ["Conversation", "record"]

_SQL = (
    "CREATE TEMPORARY TABLE t (a INT, b VARCHAR(20), c DOUBLE, d DATETIME NULL)",
    "INSERT INTO t VALUES (1, 'one', 1.5, NOW()), (2, NULL, -2e10, NULL)",
    "SELECT * FROM t",
    "SELECT a FROM t WHERE 0",
    "SET time_zone = '+01:00', sql_mode = 'ANSI'",
    "SELECT 1/0, REPEAT('x', 300)",
    "SHOW WARNINGS",
    "SELECT nonsense",
)


class Conversation:
    """Chunks of both directions of one connection, in the order they came."""

    def __init__(self) -> None:
        self.chunks: list[tuple[bool, bytes]] = []

    def packets(self) -> list[tuple[bool, bytes]]:
        """(from the client, packet with its header), in order; chunks of one direction are joined."""
        joined: list[tuple[bool, bytearray]] = []
        for from_client, data in self.chunks:
            if joined and joined[-1][0] == from_client:
                joined[-1][1].extend(data)
            else:
                joined.append((from_client, bytearray(data)))
        found = []
        for from_client, data in joined:
            at = 0
            while at + 4 <= len(data):
                end = at + 4 + int.from_bytes(data[at : at + 3], "little")
                found.append((from_client, bytes(data[at:end])))
                at = end
        return found


class _Relay:
    """Accepts connections, passes bytes on to the server's port, and keeps them."""

    def __init__(self, port: int) -> None:
        self.conversations: list[Conversation] = []
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            talk = Conversation()
            self.conversations.append(talk)
            for source, sink, from_client in ((client, server, True), (server, client, False)):
                arguments = (source, sink, talk, from_client)
                threading.Thread(target=self._pass, args=arguments, daemon=True).start()

    def _pass(
        self, source: socket.socket, sink: socket.socket, talk: Conversation, from_client: bool
    ) -> None:
        while data := source.recv(1 << 16):
            talk.chunks.append((from_client, data))
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.close()


@contextmanager
def _relayed() -> Iterator[tuple[_Relay, PrivateMariaDB]]:
    with TemporaryDirectory() as folder, PrivateMariaDB(Path(folder)) as server:
        server.execute("CREATE USER app@'%' IDENTIFIED BY 'secret'; GRANT ALL ON *.* TO app@'%'")
        server.execute("CREATE DATABASE shop")
        relay = _Relay(server.port)
        try:
            yield relay, server
        finally:
            relay.close()


def _pymysql(port: int) -> None:
    with pymysql.connect(
        host="127.0.0.1", port=port, user="app", password="secret", database="shop", ssl_disabled=True
    ) as connection:
        for sql in _SQL:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(sql)
                except pymysql.MySQLError:
                    continue
                cursor.fetchall()
        connection.ping()
        connection.select_db("shop")


def _command_line(port: int) -> None:
    options = ["--protocol=tcp", "--host=127.0.0.1", f"--port={port}", "--user=app", "--password=secret"]
    subprocess.run(
        ["mariadb", "--no-defaults", *options, "--skip-ssl", "--force", "--column-type-info", "shop"],
        input=";\n".join(_SQL) + ";\n",
        capture_output=True,
        text=True,
        check=False,
    )


def record() -> dict[str, Conversation]:
    """One conversation for each driver."""
    found = {}
    with _relayed() as (relay, _server):
        for name, drive in (("pymysql", _pymysql), ("mariadb", _command_line)):
            before = len(relay.conversations)
            drive(relay.port)
            found[name] = relay.conversations[before]
    return found
