"""A private MariaDB as the demo, the tests and the benchmark use it."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from proxy.demo.private_server import SOCKET_PATH_LIMIT, DatabaseError, PrivateMariaDB, find_server

pytestmark = pytest.mark.skipif(find_server() is None, reason="no MariaDB server on this machine")

STARTER = """
import sys
from pathlib import Path
from proxy.demo.private_server import PrivateMariaDB
server = PrivateMariaDB(Path(sys.argv[1]))
server.start()
print(server.port, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateMariaDB]:
    with PrivateMariaDB(tmp_path_factory.mktemp("server"), options=["--max-connections=17"]) as running:
        yield running


def test_rows_of_several_statements_come_back_unescaped(server: PrivateMariaDB) -> None:
    rows = server.execute("SELECT 1, 'a\\tb\\nc\\\\d'; SELECT NULL, 'é😀'; DO 1;")
    assert rows == [["1", "a\tb\nc\\d"], ["NULL", "é😀"]]


def test_a_refused_statement_is_an_error_and_ends_the_list(server: PrivateMariaDB) -> None:
    with pytest.raises(DatabaseError, match="ERROR 1146"):
        server.execute("SELECT * FROM mysql.nothing; CREATE DATABASE too_late")
    assert server.execute("SHOW DATABASES LIKE 'too_late'") == []


def test_options_of_the_caller_win(server: PrivateMariaDB) -> None:
    assert server.execute("SELECT @@max_connections, @@local_infile") == [["17", "1"]]


def test_only_root_on_the_socket_may_enter(server: PrivateMariaDB) -> None:
    users = server.execute("SELECT User, Host FROM mysql.user WHERE User <> 'mariadb.sys'")
    assert users == [["root", "localhost"]]
    with pytest.raises(pymysql.OperationalError, match=r"1045|1130"):
        pymysql.connect(host=server.host, port=server.port, user="root", password="")


def test_a_made_user_enters_over_loopback(server: PrivateMariaDB) -> None:
    server.execute("CREATE USER visitor@'%' IDENTIFIED BY 'pw'")
    with pymysql.connect(host=server.host, port=server.port, user="visitor", password="pw") as connection:
        connection.ping(reconnect=False)


def test_a_running_server_is_not_started_twice(server: PrivateMariaDB) -> None:
    with pytest.raises(DatabaseError, match="already"):
        server.start()


def test_data_outlive_a_stop_a_kill_and_a_new_object(tmp_path: Path) -> None:
    server = PrivateMariaDB(tmp_path)
    try:
        server.start()
        port = server.port
        server.execute("CREATE TABLE mysql.kept (a INT) ENGINE = InnoDB; INSERT INTO mysql.kept VALUES (7)")
        server.restart()
        assert server.port == port
        server.kill()
        assert not server.is_running
        server.start()
        assert server.execute("SELECT a FROM mysql.kept") == [["7"]]
    finally:
        server.stop()
    with PrivateMariaDB(tmp_path) as again:
        assert again.execute("SELECT a FROM mysql.kept") == [["7"]]


def test_a_first_start_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ibdata1").write_bytes(b"half")
    with PrivateMariaDB(tmp_path) as server:
        assert server.execute("SELECT 1") == [["1"]]


def test_a_wrong_option_is_reported_with_the_log(tmp_path: Path) -> None:
    server = PrivateMariaDB(tmp_path, options=["--no-such-option"])
    with pytest.raises(DatabaseError, match="unknown option '--no-such-option'"):
        server.start()
    assert not server.is_running
    server.stop()


def test_a_taken_port_is_an_error_when_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DatabaseError, match="Address already in use"):
            PrivateMariaDB(tmp_path, port=port).start()


def test_another_port_is_taken_when_none_was_asked_for(tmp_path: Path) -> None:
    server = PrivateMariaDB(tmp_path)
    with socket.create_server((LOOPBACK, server.port)) as other, server:
        assert server.port != other.getsockname()[1]
        assert server.execute("SELECT @@port") == [[str(server.port)]]


def test_a_long_path_gets_a_short_socket_that_is_removed(tmp_path: Path) -> None:
    with PrivateMariaDB(tmp_path / ("long" * 40)) as server:
        assert len(str(server.socket)) < SOCKET_PATH_LIMIT
        assert server.execute("SELECT 1") == [["1"]]
        server.restart()
        assert server.execute("SELECT 1") == [["1"]]
    assert not server.socket.parent.exists()


def test_the_server_dies_with_a_process_that_is_killed(tmp_path: Path) -> None:
    starter = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(starter, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection((LOOPBACK, port)) as connection:
            assert connection.recv(1)
            process.kill()
            # The connection ends when the server does, however long that takes.
            connection.settimeout(30)
            while connection.recv(4096):
                pass
