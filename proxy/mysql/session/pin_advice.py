"""What the writer of an application can do about a pin, by its reason."""

from collections.abc import Mapping

import attrs

__all__ = ["ADVICE", "Advice", "advice"]


@attrs.frozen
class Advice:
    """``avoid``: how not to pin at all; ``end``: what ends the pin, where anything short of a reset does."""

    avoid: str
    end: str = ""


#: By the reason's word, so that reasons can be listed here before there is anything that pins for them.
ADVICE: Mapping[str, Advice] = {
    "user_variable": Advice("Pass the value with the statement, as a parameter, instead of in a variable."),
    "temporary_table": Advice(
        "A common table expression or a derived table may do instead.",
        "DROP TEMPORARY TABLE ends it, once none is left.",
    ),
    "lock_tables": Advice(
        "SELECT ... FOR UPDATE in a transaction may do instead.",
        "UNLOCK TABLES ends it.",
    ),
    "flush_tables_with_read_lock": Advice(
        "Take backups over a direct connection to the database.",
        "UNLOCK TABLES ends it.",
    ),
    "backup_lock": Advice("Take backups over a direct connection to the database."),
    "named_lock": Advice(
        "SELECT ... FOR UPDATE in a transaction may do instead.",
        "RELEASE_LOCK() for each GET_LOCK(), or RELEASE_ALL_LOCKS(), ends it.",
    ),
    "calc_found_rows": Advice("SELECT COUNT(*) as a second statement instead of SQL_CALC_FOUND_ROWS."),
    "handler": Advice("A SELECT with LIMIT may do instead.", "HANDLER ... CLOSE ends it."),
    "prepared_statement": Advice(
        "Let the driver put the values into the text (prepared statements on the client's side).",
        "Closing the session's last prepared statement ends it.",
    ),
    "text_prepared_statement": Advice("Prepare through the driver instead of with PREPARE ... FROM."),
    "diagnostics": Advice(
        "Take affected rows, insert id and warning count from the driver instead of asking for them in SQL."
    ),
    "one_shot_variable": Advice("Give the value in the statement instead of with SET before it."),
    "session_tracking": Advice(
        "Leave the session_track_... variables alone; allow the database user session tracking."
    ),
    "role": Advice("Give the user its role with SET DEFAULT ROLE instead of SET ROLE in each session."),
    "profiling": Advice("Profile over a direct connection to the database."),
    "untracked_state": Advice(
        "Leave no temporary table or prepared statement behind in procedures, functions and triggers. On"
        " MySQL let the user read performance_schema.user_variables_by_thread, if they set user variables."
    ),
    "unreadable": Advice(
        "Send shorter statements, whose quotes and comments end, and neither EXECUTE IMMEDIATE nor BINLOG."
    ),
    "cursor": Advice(
        "Fetch without a cursor at the server.",
        "Fetching to the end, or closing or resetting the statement, ends it.",
    ),
    "long_data": Advice(
        "Send the value with the execution, not in pieces before it.",
        "Executing, resetting or closing the statement ends it.",
    ),
}

_UNKNOWN = Advice("See docs/pinning.md.")


def advice(reason: str, *, ends: bool = True) -> str:
    """One line for the reason's word; ``ends``: pins end with their causes, as they do not under RDS."""
    found = ADVICE.get(reason, _UNKNOWN)
    return f"{found.end} {found.avoid}" if ends and found.end else found.avoid
