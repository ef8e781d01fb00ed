"""Finds the end of a response in the chunks that arrive, and passes the chunks on.

Theory of operation. Between the proxy and the database CLIENT_DEPRECATE_EOF and CLIENT_SESSION_TRACK are
always on, so that every result set ends in an OK packet with session-state information (an EOF packet has
none, and MariaDB drops what it would have said). Packet headers are walked; only the packets that begin or
end a result are looked into::

    HEAD -> OK | ERR                         the end, or HEAD again when more results exist
         -> LOCAL INFILE                     the client's turn; afterwards HEAD
         -> column count -> COLUMNS -> ROWS -> OK(0xFE) | ERR
    PREPARE -> ERR | OK -> COLUMNS (parameters) -> COLUMNS (result) -> the end
    FIELDS, ROWS -> OK(0xFE) | EOF | ERR        STRING -> one packet

Two things make the outgoing bytes differ from the incoming ones. A session-state block is cut down to what
a server with default trackers would have sent this client. A client without CLIENT_DEPRECATE_EOF gets its EOF
packets: one is inserted after each group of column definitions, from where on sequence ids are one higher,
and the closing OK is turned into one. MySQL manual, "Text Resultset", "COM_STMT_PREPARE Response".
"""

import enum
import struct

from .commands import ResponseKind
from .datatypes import MalformedPacket, Reader
from .framing import HEADER, MAX_PAYLOAD, frame
from .results import EOF, ERR, LOCAL_INFILE, OK, OkPacket, SessionChanges, decode_session_changes
from .results import select_session_changes as select_changes
from .status import Status

__all__ = ["DEFAULT_SHOWN_VARIABLES", "MAX_CLOSING_PACKET", "ResponseScanner"]

#: The longest packet that is held to be parsed whole (OK, ERR, EOF, prepare response), in bytes.
MAX_CLOSING_PACKET = 1 << 20

#: What session_track_system_variables holds by default on MySQL and MariaDB.
DEFAULT_SHOWN_VARIABLES = frozenset(
    {
        "autocommit",
        "character_set_client",
        "character_set_connection",
        "character_set_results",
        "time_zone",
    }
)

_MORE_RESULTS = int(Status.MORE_RESULTS_EXISTS)
_CURSOR_EXISTS = int(Status.CURSOR_EXISTS)
_STATE_CHANGED = int(Status.SESSION_STATE_CHANGED)
_header = struct.Struct("<I").unpack_from


class _State(enum.IntEnum):
    HEAD = 0
    COLUMNS = 1
    ROWS = 2
    PREPARE = 3
    FIELDS = 4
    STRING = 5
    DONE = 6


_FIRST_STATE = {
    ResponseKind.RESULT: _State.HEAD,
    ResponseKind.PREPARE: _State.PREPARE,
    ResponseKind.ROWS: _State.ROWS,
    ResponseKind.FIELDS: _State.FIELDS,
    ResponseKind.STRING: _State.STRING,
    ResponseKind.NONE: _State.DONE,
}


class ResponseScanner:
    """One per client session; ``begin`` readies it for the next response.

    After ``done``: ``status``, ``warnings``, ``affected_rows`` and ``last_insert_id`` are those of the last
    result, ``errno`` is set when it ended in an error, ``changes`` holds every session change reported on the
    way, ``statement_id`` a prepared statement's id.
    """

    __slots__ = (
        "_after_columns",
        "_columns",
        "_continued",
        "_eof_due",
        "_group_ended",
        "_held",
        "_legacy_eof",
        "_next_columns",
        "_offset",
        "_session_track",
        "_skip",
        "_state",
        "affected_rows",
        "changes",
        "done",
        "errno",
        "infile",
        "last_insert_id",
        "result_set",
        "shows_all",
        "started",
        "statement_id",
        "status",
        "warnings",
    )

    def __init__(self, *, deprecate_eof: bool, session_track: bool) -> None:
        """The arguments are the client's capabilities; towards the database both are always on."""
        self._legacy_eof = not deprecate_eof
        self._session_track = session_track
        #: The client has set session trackers by itself, on a connection it keeps: it sees what they report.
        self.shows_all = False
        self.status = 0
        self.begin(ResponseKind.NONE)

    def begin(self, kind: ResponseKind) -> None:
        """Expect the response to a command with sequence id 0."""
        self._state = _FIRST_STATE[kind]
        self._held = b""
        self._skip = 0
        self._continued = False
        self._columns = 0
        self._next_columns = 0
        self._after_columns = _State.ROWS
        self._eof_due = False
        self._group_ended = False
        self._offset = 0
        self.done = kind is ResponseKind.NONE
        self.infile = False
        self.result_set = False
        self.started = False
        self.changes: list[SessionChanges] = []
        self.errno = 0
        self.affected_rows = 0
        self.last_insert_id = 0
        self.warnings = 0
        self.statement_id = 0

    @property
    def sequence_offset(self) -> int:
        """How much higher the client's sequence ids are than the database's."""
        return self._offset

    def feed(self, data: bytes) -> bytes:
        """Scan a chunk; returns the bytes for the client. Raises MalformedPacket."""
        if self._state is _State.DONE:
            raise MalformedPacket("data after the end of a response")
        self.started = True
        if self._held:
            data = self._held + data
            self._held = b""
        size = len(data)
        position = self._skip
        if position >= size:
            self._skip = position - size
            return data
        self._skip = 0
        if self._legacy_eof:
            return self._feed_legacy(data, position)
        return self._feed(data, position)

    def _feed(self, data: bytes, position: int) -> bytes:
        size = len(data)
        pieces: list[bytes] = []
        start = 0
        while position < size:
            if self._state is _State.ROWS and not self._continued:
                position = self._pass_rows(data, position)
                if position >= size:
                    break
            if not self._is_complete(data, position):
                self._held = data[position:]
                pieces.append(data[start:position])
                return b"".join(pieces)
            end = position + HEADER + (_header(data, position)[0] & MAX_PAYLOAD)
            replacement = self._packet(data, position, end)
            if replacement is not None:
                pieces += (data[start:position], replacement)
                start = min(end, size)
            position = end
            if self._state is _State.DONE and position < size:
                raise MalformedPacket("data after the end of a response")
        self._skip = position - size
        if not pieces:
            return data
        pieces.append(data[start:])
        return b"".join(pieces)

    def _feed_legacy(self, data: bytes, position: int) -> bytes:
        """As ``_feed``, for a client without CLIENT_DEPRECATE_EOF: renumbers and inserts."""
        size = len(data)
        mutable = bytearray(data)
        pieces: list[bytes | bytearray] = []
        start = 0
        while position < size:
            if not self._is_complete(data, position):
                self._held = data[position:]
                del mutable[position:]
                break
            end = position + HEADER + (_header(data, position)[0] & MAX_PAYLOAD)
            if self._eof_due and not self._opens_cursor(data, position, end):
                pieces += (mutable[start:position], self._inserted_eof(data[position + 3]))
                start = position
            self._eof_due = False
            offset = self._offset
            mutable[position + 3] = (data[position + 3] + offset) & 0xFF
            replacement = self._packet(data, position, end)
            if replacement is not None:
                pieces += (mutable[start:position], replacement)
                start = end
            elif self._group_ended:
                self._group_ended = False
                pieces += (mutable[start:end], self._inserted_eof(data[position + 3] + 1))
                start = end
            elif self._state is _State.ROWS and offset and not self._continued and not self._eof_due:
                end = self._renumber_rows(data, mutable, end)
            position = end
            if self._state is _State.DONE and position < size:
                raise MalformedPacket("data after the end of a response")
        self._skip = max(0, position - size)
        pieces.append(mutable[start:])
        return b"".join(pieces)

    def _opens_cursor(self, data: bytes, position: int, end: int) -> bool:
        """Whether this packet opens a cursor: it is then itself the EOF behind the column definitions."""
        length = end - position - HEADER
        if not length or data[position + HEADER] != EOF or length >= MAX_PAYLOAD:
            return False
        if length == 5:
            return bool(data[position + HEADER + 3] & _CURSOR_EXISTS)
        return bool(OkPacket.decode(data[position + HEADER : end]).status & _CURSOR_EXISTS)

    def _is_complete(self, data: bytes, position: int) -> bool:
        """Whether enough of the packet is there to act on it: its first byte, or all of a closing one."""
        available = len(data) - position
        if available < HEADER:
            return False
        length = _header(data, position)[0] & MAX_PAYLOAD
        if length == 0 or self._continued:
            return True
        if available == HEADER:
            return False
        state = self._state
        if state is _State.COLUMNS:
            # A group's last definition may be the end of the response, or have an EOF put behind it.
            whole = self._columns == 1
        elif state is _State.HEAD or state is _State.PREPARE or state is _State.STRING:
            whole = True
        else:
            whole = _closes(data[position + 4], length)
        if not whole or available >= HEADER + length:
            return True
        if length > MAX_CLOSING_PACKET:
            raise MalformedPacket("a closing packet is too long")
        return False

    @staticmethod
    def _pass_rows(data: bytes, position: int) -> int:
        """Skip whole rows; returns the position of the first packet that is not an ordinary row."""
        last = len(data) - 5
        while position <= last:
            length = _header(data, position)[0] & MAX_PAYLOAD
            if length == MAX_PAYLOAD or (data[position + 4] >= EOF and length):
                return position
            position += HEADER + length
        return position

    def _renumber_rows(self, data: bytes, mutable: bytearray, position: int) -> int:
        """Like ``_pass_rows``, adding the offset to each sequence id on the way."""
        last = len(data) - 5
        offset = self._offset
        while position <= last:
            length = _header(data, position)[0] & MAX_PAYLOAD
            if length == MAX_PAYLOAD or (data[position + 4] >= EOF and length):
                return position
            mutable[position + 3] = (data[position + 3] + offset) & 0xFF
            position += HEADER + length
        return position

    def _packet(self, data: bytes, position: int, end: int) -> bytes | None:
        """Act on the packet at ``position``; returns what replaces it for the client, or None."""
        length = end - position - HEADER
        if self._continued:
            self._continued = length == MAX_PAYLOAD
            return None
        state = self._state
        if state is _State.COLUMNS:
            self._continued = length == MAX_PAYLOAD
            if not self._continued:
                self._column_passed()
            return None
        if state is _State.STRING:
            self._finish()
            return None
        if length == 0:
            if state is _State.ROWS:
                return None
            raise MalformedPacket("empty packet in a response")
        first = data[position + 4]
        if state is _State.HEAD or state is _State.PREPARE:
            return self._head(data, position, end, first)
        if _closes(first, length):
            return self._close(data, position, end, first)
        self._continued = length == MAX_PAYLOAD
        return None

    def _head(self, data: bytes, position: int, end: int, first: int) -> bytes | None:
        if first == ERR:
            return self._close(data, position, end, first)
        if self._state is _State.PREPARE:
            self._prepared(data[position + HEADER : end])
            return None
        if first == OK or (first == EOF and end - position <= 13):
            return self._close(data, position, end, first)
        if first == LOCAL_INFILE:
            self.infile = True
            return None
        self._columns = Reader(data[position + HEADER : end]).lenenc_int()
        self._after_columns = _State.ROWS
        self._state = _State.COLUMNS
        self.result_set = True
        return None

    def _prepared(self, payload: bytes) -> None:
        if len(payload) < 12 or payload[0] != OK:
            raise MalformedPacket("not a prepared statement response")
        self.statement_id = int.from_bytes(payload[1:5], "little")
        columns = int.from_bytes(payload[5:7], "little")
        parameters = int.from_bytes(payload[7:9], "little")
        self.warnings = int.from_bytes(payload[10:12], "little")
        self._columns = parameters or columns
        self._next_columns = columns if parameters else 0
        self._after_columns = _State.DONE
        if self._columns:
            self._state = _State.COLUMNS
        else:
            self._finish()

    def _column_passed(self) -> None:
        self._columns -= 1
        if self._columns:
            return
        if self._after_columns is _State.ROWS:
            self._state = _State.ROWS
            self._eof_due = self._legacy_eof
            return
        self._group_ended = self._legacy_eof
        if self._next_columns:
            self._columns, self._next_columns = self._next_columns, 0
        else:
            self._finish()

    def _close(self, data: bytes, position: int, end: int, first: int) -> bytes | None:
        """An ERR, OK or EOF packet: take its flags, decide whether more follows."""
        payload = data[position + HEADER : end]
        sequence = data[position + 3] + self._offset
        if first == ERR:
            if len(payload) < 3:
                raise MalformedPacket("ERR packet is too short")
            self.errno = payload[1] | payload[2] << 8
            self.status &= ~_MORE_RESULTS
            self._finish()
            return None
        replacement = self._close_ok(payload, first)
        if self.status & _MORE_RESULTS:
            self._state = _State.HEAD
        else:
            self._finish()
        return None if replacement is None else frame(replacement, sequence)

    def _close_ok(self, payload: bytes, first: int) -> bytes | None:
        if first == EOF and len(payload) == 5:
            self.warnings = payload[1] | payload[2] << 8
            self.status = (payload[3] | payload[4] << 8) & ~_STATE_CHANGED
            return None
        if len(payload) >= 7 and payload[1] < LOCAL_INFILE and payload[2] < LOCAL_INFILE:
            self.affected_rows = payload[1]
            self.last_insert_id = payload[2]
            self.status = payload[3] | payload[4] << 8
            self.warnings = payload[5] | payload[6] << 8
            if not self.status & _STATE_CHANGED:
                return self._legacy_close() if first == EOF and self._legacy_eof else None
        return self._close_ok_with_state(OkPacket.decode(payload))

    def _close_ok_with_state(self, packet: OkPacket) -> bytes | None:
        self.affected_rows = packet.affected_rows
        self.last_insert_id = packet.last_insert_id
        self.status = int(packet.status) & ~_STATE_CHANGED
        self.warnings = packet.warnings
        if packet.session:
            self.changes.append(decode_session_changes(packet.session))
        if packet.header == EOF and self._legacy_eof:
            return self._legacy_close()
        if not packet.status & Status.SESSION_STATE_CHANGED:
            return None
        if self._session_track and self.shows_all:
            return None
        shown = select_changes(packet.session, DEFAULT_SHOWN_VARIABLES) if self._session_track else b""
        return OkPacket(
            packet.affected_rows,
            packet.last_insert_id,
            packet.status,
            packet.warnings,
            packet.info,
            shown,
            packet.header,
        ).encode()

    def _legacy_close(self) -> bytes:
        """The EOF packet that ends a result set in place of OK."""
        status = self.status
        return bytes((EOF,)) + self.warnings.to_bytes(2, "little") + status.to_bytes(2, "little")

    def _inserted_eof(self, sequence: int) -> bytes:
        """An EOF packet behind column definitions, in place of ``sequence`` as the database counts."""
        status = self.status & ~(_MORE_RESULTS | _CURSOR_EXISTS)
        packet = frame(bytes((EOF, 0, 0)) + status.to_bytes(2, "little"), sequence + self._offset)
        self._offset += 1
        return packet

    def _finish(self) -> None:
        self._state = _State.DONE
        self.done = True

    def after_infile(self) -> None:
        """The client has sent its file; the database's verdict follows."""
        self.infile = False


def _closes(first: int, length: int) -> bool:
    """Whether a packet where a row could stand ends the rows instead."""
    return first == ERR or (first == EOF and length < MAX_PAYLOAD)
