import pytest

from proxy.targets.damping import Evidence, Timing
from proxy.targets.health import HealthReason, HealthState, TargetHealth
from proxy.targets.health_machine import HealthMachine, Standing, Use

TIMING = Timing(healthy_threshold=1)
AVAILABLE = TargetHealth(HealthState.AVAILABLE)
REFUSED = Standing(Use.REFUSED, "it was replaced")
UNUSED = Standing(Use.UNUSED, "green is active")
PROMOTED = Standing(is_promoted=True)


@pytest.fixture
def machine() -> HealthMachine:
    return HealthMachine()


def lose(machine: HealthMachine, reason: HealthReason = HealthReason.UNREACHABLE) -> None:
    evidence = Evidence.GONE if reason is HealthReason.UNREACHABLE else Evidence.ALIVE
    for _ in range(2):
        machine.failed(0.0, TIMING, evidence, reason, "no route")


def test_it_begins_registering(machine: HealthMachine) -> None:
    assert machine.health == TargetHealth(HealthState.REGISTERING)
    machine.stand(Standing())
    machine.stand(REFUSED)
    assert machine.health == TargetHealth(HealthState.REGISTERING)
    assert not machine.is_fit


def test_an_answer_makes_it_available(machine: HealthMachine) -> None:
    machine.answered(0.0, TIMING)
    assert machine.health == AVAILABLE
    assert machine.is_fit


def test_a_first_doubt_is_not_shown(machine: HealthMachine) -> None:
    machine.answered(0.0, TIMING)
    machine.failed(0.0, TIMING, Evidence.SLOW, HealthReason.UNREACHABLE, "late")
    assert machine.health == AVAILABLE


def test_it_says_why_it_is_unavailable_and_comes_back(machine: HealthMachine) -> None:
    machine.answered(0.0, TIMING)
    lose(machine)
    assert machine.health == TargetHealth(HealthState.UNAVAILABLE, HealthReason.UNREACHABLE, "no route")
    assert not machine.is_fit
    machine.answered(0.0, TIMING)
    assert machine.health == AVAILABLE


@pytest.mark.parametrize("reason", [HealthReason.PENDING_PROXY_CAPACITY, HealthReason.AUTH_FAILURE])
def test_a_refused_probe_shows_and_leaves_it_eligible(machine: HealthMachine, reason: HealthReason) -> None:
    machine.answered(0.0, TIMING)
    lose(machine, reason)
    assert machine.health == TargetHealth(HealthState.UNAVAILABLE, reason, "no route")
    assert machine.is_fit
    machine.answered(0.0, TIMING)
    assert machine.health == AVAILABLE


def test_a_refused_target_answers_and_is_unavailable(machine: HealthMachine) -> None:
    machine.answered(0.0, TIMING)
    machine.stand(REFUSED)
    refused = TargetHealth(HealthState.UNAVAILABLE, HealthReason.INVALID_REPLICATION_STATE, "it was replaced")
    assert machine.health == refused
    machine.answered(0.0, TIMING)
    assert machine.health == refused
    assert machine.is_fit
    machine.stand(Standing())
    assert machine.health == AVAILABLE


def test_what_its_probe_says_goes_before_what_the_election_says(machine: HealthMachine) -> None:
    machine.answered(0.0, TIMING)
    machine.stand(REFUSED)
    lose(machine)
    assert machine.health.reason is HealthReason.UNREACHABLE


def test_the_other_deployment_is_unused_whatever_its_probe_says(machine: HealthMachine) -> None:
    machine.stand(UNUSED)
    unused = TargetHealth(HealthState.UNUSED, None, "green is active")
    assert machine.health == unused
    machine.answered(0.0, TIMING)
    assert machine.health == unused
    assert machine.is_fit
    lose(machine)
    assert machine.health == unused
    assert not machine.is_fit


def test_its_deployment_becomes_active(machine: HealthMachine) -> None:
    machine.stand(UNUSED)
    machine.stand(Standing())
    assert machine.health == TargetHealth(HealthState.REGISTERING)
    machine.stand(UNUSED)
    machine.answered(0.0, TIMING)
    machine.stand(Standing())
    assert machine.health == AVAILABLE


def test_a_reader_that_becomes_the_writer_is_promoted(machine: HealthMachine) -> None:
    machine.answered(0.0, TIMING)
    machine.stand(PROMOTED)
    assert machine.health == TargetHealth(HealthState.AVAILABLE, HealthReason.PROMOTED)
    lose(machine)
    assert machine.health.reason is HealthReason.UNREACHABLE
    machine.answered(0.0, TIMING)
    assert machine.health.reason is HealthReason.PROMOTED
    machine.stand(Standing())
    assert machine.health == AVAILABLE
