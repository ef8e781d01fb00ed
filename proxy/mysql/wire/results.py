"""OK, ERR and EOF packets, and the session-state changes an OK packet may carry.

MySQL manual, "OK_Packet", "ERR_Packet", "EOF_Packet" and "Session State Information". All functions work on
payloads, without the four bytes of packet header.
"""

import enum
import re
from functools import lru_cache

import attrs

from .datatypes import MalformedPacket, Reader, lenenc_bytes, lenenc_int
from .status import Status

__all__ = [
    "EOF",
    "ERR",
    "LOCAL_INFILE",
    "NO_CHANGES",
    "OK",
    "ErrorPacket",
    "OkPacket",
    "SessionChanges",
    "StateType",
    "decode_session_changes",
    "definitions_after",
    "farewell_text",
    "is_progress",
    "with_session",
]

#: First bytes of generic responses.
OK = 0x00
ERR = 0xFF
EOF = 0xFE
LOCAL_INFILE = 0xFB

_VARIABLE_NAME = re.compile(r"[a-z_][a-z0-9_$]*+(?:\.[a-z_][a-z0-9_$]*+)?+\Z")

#: An ERR packet with an error number that no error has.
_PROGRESS = b"\xff\xff\xff"

#: MySQL reports this read-only variable with every statement where all variables are tracked.
STATEMENT_COUNTER = "statement_id"

_STATE_CHANGED = int(Status.SESSION_STATE_CHANGED)

#: Tracker blocks that are decoded once, and how long each of them may be, in bytes.
_REMEMBERED = 256
_LONGEST_REMEMBERED = 64

_GTIDS = b"\x03"
#: The one way in which GTIDs are encoded.
_AS_TEXT = 0


class StateType(enum.IntEnum):
    """What a session tracker entry tells."""

    SYSTEM_VARIABLES = 0
    SCHEMA = 1
    STATE_CHANGE = 2
    GTIDS = 3
    TRANSACTION_CHARACTERISTICS = 4
    TRANSACTION_STATE = 5


#: MariaDB tells of what was committed as of a variable that has changed.
LAST_GTID = "last_gtid"


@attrs.frozen
class SessionChanges:
    """The decoded content of one OK packet's session-state information.

    ``schema`` and ``transaction_characteristics`` are None when the packet says nothing about them, and
    empty when it says that there is none. ``gtid`` is what the statement has committed, as MySQL's
    set or as MariaDB's last_gtid.
    """

    variables: tuple[tuple[str, str], ...] = ()
    schema: str | None = None
    state_changed: bool = False
    transaction_characteristics: str | None = None
    gtid: str = ""


#: What a block says that has nothing in it but the state of the transaction.
NO_CHANGES = SessionChanges()


@attrs.frozen
class OkPacket:
    """An OK packet (header 0x00, or 0xFE in place of EOF). ``session`` is its undecoded tracker block."""

    affected_rows: int = 0
    last_insert_id: int = 0
    status: Status = Status.AUTOCOMMIT
    warnings: int = 0
    info: bytes = b""
    session: bytes = b""
    header: int = OK

    def encode(self) -> bytes:
        """The payload, with a tracker block only when there is one."""
        status = self.status & ~Status.SESSION_STATE_CHANGED
        if self.session:
            status |= Status.SESSION_STATE_CHANGED
        payload = (
            bytes((self.header,))
            + lenenc_int(self.affected_rows)
            + lenenc_int(self.last_insert_id)
            + int(status).to_bytes(2, "little")
            + self.warnings.to_bytes(2, "little")
        )
        if self.session:
            return payload + lenenc_bytes(self.info) + lenenc_bytes(self.session)
        return payload + (lenenc_bytes(self.info) if self.info else b"")

    @classmethod
    def decode(cls, payload: bytes) -> "OkPacket":
        """Parse a payload sent with CLIENT_SESSION_TRACK on. Raises MalformedPacket."""
        reader = Reader(payload)
        header = reader.integer(1)
        if header not in (OK, EOF):
            raise MalformedPacket("not an OK packet")
        affected_rows = reader.lenenc_int()
        last_insert_id = reader.lenenc_int()
        status = reader.integer(2)
        warnings = reader.integer(2)
        info = reader.lenenc_bytes() if reader.remaining else b""
        session = b""
        if status & Status.SESSION_STATE_CHANGED and reader.remaining:
            session = reader.lenenc_bytes()
        return cls(affected_rows, last_insert_id, Status(status), warnings, info, session, header)


def with_session(payload: bytes, session: bytes) -> bytes:
    """An OK packet with another tracker block in the place of its own, or with none if that is empty."""
    if len(payload) > 9 and payload[1] < LOCAL_INFILE and payload[2] < LOCAL_INFILE and not payload[7]:
        # Short numbers and no text: as in a transaction most of the time.
        if session:
            return b"".join((payload[:8], lenenc_bytes(session)))
        status = (payload[3] | payload[4] << 8) & ~_STATE_CHANGED
        return b"".join((payload[:3], status.to_bytes(2, "little"), payload[5:7]))
    return attrs.evolve(OkPacket.decode(payload), session=session).encode()


@attrs.frozen
class ErrorPacket:
    """An error as it goes over the wire; ``sqlstate`` has five characters."""

    errno: int
    sqlstate: str
    message: str

    def encode(self) -> bytes:
        """The payload for a client that has CLIENT_PROTOCOL_41."""
        text = self.message.encode("utf-8", "replace")
        return (
            bytes((ERR,))
            + self.errno.to_bytes(2, "little")
            + b"#"
            + self.sqlstate.encode("ascii", "replace")
            + text
        )

    @classmethod
    def decode(cls, payload: bytes) -> "ErrorPacket":
        """Parse a payload; before the handshake a server leaves the SQL state out."""
        reader = Reader(payload)
        if reader.integer(1) != ERR:
            raise MalformedPacket("not an ERR packet")
        errno = reader.integer(2)
        text = reader.rest()
        sqlstate = "HY000"
        if text[:1] == b"#" and len(text) >= 6:
            sqlstate, text = text[1:6].decode("ascii", "replace"), text[6:]
        return cls(errno, sqlstate, text.decode("utf-8", "replace"))


def is_progress(payload: bytes) -> bool:
    """Whether an ERR packet is one of MariaDB's progress reports, which come before the answer."""
    return payload[:3] == _PROGRESS


def definitions_after(column_count: bytes) -> int:
    """How many column definitions follow the packet that begins a result set.

    A client may do without them (MySQL's CLIENT_OPTIONAL_RESULTSET_METADATA, MariaDB's
    MARIADB_CLIENT_CACHE_METADATA): then a byte behind the number says whether they follow. MySQL's manual has
    it in front of the number; servers send it behind.
    """
    reader = Reader(column_count)
    columns = reader.lenenc_int()
    return 0 if reader.remaining and not reader.integer(1) else columns


def farewell_text(data: bytes) -> str:
    """What a server says when it ends a connection by itself, for a log line."""
    try:
        return str(ErrorPacket.decode(data[4:]).errno)
    except MalformedPacket:
        return "no error packet"


def decode_session_changes(block: bytes) -> SessionChanges:
    """Decode a tracker block; entries of unknown types are skipped. Raises MalformedPacket."""
    size = len(block)
    if block[:1] == _GTIDS:
        # No other block will have the same GTID. With most writes it is all there is.
        if 3 < size < LOCAL_INFILE and block[1:4] == bytes((size - 2, _AS_TEXT, size - 4)):
            return SessionChanges(gtid=_text(block[4:]))
        return _decoded_changes(block)
    return _decoded_changes(block) if size > _LONGEST_REMEMBERED else _remembered_changes(block)


def _decoded_changes(block: bytes) -> SessionChanges:
    variables: list[tuple[str, str]] = []
    schema = characteristics = None
    gtid = ""
    state_changed = False
    reader = Reader(block)
    while reader.remaining:
        kind = reader.integer(1)
        entry = Reader(reader.lenenc_bytes())
        if kind == StateType.SYSTEM_VARIABLES:
            while entry.remaining:
                name = _text(entry.lenenc_bytes()).lower()
                if not _VARIABLE_NAME.match(name):
                    raise MalformedPacket("a variable's name that is none")
                value = _text(entry.lenenc_bytes())
                if name == LAST_GTID:
                    gtid = value
                elif name != STATEMENT_COUNTER:
                    variables.append((name, value))
        elif kind == StateType.SCHEMA:
            schema = _text(entry.lenenc_bytes())
        elif kind == StateType.STATE_CHANGE:
            # The manual shows a length before the flag, servers send the flag alone.
            state_changed = entry.rest()[-1:] == b"1"
        elif kind == StateType.TRANSACTION_CHARACTERISTICS:
            characteristics = _text(entry.lenenc_bytes())
        elif kind == StateType.GTIDS and entry.remaining and entry.integer(1) == _AS_TEXT:
            gtid = _text(entry.lenenc_bytes())
    if not (variables or state_changed or gtid) and schema is None and characteristics is None:
        return NO_CHANGES
    return SessionChanges(tuple(variables), schema, state_changed, characteristics, gtid)


#: A target that reports the state of transactions sends the same few blocks with every other statement.
_remembered_changes = lru_cache(_REMEMBERED)(_decoded_changes)


def _text(value: bytes) -> str:
    # surrogateescape keeps an odd byte reversible, so that a value is replayed as it was reported.
    return value.decode("utf-8", "surrogateescape")
