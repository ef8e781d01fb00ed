"""Waiting on a replica for a transaction (MySQL manual, "WAIT_FOR_EXECUTED_GTID_SET"; MariaDB, "MASTER_GTID_WAIT").
"""

from collections.abc import Sequence

__all__ = ["has_arrived", "wait_for"]


def wait_for(gtid: str, seconds: float, *, is_mariadb: bool) -> str:
    """The question that is answered once the transaction has been executed, or the time is over."""
    if not gtid.replace(":", "").replace("-", "").replace(",", "").replace("_", "").isalnum():
        raise ValueError("not a GTID")
    function = "MASTER_GTID_WAIT" if is_mariadb else "WAIT_FOR_EXECUTED_GTID_SET"
    return f"SELECT {function}('{gtid}',{seconds:g})"


def has_arrived(rows: Sequence[Sequence[str | None]], *, is_mariadb: bool) -> bool:
    """Whether the answer says that the transaction is there."""
    del is_mariadb
    return len(rows) == 1 and rows[0] == ("0",)
