"""MySQL's group replication."""

import pytest

from proxy.mysql.topology.group_replication import GroupReplication
from proxy.mysql.topology.kind import Row
from proxy.targets.observation import Role

from .answers import MYSQL, UUID, facts, read, row

GROUP = GroupReplication()
FACTS = facts(MYSQL, group_replication_group_name="ffffffff-0000-0000-0000-000000000000")
B, C = "b" + UUID[1:], "c" + UUID[1:]
READ_ONLY = row(super_read_only="1", read_only="1")
WRITABLE = row(super_read_only="0", read_only="0")
IDLE = row(queued="0", age=None)


def member(number: str, role: str = "SECONDARY", state: str = "ONLINE") -> Row:
    host = {UUID: "db1", B: "db2", C: "db3"}[number]
    return row(MEMBER_ID=number, MEMBER_HOST=host, MEMBER_PORT="3306", MEMBER_STATE=state, MEMBER_ROLE=role)


def test_the_primary() -> None:
    members = [member(UUID, "PRIMARY"), member(B), member(C)]
    seen = read(GROUP, FACTS, server=WRITABLE, members=members, queue=IDLE)
    assert (seen.role, seen.problem, seen.writer) == (Role.READ_WRITE, "", "db1:3306")
    assert (seen.source, seen.replicates, seen.lag, seen.in_transition) == ("", None, None, False)


@pytest.mark.parametrize(
    ("queue", "lag"),
    [
        (IDLE, 0.0),
        (row(queued="5", age="2500000"), 2.5),
        (row(queued="5", age=None), None),
        ((), None),
        (1142, None),
    ],
)
def test_a_secondary(queue: Row | int, lag: float | None) -> None:
    members = [member(UUID), member(B, "PRIMARY"), member(C)]
    seen = read(GROUP, FACTS, server=READ_ONLY, members=members, queue=queue)
    assert (seen.role, seen.problem, seen.writer) == (Role.READ_ONLY, "", "db2:3306")
    assert (seen.source, seen.replicates, seen.lag) == ("db2:3306", True, lag)


def test_a_new_primary_that_takes_no_writes_yet() -> None:
    seen = read(GROUP, FACTS, server=READ_ONLY, members=[member(UUID, "PRIMARY"), member(B)], queue=IDLE)
    assert (seen.role, seen.in_transition) == (Role.READ_ONLY, True)


@pytest.mark.parametrize("state", ["RECOVERING", "OFFLINE", "ERROR", "UNREACHABLE", ""])
def test_a_member_that_takes_no_part(state: str) -> None:
    members = [member(UUID, "SECONDARY", state), member(B, "PRIMARY"), member(C)]
    seen = read(GROUP, FACTS, server=READ_ONLY, members=members)
    assert seen.problem == f"its state in the group is {state or 'OFFLINE'}"
    assert seen.replicates is False


def test_a_server_that_is_in_no_group() -> None:
    seen = read(GROUP, FACTS, server=WRITABLE, members=[])
    assert seen.problem == "its state in the group is OFFLINE"


@pytest.mark.parametrize(("lost", "problem"), [(0, ""), (1, ""), (2, "the group has no majority")])
def test_a_primary_that_is_cut_off(lost: int, problem: str) -> None:
    """It would take a write, and never commit it."""
    states = ["UNREACHABLE"] * lost + ["ONLINE"] * (2 - lost)
    members = [member(UUID, "PRIMARY"), member(B, state=states[0]), member(C, state=states[1])]
    assert read(GROUP, FACTS, server=WRITABLE, members=members).problem == problem


def test_half_of_the_group_is_no_majority() -> None:
    members = [member(UUID, "PRIMARY"), member(B, state="UNREACHABLE")]
    assert read(GROUP, FACTS, server=WRITABLE, members=members).problem == "the group has no majority"


def test_with_several_primaries_all_name_the_same_writer() -> None:
    members = [member(C, "PRIMARY"), member(UUID, "PRIMARY"), member(B, "PRIMARY")]
    seen = read(GROUP, FACTS, server=WRITABLE, members=members)
    assert (seen.role, seen.writer) == (Role.READ_WRITE, "db1:3306")
    members[1] = member(UUID, "PRIMARY", "RECOVERING")
    assert read(GROUP, FACTS, server=WRITABLE, members=members).writer == "db2:3306"


def test_without_privileges_the_switch_tells() -> None:
    seen = read(GROUP, FACTS, server=READ_ONLY, members=1142, queue=1142)
    assert (seen.role, seen.problem, seen.replicates, seen.lag) == (Role.READ_ONLY, "", None, None)


def test_a_version_without_roles() -> None:
    old = facts({**MYSQL, "version": "5.7.44"}, group_replication_group_name="x")
    assert not any("member_role" in each.sql or "queue" in each.sql for each in GROUP.questions(old))
    seen = read(GROUP, old, server=WRITABLE, members=[row(member_id=UUID, member_state="ONLINE")])
    assert (seen.role, seen.problem, seen.writer) == (Role.READ_WRITE, "", "")
