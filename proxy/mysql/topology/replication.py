"""Primary and replicas, MySQL's or MariaDB's, also in RDS: by ``read_only`` and the replica's status.

MySQL manual, "SHOW REPLICA STATUS Statement"; MariaDB's, "SHOW REPLICA STATUS". The role is what the server
does with a write: one that replicates and takes writes all the same is READ_WRITE, as the active one of a
ring is, and so is one that was promoted without forgetting its source. Whose ``source`` is another writer is
for the election to judge.
"""

from collections.abc import Sequence

import attrs

from ...targets.observation import Observation
from . import rds
from .facts import Facts
from .kind import Answers, Question, Row, first, is_on, number, rows_of
from .server import common_questions, server_of

__all__ = ["Replication"]

_REPLICA = "replica"

#: The first MySQL with the new word; 8.4 does not know the old one any more.
_SAYS_REPLICA = (8, 0, 22)

#: Group replication's own channels.
_GROUP_CHANNELS = ("group_replication_applier", "group_replication_recovery")


@attrs.frozen
class Replication:
    """Without privileges for the replica's status (REPLICATION CLIENT, on MariaDB SLAVE MONITOR) role and
    position are known all the same; lag and source are not."""

    name: str = "replication"

    def questions(self, facts: Facts) -> Sequence[Question]:
        """The server's switches and position, and its channels."""
        return (
            *common_questions(facts),
            Question(_REPLICA, _status_statement(facts), optional=True),
            *rds.questions(facts),
        )

    def read(self, answers: Answers, facts: Facts) -> Observation:
        """With several channels: all must run, and the lag is the longest."""
        rows = rows_of(answers, _REPLICA)
        channels = tuple(row for row in rows or () if _is_channel(row))
        observation = server_of(answers, facts).observed(
            self.name,
            source=_source(channels),
            replicates=all(_runs(channel) for channel in channels) if channels else None,
            lag=_lag(channels),
            writer=rds.writer(answers, _source_id(channels)),
            in_transition=rds.in_transition(answers),
        )
        return observation if rows is not None else attrs.evolve(observation, remark=_remark(facts))


def _status_statement(facts: Facts) -> str:
    if facts.is_mariadb:
        return "SHOW ALL SLAVES STATUS"
    return "SHOW REPLICA STATUS" if facts.version >= _SAYS_REPLICA else "SHOW SLAVE STATUS"


def _remark(facts: Facts) -> str:
    privilege = "SLAVE MONITOR" if facts.is_mariadb else "REPLICATION CLIENT"
    return f"its replication and lag cannot be told: the monitor's user lacks {privilege}"


def _is_channel(row: Row) -> bool:
    """Whether it replicates from somewhere: RESET REPLICA leaves a row without a host."""
    return bool(_host(row)) and first(row, "channel_name") not in _GROUP_CHANNELS


def _host(row: Row) -> str:
    return first(row, "source_host", "master_host")


def _runs(row: Row) -> bool:
    """Both threads, the first with a connection to the source ("Connecting" is none)."""
    reads = first(row, "replica_io_running", "slave_io_running")
    applies = first(row, "replica_sql_running", "slave_sql_running")
    return reads.upper() == "YES" and is_on(applies)


def _source(channels: Sequence[Row]) -> str:
    if not channels:
        return ""
    return f"{_host(channels[0])}:{first(channels[0], 'source_port', 'master_port')}"


def _source_id(channels: Sequence[Row]) -> str:
    return first(channels[0], "source_server_id", "master_server_id") if channels else ""


def _lag(channels: Sequence[Row]) -> float | None:
    lags = [number(first(row, "seconds_behind_source", "seconds_behind_master")) for row in channels]
    known = [lag for lag in lags if lag is not None]
    return max(known) if known and len(known) == len(lags) else None
