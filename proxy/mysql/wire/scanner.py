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

MariaDB's progress reports may stand between any two packets.

The outgoing bytes are the incoming ones but for a session-state block, which is cut down to what a server
with default trackers would have sent this client; the eof_scanner module serves clients that want EOF
packets. MySQL manual, "Text Resultset", "COM_STMT_PREPARE Response".
"""

from collections.abc import Mapping

from .commands import ResponseKind
from .datatypes import MalformedPacket
from .framing import HEADER, MAX_PAYLOAD, frame
from .results import (
    EOF,
    ERR,
    LOCAL_INFILE,
    NO_CHANGES,
    OK,
    OkPacket,
    SessionChanges,
    decode_session_changes,
    definitions_after,
    farewell_text,
    is_progress,
    with_session,
)
from .scanner_states import FIRST_STATE, Farewell, State, closes, header_at, skip_definitions
from .shown_changes import SHOWN_BY_DEFAULT
from .status import Status

__all__ = ["MAX_CLOSING_PACKET", "MORE_RESULTS", "ResponseScanner"]

#: The longest packet that is held to be parsed whole (OK, ERR, EOF, prepare response), in bytes.
MAX_CLOSING_PACKET = 256 * 1024

_NO_ERRORS: frozenset[int] = frozenset()
_NO_SUBSTITUTES: Mapping[int, bytes] = {}

#: As a number: comparing flags of an enum costs more.
MORE_RESULTS = int(Status.MORE_RESULTS_EXISTS)
# As plain names for the same reason.
_RESULT = ResponseKind.RESULT
_HEAD, _PREPARE, _COLUMNS = State.HEAD, State.PREPARE, State.COLUMNS
_ROWS, _STRING, _DONE = State.ROWS, State.STRING, State.DONE
#: Bytes in front of the state block of an OK packet all of whose numbers and lengths take one byte.
_TO_STATE = 9
_STATE_CHANGED = int(Status.SESSION_STATE_CHANGED)


class ResponseScanner:
    """One per client session; ``begin`` readies it for the next response.

    After ``done``: ``status``, ``warnings`` and ``affected_rows`` are those of the last result,
    ``last_insert_id`` is the last that any result has told, ``errno`` is set when it ended in an error,
    ``changes`` holds every session change reported on the way, ``statement_id`` a prepared statement's id.
    """

    #: Whether the client gets EOF packets, for which ``statements`` and ``out_parameters`` are needed.
    makes_eof = False

    __slots__ = (
        "_after_columns",
        "_columns",
        "_continued",
        "_held",
        "_local_files",
        "_max_closing",
        "_next_columns",
        "_offset",
        "_session_track",
        "_skip",
        "_state",
        "affected_rows",
        "changes",
        "columns",
        "done",
        "errno",
        "first_sequence",
        "heals",
        "infile",
        "infile_sequence",
        "last_insert_id",
        "out_parameters",
        "own_statement_id",
        "parameters",
        "result_set",
        "rows",
        "rows_last",
        "shown",
        "shows_all",
        "sqlstate",
        "started",
        "statement_id",
        "statements",
        "status",
        "substitutes",
        "warned",
        "warnings",
        "withheld",
    )

    def __init__(
        self, *, session_track: bool, local_files: bool = True, max_closing_packet: int = MAX_CLOSING_PACKET
    ) -> None:
        """The first two are the client's capabilities; session tracking is always on towards the database."""
        self._local_files = local_files
        self._max_closing = max_closing_packet
        self._session_track = session_track
        #: The client has set session trackers by itself, on a connection it keeps: it sees what they report.
        self.shows_all = False
        #: What the client has asked to be told of.
        self.shown = SHOWN_BY_DEFAULT
        self.status = 0
        self.begin(ResponseKind.NONE)

    def begin(self, kind: ResponseKind) -> None:
        """Expect the response to a command with sequence id 0."""
        self._state = _HEAD if kind is _RESULT else FIRST_STATE[kind]
        self._held = b""
        self._skip = 0
        self._continued = False
        self._columns = 0
        self._next_columns = 0
        self._after_columns = _ROWS
        self._offset = 0
        self.done = self._state is _DONE
        self.infile = False
        #: The id, as the database counts, with which it has asked for a file.
        self.infile_sequence = 0
        self.result_set = False
        #: Rows of the last result set, and whether the last result was one.
        self.rows = 0
        self.rows_last = False
        #: Set by the caller: the sequence id with which the response must begin; 0 for any.
        self.first_sequence = 0
        #: Set by the caller: for each statement of the text whether it is a CALL; empty for a single one.
        self.statements: tuple[bool, ...] = ()
        #: Set by the caller: rows may be the OUT parameters of a prepared CALL.
        self.out_parameters = False
        self.started = False
        self.changes: list[SessionChanges] = []
        self.errno = 0
        self.sqlstate = b""
        #: Whether a result before the last one had warnings.
        self.warned = False
        self.affected_rows = 0
        self.last_insert_id = 0
        self.warnings = 0
        #: A prepared statement's id at the database, and how many parameters and columns it has.
        self.statement_id = self.parameters = self.columns = 0
        #: Set by the caller: the id of a statement that the client gets instead; 0 for the database's own.
        self.own_statement_id = 0
        #: Set by the caller: errors that are not passed on, since the command will be sent once more.
        self.heals: frozenset[int] = _NO_ERRORS
        #: The packet with such an error.
        self.withheld = b""
        #: Set by the caller: payloads that the client gets in the place of these errors, wherever they come.
        self.substitutes: Mapping[int, bytes] = _NO_SUBSTITUTES

    @property
    def lost_statement(self) -> bool:
        """Whether the whole response, of which the client has seen nothing, is such an error."""
        return self.errno in self.heals and not self.result_set

    @property
    def sequence_offset(self) -> int:
        """How much higher the client's sequence ids are than the database's."""
        return self._offset

    def feed(self, data: bytes) -> bytes:
        """Scan a chunk; returns the bytes for the client. Raises MalformedPacket."""
        if self._state is _DONE:
            raise MalformedPacket("data after the end of a response")
        if self._held:
            data = self._held + data
            self._held = b""
        size = len(data)
        if not self.started:
            if size < HEADER:
                self._held = data
                return b""
            self._check_beginning(data)
            self.started = True
        position = self._skip
        if position >= size:
            self._skip = position - size
            return data
        self._skip = 0
        return self._feed(data, position)

    def _check_beginning(self, data: bytes) -> None:
        if not data[3]:
            # A server that has not read the command yet has something to say of its own.
            raise Farewell(farewell_text(data))
        if self.first_sequence and data[3] != self.first_sequence:
            raise MalformedPacket("the answer to something else")

    def _feed(self, data: bytes, position: int) -> bytes:
        size = len(data)
        pieces: list[bytes] = []
        start = 0
        while position < size:
            if not self._continued:
                if self._state is _ROWS:
                    position = self._pass_rows(data, position)
                elif self._columns > 1 and self._state is _COLUMNS:
                    position, self._columns = skip_definitions(data, position, self._columns)
                if position >= size:
                    break
            if not self._is_complete(data, position):
                self._held = data[position:]
                pieces.append(data[start:position])
                return b"".join(pieces)
            end = position + HEADER + (header_at(data, position)[0] & MAX_PAYLOAD)
            replacement = self._packet(data, position, end)
            if replacement is not None:
                pieces += (data[start:position], replacement)
                start = min(end, size)
            position = end
            if self._state is _DONE and position < size:
                raise MalformedPacket("data after the end of a response")
        self._skip = position - size
        if not pieces:
            return data
        pieces.append(data[start:])
        return b"".join(pieces)

    def _is_complete(self, data: bytes, position: int) -> bool:
        """Whether enough of the packet is there to act on it: its first byte, or all of a closing one."""
        available = len(data) - position
        if available < HEADER:
            return False
        length = header_at(data, position)[0] & MAX_PAYLOAD
        if length == 0 or self._continued:
            return True
        if available == HEADER:
            return False
        state = self._state
        if state is _COLUMNS:
            # A group's last definition may be the end of the response, or have an EOF put behind it.
            whole = self._columns == 1 or data[position + HEADER] == ERR
        elif state is _HEAD or state is _PREPARE or state is _STRING:
            whole = True
        else:
            whole = closes(data[position + 4], length)
        if whole and length > self._max_closing:
            raise MalformedPacket("a closing packet is too long")
        return not whole or available >= HEADER + length

    def _pass_rows(self, data: bytes, position: int) -> int:
        """Skip whole rows; returns the position of the first packet that is not an ordinary row."""
        last = len(data) - 5
        rows = 0
        while position <= last:
            length = header_at(data, position)[0] & MAX_PAYLOAD
            if length == MAX_PAYLOAD or (data[position + 4] >= EOF and length):
                break
            position += HEADER + length
            rows += 1
        self.rows += rows
        return position

    def _packet(self, data: bytes, position: int, end: int) -> bytes | None:
        """Act on the packet at ``position``; returns what replaces it for the client, or None."""
        length = end - position - HEADER
        if self._continued:
            self._continued = length == MAX_PAYLOAD
            return None
        state = self._state
        if length and data[position + HEADER] == ERR and is_progress(data[position + HEADER : end]):
            # It may come anywhere in a response, and changes nothing.
            return None
        if state is _COLUMNS:
            self._continued = length == MAX_PAYLOAD
            if not self._continued:
                self._column_passed()
            return None
        if state is _STRING:
            self._finish()
            return None
        if length == 0:
            if state is _ROWS:
                self.rows += 1
                return None
            raise MalformedPacket("empty packet in a response")
        first = data[position + 4]
        if state is _HEAD or state is _PREPARE:
            replacement = self._head(data, position, end, first)
            if self.errno and self.lost_statement and data[position + 3] == 1:
                self.withheld = data[position:end]
                return b""
            return replacement
        if closes(first, length):
            return self._close(data, position, end, first)
        self._continued = length == MAX_PAYLOAD
        self.rows += 1
        return None

    def _head(self, data: bytes, position: int, end: int, first: int) -> bytes | None:
        if first == ERR:
            return self._close(data, position, end, first)
        if self._state is _PREPARE:
            payload = data[position + HEADER : end]
            self._prepared(payload)
            if not self.own_statement_id:
                return None
            shown = b"".join((payload[:1], self.own_statement_id.to_bytes(4, "little"), payload[5:]))
            return frame(shown, data[position + 3])
        if first == OK or (first == EOF and end - position <= 13):
            return self._close(data, position, end, first)
        if first == LOCAL_INFILE:
            if not self._local_files:
                raise MalformedPacket("a request for a file, which the client does not offer")
            self.infile = True
            self.infile_sequence = data[position + 3]
            return None
        self.result_set = True
        self._columns = definitions_after(data[position + HEADER : end])
        self._after_columns = _ROWS
        if self._columns:
            self._state = _COLUMNS
        else:
            self._begin_rows()
        return None

    def _prepared(self, payload: bytes) -> None:
        if len(payload) < 12 or payload[0] != OK:
            raise MalformedPacket("not a prepared statement response")
        self.statement_id = int.from_bytes(payload[1:5], "little")
        self.columns = columns = int.from_bytes(payload[5:7], "little")
        self.parameters = parameters = int.from_bytes(payload[7:9], "little")
        self.warnings = int.from_bytes(payload[10:12], "little")
        self._columns = parameters or columns
        self._next_columns = columns if parameters else 0
        self._after_columns = State.DONE
        if len(payload) > 12 and not payload[12]:
            # The client does without definitions, but not without what stands behind them.
            self._groups_passed(bool(columns) + bool(parameters))
            self._finish()
        elif self._columns:
            self._state = State.COLUMNS
        else:
            self._finish()

    def _column_passed(self) -> None:
        self._columns -= 1
        if self._columns:
            return
        if self._after_columns is _ROWS:
            self._begin_rows()
            return
        self._groups_passed(1)
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
            self.sqlstate = payload[4:9] if payload[3:4] == b"#" else b""
            self.status &= ~MORE_RESULTS
            self._finish()
            substitute = self.substitutes.get(self.errno)
            return None if substitute is None else frame(substitute, sequence)
        self.rows_last = self._state is _ROWS
        self._result_ended(rows=self.rows_last)
        replacement = self._close_ok(payload, first)
        if self.status & MORE_RESULTS:
            self._state = State.HEAD
            self.warned = self.warned or self.warnings > 0
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
            self.last_insert_id = payload[2] or self.last_insert_id
            self.status = payload[3] | payload[4] << 8
            self.warnings = payload[5] | payload[6] << 8
            if not self.status & _STATE_CHANGED:
                return self._closing() if first == EOF else None
            if len(payload) > _TO_STATE and not payload[7] and payload[8] == len(payload) - _TO_STATE:
                return self._close_with_state(payload, first, payload[_TO_STATE:])
        packet = OkPacket.decode(payload)
        self.affected_rows = packet.affected_rows
        self.last_insert_id = packet.last_insert_id or self.last_insert_id
        self.status = int(packet.status)
        self.warnings = packet.warnings
        return self._close_with_state(payload, first, packet.session)

    def _close_with_state(self, payload: bytes, first: int, session: bytes) -> bytes | None:
        has_state = self.status & _STATE_CHANGED
        self.status &= ~_STATE_CHANGED
        changes = decode_session_changes(session)
        if changes is not NO_CHANGES:
            self.changes.append(changes)
        closing = self._closing() if first == EOF else None
        if closing is not None:
            return closing
        if not has_state or (self._session_track and self.shows_all):
            return None
        return with_session(payload, self.shown.select(session) if self._session_track else b"")

    def _begin_rows(self) -> None:
        self._state = _ROWS
        self.rows = 0

    def _groups_passed(self, count: int) -> None:
        """So many groups of a prepared statement's column definitions have passed."""

    def _result_ended(self, *, rows: bool) -> None:
        """A result set has ended, or an OK packet has come."""

    def _closing(self) -> bytes | None:
        """What the client gets in place of the OK packet that ends a result set, or None."""
        return None

    def _finish(self) -> None:
        self._state = _DONE
        self.done = True

    def after_infile(self) -> None:
        """The client has sent its file; the database's verdict follows."""
        self.infile = False
