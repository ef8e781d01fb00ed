"""PROXY SWITCHOVER and SHOW PROXY TARGETS over a proxy in memory, with a target group that is not one."""

from collections.abc import Iterator

import attrs
import pytest
from twisted.internet.defer import Deferred

from proxy.targets.rows import TargetRow
from proxy.targets.switchover import Outcome, Step, SwitchoverReport
from tests.peers import packets as p
from tests.peers.world import World, proxied

from .test_proxy_statements import PIN, errno, show, table

SWITCH = "PROXY SWITCHOVER TO 'db2:3306'"
DENIED, SYNTAX, FAILED, IN_TRANSACTION, UNPREPARABLE = 1227, 1064, 1105, 1192, 1295
DONE = SwitchoverReport(
    Outcome.SWITCHED,
    "db2:3306",
    "db1:3306",
    held=0.1,
    steps=(Step("hold", 0.01, "new transactions wait"), Step("switch", 0.11, "traffic goes to db2:3306")),
    notes=("db1:3306 is read-only",),
)


@attrs.define
class Group:
    """Keeps what it was asked, and the Deferreds it has answered with."""

    rows: list[TargetRow] = attrs.field(factory=list)
    asked: list[tuple[str, float | None, str]] = attrs.field(factory=list)
    answers: list[Deferred[SwitchoverReport]] = attrs.field(factory=list)

    def targets(self) -> list[TargetRow]:
        return self.rows

    def switchover(self, name: str, timeout: float | None, asked_by: str) -> Deferred[SwitchoverReport]:
        self.asked.append((name, timeout, asked_by))
        self.answers.append(Deferred())
        return self.answers[-1]


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def world(group: Group) -> Iterator[World]:
    with proxied(cap=2, admin_users=("app",)) as world:
        world.context.group = group
        yield world


def test_the_steps_are_the_answer(world: World, group: Group) -> None:
    client = world.client()
    client.query(SWITCH + " TIMEOUT 2.5")
    world.advance(30)
    assert client.take() == b""
    [(name, timeout, asked_by)] = group.asked
    assert (name, timeout) == ("db2:3306", 2.5)
    assert asked_by.startswith("app, client ")
    group.answers[0].callback(DONE)
    world.settle()
    rows = table(client.take())
    assert [(row["step"], row["seconds"]) for row in rows] == [
        ("hold", "0.010"),
        ("switch", "0.110"),
        ("to be seen to", "0.110"),
    ]
    assert show(world, client, "SHOW PROXY HELP")


def test_commands_behind_it_wait(world: World, group: Group) -> None:
    client = world.client()
    client.query(SWITCH)
    world.settle()
    client.query("SELECT 1")
    world.settle()
    assert client.take() == b""
    group.answers[0].callback(DONE)
    world.settle()
    assert client.take().count(b"\xfe\x00\x00") >= 2


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.WENT_BACK, Outcome.UNRESOLVED])
def test_one_that_fails_is_an_error(world: World, group: Group, outcome: Outcome) -> None:
    client = world.client()
    client.query(SWITCH)
    world.settle()
    report = SwitchoverReport(outcome, "db2:3306", "db1:3306", "it is late", notes=("look",))
    group.answers[0].callback(report)
    world.settle()
    answer = client.take()
    assert errno(answer) == FAILED
    assert f"switchover to db2:3306 {outcome.value}: it is late; look".encode() in answer
    assert show(world, client, "SHOW PROXY HELP")


def test_an_unforeseen_failure_is_an_error(world: World, group: Group) -> None:
    client = world.client()
    client.query(SWITCH)
    world.settle()
    group.answers[0].errback(RuntimeError("nobody has thought of that"))
    world.settle()
    assert errno(client.take()) == FAILED


def test_its_client_may_leave(world: World, group: Group) -> None:
    client = world.client()
    client.query(SWITCH)
    world.settle()
    client.line.hang_up()
    world.settle()
    assert not group.answers[0].called
    group.answers[0].callback(DONE)
    world.settle()


def test_a_client_that_is_killed_does_not_learn_it(world: World, group: Group) -> None:
    client, other = world.client(), world.client()
    client.query(SWITCH)
    world.settle()
    world.ask(other, f"KILL {client.line.protocol.number}")
    group.answers[0].callback(DONE)
    world.settle()
    assert b"switch" not in client.take()


def test_a_session_in_a_transaction_is_refused(world: World, group: Group) -> None:
    client = world.client()
    world.ask(client, "BEGIN")
    assert errno(world.ask(client, SWITCH)) == IN_TRANSACTION
    world.ask(client, "ROLLBACK")
    world.ask(client, PIN)
    assert errno(world.ask(client, SWITCH)) == IN_TRANSACTION
    assert not group.asked


def test_wrong_forms(world: World, group: Group) -> None:
    client = world.client()
    for sql in ("PROXY SWITCHOVER", "PROXY", f"{SWITCH}; SELECT 1", f"{SWITCH} TIMEOUT never"):
        assert errno(world.ask(client, sql)) == SYNTAX
    assert not group.asked


def test_it_cannot_be_prepared(world: World, group: Group) -> None:
    client = world.client()
    client.send(p.packet(b"\x16" + SWITCH.encode()))
    world.settle()
    assert errno(client.take()) == UNPREPARABLE
    assert not group.asked


def test_only_admins(group: Group) -> None:
    with proxied(cap=2) as world:
        world.context.group = group
        client = world.client()
        assert errno(world.ask(client, SWITCH)) == DENIED
        assert errno(world.ask(client, "SHOW PROXY TARGETS")) == DENIED
    assert not group.asked


def test_targets(world: World, group: Group) -> None:
    client = world.client()
    assert show(world, client, "SHOW PROXY TARGETS") == []
    group.rows = [
        TargetRow("db1:3306", "READ_WRITE", "blue", "AVAILABLE", position="0-1-7", connections=3, borrowed=1),
        TargetRow(
            "db2:3306", "READ_ONLY", "blue", "UNAVAILABLE", "UNREACHABLE", "no answer", lag=1.5, waiting=2
        ),
    ]
    writer, reader = show(world, client, "SHOW PROXY TARGETS")
    assert (writer["target"], writer["role"], writer["lag"]) == ("db1:3306", "READ_WRITE", None)
    assert (writer["position"], writer["connections"], writer["borrowed"]) == ("0-1-7", "3", "1")
    assert (reader["state"], reader["reason"], reader["lag"]) == ("UNAVAILABLE", "UNREACHABLE", "1.500")


def test_without_a_group(world: World) -> None:
    world.context.group = None
    client = world.client()
    assert errno(world.ask(client, SWITCH)) == FAILED
    assert show(world, client, "SHOW PROXY TARGETS") == []
