"""Capabilities that change packets: through the proxy each is as it is at the database itself."""

import hashlib
import socket
import struct
import subprocess
from collections.abc import Iterator
from typing import Any, Self

import pytest

from proxy.mysql.wire.capabilities import Capability
from proxy.mysql.wire.handshake import HandshakeV10
from proxy.mysql.wire.login import HandshakeResponse41
from proxy.mysql.wire.results import OkPacket
from proxy.mysql.wire.status import Status
from tests.mysql_server.installation import MySQLInstallation
from tests.peers import packets as p

from .clients import run
from .daemon import CLIENT_LIMIT, ProxyDaemon
from .databases import Target

BASE = (
    Capability.PROTOCOL_41
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.TRANSACTIONS
    | Capability.MULTI_RESULTS
    | Capability.PS_MULTI_RESULTS
    | Capability.MULTI_STATEMENTS
    | Capability.CONNECT_WITH_DB
)
MODERN = BASE | Capability.DEPRECATE_EOF
OK, EOF, ERR = 0x00, 0xFE, 0xFF
NO_INDEX_USED = 0x20
PROGRESS_LIMIT = 5
"""Seconds between two packets of a statement that reports its progress every second."""
PROGRESS = b"\xff\xff\xff"
QUERY, PREPARE, EXECUTE, CLOSE, BULK = b"\x03", b"\x16", b"\x17", b"\x19", b"\xfa"
LONGLONG, VARCHAR = 0x08, 0x0F


class Wire:
    """A connection with any capabilities, whose packets are read one by one."""

    def __init__(self, port: int, password: str, capabilities: Capability) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), CLIENT_LIMIT)
        self.stream = self.socket.makefile("rb")
        greeting = HandshakeV10.decode(self.read())
        #: Without what the server does not have.
        self.capabilities = capabilities & (greeting.capabilities | ~Capability(0))
        self.offered = greeting.capabilities
        assert not capabilities & ~greeting.capabilities, "the server does not have that"
        plugin, nonce = greeting.auth_plugin, greeting.nonce
        login = HandshakeResponse41(
            capabilities=capabilities,
            max_packet_size=1 << 24,
            collation=45,
            username=b"app",
            auth_response=_scramble(plugin, password, nonce),
            database=b"app",
            auth_plugin=plugin,
        )
        self.send(login.encode(), 1)
        answer = self.read()
        if answer[0] == EOF:
            plugin, _, nonce = answer[1:].partition(b"\0")
            self.send(_scramble(plugin, password, nonce.rstrip(b"\0")), 3)
            answer = self.read()
        if answer == b"\1\3":
            answer = self.read()
        assert answer[0] == OK, answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, payload: bytes, sequence: int = 0) -> None:
        self.socket.sendall(p.packet(payload, sequence))

    def read(self) -> bytes:
        self.sequence, payload = self.read_packet()
        return payload

    def read_packet(self) -> tuple[int, bytes]:
        header = self.stream.read(4)
        assert len(header) == 4, "the connection was closed"
        return header[3], self.stream.read(int.from_bytes(header[:3], "little"))

    def prepare(self, sql: str) -> list[tuple[int, bytes]]:
        """COM_STMT_PREPARE: all packets of the response; the statement's id is in the first one."""
        self.send(PREPARE + sql.encode())
        found = [self.read_packet()]
        first = found[0][1]
        assert first[0] == OK, first
        columns, parameters = struct.unpack("<HH", first[5:9])
        has_definitions = len(first) <= 12 or first[12]
        for count in (parameters, columns):
            if count:
                legacy = Capability.DEPRECATE_EOF not in self.capabilities
                found += [self.read_packet() for _ in range(count * bool(has_definitions) + legacy)]
        return found

    def ask(self, payload: bytes) -> list[tuple[int, bytes]]:
        """A command: all packets of its response."""
        self.send(payload)
        found: list[tuple[int, bytes]] = []
        while self._one_result(found):
            pass
        return found

    def _one_result(self, found: list[tuple[int, bytes]]) -> bool:
        """Read one result; whether another follows."""
        found.append(self.read_packet())
        while found[-1][1].startswith(PROGRESS):
            found.append(self.read_packet())
        head = found[-1][1]
        if head[0] == ERR:
            return False
        if head[0] == OK:
            return bool(_ok_status(head) & p.MORE)
        legacy = Capability.DEPRECATE_EOF not in self.capabilities
        columns = head[0] if len(head) == 1 or head[1] else 0
        found += [self.read_packet() for _ in range(columns + legacy)]
        while True:
            found.append(self.read_packet())
            last = found[-1][1]
            if last.startswith(PROGRESS):
                continue
            if last[0] == ERR:
                return False
            if last[0] == EOF and len(last) < 0xFFFFFF and not (legacy and len(last) > 5):
                return bool((struct.unpack("<H", last[3:5])[0] if legacy else _ok_status(last)) & p.MORE)


def _ok_status(payload: bytes) -> int:
    return int(OkPacket.decode(payload).status)


def _known(packets: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Without what the proxy cannot know when it makes an EOF packet: whether the query will use no index."""
    return [
        (sequence, payload[:3] + bytes((payload[3] & ~NO_INDEX_USED,)) + payload[4:])
        if payload[:1] == b"\xfe" and len(payload) == 5
        else (sequence, payload)
        for sequence, payload in packets
    ]


def _scramble(plugin: bytes | None, password: str, nonce: bytes) -> bytes:
    if plugin == b"caching_sha2_password":
        once = hashlib.sha256(password.encode()).digest()
        mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
        return bytes(left ^ right for left, right in zip(once, mask, strict=True))
    return p.native(password.encode(), nonce)


class Pair:
    """The same dialogue directly and through the proxy."""

    def __init__(self, target: Target, daemon: ProxyDaemon) -> None:
        self.target = target
        self.daemon = daemon

    def wires(self, capabilities: Capability) -> tuple[Wire, Wire]:
        password = self.daemon.users["app"]
        return Wire(self.target.port, password, capabilities), Wire(self.daemon.port, password, capabilities)

    def same(self, capabilities: Capability, *commands: bytes) -> list[tuple[int, bytes]]:
        """Run commands at both; all packets, which must be the same."""
        direct, proxied = self.wires(capabilities)
        with direct, proxied:
            everything = []
            for command in commands:
                expected = direct.ask(command)
                assert _known(proxied.ask(command)) == _known(expected), command
                everything += expected
            return everything


def _pair(target: Target, folder: Any) -> Iterator[Pair]:
    daemon = ProxyDaemon(folder, target.port, target.users)
    daemon.start()
    try:
        # From now on MySQL knows the password well enough for a scramble.
        daemon.connect(port=target.port).close()
        daemon.connect().close()
        yield Pair(target, daemon)
        daemon.stop()
    finally:
        daemon.kill()


@pytest.fixture(scope="module")
def mariadb_pair(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """MariaDB and a proxy before it."""
    yield from _pair(target, tmp_path_factory.mktemp("proxy"))


@pytest.fixture(scope="module")
def mysql_pair(mysql_target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """MySQL and a proxy before it."""
    yield from _pair(mysql_target, tmp_path_factory.mktemp("proxy"))


BOTH_EOF = pytest.mark.parametrize("eof", [MODERN, BASE], ids=["modern", "legacy"])


def execute(statement: bytes, *values: int | None, flags: int = 0) -> bytes:
    """COM_STMT_EXECUTE with numbers."""
    head = EXECUTE + statement + bytes((flags,)) + struct.pack("<I", 1)
    if not values:
        return head
    nulls = sum(1 << at for at, value in enumerate(values) if value is None)
    types = struct.pack("<H", LONGLONG) * len(values)
    body = b"".join(struct.pack("<q", value) for value in values if value is not None)
    return head + nulls.to_bytes((len(values) + 7) // 8, "little") + b"\1" + types + body


class TestMariaDB:
    CACHE = Capability.MARIADB_CACHE_METADATA

    def test_it_offers_what_the_database_has(self, mariadb_pair: Pair) -> None:
        direct, proxied = mariadb_pair.wires(MODERN)
        with direct, proxied:
            wanted = (
                Capability.MARIADB_PROGRESS
                | Capability.MARIADB_STMT_BULK_OPERATIONS
                | Capability.MARIADB_EXTENDED_METADATA
            )
            assert wanted & direct.offered == wanted
            assert wanted & proxied.offered == wanted

    def test_metadata_is_always_sent(self, mariadb_pair: Pair) -> None:
        """A statement that moves between connections makes it unsafe that a server leaves it out."""
        direct, proxied = mariadb_pair.wires(MODERN)
        with direct, proxied:
            assert self.CACHE & direct.offered
            assert not self.CACHE & proxied.offered
            [(_, first), *_] = proxied.prepare("SELECT name, ? AS n FROM place")
            for value in (1, 2, None, 3):
                (_, head), *_ = proxied.ask(execute(first[1:5], value))
                assert head in (b"\2", b"\2\1")

    @BOTH_EOF
    def test_extended_metadata(self, mariadb_pair: Pair, eof: Capability) -> None:
        with mariadb_pair.daemon.connect() as client:
            run(client, "CREATE OR REPLACE TABLE kinds (id UUID, doc JSON, net INET6)")
            run(client, "INSERT INTO kinds VALUES ('123e4567-e89b-12d3-a456-426655440000', '{}', '::1')")
        found = mariadb_pair.same(
            eof | Capability.MARIADB_EXTENDED_METADATA,
            QUERY + b"SELECT * FROM kinds",
            QUERY + b"SELECT ST_GEOMFROMTEXT('POINT(1 1)') AS place; SELECT 2",
        )
        assert any(b"uuid" in payload for _, payload in found)

    @BOTH_EOF
    @pytest.mark.parametrize("unit_results", [False, True])
    def test_bulk(self, mariadb_pair: Pair, eof: Capability, unit_results: bool) -> None:
        capabilities = eof | Capability.MARIADB_STMT_BULK_OPERATIONS
        if unit_results:
            capabilities |= Capability.MARIADB_BULK_UNIT_RESULTS
        password = mariadb_pair.daemon.users["app"]
        with Wire(mariadb_pair.target.port, password, MODERN) as probe:
            if capabilities & ~probe.offered:
                pytest.skip("this MariaDB does not have unit results")
        answers = []
        for wire in mariadb_pair.wires(capabilities):
            with wire:
                wire.ask(QUERY + b"CREATE OR REPLACE TABLE bulk (n BIGINT, t VARCHAR(20))")
                statement = wire.prepare("INSERT INTO bulk VALUES (?, ?)")[0][1][1:5]
                rows = b"".join(
                    b"\0" + struct.pack("<q", number) + (b"\1" if number % 3 == 0 else b"\0\2ab")
                    for number in range(500)
                )
                types = struct.pack("<HH", LONGLONG, VARCHAR)
                flags = 128 | (64 if unit_results else 0)
                answers.append(wire.ask(BULK + statement + struct.pack("<H", flags) + types + rows))
                answers.append(_known(wire.ask(QUERY + b"SELECT COUNT(*), SUM(n), COUNT(t) FROM bulk")))
                wire.send(CLOSE + statement)
        assert answers[:2] == answers[2:]
        assert any(b"\x03500" in payload for _, payload in answers[1])

    @BOTH_EOF
    @pytest.mark.parametrize(
        "sql",
        ["CHECK TABLE long_one EXTENDED", "ALTER TABLE long_one ADD COLUMN c INT, ALGORITHM=COPY"],
        ids=["result set", "no result set"],
    )
    def test_progress_reports(self, mariadb_pair: Pair, eof: Capability, sql: str) -> None:
        with mariadb_pair.daemon.connect() as client:
            run(
                client,
                "CREATE OR REPLACE TABLE long_one (n BIGINT PRIMARY KEY, t VARCHAR(200), KEY (t)) ENGINE=Aria"
                " SELECT seq AS n, REPEAT(MD5(seq), 6) AS t FROM seq_1_to_100000",
            )
        password = mariadb_pair.daemon.users["app"]
        with Wire(mariadb_pair.daemon.port, password, eof | Capability.MARIADB_PROGRESS) as wire:
            wire.ask(QUERY + b"SET progress_report_time = 1")
            wire.socket.settimeout(PROGRESS_LIMIT)
            found = wire.ask(QUERY + sql.encode())
            assert wire.ask(QUERY + b"SELECT 'after'")[-2][1] == b"\5after"
            if not any(payload.startswith(PROGRESS) for _, payload in found):
                pytest.skip("too fast for a report")
            assert [sequence for sequence, _ in found] == [at % 256 for at in range(1, len(found) + 1)]

    def test_the_out_parameters_of_a_procedure(self, mariadb_pair: Pair) -> None:
        without = ~Capability.PS_MULTI_RESULTS
        check_out_parameters(mariadb_pair, MODERN, BASE, MODERN & without, BASE & without)


def check_out_parameters(pair: Pair, *kinds: Capability) -> None:
    """A prepared CALL, twice."""
    body = "SELECT a; SET b = 2 * a; SET c = REPEAT('x', 300);"
    with pair.daemon.connect() as client:
        run(client, "DROP PROCEDURE IF EXISTS doubles")
        run(client, f"CREATE PROCEDURE doubles(a INT, OUT b INT, OUT c TEXT) BEGIN {body} END")
    for capabilities in kinds:
        answers = []
        for wire in pair.wires(capabilities):
            with wire:
                statement = wire.prepare("CALL doubles(?, ?, ?)")[0][1][1:5]
                answers.append([_known(wire.ask(execute(statement, 21, None, None))) for _ in range(2)])
                answers[-1].append(wire.ask(QUERY + b"SELECT 5"))
        assert answers[1] == answers[0], capabilities


class TestMySQL:
    METADATA = Capability.OPTIONAL_RESULTSET_METADATA

    @BOTH_EOF
    def test_no_metadata(self, mysql_pair: Pair, eof: Capability) -> None:
        found = mysql_pair.same(
            eof | self.METADATA,
            QUERY + b"SELECT 1, 'two'",
            QUERY + b"SET resultset_metadata = NONE",
            QUERY + b"SELECT 1, 'two'",
            QUERY + b"SELECT * FROM place",
            QUERY + b"SELECT 1; SELECT 2 FROM DUAL WHERE FALSE; SELECT 3",
            QUERY + b"CALL three_results()",
            QUERY + b"SET resultset_metadata = FULL",
            QUERY + b"SELECT 1, 'two'",
        )
        heads = [payload for sequence, payload in found if sequence == 1 and payload[0]]
        assert b"\2\0" in heads

    @BOTH_EOF
    def test_no_metadata_of_prepared_statements(self, mysql_pair: Pair, eof: Capability) -> None:
        answers = []
        for wire in mysql_pair.wires(eof | self.METADATA):
            with wire:
                wire.ask(QUERY + b"SET resultset_metadata = NONE")
                found = []
                for sql in ("SELECT ?, name FROM place", "SELECT 1", "DO ?", "DO 1"):
                    (sequence, first), *others = wire.prepare(sql)
                    statement = first[1:5]
                    found.append([(sequence, b"id" + first[5:]), *others])
                    found.append(_known(wire.ask(execute(statement, *([4] if "?" in sql else [])))))
                    wire.send(CLOSE + statement)
                answers.append(found)
        assert answers[1] == answers[0]

    @BOTH_EOF
    def test_query_attributes(self, mysql_pair: Pair, eof: Capability) -> None:
        mysql_pair.target.server.execute("INSTALL COMPONENT 'file://component_query_attributes'")
        try:
            attributes = b"\2\1\2\1" + b"\xfd\0\1n" + struct.pack("<H", LONGLONG) + b"\4kind" + b"\5value"
            read = b"SELECT mysql_query_attribute_string('n'), mysql_query_attribute_string('kind')"
            found = mysql_pair.same(
                eof | Capability.QUERY_ATTRIBUTES,
                QUERY + attributes + read,
                QUERY + b"\0\1" + read,
                QUERY + attributes + b"SET @pinned = 1",
                QUERY + b"\0\1SELECT @pinned",
                QUERY + attributes + b"SELECT 1; SELECT mysql_query_attribute_string('n')",
            )
            assert (any(b"\5value\xfb" in payload for _, payload in found)) is True
        finally:
            mysql_pair.target.server.execute("UNINSTALL COMPONENT 'file://component_query_attributes'")

    def test_query_attributes_and_the_own_id(self, mysql_pair: Pair) -> None:
        password = mysql_pair.daemon.users["app"]
        attributes = b"\1\1\0\1" + b"\xfd\0\1n" + b"\5value"
        with Wire(mysql_pair.daemon.port, password, MODERN | Capability.QUERY_ATTRIBUTES) as wire:
            found = wire.ask(QUERY + attributes + b"SELECT CONNECTION_ID()")
            number = int(found[2][1][1:])
            assert number >= 1 << 30
            assert wire.ask(QUERY + attributes + b"KILL QUERY %d" % number)[0][1][1:3] == b"\x25\x05"

    @BOTH_EOF
    def test_broken_query_attributes(self, mysql_pair: Pair, eof: Capability) -> None:
        password = mysql_pair.daemon.users["app"]
        with Wire(mysql_pair.daemon.port, password, eof | Capability.QUERY_ATTRIBUTES) as wire:
            for broken in (b"", b"\1", b"\1\2", b"\1\1\0\0", b"\xfc\xff\xff\1", b"\1\1\0\1\x08\0\1n1234"):
                [(sequence, payload)] = wire.ask(QUERY + broken)
                assert (sequence, payload[:3]) == (1, b"\xff\x2b\x07")
            assert wire.ask(QUERY + b"\0\1SELECT 'after'")[-2][1] == b"\5after"

    def test_the_command_line_client(self, mysql_installation: MySQLInstallation, mysql_pair: Pair) -> None:
        mysql_pair.target.server.execute("INSTALL COMPONENT 'file://component_query_attributes'")
        try:
            done = subprocess.run(
                [
                    *mysql_installation.client,
                    *("--host=127.0.0.1", f"--port={mysql_pair.daemon.port}", "--user=app", "--batch"),
                    *("--skip-column-names", "--named-commands", "--commands", "--ssl-mode=DISABLED"),
                    f"--password={mysql_pair.daemon.users['app']}",
                ],
                input="query_attributes n v\nSELECT mysql_query_attribute_string('n'), CONNECTION_ID() > 9;",
                capture_output=True,
                text=True,
                timeout=CLIENT_LIMIT,
                check=False,
            )
            assert done.stdout.split() == ["v", "1"], done.stderr
        finally:
            mysql_pair.target.server.execute("UNINSTALL COMPONENT 'file://component_query_attributes'")

    def test_the_out_parameters_of_a_procedure(self, mysql_pair: Pair) -> None:
        check_out_parameters(mysql_pair, MODERN)
        # With EOF packets MySQL 9 does not say behind the row that an OK packet follows, but sends it.
        with Wire(mysql_pair.daemon.port, mysql_pair.daemon.users["app"], BASE) as wire:
            statement = wire.prepare("CALL doubles(?, ?, ?)")[0][1][1:5]
            for _ in range(2):
                ends = [
                    struct.unpack("<H", payload[3:5])[0]
                    for _, payload in wire.ask(execute(statement, 21, None, None))
                    if payload[0] == EOF and len(payload) == 5
                ]
                marks = [(status & p.MORE, status & int(Status.PS_OUT_PARAMS)) for status in ends]
                assert [bool(more) for more, _ in marks] == [True] * 4
                assert [bool(out) for _, out in marks] == [False, False, True, True]
