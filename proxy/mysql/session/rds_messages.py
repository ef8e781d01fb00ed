"""What AWS RDS Proxy says of a pin in its log, and what avoids it; module rds_rules has its conditions.

AWS publishes no list. The words are those that users of RDS Proxy have published, where there are any.
"""

import attrs

from .digest import digest
from .pins import RdsReason

__all__ = ["PIN_MESSAGE", "RDS_PREPARED", "RDS_TOO_LONG", "RdsPin", "RdsReason", "pin_message", "rds_remedy"]

#: The message of RDS Proxy's log line, behind time, level and endpoint.
PIN_MESSAGE = (
    "[clientConnection={client}] The client session was pinned to the database connection"
    " [dbConnection={number}] for the remainder of the session. The proxy can't reuse this connection"
    " until the session ends. Reason: {reason}"
)


# The first and the beginning of the third are RDS Proxy's own words as its users have published them, and so
# is that of settings, which takes a digest; the others have never been seen in public.
_WORDS = {
    RdsReason.STATEMENT_SIZE: "The connection ran a SQL query which exceeded the 16384 byte limit.",
    RdsReason.SESSION_SETTINGS: "SQL changed session settings that the proxy doesn't track. Consider moving"
    " session configuration to the proxy's initialization query.",
    RdsReason.PREPARED_STATEMENT: "Running a prepared statement.",
    RdsReason.EXECUTABLE_COMMENT: "The connection ran a SQL query with an executable comment.",
    RdsReason.NEXT_TRANSACTION: "SQL changed the characteristics of the next transaction.",
    RdsReason.USER_VARIABLE: "SQL set a user variable.",
    RdsReason.TEMPORARY_TABLE: "SQL created a temporary table.",
    RdsReason.TABLE_LOCK: "SQL locked tables.",
    RdsReason.NAMED_LOCK: "SQL used a named lock.",
    RdsReason.DIAGNOSTICS: "SQL read the row count of an earlier statement.",
}
_WITHOUT_DIGEST = frozenset((RdsReason.STATEMENT_SIZE, RdsReason.PREPARED_STATEMENT))


@attrs.frozen
class RdsPin:
    """One condition that a command meets."""

    reason: RdsReason

    def log_reason(self, text: bytes = b"") -> str:
        """What stands behind "Reason: " in RDS Proxy's log, with the statement's digest where it has one."""
        words = _WORDS[self.reason]
        return words if self.reason in _WITHOUT_DIGEST else f'{words} Digest: "{digest(text)}".'


#: COM_STMT_PREPARE, and any command with a prepared statement.
RDS_PREPARED = RdsPin(RdsReason.PREPARED_STATEMENT)

#: a text above the limit, for a caller that does not have all of it.
RDS_TOO_LONG = RdsPin(RdsReason.STATEMENT_SIZE)


def pin_message(pin: RdsPin, client: int, number: int, text: bytes = b"") -> str:
    """RDS Proxy's message for a pin: of the client with this id, to the connection with this thread id."""
    return PIN_MESSAGE.format(client=client, number=number, reason=pin.log_reason(text))


_REMEDIES = {
    RdsReason.STATEMENT_SIZE: "Split statements of more than 16 KB: shorter lists, smaller batches.",
    RdsReason.EXECUTABLE_COMMENT: "Leave executable comments out; mysqldump writes them, drivers seldom do.",
    RdsReason.PREPARED_STATEMENT: "Let the driver put the values into the text (prepared statements on the"
    " client's side).",
    RdsReason.SESSION_SETTINGS: "Set it in the parameter group or in the proxy's InitQuery, or leave it out.",
    RdsReason.NEXT_TRANSACTION: "SET SESSION TRANSACTION, or START TRANSACTION READ ONLY, do not pin.",
    RdsReason.USER_VARIABLE: "Pass the value with the statement, as a parameter, instead of in a variable.",
    RdsReason.TEMPORARY_TABLE: "A common table expression or a derived table may do instead.",
    RdsReason.TABLE_LOCK: "SELECT … FOR UPDATE in a transaction may do instead.",
    RdsReason.NAMED_LOCK: "SELECT … FOR UPDATE in a transaction may do instead.",
    RdsReason.DIAGNOSTICS: "Take affected rows from the driver; SELECT COUNT(*) instead of FOUND_ROWS().",
}


def rds_remedy(reason: str) -> str:
    """What to change so that a session does not pin for this reason's word, one line."""
    return _REMEDIES[RdsReason(reason)]
