"""The client's side of the MySQL protocol, as little as the load needs and independent of the proxy's code.

A dialogue is a generator: it yields the bytes to send (empty to wait for more) and is sent what arrives, so
that one description serves a blocking socket and many sockets in an event loop. MySQL manual, "Connection
Phase", "Text Resultset"; only `mysql_native_password`, no compression.
"""

import hashlib
import socket
import struct
from collections.abc import Generator

import attrs

from proxy.mysql.wire.capabilities import Capability

__all__ = [
    "EOF",
    "QUIT",
    "Account",
    "Dialogue",
    "WrongResponse",
    "ask",
    "converse",
    "framed",
    "log_in",
    "query",
    "read_response",
    "request_tls",
    "rows",
]

Dialogue = Generator[bytes, bytes, None]

HEADER = 4
RECEIVE_SIZE = 1 << 16
LONGEST_SENT = 1 << 24
UTF8MB4 = 45
PLUGIN = b"mysql_native_password"
QUIT = b"\x01\0\0\0\x01"
OK, EOF, ERR = 0x00, 0xFE, 0xFF
LEGACY_EOF_LIMIT = 9
"""A payload that begins with 0xFE and is shorter than this is an EOF packet; else it is a row."""
CAPABILITIES = (
    Capability.LONG_PASSWORD
    | Capability.CONNECT_WITH_DB
    | Capability.PROTOCOL_41
    | Capability.TRANSACTIONS
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
)


class WrongResponse(Exception):
    """What came back is not what the database answers to the statement."""


@attrs.frozen
class Account:
    """Whom to log in as. `legacy_eof`: without CLIENT_DEPRECATE_EOF, as older drivers do; `local_files`: with
    LOCAL INFILE.
    """

    username: str
    password: str = attrs.field(repr=False)
    schema: str
    legacy_eof: bool = False
    local_files: bool = False


def query(sql: str) -> bytes:
    """Return the COM_QUERY packet for a statement."""
    return framed(b"\x03" + sql.encode())


def request_tls(connection: socket.socket, account: Account) -> bytes:
    """Read the greeting on a blocking socket and ask for TLS, which is the caller's to begin.

    Returns the greeting, for ``log_in``. Raises WrongResponse when there is none.
    """
    greeting = b""
    while len(greeting) < HEADER or len(greeting) < HEADER + int.from_bytes(greeting[:3], "little"):
        data = connection.recv(RECEIVE_SIZE)
        if not data:
            raise WrongResponse("the connection was closed before the greeting")
        greeting += data
    connection.sendall(framed(_fixed_fields(account, Capability.SSL), 1))
    return greeting


def log_in(account: Account, greeting: bytes = b"") -> Dialogue:
    """Read the greeting and log in. Raises WrongResponse when that is refused.

    Over TLS the greeting was read before: it is an argument, and the dialogue begins with the log-in packet.
    """
    over_tls = Capability.SSL if greeting else Capability(0)
    if not greeting:
        greeting = yield from _packet(b"")
    scramble, plugin = _greeting(greeting[HEADER:])
    # With another plugin the server asks for a switch, and sends a new scramble.
    answer = _native_answer(account.password, scramble) if plugin == PLUGIN else b""
    reply = yield from _packet(framed(_login(account, answer, over_tls), 2 if over_tls else 1))
    if reply[HEADER] == EOF:
        plugin, _, scramble = reply[HEADER + 1 :].partition(b"\0")
        if plugin != PLUGIN:
            raise WrongResponse(f"log-in by {plugin.decode(errors='replace')} is asked for")
        answer = _native_answer(account.password, scramble.rstrip(b"\0"))
        reply = yield from _packet(framed(answer, reply[3] + 1))
    if reply[HEADER] != OK:
        raise WrongResponse("the log-in did not end with OK")


def converse(connection: socket.socket, dialogue: Dialogue) -> None:
    """Hold a dialogue on a blocking socket. Raises WrongResponse when the other side hangs up."""
    try:
        out = next(dialogue)
        while True:
            if out:
                connection.sendall(out)
            data = connection.recv(RECEIVE_SIZE)
            if not data:
                raise WrongResponse("the connection was closed")
            out = dialogue.send(data)
    except StopIteration:
        return


def ask(connection: socket.socket, data: bytes) -> bytes:
    """Send something on a blocking socket; return what comes, from one whole packet on, header and all.

    Raises WrongResponse for an error, and when the other side hangs up.
    """
    packet = _packet(data)
    out = next(packet)
    try:
        while True:
            connection.sendall(out)
            received = connection.recv(RECEIVE_SIZE)
            if not received:
                raise WrongResponse("the connection was closed")
            out = packet.send(received)
    except StopIteration as done:
        return bytes(done.value)


def read_response(connection: socket.socket, statement: bytes, legacy_eof: bool) -> bytes:
    """Send a statement that returns one result set; return all of its response. Raises WrongResponse."""
    connection.sendall(statement)
    pieces: list[bytes] = []
    ends_due = 2 if legacy_eof else 1
    with connection.makefile("rb") as stream:
        while ends_due:
            header = stream.read(HEADER)
            payload = stream.read(int.from_bytes(header[:3], "little"))
            if len(header) < HEADER or not payload:
                raise WrongResponse("the connection was closed within a response")
            pieces += (header, payload)
            _check_error(payload)
            ends_due -= _is_end(payload, legacy_eof)
    return b"".join(pieces)


def rows(response: bytes, legacy_eof: bool) -> list[list[bytes]]:
    """Return the rows of a result set without NULLs. Raises WrongResponse for anything else."""
    payloads = []
    position = 0
    while position + HEADER <= len(response):
        length = int.from_bytes(response[position : position + 3], "little")
        payloads.append(response[position + HEADER : position + HEADER + length])
        position += HEADER + length
    if position != len(response) or not payloads or not _is_end(payloads[-1], legacy_eof):
        raise WrongResponse("not a whole result set")
    first_row = 1 + payloads[0][0] + legacy_eof
    return [_values(payload) for payload in payloads[first_row:-1]]


def _packet(out: bytes) -> Generator[bytes, bytes, bytes]:
    """Send `out` and read one packet, header and all."""
    data = yield out
    while len(data) < HEADER or len(data) < HEADER + int.from_bytes(data[:3], "little"):
        data += yield b""
    _check_error(data[HEADER:])
    return data


def _greeting(payload: bytes) -> tuple[bytes, bytes]:
    """Return the scramble and the plugin of a HandshakeV10."""
    end = payload.index(b"\0", 1)
    # Behind the version: connection id (4), scramble (8), filler and fixed fields (19), scramble's rest (12).
    scramble = payload[end + 5 : end + 13] + payload[end + 32 : end + 44]
    return scramble, payload[end + 45 :].rstrip(b"\0")


def _fixed_fields(account: Account, more: Capability) -> bytes:
    capabilities = CAPABILITIES | more
    if not account.legacy_eof:
        capabilities |= Capability.DEPRECATE_EOF
    if account.local_files:
        capabilities |= Capability.LOCAL_FILES
    return struct.pack("<IIB23x", int(capabilities), LONGEST_SENT, UTF8MB4)


def _login(account: Account, answer: bytes, more: Capability) -> bytes:
    texts = account.username.encode() + b"\0" + bytes((len(answer),)) + answer
    return _fixed_fields(account, more) + texts + account.schema.encode() + b"\0" + PLUGIN + b"\0"


def _native_answer(password: str, scramble: bytes) -> bytes:
    stage1 = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(scramble + hashlib.sha1(stage1).digest()).digest()
    return bytes(left ^ right for left, right in zip(stage1, mask, strict=True))


def framed(payload: bytes, sequence: int = 0) -> bytes:
    """Return a packet of a payload that fits into one."""
    return len(payload).to_bytes(3, "little") + bytes((sequence,)) + payload


def _check_error(payload: bytes) -> None:
    if payload[0] == ERR:
        number = int.from_bytes(payload[1:3], "little")
        raise WrongResponse(f"error {number}: {payload[3:].decode(errors='replace')}")


def _is_end(payload: bytes, legacy_eof: bool) -> bool:
    return payload[0] == EOF and (not legacy_eof or len(payload) < LEGACY_EOF_LIMIT)


def _values(payload: bytes) -> list[bytes]:
    values = []
    position = 0
    while position < len(payload):
        length = payload[position]
        position += 1
        if length == 0xFC:
            length = int.from_bytes(payload[position : position + 2], "little")
            position += 2
        elif length > 0xFC:
            raise WrongResponse("a value longer than any in the tables")
        values.append(payload[position : position + length])
        position += length
    return values
