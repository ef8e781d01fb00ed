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
from .found_rows import Found, found_rows_of

__all__ = ["RowCounts"]

_RUNS_TEXT = frozenset((Command.QUERY, Command.STMT_EXECUTE, Command.STMT_BULK_EXECUTE))
_LEAVE_ROW_COUNT = frozenset((Command.STATISTICS, Command.STMT_CLOSE, Command.STMT_SEND_LONG_DATA))
_MINUS_ONE = frozenset((Command.SET_OPTION, Command.DEBUG, Command.FIELD_LIST, Command.PROCESS_INFO))
#: Errors from before a statement runs: ER_PARSE_ERROR, ER_EMPTY_QUERY.
_NOT_RUN = frozenset((1064, 1065))


@attrs.define
class RowCounts:
    """Both values of one session; ``found_rows`` is None if only its connection knows."""

    is_mariadb: bool
    row_count: int = 0
    found_rows: int | None = 0

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
        self.row_count = self._row_count(command, text, errno, in_rows, affected_rows, warnings)
        if command == Command.STMT_FETCH or is_cursor:
            self.found_rows = None
        elif command in _RUNS_TEXT and not (errno in _NOT_RUN and b";" not in text):
            self._take_rows(text, errno, rows)

    def _row_count(
        self, command: int, text: bytes, errno: int, in_rows: bool, affected_rows: int, warnings: int
    ) -> int:
        if errno or in_rows or command in _MINUS_ONE or command == Command.STMT_FETCH:
            return -1
        if command in _LEAVE_ROW_COUNT or command == Command.STMT_PREPARE:
            return self.row_count
        if not affected_rows and command in _RUNS_TEXT and _is_get_diagnostics(text):
            return -1 if warnings else self.row_count
        return affected_rows

    def _take_rows(self, text: bytes, errno: int, rows: int | None) -> None:
        rule = found_rows_of(text, is_mariadb=self.is_mariadb)
        if rule.found is Found.UNCHANGED:
            return
        if rule.found is Found.UNKNOWN or errno or rows is None or (rule.offset and not rows):
            self.found_rows = None
        else:
            self.found_rows = rule.offset + rows


def _is_get_diagnostics(text: bytes) -> bool:
    """Nothing else begins with this word."""
    return text.lstrip()[:4].upper().strip() == b"GET"
