"""What a statement's text says about the session after it: a value, made by the screen.

A verdict covers only what the session tracker cannot report by value (MySQL manual, "Server Tracking of
Client Session State"). It errs towards more: a false hit costs sharing, a missed one shows a session to
another client.
"""

import enum

import attrs

from .pins import PinReason

__all__ = ["Diagnostics", "Kill", "PLAIN", "Verdict", "Xa"]


class Diagnostics(enum.Flag):
    """What a statement reads that an earlier statement of the same session left on its connection."""

    NONE = 0
    LAST_INSERT_ID = enum.auto()
    ROW_COUNT = enum.auto()
    FOUND_ROWS = enum.auto()
    CONDITIONS = enum.auto()
    SEQUENCE = enum.auto()
    LAST_GTID = enum.auto()


class Xa(enum.Enum):
    """Whether a statement opens or closes a distributed transaction."""

    NONE = "none"
    OPEN = "open"
    CLOSE = "close"


@attrs.frozen
class Kill:
    """Whom a KILL wants to end; ``number`` is None for the sender itself."""

    number: int | None
    query_only: bool

    def is_for_client(self, first_number: int) -> bool:
        """Whether it means a client of the proxy; lower numbers are the server's own."""
        return self.number is None or self.number >= first_number


@attrs.frozen
class Verdict:
    """The effects of one text as the client sent it, which may hold several statements.

    pins: hold once the text ran, whether or not it succeeded.
    reads: diagnostics of an earlier text of the same session that this one reads.
    names_only_variables: nothing but SET of system variables and USE, without a subquery or a function that
    could
        run stored code, so that the values the tracker reports explain its state-change signal fully.
    user_variable_sets_only: the one pin is USER_VARIABLE and all of it comes from SET statements.
    xa: OPEN wins over CLOSE where a text has both.
    calls: runs stored code by name (CALL, EXECUTE, EXECUTE IMMEDIATE).
    returns_insert_id: rows in its answer may come from an INSERT, whose id is then not reported.
    uses_sequence: asks a sequence for its next value, or sets it.
    kill: the text is a KILL of a connection by its id.
    asks_connection_id: calls CONNECTION_ID(), in a text whose tokens are certain.
    multiple: more than one statement; also true of a compound statement that holds statements.
    """

    pins: frozenset[PinReason] = frozenset()
    reads: Diagnostics = Diagnostics.NONE
    names_only_variables: bool = False
    user_variable_sets_only: bool = False
    xa: Xa = Xa.NONE
    calls: bool = False
    multiple: bool = False
    returns_insert_id: bool = False
    uses_sequence: bool = False
    kill: Kill | None = None
    asks_connection_id: bool = False


PLAIN = Verdict()
