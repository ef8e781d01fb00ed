"""MySQL group replication, with one primary or several.

MySQL manual, "The replication_group_members Table" and "The replication_group_member_stats Table". Needs
``GRANT SELECT ON performance_schema.*``; without it ``super_read_only``, which the group sets, tells the
role.
"""

from collections.abc import Sequence

import attrs

from ...targets.observation import Observation, Role
from .facts import Facts
from .kind import Answers, Question, Row, first, number, rows_of
from .server import Server, common_questions, server_of

__all__ = ["GroupReplication"]

_MEMBERS = "members"
_QUEUE = "queue"
_ASK_MEMBERS = (
    "SELECT member_id, member_host, member_port, member_state{}"
    " FROM performance_schema.replication_group_members"
)
#: Since then each member has its role in the table.
_HAS_ROLES = (8, 0, 2)
#: How much is not applied yet, and for how long that which is being applied has been committed.
_ASK_QUEUE = (
    "SELECT s.count_transactions_remote_in_applier_queue AS queued,"
    " (SELECT MAX(TIMESTAMPDIFF(MICROSECOND, w.applying_transaction_original_commit_timestamp, NOW(6)))"
    " FROM performance_schema.replication_applier_status_by_worker w"
    " WHERE w.channel_name = 'group_replication_applier' AND w.applying_transaction <> '') AS age"
    " FROM performance_schema.replication_group_member_stats s WHERE s.member_id = @@server_uuid"
)


@attrs.frozen
class GroupReplication:
    """In a group with several primaries each says READ_WRITE, and all name the same writer."""

    name: str = "group_replication"

    def questions(self, facts: Facts) -> Sequence[Question]:
        """The server's switches, the group as it sees it, and its queue."""
        roles = ", member_role" if facts.version >= _HAS_ROLES else ""
        members = Question(_MEMBERS, _ASK_MEMBERS.format(roles), optional=True)
        if not roles:
            return (*common_questions(facts), members)
        return (*common_questions(facts), members, Question(_QUEUE, _ASK_QUEUE, optional=True))

    def read(self, answers: Answers, facts: Facts) -> Observation:
        """A member that is not ONLINE, or cut off from the majority, has a problem."""
        server = server_of(answers, facts)
        members = rows_of(answers, _MEMBERS)
        if members is None:
            return server.observed(self.name)
        own = next((row for row in members if first(row, "member_id") == facts.value("server_uuid")), {})
        writer = _writer(members)
        is_reader = server.role is Role.READ_ONLY
        follows = is_reader and first(own, "member_role") != "PRIMARY"
        return server.observed(
            self.name,
            problem=server.problem or _problem(own, members),
            source=writer if follows else "",
            replicates=_state(own) == "ONLINE" if follows else None,
            lag=_lag(answers) if follows else None,
            writer=writer,
            in_transition=_is_becoming_primary(own, server),
        )


def _state(member: Row) -> str:
    return first(member, "member_state")


def _problem(own: Row, members: Sequence[Row]) -> str:
    if _state(own) != "ONLINE":
        return f"its state in the group is {_state(own) or 'OFFLINE'}"
    unreachable = sum(_state(row) == "UNREACHABLE" for row in members)
    if 2 * unreachable >= len(members):
        return "the group has no majority"
    return ""


def _writer(members: Sequence[Row]) -> str:
    """The primary; of several the one that every member finds first."""
    primaries = [row for row in members if first(row, "member_role") == "PRIMARY" and _state(row) == "ONLINE"]
    if not primaries:
        return ""
    chosen = min(primaries, key=lambda row: first(row, "member_id"))
    return f"{first(chosen, 'member_host')}:{first(chosen, 'member_port')}"


def _is_becoming_primary(own: Row, server: Server) -> bool:
    """A new primary takes no writes before it has applied what the former one has left."""
    return first(own, "member_role") == "PRIMARY" and _state(own) == "ONLINE" and server.is_read_only


def _lag(answers: Answers) -> float | None:
    """In seconds; 0 with nothing to apply."""
    queue = rows_of(answers, _QUEUE)
    if not queue:
        return None
    age = number(first(queue[0], "age"))
    if age is not None:
        return age / 1e6
    return 0.0 if number(first(queue[0], "queued")) == 0.0 else None
