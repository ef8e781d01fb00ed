"""What to change in an application so that a session does not pin under RDS Proxy, by reason."""

from ..mysql.session.rds_rules import RdsReason

__all__ = ["rds_remedy"]

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
    """One line for the reason's word."""
    return _REMEDIES[RdsReason(reason)]
