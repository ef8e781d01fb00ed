"""A server in memory that knows binary prepared statements, and a client that speaks of them.

Strict where real servers are: types must have been sent, cursors and long data belong to one statement of one
connection, ids mean nothing elsewhere. The text decides what a statement does: each `?` is a parameter, and a
SELECT has one column.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import attrs

from proxy.mysql.session.pins import PinReason
from proxy.mysql.wire.capabilities import Capability

from . import packets as p
from .client import ClientPeer
from .server import Database, ServerPeer, Session
from .world import FACTS, World, proxied

__all__ = [
    "Statement",
    "StatementClient",
    "StatementServer",
    "cut",
    "errno",
    "forget",
    "pins",
    "seen",
    "server_of",
    "statement_world",
]

NUMBER, STRING = 8, 253
QUERY_ATTRIBUTES = 1 << 27
PREPARE, EXECUTE, LONG_DATA, CLOSE, RESET, FETCH = 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C
CURSOR_ROWS = (b"one", b"two", b"three")

Value = bytes | int | None


@attrs.define
class Statement:
    """One that a connection has prepared."""

    text: str
    schema: str
    sql_mode: str
    types: tuple[int, ...] | None = None
    long_data: dict[int, bytes] = attrs.field(factory=dict)
    #: Rows of an open cursor that were not fetched yet.
    cursor: list[bytes] | None = None
    had_cursor: bool = False

    @property
    def parameters(self) -> int:
        return self.text.count("?")

    @property
    def columns(self) -> int:
        return int(self.text.startswith("SELECT"))


class StatementServer(ServerPeer):
    """A ServerPeer whose sessions prepare statements."""

    #: Errors to answer with, by command; each once.
    script: "list[tuple[int, int]]" = []
    #: Texts that cannot be prepared any more.
    dropped: "set[str]" = set()
    #: All statements of all servers may be so many.
    room = 16_000
    #: What every server was asked: thread, command, text.
    seen: "list[tuple[int, int, str]]" = []
    #: Commands that are not answered.
    silent_to: "set[int]" = set()
    everyone: "list[StatementServer]" = []

    def __init__(self, database: Database, password: bytes = b"secret") -> None:
        super().__init__(database, password)
        self.statements: dict[int, Statement] = {}
        #: Ids differ from connection to connection.
        self._next = 100 * (1 + len(self.everyone))
        self._parts, self._packets = b"", 0
        self.attributes = False
        self.everyone.append(self)

    def greet(self) -> None:
        """Send the first packet, with the offer of query attributes."""
        offer = p.SERVER_CAPABILITIES | QUERY_ATTRIBUTES
        self.line.send(p.packet(p.greeting(offer, thread=self.database.next_thread), 0))

    def _log_in(self, payload: bytes, sequence: int) -> None:
        self.attributes = bool(int.from_bytes(payload[:4], "little") & QUERY_ATTRIBUTES)
        super()._log_in(payload, sequence)

    def forget(self) -> None:
        """All statements are gone, as after a restart that kept the connections."""
        self.statements.clear()

    def _command(self, payload: bytes) -> None:
        assert self.session is not None
        self._parts += payload
        self._packets += 1
        if len(payload) == p.LIMIT:
            return
        payload, self._parts = self._parts, b""
        first, self._packets = self._packets, 0
        code = payload[0]
        if code in self.silent_to:
            self.seen.append((self.session.thread, code, ""))
            return
        if code not in (PREPARE, EXECUTE, LONG_DATA, CLOSE, RESET, FETCH):
            if code == 0x1F:
                self.forget()
            if code == 0x03 and self.attributes:
                assert payload[1:3] == b"\0\1", "attributes of a query"
                payload = payload[:1] + payload[3:]
            super()._command(payload)
            return
        for at, (wanted, errno) in enumerate(self.script):
            if wanted == code:
                del self.script[at]
                self.seen.append((self.session.thread, code, "failed"))
                self.line.send(p.packets([p.err(errno, b"scripted")]))
                return
        self.line.send(p.packets(self._answer(code, payload, self.session), first))

    def _answer(self, code: int, payload: bytes, session: Session) -> list[bytes]:
        if code == PREPARE:
            return self._prepare(payload[1:].decode(), session)
        number = int.from_bytes(payload[1:5], "little")
        statement = self.statements.get(number)
        self.seen.append((session.thread, code, statement.text if statement else "unknown"))
        if code == CLOSE:
            self.statements.pop(number, None)
            return []
        if code == LONG_DATA:
            if statement is not None:
                at = int.from_bytes(payload[5:7], "little")
                statement.long_data[at] = statement.long_data.get(at, b"") + payload[7:]
            return []
        if statement is None:
            return [p.err(1243, b"Unknown prepared statement handler (%d)" % number)]
        if code == RESET:
            statement.cursor = None
            statement.long_data.clear()
            return [session.ok()]
        if code == FETCH:
            return self._fetch(statement, int.from_bytes(payload[5:9], "little"), session)
        return self._execute(statement, payload, session)

    def _prepare(self, text: str, session: Session) -> list[bytes]:
        self.seen.append((session.thread, PREPARE, text[:100]))
        if text in self.dropped:
            return [p.err(1146, b"Table doesn't exist", b"42S02")]
        if sum(len(server.statements) for server in self.everyone) >= self.room:
            return [p.err(1461, b"Can't create more")]
        self._next += 1
        made = Statement(text, session.schema, session.variables["sql_mode"])
        self.statements[self._next] = made
        definitions = [p.column(b"?")] * made.parameters + [p.column(b"c")] * made.columns
        return [p.prepared(self._next, made.columns, made.parameters), *definitions]

    def _execute(self, statement: Statement, payload: bytes, session: Session) -> list[bytes]:
        statement.cursor = None
        values = _values(statement, payload, attributes=self.attributes)
        statement.long_data.clear()
        if values is None:
            return [p.err(1210, b"Incorrect arguments to mysqld_stmt_execute")]
        shown = ",".join(
            "NULL" if value is None else str(value) if isinstance(value, int) else value.decode()
            for value in values
        )
        self.database.log.append((session.thread, f"EXECUTE {statement.text[:100]} ({shown[:100]})"))
        if not statement.columns:
            session.write(shown)
            return [session.ok(affected=1)]
        head = [p.number(1), p.column(b"c")]
        assert payload[5] & 1 or not statement.had_cursor, "MySQL 9 would break the protocol"
        if payload[5] & 1:
            statement.had_cursor = True
            statement.cursor = [b"\0\0" + p.text(row) for row in CURSOR_ROWS]
            return [*head, p.ok(status=session.status | p.CURSOR, header=0xFE)]
        if statement.text == "SELECT MODE":
            shown = f"{statement.schema}/{statement.sql_mode}"
        return [*head, b"\0\0" + p.text(shown.encode()), session.ok(header=0xFE)]

    def _fetch(self, statement: Statement, count: int, session: Session) -> list[bytes]:
        if statement.cursor is None:
            return [p.err(1421, b"no open cursor")]
        rows, statement.cursor = statement.cursor[:count], statement.cursor[count:]
        flags = p.CURSOR
        if not statement.cursor:
            statement.cursor, flags = None, p.LAST_ROW
        return [*rows, p.ok(status=session.status | flags, header=0xFE)]


def _values(statement: Statement, payload: bytes, *, attributes: bool) -> list[Value] | None:
    """The values of an execution; None where their types are not known."""
    count, at = statement.parameters, 10
    if not count:
        return []
    if attributes:
        count, at = payload[at], at + 1
    nulls, at = payload[at : at + (count + 7) // 8], at + (count + 7) // 8
    has_types, at = payload[at], at + 1
    if has_types:
        types = []
        for _ in range(count):
            types.append(int.from_bytes(payload[at : at + 2], "little") & 0x7FFF)
            at += 3 + payload[at + 2] if attributes else 2
        statement.types = tuple(types[: statement.parameters])
    every = all(nulls[n >> 3] >> (n & 7) & 1 for n in range(statement.parameters))
    if statement.types is None:
        return [None] * statement.parameters if every else None
    values: list[Value] = []
    for n, kind in enumerate(statement.types):
        if n in statement.long_data:
            values.append(statement.long_data[n])
        elif nulls[n >> 3] >> (n & 7) & 1:
            values.append(None)
        elif kind == NUMBER:
            values.append(int.from_bytes(payload[at : at + 8], "little"))
            at += 8
        else:
            size, width = _length(payload, at)
            values.append(payload[at + width : at + width + size])
            at += width + size
    return values


def _length(payload: bytes, at: int) -> tuple[int, int]:
    width = {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(payload[at])
    if width is None:
        return payload[at], 1
    return int.from_bytes(payload[at + 1 : at + width], "little"), width


class StatementClient:
    """A client of a World; its methods give the payloads of a response, of a result its last row's value."""

    def __init__(self, world: World, *, attributes: bool = False, database: bytes = b"") -> None:
        capabilities = p.CLIENT_CAPABILITIES | p.DEPRECATE_EOF | (QUERY_ATTRIBUTES if attributes else 0)
        self.world = world
        self.attributes = attributes
        self.peer = world.client(ClientPeer(capabilities, database=database))

    def command(self, payload: bytes) -> list[bytes]:
        """Send a command; the payloads of what comes."""
        self.peer.send(p.packet(payload))
        self.world.settle()
        return [each for _, each in p.split(self.peer.take())]

    def query(self, sql: str) -> list[bytes]:
        """COM_QUERY."""
        return self.command(b"\x03" + (b"\0\x01" if self.attributes else b"") + sql.encode())

    def value(self, sql: str) -> bytes:
        """The one value of a text row."""
        return self.query(sql)[2][1:]

    def prepare(self, text: str) -> int:
        """The statement's id."""
        first, *_ = self.command(bytes((PREPARE,)) + text.encode())
        assert first[:1] == b"\0", first
        return int.from_bytes(first[1:5], "little")

    def packet_of(
        self, number: int, values: Sequence[Value] = (), *, types: bool = True, cursor: bool = False
    ) -> bytes:
        """COM_STMT_EXECUTE."""
        packet = struct.pack("<BIBI", EXECUTE, number, cursor, 1)
        if not values:
            return packet
        nulls = bytearray((len(values) + 7) // 8)
        kinds = body = b""
        for at, value in enumerate(values):
            kinds += struct.pack("<H", NUMBER if isinstance(value, int) else STRING)
            kinds += b"\0" if self.attributes else b""
            if value is None:
                nulls[at >> 3] |= 1 << (at & 7)
            else:
                body += struct.pack("<q", value) if isinstance(value, int) else p.text(value)
        count = bytes((len(values),)) if self.attributes else b""
        return packet + count + bytes(nulls) + (b"\x01" + kinds if types else b"\0") + body

    def execute(self, number: int, *values: Value, types: bool = True, cursor: bool = False) -> list[bytes]:
        """Run a statement."""
        return self.command(self.packet_of(number, values, types=types, cursor=cursor))

    def result(self, number: int, *values: Value, types: bool = True) -> bytes:
        """What a SELECT of parameters shows."""
        answer = self.execute(number, *values, types=types)
        assert answer[0] == b"\x01", answer
        return answer[2][3:]

    def fetch(self, number: int, rows: int) -> list[bytes]:
        """COM_STMT_FETCH."""
        return self.command(struct.pack("<BII", FETCH, number, rows))

    def reset(self, number: int) -> list[bytes]:
        """COM_STMT_RESET."""
        return self.command(struct.pack("<BI", RESET, number))

    def close(self, number: int) -> None:
        """COM_STMT_CLOSE."""
        assert self.command(struct.pack("<BI", CLOSE, number)) == []

    def long_data(self, number: int, parameter: int, data: bytes) -> None:
        """COM_STMT_SEND_LONG_DATA."""
        assert self.command(struct.pack("<BIH", LONG_DATA, number, parameter) + data) == []

    @property
    def session(self) -> Any:
        """The proxy's value of the session."""
        return self.peer.line.protocol.commands.value

    @property
    def has_connection(self) -> bool:
        """Whether it keeps a database connection."""
        return self.peer.line.protocol.commands.tenancy.connection is not None


@contextmanager
def statement_world(**options: Any) -> Iterator[World]:
    """A World whose servers know prepared statements."""
    StatementServer.script, StatementServer.dropped, StatementServer.seen = [], set(), []
    StatementServer.silent_to, StatementServer.everyone, StatementServer.room = set(), [], 16_000
    facts = attrs.evolve(FACTS, capabilities=Capability(p.SERVER_CAPABILITIES | QUERY_ATTRIBUTES))
    with patch("tests.peers.world.ServerPeer", StatementServer), proxied(**options) as world:
        world.context.facts = lambda: facts
        yield world


def forget(world: World) -> None:
    """No connection of the pool remembers a statement: each is prepared again where it is needed."""
    for line in world.lines:
        if line.is_client:
            line.protocol.statements.clear()


def seen(code: int) -> list[str]:
    """The texts of all commands of this kind that servers got."""
    return [text for _, each, text in StatementServer.seen if each == code]


def errno(answer: Iterable[bytes]) -> int:
    """The number of an error; 0 for anything else."""
    first, *_ = answer
    return int.from_bytes(first[1:3], "little") if first[:1] == b"\xff" else 0


def pins(client: StatementClient) -> set[PinReason]:
    """Why it is pinned."""
    return set(client.session.pins)


def server_of(client: StatementClient) -> StatementServer:
    """The server of the connection that it has."""
    thread = client.peer.line.protocol.commands.tenancy.connection.thread_id
    [found] = [s for s in StatementServer.everyone if s.session is not None and s.session.thread == thread]
    return found


def cut(world: World, server: StatementServer) -> None:
    """The server's connection breaks."""
    server.line.hang_up(rudely=True)
    world.settle()
