"""Why a session is pinned to one database connection: one enum for log, metric, document and API."""

import enum

__all__ = ["PinReason", "RdsReason", "Reason"]


class PinReason(enum.Enum):
    """What a session has that cannot yet be held as a value. The value is the word in logs and metrics."""

    USER_VARIABLE = "user_variable"
    TEMPORARY_TABLE = "temporary_table"
    LOCK_TABLES = "lock_tables"
    FLUSH_TABLES_WITH_READ_LOCK = "flush_tables_with_read_lock"
    BACKUP_LOCK = "backup_lock"
    NAMED_LOCK = "named_lock"
    CALC_FOUND_ROWS = "calc_found_rows"
    HANDLER = "handler"
    CURSOR = "cursor"
    LONG_DATA = "long_data"
    PREPARED_STATEMENT = "prepared_statement"
    TEXT_PREPARED_STATEMENT = "text_prepared_statement"
    DIAGNOSTICS = "diagnostics"
    ONE_SHOT_VARIABLE = "one_shot_variable"
    SESSION_TRACKING = "session_tracking"
    ROLE = "role"
    PROFILING = "profiling"
    UNTRACKED_STATE = "untracked_state"
    UNREADABLE = "unreadable"


class RdsReason(enum.Enum):
    """RDS Proxy's conditions, with `pinning = "rds"`; the value is the word in metrics and reports."""

    STATEMENT_SIZE = "statement_size"
    EXECUTABLE_COMMENT = "executable_comment"
    PREPARED_STATEMENT = "prepared_statement"
    SESSION_SETTINGS = "session_settings"
    NEXT_TRANSACTION = "next_transaction"
    USER_VARIABLE = "user_variable"
    TEMPORARY_TABLE = "temporary_table"
    TABLE_LOCK = "table_lock"
    NAMED_LOCK = "named_lock"
    DIAGNOSTICS = "diagnostics"


Reason = PinReason | RdsReason
