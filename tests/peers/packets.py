"""MySQL packets built from the manual's tables, for tests: shares no code with the proxy."""

import hashlib
import struct
from collections.abc import Iterable, Sequence

AUTOCOMMIT = 0x0002
IN_TRANS = 0x0001
IN_TRANS_READONLY = 0x2000
MORE = 0x0008
CURSOR = 0x0040
LAST_ROW = 0x0080
CHANGED = 0x4000

NONCE = bytes(range(0x41, 0x55))

LIMIT = (1 << 24) - 1


def number(value: int) -> bytes:
    """A length-encoded integer."""
    for first, size, end in (
        (b"", 1, 0xFB),
        (b"\xfc", 2, 1 << 16),
        (b"\xfd", 3, 1 << 24),
        (b"\xfe", 8, 1 << 64),
    ):
        if value < end:
            return first + struct.pack("<Q", value)[:size]
    raise ValueError(value)


def text(value: bytes) -> bytes:
    """A length-encoded string."""
    return number(len(value)) + value


def packet(payload: bytes, sequence: int = 0) -> bytes:
    """One payload, cut into packets at 16 MiB - 1 as the manual says."""
    out = b""
    while True:
        part, payload = payload[:LIMIT], payload[LIMIT:]
        out += struct.pack("<I", len(part))[:3] + bytes((sequence % 256,)) + part
        sequence += 1
        if len(part) < LIMIT:
            return out


def packets(payloads: Iterable[bytes], first: int = 1) -> bytes:
    """Consecutive payloads with consecutive sequence ids."""
    out, sequence = [], first
    for payload in payloads:
        whole = packet(payload, sequence)
        out.append(whole)
        sequence += len(payload) // LIMIT + 1
    return b"".join(out)


def split(data: bytes) -> list[tuple[int, bytes]]:
    """The (sequence id, payload) pairs in ``data``, which must hold whole packets."""
    found = []
    while data:
        size = int.from_bytes(data[:3], "little")
        assert len(data) >= 4 + size, "a packet is cut off"
        found.append((data[3], data[4 : 4 + size]))
        data = data[4 + size :]
    return found


def variable(name: bytes, value: bytes) -> bytes:
    """A session tracker entry for one system variable."""
    return b"\x00" + text(text(name) + text(value))


def schema(name: bytes) -> bytes:
    """A session tracker entry for the schema."""
    return b"\x01" + text(text(name))


STATE_CHANGE = b"\x02" + text(text(b"1"))


def characteristics(sql: bytes) -> bytes:
    """A session tracker entry for transaction characteristics."""
    return b"\x04" + text(text(sql))


def ok(
    affected: int = 0,
    insert_id: int = 0,
    status: int = AUTOCOMMIT,
    warnings: int = 0,
    info: bytes = b"",
    session: bytes = b"",
    header: int = 0,
) -> bytes:
    """An OK payload; with ``session`` the flag for it is set."""
    if session:
        status |= CHANGED
    out = bytes((header,)) + number(affected) + number(insert_id) + struct.pack("<HH", status, warnings)
    if session:
        return out + text(info) + text(session)
    return out + (text(info) if info else b"")


def eof(status: int = AUTOCOMMIT, warnings: int = 0) -> bytes:
    """A classic EOF payload."""
    return b"\xfe" + struct.pack("<HH", warnings, status)


def err(errno: int = 1064, message: bytes = b"no such thing", state: bytes = b"42000") -> bytes:
    """An ERR payload."""
    return b"\xff" + struct.pack("<H", errno) + b"#" + state + message


def column(name: bytes = b"x", kind: int = 0xFD, flags: int = 0) -> bytes:
    """A column definition of protocol 4.1."""
    fixed = struct.pack("<BHIBHB2x", 12, 45, 1024, kind, flags, 0)
    return text(b"def") + text(b"") * 3 + text(name) * 2 + fixed


def row(values: Sequence[bytes | None]) -> bytes:
    """A text protocol row."""
    return b"".join(b"\xfb" if value is None else text(value) for value in values)


def prepared(statement_id: int, columns: int, parameters: int, warnings: int = 0) -> bytes:
    """The first packet of a COM_STMT_PREPARE response."""
    return b"\x00" + struct.pack("<IHHxH", statement_id, columns, parameters, warnings)


def native(password: bytes, nonce: bytes) -> bytes:
    """The answer of mysql_native_password."""
    if not password:
        return b""
    once = hashlib.sha1(password).digest()
    mask = hashlib.sha1(nonce + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def verifier_of(password: bytes) -> bytes:
    """What a server keeps for mysql_native_password; mysql.user has it in hexadecimal behind an asterisk."""
    return hashlib.sha1(hashlib.sha1(password).digest()).digest()


#: What a server of today offers.
SERVER_CAPABILITIES = 0x01FFF7DF & ~0x0820

#: What a simple client asks for: protocol 4.1, secure connection, plugins, multi-results, transactions.
CLIENT_CAPABILITIES = 0x000AA205
DEPRECATE_EOF = 1 << 24
SESSION_TRACK = 1 << 23
CONNECT_WITH_DB = 1 << 3
TLS = 1 << 11
MULTI_STATEMENTS = 1 << 16


def greeting(
    capabilities: int = SERVER_CAPABILITIES,
    plugin: bytes = b"mysql_native_password",
    thread: int = 7,
    version: bytes = b"8.0.36",
) -> bytes:
    """A HandshakeV10 payload with NONCE; bits from 32 up are MariaDB's and stand in MySQL's filler."""
    low, high, extended = capabilities & 0xFFFF, capabilities >> 16 & 0xFFFF, capabilities >> 32
    return (
        b"\x0a" + version + b"\0" + struct.pack("<I", thread) + NONCE[:8] + b"\0"
        + struct.pack("<HBHHB6xI", low, 45, AUTOCOMMIT, high, 21, extended) + NONCE[8:] + b"\0"
        + plugin + b"\0"
    )  # fmt: skip


def login(
    user: bytes,
    answer: bytes,
    capabilities: int = CLIENT_CAPABILITIES,
    database: bytes = b"",
    plugin: bytes = b"mysql_native_password",
    collation: int = 45,
) -> bytes:
    """A HandshakeResponse41 payload; bits from 32 up are MariaDB's and stand in MySQL's filler."""
    if database:
        capabilities |= CONNECT_WITH_DB
    out = (
        struct.pack("<IIB19xI", capabilities & 0xFFFFFFFF, 1 << 24, collation, capabilities >> 32)
        + user
        + b"\0"
        + bytes((len(answer),))
        + answer
    )
    if database:
        out += database + b"\0"
    return out + plugin + b"\0"
