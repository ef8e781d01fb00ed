"""A client of asyncio, as small as a load of a hundred in one process needs; no driver's habits in between.

It says what it was told and reports what it hears: no reconnecting, no implicit statements, no retries. MySQL
manual, "Connection Phase", "Text Protocol", "Prepared Statements"; classic EOF packets are not spoken.
"""

import asyncio
import hashlib
import struct
from collections.abc import Mapping, Sequence

import attrs

from proxy.mysql.wire.capabilities import Capability

__all__ = ["Answer", "AsyncClient", "ServerError"]

HEADER = 4
UTF8MB4 = 45
LONGEST_PACKET = 1 << 24
NATIVE, SHA2 = b"mysql_native_password", b"caching_sha2_password"
OK, EOF, ERR, MORE_DATA = 0x00, 0xFE, 0xFF, 0x01
FAST_AUTH_SUCCESS = 3
QUERY, QUIT, PREPARE, EXECUTE = 0x03, 0x01, 0x16, 0x17
LONGLONG = 8
IN_TRANSACTION = 1
CAPABILITIES = (
    Capability.LONG_PASSWORD
    | Capability.CONNECT_WITH_DB
    | Capability.PROTOCOL_41
    | Capability.TRANSACTIONS
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.DEPRECATE_EOF
)


class ServerError(Exception):
    """An error packet. ConnectionError and its like stand for a lost socket instead."""

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(errno, sqlstate, message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message


@attrs.frozen
class Answer:
    """What a statement brought; `rows` is empty for one without a result set, texts by column otherwise."""

    status: int
    affected: int = 0
    rows: list[tuple[str | None, ...]] = attrs.field(factory=list)

    @property
    def is_in_transaction(self) -> bool:
        """What the status flags say."""
        return bool(self.status & IN_TRANSACTION)


class AsyncClient:
    """One socket. Every call raises ServerError, or OSError and EOFError when the socket is lost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sequence = 0

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        user: str,
        password: str,
        schema: str = "app",
        attributes: Mapping[str, str] | None = None,
    ) -> "AsyncClient":
        """Connect and log in, without TLS; connection attributes are sent if there are any."""
        client = cls(*await asyncio.open_connection(host, port))
        try:
            await client._log_in(user, password, schema, attributes or {})
        except BaseException:
            client.abort()
            raise
        return client

    async def query(self, sql: str) -> Answer:
        """COM_QUERY of one statement."""
        self._command(bytes((QUERY,)) + sql.encode())
        return await self._result(is_binary=False)

    async def prepare(self, sql: str) -> int:
        """COM_STMT_PREPARE; return the statement's number."""
        self._command(bytes((PREPARE,)) + sql.encode())
        first = await self._payload()
        number, columns, parameters = struct.unpack("<IHH", first[1:9])
        for _ in range(columns + parameters):
            await self._payload()
        return int(number)

    async def execute(self, number: int, arguments: Sequence[int]) -> Answer:
        """COM_STMT_EXECUTE with integers; binary rows are counted and not read, their values are empty."""
        nulls = bytes((len(arguments) + 7) // 8)
        types = struct.pack("<BB", LONGLONG, 0) * len(arguments)
        values = struct.pack(f"<{len(arguments)}q", *arguments)
        self._command(struct.pack("<BIBI", EXECUTE, number, 0, 1) + nulls + b"\x01" + types + values)
        return await self._result(is_binary=True)

    async def quit(self) -> None:
        """Say goodbye."""
        self._command(bytes((QUIT,)))
        self._writer.close()

    def abort(self) -> None:
        """Close the socket."""
        self._writer.transport.abort()

    # Parts

    def _command(self, payload: bytes) -> None:
        self._sequence = 0
        self._send(payload)

    def _send(self, payload: bytes) -> None:
        self._writer.write(len(payload).to_bytes(3, "little") + bytes((self._sequence,)) + payload)

    async def _payload(self) -> bytes:
        header = await self._reader.readexactly(HEADER)
        self._sequence = (header[3] + 1) & 0xFF
        payload = await self._reader.readexactly(int.from_bytes(header[:3], "little"))
        if payload[0] == ERR:
            raise _error(payload)
        return payload

    async def _result(self, *, is_binary: bool) -> Answer:
        first = await self._payload()
        if first[0] == OK:
            return _ok(first)
        for _ in range(first[0]):
            await self._payload()
        rows: list[tuple[str | None, ...]] = []
        while True:
            payload = await self._payload()
            if payload[0] == EOF and len(payload) < LONGEST_PACKET:
                return attrs.evolve(_ok(payload), rows=rows)
            rows.append(() if is_binary else _row(payload))

    async def _log_in(self, user: str, password: str, schema: str, attributes: Mapping[str, str]) -> None:
        greeting = await self._payload()
        end = greeting.index(b"\0", 1)
        # Behind the version: connection id (4), scramble (8), filler and fixed fields (19), its rest (12).
        scramble = greeting[end + 5 : end + 13] + greeting[end + 32 : end + 44]
        plugin = greeting[end + 45 :].rstrip(b"\0")
        answer = _scrambled(plugin, password, scramble)
        capabilities = CAPABILITIES | (Capability.CONNECT_ATTRS if attributes else 0)
        fixed = struct.pack("<IIB23x", int(capabilities), LONGEST_PACKET, UTF8MB4)
        texts = user.encode() + b"\0" + bytes((len(answer),)) + answer + schema.encode() + b"\0"
        self._send(fixed + texts + plugin + b"\0" + _packed(attributes))
        reply = await self._payload()
        while reply[0] != OK:
            if reply[0] == EOF:
                plugin, _, scramble = reply[1:].partition(b"\0")
                self._send(_scrambled(plugin, password, scramble.rstrip(b"\0")))
            elif reply[:2] != bytes((MORE_DATA, FAST_AUTH_SUCCESS)):
                raise ServerError(0, "08004", "a log-in that needs TLS is asked for")
            reply = await self._payload()


def _scrambled(plugin: bytes, password: str, scramble: bytes) -> bytes:
    secret = password.encode()
    if plugin == SHA2:
        first = hashlib.sha256(secret).digest()
        mask = hashlib.sha256(hashlib.sha256(first).digest() + scramble).digest()
    else:
        first = hashlib.sha1(secret).digest()
        mask = hashlib.sha1(scramble + hashlib.sha1(first).digest()).digest()
    return bytes(left ^ right for left, right in zip(first, mask, strict=True))


def _packed(attributes: Mapping[str, str]) -> bytes:
    # Shorter than 251 bytes in all, so that one byte is enough for each length.
    texts = [text.encode() for pair in attributes.items() for text in pair]
    packed = b"".join(bytes((len(text),)) + text for text in texts)
    return bytes((len(packed),)) + packed if attributes else b""


def _error(payload: bytes) -> ServerError:
    errno = int.from_bytes(payload[1:3], "little")
    has_state = payload[3:4] == b"#"
    state, message = (payload[4:9].decode(), payload[9:]) if has_state else ("", payload[3:])
    return ServerError(errno, state, message.decode(errors="replace"))


def _number(payload: bytes, position: int) -> tuple[int, int]:
    """A length-encoded integer and the position behind it."""
    first = payload[position]
    if first < 0xFB:
        return first, position + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(payload[position + 1 : position + 1 + size], "little"), position + 1 + size


def _ok(payload: bytes) -> Answer:
    affected, position = _number(payload, 1)
    _, position = _number(payload, position)
    return Answer(int.from_bytes(payload[position : position + 2], "little"), affected)


def _row(payload: bytes) -> tuple[str | None, ...]:
    values: list[str | None] = []
    position = 0
    while position < len(payload):
        if payload[position] == 0xFB:
            values.append(None)
            position += 1
            continue
        length, position = _number(payload, position)
        values.append(payload[position : position + length].decode(errors="replace"))
        position += length
    return tuple(values)
