"""What RDS and Aurora tell in ``mysql.rds_topology``: a Multi-AZ cluster's members, a blue/green switch.

Users other than the administrator need ``GRANT SELECT ON mysql.rds_topology``; without it nothing is known.
"""

from .facts import Facts
from .kind import Answers, Question, first, rows_of

__all__ = ["in_transition", "questions", "writer"]

_TOPOLOGY = "rds_topology"

#: The columns are not the same in all versions.
_ASK = "SELECT * FROM mysql.rds_topology"

#: From the moment writes are stopped until names point to the green environment.
_SWITCHING = frozenset({"SWITCHOVER_INITIATED", "SWITCHOVER_IN_PROGRESS", "SWITCHOVER_IN_POST_PROCESSING"})


def questions(facts: Facts) -> tuple[Question, ...]:
    """Asked only in RDS."""
    return (Question(_TOPOLOGY, _ASK, optional=True),) if facts.is_rds else ()


def in_transition(answers: Answers) -> bool:
    """Whether a blue/green switch is under way."""
    return any(first(row, "status").upper() in _SWITCHING for row in rows_of(answers, _TOPOLOGY) or ())


def writer(answers: Answers, source_id: str) -> str:
    """A Multi-AZ cluster's writer as "host:port", by the server id that a reader replicates from."""
    for row in rows_of(answers, _TOPOLOGY) or ():
        if source_id and first(row, "id") == source_id and not first(row, "status"):
            return f"{first(row, 'endpoint')}:{first(row, 'port')}"
    return ""
