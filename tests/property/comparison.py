"""What may differ between the two worlds, and why; all else is a fault of the proxy."""

import enum
import re

import attrs

from .answers import Answer, Column, Error, Ok, Reply, Rows
from .channel import Flags
from .client import is_null, read_text
from .steps import ChangeUser, InitDb, Ping, SetOption, Step

__all__ = ["NORMALISED", "TOLERATED", "Tolerated", "normal", "tolerated"]

NORMALISED = {
    "query was slow (status 0x0800)": "it depends on how long a statement took",
    "session state changed (status 0x4000)": "it says no more than what is there to be read",
    "the order of session changes": "the server has none; MariaDB's differs with what is tracked",
    "session changes other than variables and schema": "a client must ask for them, but MySQL tells"
    " everyone of transactions",
    "the schema that COM_CHANGE_USER tells as a session change": "the client has named it itself",
    "warnings in the answers to COM_PING, COM_INIT_DB and COM_SET_OPTION": "MySQL repeats those of the"
    " statement before",
    "the row in error 1366": "MariaDB counts on from the statement before where there is no row",
    "numbers of statements in errors": "a statement's number is the proxy's own",
    "the type of a column without a table and with nothing but NULL": "a user variable that was never set has"
    " another one than a variable set to NULL, and only a reset makes a connection forget a variable",
    "the function that error 1243 names": "it is one of the server's source, and changes with its version",
}
"""What `normal` takes out of an answer, with its reason."""

QUERY_WAS_SLOW, SESSION_STATE_CHANGED = 0x0800, 0x4000
VARIABLE, SCHEMA = 0, 1
WRONG_VALUE = 1366
_ROW = re.compile(r"row \d+")
_HANDLER = re.compile(r"(handler|statement) \(\d+\)( given to mysqld?_\w+)?")


class Tolerated(enum.Enum):
    """Refusals of the proxy that end a case. Empty this when the proxy refuses nothing any more."""

    DIAGNOSTICS = r"1105:.*no longer available"
    LAST_GTID = r"1105:.*last_gtid"
    VARIABLES_OF_A_PROCEDURE = (
        r"1105: rds-proxy: @.* may have been set by a stored procedure or function, whose database connection"
        r" has been reused; read (it|them) within the same transaction\. It will be kept from now on"
    )


TOLERATED: frozenset[Tolerated] = frozenset(Tolerated)


def tolerated(answer: Answer) -> Tolerated | None:
    """The refusal in an answer that the tests put up with for now."""
    for reply in answer:
        if isinstance(reply, Error):
            text = f"{reply.number}: {reply.text}"
            for each in TOLERATED:
                if re.search(each.value, text):
                    return each
    return None


def normal(step: Step, answer: Answer, flags: int) -> Answer:
    """The answer to a step without what cannot be the same twice."""
    return tuple(_normal(step, reply, flags) for reply in answer)


def _normal(step: Step, reply: Reply, flags: int) -> Reply:
    match reply:
        case Ok():
            tail = _sorted_changes(step, reply) if flags & Flags.SESSION_TRACK else reply.tail
            status = reply.status & ~(QUERY_WAS_SLOW | SESSION_STATE_CHANGED)
            warnings = 0 if isinstance(step, (InitDb, Ping, SetOption)) else reply.warnings
            return attrs.evolve(reply, status=status, warnings=warnings, tail=tail)
        case Error():
            text = _HANDLER.sub(r"\1 (?)", reply.text)
            return attrs.evolve(reply, text=_ROW.sub("row ?", text) if reply.number == WRONG_VALUE else text)
        case Rows():
            end = _normal(step, reply.end, flags)
            assert isinstance(end, (Ok, Error))
            return attrs.evolve(reply, columns=_known_types(reply), end=end)
    return reply


def _known_types(reply: Rows) -> tuple[Column, ...]:
    def is_unknown(at: int) -> bool:
        return not reply.columns[at].table and all(is_null(row, at, len(reply.columns)) for row in reply.rows)

    return tuple(
        attrs.evolve(column, rest=b"") if reply.rows and is_unknown(at) else column
        for at, column in enumerate(reply.columns)
    )


def _sorted_changes(step: Step, reply: Ok) -> bytes:
    """The text of an OK packet and the session changes that count, in one order."""
    if not reply.tail:
        return b""
    text, at = read_text(reply.tail, 0)
    if not reply.status & SESSION_STATE_CHANGED:
        return text
    changes, _ = read_text(reply.tail, at)
    counted = [] if isinstance(step, ChangeUser) else [VARIABLE, SCHEMA]
    found, at = set(), 0
    while at < len(changes):
        kind = changes[at]
        data, at = read_text(changes, at + 1)
        if kind in counted:
            found.add(data)
    return b" ".join([text, *sorted(found)]).strip()
