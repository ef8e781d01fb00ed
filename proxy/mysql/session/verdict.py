"""What a statement's text says about the session after it: a value, made by the screen.

A verdict covers only what the session tracker cannot report by value (MySQL manual, "Server Tracking of
Client Session State"). It errs towards more: a false hit costs sharing, a missed one shows a session to
another client.
"""

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from .pins import PinReason
from .verdict_parts import Ask, End, TextDeallocate, TextExecute, TextPrepare, TextStatement

if TYPE_CHECKING:
    from .variable_use import VariableUse

__all__ = [
    "PLAIN",
    "Ask",
    "Diagnostics",
    "End",
    "Kill",
    "TextDeallocate",
    "TextExecute",
    "TextPrepare",
    "TextStatement",
    "Verdict",
    "Xa",
]


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
    shows_proxy: the text begins with SHOW PROXY or PROXY, which the proxy answers.
    multiple: more than one statement; also true of a compound statement that holds statements.

    What follows is known only of a text whose tokens are certain, and says nothing where it has its default.
    Of several statements it is the sum in their order; it holds if all of them succeeded.

    ends: what a successful text has ended of what there was before it.
    names: what a successful text has opened and not closed itself, by reason, as written, without quotes; of
        a table with its schema `schema.table`. A reason that is not in it, while it is in ``pins``, has names
        that are not known. To be applied after ``ends``.
    lock_parameters: parameters of a prepared text that are names for GET_LOCK(), counted from 0.
    releases_lock: calls RELEASE_LOCK(), which may have released some.
    renames_tables: may give a table another name.
    variables: its user variables; None where it has none, or they are not known and USER_VARIABLE is in
        ``pins``.
    asks: what a constant may stand for, by ``substituted``; what ``reads`` has besides cannot be had so.
    names_tables: may read or write tables or views, which may run triggers and functions.
    prepared: what the text does with prepared statements of the text protocol.
    constant_set: nothing but SET of session variables to constants: what comes of it depends only on the
        settings before it, and on there being no transaction.
    sets_global: sets a global variable.
    savepoint: sets a savepoint.
    is_ddl: may change a table, view or routine; of a long text not known.
    explains_change: what the verdict tells is all that can have made the tracker signal a changed state.
    explains_visible_change: so it is, but for code behind the tables and views that the text names.
    runs_code: may run CALL, EXECUTE of a text that is not known, or a function that is not built in. False of
        a text that is PLAIN says nothing.
    tracks: the values a SET gives to variables of the session tracker, as far as they are literals.
    assigned_variables: all the system variables that SET statements assign for the session, in lower case.
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
    shows_proxy: bool = False
    ends: tuple[End, ...] = ()
    names: Mapping[PinReason, frozenset[str]] = attrs.field(factory=dict, hash=False)
    lock_parameters: tuple[int, ...] = ()
    releases_lock: bool = False
    renames_tables: bool = False
    variables: "VariableUse | None" = attrs.field(default=None, hash=False)
    asks: Ask = Ask.NONE
    names_tables: bool = False
    prepared: TextStatement | None = None
    constant_set: bool = False
    sets_global: bool = False
    savepoint: bool = False
    is_ddl: bool = False
    explains_change: bool = False
    explains_visible_change: bool = False
    runs_code: bool = False
    tracks: Mapping[str, str] = attrs.field(factory=dict, hash=False, repr=False)
    assigned_variables: frozenset[str] = frozenset()


PLAIN = Verdict()
