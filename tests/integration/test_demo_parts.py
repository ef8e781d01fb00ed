"""The demo's whole life, with a plain forwarder in the proxy's place, and its crowd of clients."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from proxy.demo.child import free_port
from proxy.demo.crowd import main as crowd
from proxy.demo.crowd import run_crowd
from proxy.demo.private_server import PrivateMariaDB, find_server

pytestmark = pytest.mark.skipif(find_server() is None, reason="no MariaDB server on this machine")

DEMO_LIMIT = 120.0
"""Seconds one demo of these tests may take."""

# Forwards connections from the configuration's port to its target, one thread each way.
FORWARDER = """
import contextlib, os, socket, sys, threading, tomllib
config = tomllib.load(open(sys.argv[1], "rb"))
target = config["target_group"]["targets"][0]
print("forwarder at work", flush=True)
if os.environ.get("FORWARDER_FAILS"):
    sys.exit("forwarder gives up")
def copy(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    if os.environ.get("FORWARDER_DIES"):
        os._exit(3)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
server = socket.create_server(("127.0.0.1", config["proxy"]["port"]))
while True:
    client, _ = server.accept()
    database = socket.create_connection((target["host"], target["port"]))
    for pair in ((client, database), (database, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"""

DEMO = """
import sys
from proxy.demo import command
command.proxy_command = lambda config: [sys.executable, sys.argv[1], str(config)]
sys.exit(command.demo([]))
"""


class Demo:
    """A demo in a child process that has a folder for temporary files to itself."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.temporary = folder / "t"
        self.temporary.mkdir()
        (folder / "forwarder.py").write_text(FORWARDER)
        settings = {"TMPDIR": str(self.temporary), "PORT": str(self.port), **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-c", DEMO, str(folder / "forwarder.py")],
            env={**{k: v for k, v in os.environ.items() if k != "DATABASE_URL"}, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        # A demo that hangs must not hang the tests with it: its end is the end of its output.
        self.watchdog = threading.Timer(DEMO_LIMIT, self.process.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def read_until(self, words: str) -> str:
        """Read the output up to the line with these words, or to its end."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if words in line:
                break
        return self.output

    def password(self, username: str) -> str:
        """The password that was printed for a user."""
        found = re.search(rf"--user={username} --password=(\w+)", self.output)
        assert found is not None, self.output
        return found[1]

    def status(self) -> int:
        """Wait for the end; return the exit status."""
        self.read_until("no such words")
        self.watchdog.cancel()
        return self.process.wait(DEMO_LIMIT)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path)
    yield running
    running.watchdog.cancel()
    running.process.kill()
    running.process.wait()


def connect(demo: Demo, username: str) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(
        host="127.0.0.1",
        port=demo.port,
        user=username,
        password=demo.password(username),
        database="shop",
        autocommit=True,
    )


def test_the_sample_can_be_used_and_ctrl_c_leaves_nothing(demo: Demo) -> None:
    demo.read_until("Ctrl-C")
    with connect(demo, "app") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT COUNT(*) FROM customers), (SELECT COUNT(*) FROM orders), @@max_connections"
        )
        assert cursor.fetchone() == (200, 800, 50)
        cursor.execute("INSERT INTO customers (name, email, city) VALUES ('A', 'a@example.com', 'B')")
        assert cursor.lastrowid == 201
    with connect(demo, "report") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM customers WHERE id = 201")
        assert cursor.fetchone() == ("A",)
        with pytest.raises(pymysql.OperationalError, match="denied"):
            cursor.execute("DELETE FROM orders")
    demo.process.send_signal(signal.SIGINT)
    assert demo.status() == 0
    assert list(demo.temporary.iterdir()) == []


def test_a_termination_during_the_start_leaves_nothing(demo: Demo) -> None:
    demo.read_until("Starting a private MariaDB")
    demo.process.terminate()
    demo.process.send_signal(signal.SIGINT)
    assert demo.status() == 0
    assert list(demo.temporary.iterdir()) == []


def test_a_proxy_that_dies_ends_the_demo_with_its_log(tmp_path: Path) -> None:
    # The forwarder dies when its first connection closes, which is the demo's own probe.
    demo = Demo(tmp_path, FORWARDER_DIES="1")
    assert demo.status() == 1
    assert "forwarder at work" in demo.output
    assert "by itself with status 3" in demo.output
    assert list(demo.temporary.iterdir()) == []


def test_a_proxy_that_does_not_start_ends_the_demo_with_its_log(tmp_path: Path) -> None:
    demo = Demo(tmp_path, FORWARDER_FAILS="1")
    assert demo.status() == 1
    assert "forwarder gives up" in demo.output
    assert list(demo.temporary.iterdir()) == []


def test_an_existing_database_is_used(tmp_path: Path, database: PrivateMariaDB) -> None:
    database.execute(
        "CREATE DATABASE IF NOT EXISTS existing; CREATE USER IF NOT EXISTS 'e u'@'%' IDENTIFIED BY 'p@/w';"
        "GRANT ALL ON existing.* TO 'e u'@'%'"
    )
    url = f"mysql://e%20u:p%40%2Fw@{database.host}:{database.port}/existing"
    demo = Demo(tmp_path, DATABASE_URL=url)
    demo.read_until("Ctrl-C")
    with pymysql.connect(
        host="127.0.0.1", port=demo.port, user="e u", password="p@/w", database="existing"
    ) as connection:
        connection.ping(reconnect=False)
    demo.process.terminate()
    assert demo.status() == 0
    assert "MariaDB with sample data" not in demo.output


@pytest.fixture
def crowded(database: PrivateMariaDB) -> Iterator[list[str]]:
    """The crowd's arguments for a schema of its own, straight to the database."""
    database.execute(
        "CREATE DATABASE crowd; CREATE USER crowd@'%' IDENTIFIED BY 'pw'; GRANT ALL ON crowd.* TO crowd@'%'"
    )
    yield [f"--port={database.port}", "--user=crowd", "--password=pw", "--database=crowd"]
    database.execute("DROP DATABASE crowd; DROP USER crowd@'%'")


def test_the_crowd_reports_what_it_did(
    crowded: list[str], database: PrivateMariaDB, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crowd([*crowded, "--clients=12"]) == 0
    printed = capsys.readouterr().out
    assert "12 clients, 120 statements, " in printed
    assert "read back its own" in printed
    assert database.execute("SHOW TABLES FROM crowd") == []


def test_the_crowd_reports_clients_that_were_refused(
    crowded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert crowd([*crowded, "--clients=60"]) == 1
    assert "Too many connections" in capsys.readouterr().err


def test_the_crowd_notices_another_clients_settings(crowded: list[str], database: PrivateMariaDB) -> None:
    class Mixed(pymysql.cursors.Cursor):
        def execute(self, query: str, args: object = None) -> int:
            text = query.replace("@@session.group_concat_max_len", "1024")
            return super().execute(text, args)

    result = run_crowd(
        lambda: pymysql.connect(
            port=database.port,
            host=database.host,
            user="crowd",
            password="pw",
            database="crowd",
            autocommit=True,
            cursorclass=Mixed,
        ),
        2,
    )
    assert any("not (200" in problem for problem in result.problems)
