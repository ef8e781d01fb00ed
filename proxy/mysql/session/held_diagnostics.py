"""What a session's statements have left to be asked for: row counts and conditions.

Row counts are always values here, except that FOUND_ROWS() may be unknown. Conditions are on the session's
connection first (``unread``), where the server itself answers for them, and are read before the connection is
returned; a session without a connection has all of them here.
"""

from .condition_keeping import Keep, adds, is_statement, keeps
from .conditions import LOST_CONDITIONS, NO_CONDITIONS, Conditions
from .row_counts import RowCounts

__all__ = ["HeldDiagnostics"]

#: A query with a LIMIT and one of these words may have found more rows than it sends.
_COUNTS_ROWS = (b"SQL_CALC_FOUND_ROWS", b"UNION", b"EXCEPT", b"INTERSECT")
#: Errors about prepared statements that the proxy answers in the place of a server: ER_WRONG_ARGUMENTS,
#: ER_UNKNOWN_STMT_HANDLER, ER_STMT_HAS_NO_OPEN_CURSOR.
_SERVERS_OWN = frozenset((1210, 1243, 1421))
#: Of so many warnings the rows of SHOW WARNINGS are all.
_ALL_SHOWN = 16


class HeldDiagnostics:
    """``conditions`` were read; ``unread`` if those that count are on the connection."""

    __slots__ = (
        "_warnings",
        "conditions",
        "counts",
        "error",
        "has_counted",
        "unread",
        "wants_details",
        "wants_found_rows",
    )

    def __init__(self) -> None:
        self.counts = RowCounts(is_mariadb=False)
        self.conditions: Conditions = NO_CONDITIONS
        self.unread = False
        #: The session is known to ask for FOUND_ROWS(), or for more than SHOW WARNINGS tells.
        self.wants_found_rows = self.wants_details = False
        #: Number and SQL state of the error with which the last statement with conditions ended.
        self.error = (0, "")
        self._warnings = 0
        #: The last query was one whose FOUND_ROWS() may be known to the connection only.
        self.has_counted = False

    @property
    def must_ask(self) -> bool:
        """Whether the connection has to be asked before it is returned."""
        return self.unread or self.must_ask_found_rows

    @property
    def must_ask_found_rows(self) -> bool:
        """Whether FOUND_ROWS() is unknown, and wanted or of a query with rows.

        Of statements without rows it is asked only for sessions that are known to want it, since an UPDATE
        that nobody asks about would cost as much.
        """
        return (self.has_counted or self.wants_found_rows) and self.can_ask_found_rows

    @property
    def can_ask_found_rows(self) -> bool:
        """Whether FOUND_ROWS() is known to the session's connection only."""
        return self.counts.found_rows is None and self.counts.are_found_here

    def want_found_rows(self) -> None:
        """The session asks for FOUND_ROWS() where only its connection knows."""
        self.wants_found_rows = self.wants_found_rows or not self.has_counted

    def know_found_rows(self, asked: int) -> None:
        """What the connection has answered."""
        self.counts.know_found_rows(asked)
        self.has_counted = False

    @property
    def asks_found_rows(self) -> bool:
        """Whether to ask for FOUND_ROWS() where the conditions are asked for: it costs little then.

        MySQL's warning of FOUND_ROWS() hides how many conditions there were beyond those that are shown.
        """
        is_cheap = not self.unread or self._warnings < _ALL_SHOWN
        return self.must_ask_found_rows or (is_cheap and self.can_ask_found_rows)

    @property
    def detailed(self) -> int:
        """Of how many of the unread conditions more is wanted than SHOW WARNINGS tells."""
        if not self.wants_details:
            return 0
        return 1 if self.error[0] else self._warnings

    def after(
        self,
        command: int,
        text: bytes,
        *,
        errno: int = 0,
        sqlstate: bytes = b"",
        in_rows: bool = False,
        affected_rows: int = 0,
        warnings: int = 0,
        warned: bool = False,
        rows: int | None = None,
        is_cursor: bool = False,
    ) -> None:
        """Take in how a command ended; see ``RowCounts.take`` and ``keeps`` for the arguments."""
        self.counts.take(
            command,
            text,
            errno=errno,
            in_rows=in_rows,
            affected_rows=affected_rows,
            warnings=warnings,
            rows=rows,
            is_cursor=is_cursor,
        )
        if in_rows:
            capitals = text.upper()
            self.has_counted = (b"LIMIT" in capitals or b"UNION" in capitals) and any(
                word in capitals for word in _COUNTS_ROWS
            )
        if errno or (warnings and is_statement(command)):
            if not adds(command, text, errno, is_mariadb=self.counts.is_mariadb):
                self.conditions = NO_CONDITIONS
            self.error = (errno, sqlstate.decode("ascii", "replace"))
            self._warnings = warnings
            self.unread = True
        elif warned or self.unread or self.conditions:
            self._kept(keeps(command, text, is_mariadb=self.counts.is_mariadb, warned=warned), warned)

    def _kept(self, kept: Keep, warned: bool) -> None:
        if kept is Keep.KEEPS:
            return
        is_unknown = kept is Keep.UNKNOWN
        self.unread = is_unknown and (warned or self.unread)
        # Where the connection was told nothing of them, it cannot tell whether they were cleared.
        self.conditions = LOST_CONDITIONS if is_unknown and self.conditions and not warned else NO_CONDITIONS

    def answered(self, conditions: Conditions) -> None:
        """The connection has told them."""
        if self.unread:
            self.conditions = self.conditions.joined(conditions)
        self.unread = False

    def refused(self, errno: int) -> None:
        """The proxy itself has answered a command with an error, of which it holds no conditions.

        errno: of that. Where a server would have said the same, it would show it, too.
        """
        self.counts.row_count = -1
        self.conditions = LOST_CONDITIONS if errno in _SERVERS_OWN else NO_CONDITIONS
        self.unread = False

    def forget_connection(self) -> None:
        """The connection is gone, and what was to be read from it."""
        if self.unread:
            self.unread = False
            self.conditions = LOST_CONDITIONS

    @property
    def are_lost(self) -> bool:
        """Whether nobody can tell what the conditions are."""
        return self.conditions is LOST_CONDITIONS

    def reset(self) -> None:
        """The session starts over."""
        self.counts.row_count = 0
        self.conditions = NO_CONDITIONS
        self.unread = self.wants_found_rows = self.wants_details = False
