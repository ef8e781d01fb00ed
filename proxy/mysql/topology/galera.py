"""Galera: every node that is in the primary component and synced takes writes.

MariaDB's manual, "Galera Cluster Status Variables". Writes that conflict fail when they are committed, so
that one writer at a time is better and several do no harm. Positions are not compared: nodes that serve at
all have the same transactions, but for those under way.
"""

from collections.abc import Sequence

import attrs

from ...targets.observation import Observation
from .facts import Facts
from .kind import Answers, Question, Row, first, is_on, rows_of
from .server import common_questions, server_of

__all__ = ["Galera"]

_STATUS = "wsrep"
_ASK = r"SHOW SESSION STATUS LIKE 'wsrep\_%'"
_REFUSES = "refuses"
#: With which an operator keeps clients away, MariaDB's and Percona's, and what they say when they do not.
_REFUSING = {"wsrep_reject_queries": "NONE", "pxc_maint_mode": "DISABLED"}

#: wsrep_local_state of a node that has all that the others have.
_SYNCED = "4"


@attrs.frozen
class Galera:
    """Nodes of one cluster."""

    name: str = "galera"

    def questions(self, facts: Facts) -> Sequence[Question]:
        """The server's switches and its view of the cluster."""
        status = (*common_questions(facts), Question(_STATUS, _ASK, optional=True))
        columns = [f"@@global.{name} AS {name}" for name in _REFUSING if facts.knows(name)]
        if not columns:
            return status
        return (*status, Question(_REFUSES, f"SELECT {', '.join(columns)}", optional=True))

    def read(self, answers: Answers, facts: Facts) -> Observation:
        """A node that is not synced, or not in the primary component, has a problem."""
        server = server_of(answers, facts)
        rows = rows_of(answers, _STATUS) or ()
        status = {first(row, "variable_name").lower(): first(row, "value") for row in rows}
        problem = server.problem or _problem(status) or _refusal(rows_of(answers, _REFUSES) or ())
        return server.observed(
            self.name,
            problem=problem,
            position=None,
            replicates=not problem,
            lag=0.0 if not problem and status.get("wsrep_local_recv_queue") == "0" else None,
            writer=_first_node(status),
        )


def _problem(status: dict[str, str]) -> str:
    component = status.get("wsrep_cluster_status", "")
    if component.upper() != "PRIMARY":
        return f"the node is not in the primary component ({component or 'unknown'})"
    if not is_on(status.get("wsrep_ready")) or not is_on(status.get("wsrep_connected")):
        return "the node is not ready"
    if status.get("wsrep_local_state") != _SYNCED:
        return f"the node is not synced ({status.get('wsrep_local_state_comment') or 'unknown'})"
    return ""


def _refusal(rows: Sequence[Row]) -> str:
    for row in rows:
        for name, off in _REFUSING.items():
            if first(row, name).upper() not in ("", off):
                return f"{name} is {first(row, name)}"
    return ""


def _first_node(status: dict[str, str]) -> str:
    """All nodes list the cluster in the same order; a node without an address of its own says AUTO."""
    address = status.get("wsrep_incoming_addresses", "").partition(",")[0].strip()
    return address if ":" in address else ""
