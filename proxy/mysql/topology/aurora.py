"""Aurora MySQL: readers share the writer's storage, so no replica's status tells anything.

AWS's guide, "Aurora MySQL-specific information_schema tables". ``innodb_read_only`` is the instance's own
word and right at once; ``replica_host_status`` is what the cluster has told it, and may be late after a
failover. So the first gives the role, the second the lag and the writer's name.
"""

from collections.abc import Sequence

import attrs

from ...targets.observation import Observation, Role
from . import rds
from .facts import Facts
from .kind import Answers, Question, Row, first, number, rows_of
from .server import common_questions, server_of

__all__ = ["Aurora"]

_HOSTS = "hosts"
_ASK = (
    "SELECT server_id, session_id, replica_lag_in_milliseconds, last_update_timestamp"
    " FROM information_schema.replica_host_status"
)
#: In the place of the writer's session id.
_WRITER_SESSION = "MASTER_SESSION_ID"


@attrs.frozen
class Aurora:
    """A cluster's instances, each a target by the name of its own (not the cluster's)."""

    name: str = "aurora"

    def questions(self, facts: Facts) -> Sequence[Question]:
        """The instance's switches, and what it knows of the others."""
        return (*common_questions(facts), Question(_HOSTS, _ASK, optional=True), *rds.questions(facts))

    def read(self, answers: Answers, facts: Facts) -> Observation:
        """A reader's GTIDs do not follow its data: it has no position."""
        server = server_of(answers, facts)
        hosts = rows_of(answers, _HOSTS) or ()
        writer = _address(_writer(hosts), facts)
        is_reader = server.role is Role.READ_ONLY
        own = [row for row in hosts if first(row, "server_id") == facts.value("aurora_server_id")]
        lag = number(first(own[0], "replica_lag_in_milliseconds")) if own and is_reader else None
        return server.observed(
            self.name,
            position=None if is_reader else server.position,
            source=writer if is_reader else "",
            replicates=True if own and is_reader else None,
            lag=None if lag is None else lag / 1000.0,
            writer=writer,
            in_transition=rds.in_transition(answers),
        )


def _writer(hosts: Sequence[Row]) -> str:
    """The name of the instance that said so last: after a failover the former one's row may still stand."""
    writers = [row for row in hosts if first(row, "session_id") == _WRITER_SESSION]
    last = max(writers, key=lambda row: first(row, "last_update_timestamp"), default={})
    return first(last, "server_id")


def _address(instance: str, facts: Facts) -> str:
    """Where an instance is: instances' names differ in the first label only."""
    own, _, domain = facts.host.partition(".")
    if not instance or not domain or own.lower() != facts.value("aurora_server_id").lower():
        return ""
    return f"{instance}.{domain}:{facts.port}"
