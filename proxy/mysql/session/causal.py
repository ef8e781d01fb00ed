"""Waits on a replica for a transaction of the primary, so that a session reads what it wrote (MySQL manual,
"Functions Used with Global Transaction Identifiers"; MariaDB's MASTER_GTID_WAIT).

MariaDB counts what has come by replication (gtid_slave_pos): a server that committed the transaction itself,
as a primary, and has replicated nothing of that domain since, lets the wait time out.
"""

import enum
import re
from typing import Final

__all__ = ["LONGEST_WAIT", "NOT_TOLD", "SHORTEST_WAIT", "Arrival", "arrival", "wait_for"]

SHORTEST_WAIT: Final = 0.001
"""Seconds; to MySQL 0 means without end."""
LONGEST_WAIT: Final = 3600.0
NOT_TOLD: Final = "?"
"""In place of the GTID of a write that has had no answer: no replica is known to have it."""

_INTERVALS = r":[1-9][0-9]{0,18}(?:-[1-9][0-9]{0,18})?"
_OF_A_SOURCE = (
    rf"[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(?:(?::[a-z_][a-z0-9_]{{0,31}})?(?:{_INTERVALS})+)+"
)
_MYSQL = re.compile(rf"{_OF_A_SOURCE}(?:,\s*{_OF_A_SOURCE})*", re.IGNORECASE)
_MARIADB = re.compile(r"[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,20}(?:,[0-9]{1,10}-[0-9]{1,10}-[0-9]{1,20})*")
_ANSWERS = {"0": True, "1": False, "-1": False}


class Arrival(enum.Enum):
    """Whether the replica has the transaction; UNKNOWN if it did not say, as where it has no GTIDs."""

    ARRIVED = "arrived"
    TIMED_OUT = "timed out"
    UNKNOWN = "unknown"


def wait_for(gtids: str, timeout: float, *, is_mariadb: bool) -> bytes:
    """The question that is answered, in one column, when the server has all of these, or ``timeout`` later.

    ``gtids``: as the server that committed them has told them; of MariaDB one for each domain. ``timeout``:
    seconds. Raises ValueError for a text that is no such list: nothing else may get into a statement.
    """
    seconds = min(max(timeout, SHORTEST_WAIT), LONGEST_WAIT)
    if (_MARIADB if is_mariadb else _MYSQL).fullmatch(gtids) is None:
        raise ValueError("not a list of GTIDs")
    function = "MASTER_GTID_WAIT" if is_mariadb else "WAIT_FOR_EXECUTED_GTID_SET"
    return f"SELECT {function}('{gtids}',{seconds:.3f})".encode()


def arrival(answer: str | None) -> Arrival:
    """What the column says; None is SQL's NULL."""
    found = None if answer is None else _ANSWERS.get(answer)
    if found is None:
        return Arrival.UNKNOWN
    return Arrival.ARRIVED if found else Arrival.TIMED_OUT
