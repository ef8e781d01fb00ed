from typing import Any

import attrs
import pytest

from proxy.targets.candidates import Candidate, Outcome
from proxy.targets.election import Electorate
from proxy.targets.health_machine import Use
from proxy.targets.observation import Observation, Role


@attrs.frozen
class Done:
    """A position that is a set of transactions."""

    transactions: frozenset[str]

    def covers(self, other: Any) -> bool:
        return self.transactions >= other.transactions


def done(text: str | None) -> Done | None:
    return None if text is None else Done(frozenset(text))


def says(name: str, role: Role, position: str | None = "a", **more: Any) -> Candidate:
    own = {key: more.pop(key) for key in ("available", "fenced", "deployment", "suspect") if key in more}
    seen = Observation(role, **{"identity": name.upper(), "topology": "replication", **more})
    return Candidate(name, attrs.evolve(seen, position=done(position)), **{"available": True, **own})


def writable(name: str, position: str | None = "a", **more: Any) -> Candidate:
    return says(name, Role.READ_WRITE, position, **more)


def replica(name: str, source: str, position: str | None = "a", **more: Any) -> Candidate:
    return says(name, Role.READ_ONLY, position, **{"source": source, "replicates": True, **more})


def dead(candidate: Candidate) -> Candidate:
    return attrs.evolve(candidate, available=False)


def elect(*rounds: list[Candidate]) -> Outcome:
    """The outcome of the last of some elections."""
    electorate = Electorate()
    return [electorate.decide(each) for each in rounds][-1]


A, B, C = "a:1", "b:1", "c:1"
CLUSTER = [writable(A), replica(B, A), replica(C, A)]
#: B was promoted after A's death.
FAILED_OVER = [[*CLUSTER], [dead(writable(A)), writable(B, "ab"), replica(C, B, "ab")]]


def test_a_primary_and_its_replicas() -> None:
    outcome = elect(CLUSTER)
    assert (outcome.writer, outcome.readers) == (A, (B, C))
    assert not outcome.refused
    assert not outcome.lost
    assert not outcome.is_promoted


def test_nobody_is_first_before_all_have_been_asked() -> None:
    electorate = Electorate()
    outcome = electorate.decide([writable(A), Candidate(B, registering=True)])
    assert outcome == Outcome(None, why=outcome.why)
    assert outcome.why
    assert electorate.decide([writable(A), Candidate(B)]).writer == A
    assert electorate.decide([writable(A), Candidate(C, registering=True)]).writer == A


def test_without_a_writer_replicas_are_read_from() -> None:
    broken = replica(B, A, replicates=False)
    outcome = elect(CLUSTER, [dead(writable(A)), broken, replica(C, A)])
    assert outcome.writer is None
    assert outcome.lost
    assert outcome.readers == (B, C)


def test_the_writer_may_come_back() -> None:
    assert elect(CLUSTER, [dead(CLUSTER[0]), *CLUSTER[1:]], CLUSTER).writer == A


def test_a_promoted_replica_is_the_writer() -> None:
    outcome = elect(*FAILED_OVER)
    assert outcome.writer == B
    assert outcome.is_promoted
    assert outcome.readers == (C,)
    assert outcome.standing(B).is_promoted
    assert outcome.standing(C).use is Use.USED


def test_a_dead_writers_replica_that_was_always_writable_is_not_promoted() -> None:
    loose = writable(B, source=A, replicates=True)
    assert elect([writable(A), loose]).readers == (B,)
    assert elect([writable(A), loose], [dead(writable(A)), loose]).writer is None
    stopped = writable(B, source=A, replicates=False)
    assert elect([writable(A), loose], [dead(writable(A)), stopped]).writer is None
    free = writable(B)
    assert elect([writable(A), loose], [dead(writable(A)), free]).writer == B
    assert elect([writable(A), loose], [dead(writable(A)), free]).is_promoted


def test_a_writable_replica_is_never_ahead_of_its_source() -> None:
    later = writable(B, "abc", source=A, replicates=True)
    outcome = elect(CLUSTER[:2], [writable(A, "ab"), later])
    assert (outcome.writer, outcome.split) == (A, frozenset())


@pytest.mark.parametrize(
    ("old", "new", "writer"),
    [("ab", "abc", B), ("ab", "ab", A), ("abc", "ab", A), ("abx", "aby", A), (None, None, A)],
)
def test_two_writers(old: str | None, new: str | None, writer: str) -> None:
    """More than the other has wins; in doubt the present one stays."""
    outcome = elect(CLUSTER, *([writable(A, old), writable(B, new), replica(C, A)] for _ in range(2)))
    loser = {A: B, B: A}[writer]
    assert outcome.writer == writer
    assert loser not in outcome.readers
    assert loser in outcome.refused
    assert outcome.split == {loser}
    assert outcome.standing(loser).use is Use.REFUSED


@pytest.mark.parametrize(("new", "writer"), [("ab", B), (None, A), ("a", A), ("ax", A)])
def test_one_is_promoted_while_the_writer_does_not_answer(new: str | None, writer: str) -> None:
    before = [writable(A, None if new is None else "ab"), *CLUSTER[1:]]
    frozen = attrs.evolve(before[0], suspect=True)
    assert elect(before, [frozen, writable(B, new), CLUSTER[2]]).writer == writer


def test_a_writer_that_has_answered_since_is_only_slow() -> None:
    before = [writable(A, "ab"), *CLUSTER[1:]]
    both = [writable(A, "ab"), writable(B, "ab"), CLUSTER[2]]
    slow = [attrs.evolve(both[0], suspect=True), *both[1:]]
    assert elect(before, [before[0], *both[1:]], both, slow).writer == A


def test_two_writers_at_the_start() -> None:
    assert elect([writable(A, "ab"), writable(B, "abc")]).writer == B
    diverged = elect([writable(A, "ax"), writable(B, "ay")])
    assert diverged.writer is None
    assert diverged.split == {A, B}
    assert not diverged.lost
    assert elect([writable(A), writable(B)]).writer is None
    assert elect([writable(A), writable(B), replica(C, B)]).writer == B


def test_two_promoted_after_the_writers_death() -> None:
    gone = dead(writable(A))
    assert elect(CLUSTER, [gone, writable(B, "ab"), writable(C, "ac")]).writer is None
    assert elect(CLUSTER, [gone, writable(B, "ab"), writable(C, "abc")]).writer == C
    stray = writable(C, "z")
    assert elect([*CLUSTER[:2], stray], [gone, writable(B, "ab"), stray]).writer == B


def test_a_former_writer_gets_nothing_while_it_takes_writes() -> None:
    back = writable(A, "ax")
    outcome = elect(*FAILED_OVER, [back, writable(B, "ab"), replica(C, A)])
    assert outcome.writer == B
    assert outcome.readers == ()
    assert outcome.split == {A}
    assert set(outcome.refused) == {A, C}, "one that follows it is as stale"


def test_a_former_writer_gets_nothing_before_it_replicates() -> None:
    electorate = Electorate()
    for candidates in FAILED_OVER:
        electorate.decide(candidates)
    rest = FAILED_OVER[-1][1:]
    for back in (
        says(A, Role.READ_ONLY),
        replica(A, B, replicates=False),
    ):
        outcome = electorate.decide([back, *rest])
        assert A not in outcome.readers
        assert A in outcome.refused
    assert electorate.decide([replica(A, B, "ab"), *rest]).readers == (A, C)
    assert electorate.decide([dead(replica(A, B, "ab")), *rest]).readers == (C,)


def test_a_former_writer_takes_over_again_after_it_followed() -> None:
    outcome = elect(
        *FAILED_OVER,
        [replica(A, B, "ab"), writable(B, "ab")],
        [writable(A, "abc"), dead(writable(B, "ab"))],
    )
    assert outcome.writer == A
    assert outcome.is_promoted


def test_a_former_writer_does_not_inherit_from_one_that_died() -> None:
    """Nobody knows what it lacks."""
    gone = [writable(A, "ax"), dead(writable(B, "ab"))]
    assert elect(*FAILED_OVER, gone).writer is None
    assert elect(*FAILED_OVER, [writable(A, "abx"), dead(writable(B, "ab"))]).writer is None
    fenced = attrs.evolve(gone[1], fenced=True)
    assert elect(*FAILED_OVER, [gone[0], fenced]).writer == A
    assert elect(*FAILED_OVER, [gone[0]]).writer == A, "an operator took the other one away"


def test_a_planned_way_back_to_a_former_writer() -> None:
    demoted = says(B, Role.READ_ONLY, "ab")
    assert elect(*FAILED_OVER, [writable(A, "ab"), demoted]).writer == A
    assert elect(*FAILED_OVER, [writable(A, "ax"), demoted]).writer is None


def test_a_planned_promotion() -> None:
    steps = [
        CLUSTER,
        [says(A, Role.READ_ONLY, "ab"), replica(B, A, "ab"), replica(C, A, "ab")],
        [says(A, Role.READ_ONLY, "ab"), writable(B, "ab"), replica(C, A, "ab")],
        [replica(A, B, "ab"), writable(B, "ab"), replica(C, B, "ab")],
    ]
    electorate = Electorate()
    outcomes = [electorate.decide(each) for each in steps]
    assert [each.writer for each in outcomes] == [A, None, B, B]
    assert [each.lost for each in outcomes] == [False, True, False, False]
    assert outcomes[2].readers == ()
    assert outcomes[3].readers == (A, C)


def test_an_old_primary_that_follows_without_being_read_only() -> None:
    """MariaDB's habit: writable, and a replica of the new one."""
    following = writable(A, "ab", source=B, replicates=True)
    assert elect(CLUSTER, [following, writable(B, "ab")]).writer == B


def test_a_ring_keeps_its_writer() -> None:
    ring = [
        writable(A, source=B, replicates=True),
        replica(B, A),
    ]
    assert elect(ring).writer == A
    both = [ring[0], writable(B, "ab", source=A, replicates=True)]
    outcome = elect(ring, both)
    assert (outcome.writer, outcome.readers) == (A, (B,))
    assert elect(ring, [dead(ring[0]), both[1]]).writer == B


def test_a_fence_goes_before_all() -> None:
    fenced = [attrs.evolve(CLUSTER[0], fenced=True), *CLUSTER[1:]]
    outcome = elect(CLUSTER, fenced)
    assert outcome.writer is None
    assert A in outcome.refused
    assert A not in outcome.readers
    assert elect([attrs.evolve(writable(A, "abc"), fenced=True), writable(B, "a")]).writer == B


def test_a_problem_keeps_a_target_out() -> None:
    outcome = elect([writable(A, problem="not synced"), replica(B, C, problem="not synced")])
    assert outcome.writer is None
    assert outcome.readers == ()
    assert outcome.refused[A] == "not synced"


def test_a_replica_that_stopped_is_refused_while_there_is_a_writer() -> None:
    outcome = elect([writable(A), replica(B, A, replicates=False), says(C, Role.READ_ONLY)])
    assert outcome.readers == (C,)
    assert B in outcome.refused


def test_a_doubted_target_gets_nothing_before_it_is_observed_anew() -> None:
    electorate = Electorate()
    electorate.decide(CLUSTER)
    electorate.doubt(A)
    outcome = electorate.decide(CLUSTER)
    assert outcome.writer is None
    assert A not in outcome.refused
    assert electorate.decide([writable(A), *CLUSTER[1:]]).writer == A


def test_a_switchover_is_adopted() -> None:
    electorate = Electorate()
    electorate.decide(CLUSTER)
    electorate.adopt(B)
    still = electorate.decide(CLUSTER)
    assert still.writer is None
    assert A in still.refused
    assert A not in still.split, "that it takes writes was said before"
    outcome = electorate.decide([writable(A), writable(B), CLUSTER[2]])
    assert outcome.writer == B
    with pytest.raises(KeyError):
        electorate.adopt("d:1")


def test_two_names_of_one_server_are_no_split() -> None:
    twin = attrs.evolve(writable("alias:1", "ab"), observation=writable(A, "ab").observation)
    outcome = elect(CLUSTER, [CLUSTER[0], twin])
    assert outcome.writer == A
    assert not outcome.split
    assert "alias:1" in outcome.refused


def test_names_that_are_moved_to_other_servers_keep_the_writing_server() -> None:
    """After a failover "primary" is made to lead to the new primary, and "replica" to the old one."""
    new, old = writable(B, "ab").observation, replica(A, B, "ab").observation
    electorate = Electorate()
    for candidates in FAILED_OVER:
        electorate.decide(candidates)
    assert electorate.decide([Candidate(A, new, True), Candidate(B, new, True)]).writer == B
    outcome = electorate.decide([Candidate(A, new, True), Candidate(B, old, True)])
    assert outcome.writer == A
    assert outcome.readers == (B,)


def test_another_server_behind_the_writers_name_goes_on_writing() -> None:
    other = Candidate(A, writable(C, "ab").observation, True)
    assert elect([writable(A)], [dead(writable(A))], [other]).writer == A


def test_the_only_target_serves_though_it_takes_no_writes() -> None:
    reading = says(A, Role.READ_ONLY)
    assert elect([reading]).writer == A
    assert elect([reading], [reading]).writer == A
    assert elect([writable(A)], [reading]).writer is None, "it has been demoted"
    assert elect([reading], [writable(A)], [reading]).writer is None


@pytest.mark.parametrize("topology", ["galera", "group_replication"])
def test_a_cluster_with_several_writers_has_one_here(topology: str) -> None:
    nodes = [writable(name, None, topology=topology, writer=B) for name in (A, B, C)]
    electorate = Electorate()
    outcome = electorate.decide(nodes)
    assert (outcome.writer, outcome.readers, outcome.refused) == (B, (A, C), {})
    gone = electorate.decide([nodes[0], dead(nodes[1]), nodes[2]])
    assert gone.writer in (A, C)
    back = electorate.decide(nodes)
    assert back.writer == gone.writer
    assert B in back.readers


def test_auroras_newer_writer_is_believed() -> None:
    aurora = {"topology": "aurora", "position": None}
    start = [writable(A, **aurora), replica(B, A, **aurora)]
    assert elect(start, [start[0], writable(B, **aurora)]).writer == B
    over = [says(A, Role.READ_ONLY, **aurora), writable(B, **aurora)]
    assert elect(start, [start[0], over[1]], over).readers == (A,)


BLUE = [writable(A), replica(B, A)]


def green(candidate: Candidate) -> Candidate:
    return attrs.evolve(candidate, deployment="green")


def test_the_other_deployment_is_unused() -> None:
    outcome = elect([*BLUE, green(replica(C, A))])
    assert (outcome.active, outcome.writer, outcome.readers) == ("blue", A, (B,))
    assert outcome.standing(C).use is Use.UNUSED
    assert (
        elect([*BLUE, green(writable(C, "a"))], [dead(BLUE[0]), BLUE[1], green(writable(C))]).writer is None
    )


def test_green_is_active_at_the_start_if_it_alone_takes_writes() -> None:
    outcome = elect([says(A, Role.READ_ONLY), green(writable(C))])
    assert (outcome.active, outcome.writer) == ("green", C)
    assert elect([writable(A, "a"), green(writable(C, "ab"))]).active == "green"
    assert elect([writable(A, "ax"), green(writable(C, "ay"))]).active == "blue"
    waiting = Electorate()
    assert waiting.decide([Candidate(A, registering=True), green(writable(C))]).writer is None
    assert waiting.decide([writable(A), green(writable(C))]).writer == A


def test_someone_switches_to_green() -> None:
    before = [*BLUE, green(replica(C, A))]
    stopped = [says(A, Role.READ_ONLY, "ab"), replica(B, A, "ab")]
    assert elect(before, [*stopped, green(writable(C, "ab"))]).writer == C
    assert elect(before, [*stopped, green(writable(C, "a"))]).writer is None, "it lacks something"
    assert elect(before, [*BLUE, green(writable(C, "ab"))]).writer == A, "blue was not stopped"


def test_a_switch_to_green_is_adopted() -> None:
    electorate = Electorate()
    electorate.decide([*BLUE, green(replica(C, A))])
    electorate.adopt(C)
    outcome = electorate.decide([*BLUE, green(writable(C))])
    assert (outcome.active, outcome.writer) == ("green", C)
    assert set(outcome.unused) == {A, B}
