"""ROW_COUNT() and FOUND_ROWS() of a session as a value (MySQL manual, "Information Functions").

ROW_COUNT() follows from what ended the last response: rows or an error make it -1, an OK packet tells it. On
MySQL 9 and MariaDB 10.11 alike it stays as it is through COM_STATISTICS, COM_STMT_CLOSE, SEND_LONG_DATA, a
COM_STMT_PREPARE that succeeds, and a GET DIAGNOSTICS without a warning.

FOUND_ROWS() is what the found_rows module says of the statement. Where that is not known it is None, and to
be asked where the statement ran, by `SELECT FOUND_ROWS()`, before anything else but SHOW WARNINGS. A session
starts with 0, though MariaDB shows a new one what the connection that its thread served before has left. A
COM_RESET_CONNECTION leaves FOUND_ROWS() alone, and makes ROW_COUNT() 0.
"""

import attrs

from ..wire.commands import Command
from .found_rows import LONGEST_TEXT, Found, found_rows_of

__all__ = ["RowCounts"]

#: Statements that are kept to be read when somebody asks, and how long each may be, in bytes.
_MAX_PENDING = 4
_LONGEST_PENDING = 512

_RUNS_TEXT = frozenset((Command.QUERY, Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE))
_LEAVE_ROW_COUNT = frozenset(
    (Command.STATISTICS, Command.STMT_CLOSE, Command.STMT_SEND_LONG_DATA, Command.STMT_PREPARE)
)
_MINUS_ONE = frozenset(
    (Command.SET_OPTION, Command.DEBUG, Command.FIELD_LIST, Command.PROCESS_INFO, Command.STMT_FETCH)
)
#: Errors from before a statement runs: ER_PARSE_ERROR, ER_EMPTY_QUERY.
_NOT_RUN = frozenset((1064, 1065))
_SELECT = (b"SELECT", b"select")
#: Beginnings of statements that do not leave FOUND_ROWS() as it was, where that has to be asked.
_QUERIES = frozenset((b"SELECT", b"UPDATE"))
#: The most frequent ones that leave FOUND_ROWS() alone.
_LEAVE_FOUND_ROWS = frozenset((b"COMMIT", b"commit", b"BEGIN", b"begin", b"ROLLBACK", b"rollback"))


@attrs.define
class RowCounts:
    """Both values of one session."""

    is_mariadb: bool
    row_count: int = 0
    _found_rows: int | None = 0
    #: Text, error number and number of rows of statements that are yet to be taken in.
    _pending: list[tuple[bytes, int, int | None]] = attrs.field(factory=list, init=False, repr=False)
    #: How many of these have run elsewhere.
    _elsewhere: int = attrs.field(default=0, init=False, repr=False)
    _is_here: bool = attrs.field(default=False, init=False, repr=False)

    @property
    def found_rows(self) -> int | None:
        """FOUND_ROWS(), None if only the connection knows."""
        self._settle()
        return self._found_rows

    @property
    def are_found_here(self) -> bool:
        """Whether the session's connection would answer FOUND_ROWS() with the session's own."""
        self._settle()
        return self._is_here

    def elsewhere(self) -> None:
        """The next statement runs on another connection, or the proxy has asked this one something."""
        self._elsewhere = len(self._pending)
        self._is_here = False

    def know_found_rows(self, asked: int) -> None:
        """What the connection has answered."""
        self._pending.clear()
        self._elsewhere = 0
        self._is_here = False
        self._found_rows = asked

    def take(
        self,
        command: int,
        text: bytes,
        *,
        errno: int = 0,
        in_rows: bool = False,
        affected_rows: int = 0,
        warnings: int = 0,
        rows: int | None = None,
        is_cursor: bool = False,
    ) -> None:
        """Take in how a command ended; ``text`` is the statement that it ran or prepared, empty for none.

        errno: of an ERR packet. in_rows: the last result was a result set, not an OK packet. affected_rows,
        warnings: of the last OK packet. rows: of the last result set in the response, None without one.
        is_cursor: the rows are yet to be fetched.
        """
        if errno or in_rows:
            self.row_count = -1
        elif affected_rows:
            self.row_count = affected_rows
        else:
            self._take_no_rows(command, text, warnings)
        if command not in _RUNS_TEXT or is_cursor:
            if is_cursor or command == Command.STMT_FETCH:
                self._forget()
        elif text not in _LEAVE_FOUND_ROWS and (errno not in _NOT_RUN or b";" in text):
            self._put_off(text, errno, in_rows, rows)

    def _take_no_rows(self, command: int, text: bytes, warnings: int) -> None:
        if command in _RUNS_TEXT:
            if not _is_get_diagnostics(text):
                self.row_count = 0
            elif warnings:
                self.row_count = -1
        elif command not in _LEAVE_ROW_COUNT:
            self.row_count = -1 if command in _MINUS_ONE else 0

    def _put_off(self, text: bytes, errno: int, in_rows: bool, rows: int | None) -> None:
        """Reading a statement costs more than most of them are worth: few clients ever ask."""
        if in_rows and text[:6] in _SELECT:
            # Whatever it does, it does not leave FOUND_ROWS() as it was.
            self._pending.clear()
            self._elsewhere = 0
        if len(text) > LONGEST_TEXT:
            self._forget()
            return
        self._pending.append((text, errno, rows))
        if len(text) > _LONGEST_PENDING or len(self._pending) > _MAX_PENDING:
            self._settle()

    def _forget(self) -> None:
        """Only the connection that has just run a statement knows."""
        self._pending.clear()
        self._elsewhere = 0
        self._found_rows = None
        self._is_here = True

    def _settle(self) -> None:
        pending, self._pending = self._pending, []
        elsewhere, self._elsewhere = self._elsewhere, 0
        for at, (text, errno, rows) in enumerate(pending):
            self._take_rows(text, errno, rows, is_here=at >= elsewhere)

    def _take_rows(self, text: bytes, errno: int, rows: int | None, *, is_here: bool) -> None:
        rule = found_rows_of(text, is_mariadb=self.is_mariadb)
        if rule.found is Found.UNCHANGED:
            return
        if rule.found is Found.UNKNOWN or errno or rows is None or (rule.offset and not rows):
            self._found_rows = None
            has_query = rows is not None or text.lstrip()[:6].upper() in _QUERIES
            # What may have left it alone says nothing where it was not the session's own.
            is_changed = has_query and (self.is_mariadb or not errno)
            self._is_here = is_here and (is_changed or self._is_here)
        else:
            self._found_rows = rule.offset + rows
            self._is_here = is_here


def _is_get_diagnostics(text: bytes) -> bool:
    """Nothing else begins with this word."""
    return text[:1].upper() in b"G \t\r\n" and text.lstrip()[:4].upper().strip() == b"GET"
