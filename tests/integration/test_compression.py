"""Compression towards clients, towards the database, both and none, with real clients and servers."""

import hashlib
import itertools
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT, COMMAND

from proxy.mysql.wire.compression import Algorithm, Compressor, Decompressor
from tests.integration.certificates import KeyFiles
from tests.integration.clients import fetch, mariadb, one, run
from tests.integration.conftest import StartProxy
from tests.integration.daemon import ProxyDaemon
from tests.integration.databases import MAX_ALLOWED_PACKET, Target
from tests.integration.polling import eventually
from tests.mysql_server.installation import MySQLInstallation

CLIENT_LIMIT = 120
LONG = 20_000_000
"""Bytes of a value that needs two packets, and hundreds of compressed ones."""
WORDS = b"".join(b"%d," % number for number in range(500_000))
WORDS += b"".join(b"%d:%b," % (number, b"x" * 500) for number in range(LONG // 500))[: LONG - len(WORDS)]
"""A part that shrinks a little, and a longer one that shrinks a lot, which costs less time."""
DIGEST = hashlib.sha256(WORDS).hexdigest()
PIECE = 65_536
FILE_LINES = 60_000
HUNDRED = zlib.compress(b"x" * 100)

servers = pytest.mark.parametrize("server", ["target", "mysql_target"])
SHA2 = {"default_client_password_auth_type": "MYSQL_CACHING_SHA2_PASSWORD"}
"""MySQL 9's own client has no other plugin that users have here."""

towards_target = pytest.mark.parametrize("compression", ["off", "zlib", "zstd"])


def proxy_to(start_proxy: StartProxy, target: Target, compression: str, **proxy: Any) -> ProxyDaemon:
    """A proxy before a target with this option."""
    proxy = {"max_statement_size": MAX_ALLOWED_PACKET, **proxy}
    return start_proxy(target, proxy=proxy, target={"compression": compression})


def oracle(
    installation: MySQLInstallation, daemon: ProxyDaemon, sql: str, *options: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run statements with Oracle's client."""
    command = [*installation.client, "--host=127.0.0.1", f"--port={daemon.port}", "--user=app", "--batch"]
    command += [f"--password={daemon.users['app']}", "--skip-column-names", "--get-server-public-key"]
    command += [f"--max-allowed-packet={MAX_ALLOWED_PACKET}", "--local-infile=1", "--database=app", *options]
    done = subprocess.run(
        command, input=sql, capture_output=True, text=True, timeout=CLIENT_LIMIT, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file to load."""
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"{number}\tline {number}\n" for number in range(FILE_LINES)))
    return path


def script(lines: Path) -> str:
    """Statements for a command-line client; ``ANSWER`` is what it must print."""
    return (
        "CREATE TEMPORARY TABLE loaded (id INT, note VARCHAR(100));\n"
        "CREATE TEMPORARY TABLE sent (v LONGBLOB);\n"
        f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE loaded;\n"
        "SELECT COUNT(*), SUM(id), MAX(note) FROM loaded;\n"
        f"INSERT INTO sent VALUES ('{WORDS.decode()}');\n"
        "SELECT LENGTH(v), SHA2(v, 256) FROM sent; SELECT v FROM sent;\n"
        "CALL three_results();\n"
        "SELECT 'the end';\n"
    )


ANSWER = (
    f"{FILE_LINES}\t{FILE_LINES * (FILE_LINES - 1) // 2}\tline 9999\n"
    f"{LONG}\t{DIGEST}\n{WORDS.decode()}\n1\n2\ttwo\nthe end\n"
)


@servers
@towards_target
@pytest.mark.parametrize("algorithms", ["zlib", "zstd", "zstd,zlib", "uncompressed"])
def test_oracles_client(
    request: pytest.FixtureRequest,
    start_proxy: StartProxy,
    mysql_installation: MySQLInstallation,
    lines: Path,
    server: str,
    compression: str,
    algorithms: str,
) -> None:
    daemon = proxy_to(start_proxy, request.getfixturevalue(server), compression, **SHA2)
    done = oracle(mysql_installation, daemon, script(lines), f"--compression-algorithms={algorithms}")
    assert done.stdout == ANSWER


@servers
@towards_target
@pytest.mark.parametrize("options", [(), ("--compress",)])
def test_mariadbs_client(
    request: pytest.FixtureRequest,
    start_proxy: StartProxy,
    lines: Path,
    server: str,
    compression: str,
    options: tuple[str, ...],
) -> None:
    daemon = proxy_to(start_proxy, request.getfixturevalue(server), compression)
    more = (
        "--skip-column-names",
        "--local-infile=1",
        f"--max-allowed-packet={MAX_ALLOWED_PACKET}",
        "--database=app",
    )
    done = mariadb(daemon.port, "app", daemon.users["app"], script(lines), *more, *options)
    assert done.stdout == ANSWER


@servers
@towards_target
def test_a_client_that_counts_packets(
    request: pytest.FixtureRequest, start_proxy: StartProxy, lines: Path, server: str, compression: str
) -> None:
    """PyMySQL does not compress and insists on the ids of the packets it gets."""
    daemon = proxy_to(start_proxy, request.getfixturevalue(server), compression)
    client = daemon.connect(
        local_infile=True, client_flag=CLIENT.MULTI_STATEMENTS, max_allowed_packet=MAX_ALLOWED_PACKET
    )
    with client, client.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE loaded (id INT, note VARCHAR(100))")
        load = f"LOAD DATA LOCAL INFILE '{lines}' INTO TABLE loaded"
        cursor.execute(f"SELECT 1; SELECT 2, 3; {load}; SELECT COUNT(*) FROM loaded; SELECT 4")
        results = [cursor.fetchall()]
        while cursor.nextset():
            results.append(cursor.fetchall())
        assert [tuple(each) for each in results] == [((1,),), ((2, 3),), (), ((FILE_LINES,),), ((4,),)]
        assert cursor.execute(load) == FILE_LINES
        run(client, f"DELETE FROM loaded LIMIT {FILE_LINES}")
        assert one(client, "SELECT SHA2(%s, 256)", (WORDS,)) == DIGEST
        for size in (256 * 65536 - 4, 256 * 65536, 16_777_214 + 65536):
            filler = "x" * (size - len("SELECT LENGTH('')") - 1)
            assert one(client, f"SELECT LENGTH('{filler}')") == len(filler)
        assert one(client, f"SELECT REPEAT('x', {LONG})") == "x" * LONG
        assert len(fetch(client, "SELECT note FROM loaded")) == FILE_LINES
        run(client, "REPLACE INTO item (note) VALUES ('compressed twice')")
        with pytest.raises(pymysql.IntegrityError):
            run(client, "INSERT INTO item (note) VALUES ('compressed twice')")
        status = dict(fetch(client, "SHOW SESSION STATUS LIKE 'Compression'"))
        assert status == {
            "Compression": "OFF" if compression == "off" or no_zstd(server, compression) else "ON"
        }


def no_zstd(server: str, compression: str) -> bool:
    """Whether the server does not have what the option asks for."""
    return server == "target" and compression == "zstd"


def test_a_target_without_the_algorithm_is_used_uncompressed_and_named_once(
    start_proxy: StartProxy, target: Target
) -> None:
    daemon = proxy_to(start_proxy, target, "zstd")
    for _ in range(3):
        with daemon.connect() as client:
            assert dict(fetch(client, "SHOW SESSION STATUS LIKE 'Compression'")) == {"Compression": "OFF"}
    assert daemon.log_text().count("does not offer zstd compression") == 1


@pytest.mark.parametrize("compression", ["off", "zlib"])
def test_with_tls_on_both_sides(
    start_proxy: StartProxy,
    mysql_installation: MySQLInstallation,
    target: Target,
    proxy_key: KeyFiles,
    lines: Path,
    compression: str,
) -> None:
    daemon = start_proxy(
        target,
        proxy={
            "tls_certificate": str(proxy_key.certificate),
            "tls_private_key": str(proxy_key.private_key),
            "require_tls": True,
            **SHA2,
            "max_statement_size": MAX_ALLOWED_PACKET,
        },
        target={"compression": compression, "tls": "required"},
    )
    for algorithms in ("zlib", "zstd"):
        options = ("--ssl-mode=REQUIRED", f"--compression-algorithms={algorithms}")
        assert oracle(mysql_installation, daemon, script(lines), *options).stdout == ANSWER


@pytest.mark.parametrize(
    ("allowed", "wanted", "error"),
    [
        (["zlib"], "uncompressed", "ERROR 3922"),
        (["zlib"], "zstd", "ERROR 2066"),
        (["zstd"], "zlib,zstd", ""),
        (["zlib", "zstd"], "zstd,uncompressed", ""),
        (["uncompressed"], "zlib", "ERROR 2066"),
        (["uncompressed"], "zlib,uncompressed", ""),
    ],
)
def test_what_is_allowed(
    start_proxy: StartProxy,
    mysql_installation: MySQLInstallation,
    target: Target,
    allowed: list[str],
    wanted: str,
    error: str,
) -> None:
    daemon = start_proxy(target, proxy={"compression_algorithms": allowed, **SHA2})
    done = oracle(mysql_installation, daemon, "SELECT 1", f"--compression-algorithms={wanted}", check=False)
    assert (error in done.stderr) if error else (done.stdout == "1\n"), done.stderr


def test_every_level_of_zstd(
    start_proxy: StartProxy, mysql_installation: MySQLInstallation, target: Target
) -> None:
    daemon = start_proxy(target, proxy=SHA2)
    for level in (1, 3, 22):
        options = ("--compression-algorithms=zstd", f"--zstd-compression-level={level}")
        done = oracle(mysql_installation, daemon, "SELECT REPEAT('x', 100000)", *options)
        assert done.stdout == "x" * 100_000 + "\n"


class _LogIn(pymysql.connections.Connection):  # type: ignore[type-arg]
    """Sends nothing behind the log-in."""

    def set_character_set(self, *_: Any) -> None:
        pass

    def autocommit(self, *_: Any) -> None:
        pass


class HandMade:
    """A client whose compressed packets are made by hand, with zlib."""

    def __init__(self, daemon: ProxyDaemon) -> None:
        self.connection: Any = _LogIn(
            host="127.0.0.1",
            port=daemon.port,
            user="app",
            password=daemon.users["app"],
            database="app",
            client_flag=CLIENT.COMPRESS,
            ssl_disabled=True,
            read_timeout=CLIENT_LIMIT,
        )
        self.socket = self.connection._sock
        self.ids: list[int] = []
        self._decompressor = Decompressor(Algorithm.ZLIB, self.ids.append)
        self._plain = b""

    def send(self, *statements: str) -> None:
        """Each in compressed packets of its own, of up to PIECE bytes, all at once."""
        stream = b""
        for statement in statements:
            content = bytes((COMMAND.COM_QUERY,)) + statement.encode()
            numbers = itertools.count()
            packet = len(content).to_bytes(3, "little") + b"\0" + content
            for at in range(0, len(packet), PIECE):
                stream += Compressor(Algorithm.ZLIB).packet(packet[at : at + PIECE], next(numbers))
        self.socket.sendall(stream)

    def packets(self, number: int) -> list[bytes]:
        """So many inner packets, or those before the end of the connection."""
        found: list[bytes] = []
        while len(found) < number:
            size = int.from_bytes(self._plain[:3], "little")
            if len(self._plain) >= 4 and len(self._plain) >= 4 + size:
                found.append(self._plain[: 4 + size])
                self._plain = self._plain[4 + size :]
                continue
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                break
            self._decompressor.feed(data)
            while piece := self._decompressor.read():
                self._plain += piece
        return found


def test_pipelined_commands(start_proxy: StartProxy, target: Target) -> None:
    client = HandMade(start_proxy(target))
    client.send("SELECT SLEEP(0.2)", f"SELECT 2 /*{'x' * 100_000}*/", "SELECT 3")
    packets = client.packets(15)
    assert [packet[3] for packet in packets] == [1, 2, 3, 4, 5] * 3
    # The second command came in two compressed packets.
    starts = [number for at, number in enumerate(client.ids) if not at or number <= client.ids[at - 1]]
    assert (client.ids[0], sorted(starts)[0], 2 in client.ids) == (1, 1, True)


def test_a_bomb_harms_nobody(start_proxy: StartProxy, target: Target) -> None:
    daemon = start_proxy(target, proxy={"max_statement_size": MAX_ALLOWED_PACKET})
    client = HandMade(daemon)
    before = daemon.resident_bytes()
    size = 15 << 20
    content = zlib.compress((size - 4).to_bytes(3, "little") + b"\0\x03" + bytes(size - 5), 9)
    bomb = len(content).to_bytes(3, "little") + b"\0" + size.to_bytes(3, "little") + content
    for _ in range(20):
        client.socket.sendall(bomb)
    with daemon.connect() as other:
        assert one(other, "SELECT 1") == 1
    assert client.packets(1)[0][4] == 0xFF
    assert daemon.resident_bytes() - before < 64 << 20


@pytest.mark.parametrize(
    "stream",
    [
        b"\x07\0\0\0\x10\0\0garbage",
        b"\x07\0\0\x05\0\0\0garbage",
        b"\x01\0\0\0\x05\0\0" + b"x",
        bytes((len(HUNDRED), 0, 0, 0, 99, 0, 0)) + HUNDRED,
    ],
)
def test_garbage_is_answered_with_an_error_and_the_end(
    start_proxy: StartProxy, target: Target, stream: bytes
) -> None:
    daemon = start_proxy(target)
    client = HandMade(daemon)
    client.socket.sendall(stream)
    (error,) = client.packets(2)
    assert error[4] == 0xFF
    # The error answers the packet, where that has a place in the order.
    assert client.ids == [0 if stream[3] else 1]
    eventually(lambda: "broke the protocol" in daemon.log_text(), "the log line")
