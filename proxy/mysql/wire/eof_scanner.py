"""The response scanner for clients without CLIENT_DEPRECATE_EOF: makes the EOF packets they expect.

One is inserted behind each group of column definitions, from where on sequence ids are one higher, and the OK
packet that closes a result set is turned into one. Where a procedure's OUT parameters may come
(``out_parameters``), the EOF packet behind the definitions must say so, but only the packet behind their one
row tells: until that is there the row is held, within the limit for closing packets. It must also say whether
another result follows, which goes by the text (``statements``). MySQL manual, "EOF_Packet",
"SERVER_PS_OUT_PARAMS"; so do MySQL 9 and MariaDB 10.11.
"""

from .commands import ResponseKind
from .datatypes import MalformedPacket
from .framing import HEADER, MAX_PAYLOAD, frame
from .results import EOF, OkPacket
from .scanner import MAX_CLOSING_PACKET, MORE_RESULTS, ResponseScanner
from .scanner_states import State, closes, header_at
from .status import Status

__all__ = ["EofScanner", "response_scanner"]

_CURSOR_EXISTS = int(Status.CURSOR_EXISTS)
_OUT_PARAMETERS = int(Status.PS_OUT_PARAMS)


def response_scanner(
    *,
    deprecate_eof: bool,
    session_track: bool,
    local_files: bool = True,
    max_closing_packet: int = MAX_CLOSING_PACKET,
) -> ResponseScanner:
    """The scanner for a client with or without these capabilities."""
    kind = ResponseScanner if deprecate_eof else EofScanner
    return kind(session_track=session_track, local_files=local_files, max_closing_packet=max_closing_packet)


class EofScanner(ResponseScanner):
    """Passes responses on with EOF packets."""

    makes_eof = True

    __slots__ = ("_eof_due", "_groups_ended", "_statement")

    def begin(self, kind: ResponseKind) -> None:
        """Expect the response to a command with sequence id 0."""
        super().begin(kind)
        self._eof_due = False
        self._groups_ended = 0
        #: Which of the text's statements is being answered.
        self._statement = 0

    def _feed(self, data: bytes, position: int) -> bytes:
        size = len(data)
        mutable = bytearray(data)
        pieces: list[bytes | bytearray] = []
        start = 0
        while position < size:
            if not self._is_complete(data, position) or self._may_be_out_parameters(data, position):
                self._held = data[position:]
                del mutable[position:]
                break
            end = position + HEADER + (header_at(data, position)[0] & MAX_PAYLOAD)
            if self._eof_due and not self._opens_cursor(data, position, end):
                flags = self._out_parameters_flag(data, end) | self._more_results_flag()
                pieces += (mutable[start:position], self._inserted_eof(data[position + 3], flags))
                start = position
            self._eof_due = False
            offset = self._offset
            mutable[position + 3] = (data[position + 3] + offset) & 0xFF
            replacement = self._packet(data, position, end)
            if replacement is not None:
                pieces += (mutable[start:position], replacement)
                start = end
            if self._groups_ended:
                pieces.append(mutable[start:end])
                for _ in range(self._groups_ended):
                    pieces.append(self._inserted_eof(data[position + 3] + 1, warnings=self.warnings))
                self._groups_ended = 0
                start = end
            elif replacement is None and offset and self._is_between_rows():
                end = self._renumber_rows(data, mutable, end)
            position = end
            if self._state is State.DONE and position < size:
                raise MalformedPacket("data after the end of a response")
        self._skip = max(0, position - size)
        pieces.append(mutable[start:])
        return b"".join(pieces)

    def _is_between_rows(self) -> bool:
        return self._state is State.ROWS and not self._continued and not self._eof_due

    def _opens_cursor(self, data: bytes, position: int, end: int) -> bool:
        """Whether this packet opens a cursor: it is then itself the EOF behind the column definitions."""
        length = end - position - HEADER
        if not length or data[position + HEADER] != EOF or length >= MAX_PAYLOAD:
            return False
        if length == 5:
            return bool(data[position + HEADER + 3] & _CURSOR_EXISTS)
        return bool(OkPacket.decode(data[position + HEADER : end]).status & _CURSOR_EXISTS)

    def _may_be_out_parameters(self, data: bytes, position: int) -> bool:
        """Whether to hold a first row, since what comes behind it decides how it is announced."""
        if not (self.out_parameters and self._eof_due):
            return False
        length = header_at(data, position)[0] & MAX_PAYLOAD
        if length > self._max_closing or not length or closes(data[position + HEADER], length):
            return False
        end = position + HEADER + length
        return len(data) <= end + HEADER or not self._is_whole_closing(data, end)

    def _is_whole_closing(self, data: bytes, position: int) -> bool:
        length = header_at(data, position)[0] & MAX_PAYLOAD
        whole = len(data) - position >= HEADER + length
        return whole or not closes(data[position + HEADER], length) or length > self._max_closing

    def _out_parameters_flag(self, data: bytes, position: int) -> int:
        if not self.out_parameters or len(data) <= position + HEADER or data[position + HEADER] != EOF:
            return 0
        length = header_at(data, position)[0] & MAX_PAYLOAD
        if not 7 <= length <= self._max_closing or len(data) < position + HEADER + length:
            return 0
        return int(OkPacket.decode(data[position + HEADER : position + HEADER + length]).status) & (
            _OUT_PARAMETERS
        )

    def _renumber_rows(self, data: bytes, mutable: bytearray, position: int) -> int:
        """Like ``_pass_rows``, adding the offset to each sequence id on the way."""
        last = len(data) - 5
        offset = self._offset
        while position <= last:
            length = header_at(data, position)[0] & MAX_PAYLOAD
            if length == MAX_PAYLOAD or (data[position + 4] >= EOF and length):
                return position
            mutable[position + 3] = (data[position + 3] + offset) & 0xFF
            position += HEADER + length
            self.rows += 1
        return position

    def _begin_rows(self) -> None:
        super()._begin_rows()
        self._eof_due = True

    def _result_ended(self, *, rows: bool) -> None:
        if not rows or not self._is_call():
            # The results of a CALL end with an OK packet.
            self._statement += 1

    def _is_call(self) -> bool:
        return self._statement < len(self.statements) and self.statements[self._statement]

    def _more_results_flag(self) -> int:
        """Whether another result will follow, which a server knows before the rows.

        libmariadb goes by it where a program does not fetch the rows.
        """
        return MORE_RESULTS if self._is_call() or self._statement + 1 < len(self.statements) else 0

    def _groups_passed(self, count: int) -> None:
        self._groups_ended = count

    def _closing(self) -> bytes:
        status = self.status
        return bytes((EOF,)) + self.warnings.to_bytes(2, "little") + status.to_bytes(2, "little")

    def _inserted_eof(self, sequence: int, flags: int = 0, warnings: int = 0) -> bytes:
        """An EOF packet behind column definitions, in place of ``sequence`` as the database counts."""
        status = self.status & ~(MORE_RESULTS | _CURSOR_EXISTS) | flags
        packet = frame(
            bytes((EOF,)) + warnings.to_bytes(2, "little") + status.to_bytes(2, "little"),
            sequence + self._offset,
        )
        self._offset += 1
        return packet
