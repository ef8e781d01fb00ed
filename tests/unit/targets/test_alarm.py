from twisted.internet.task import Clock

from proxy.targets.alarm import Alarm


def alarm() -> tuple[Clock, list[float], Alarm]:
    clock = Clock()
    rung: list[float] = []
    return clock, rung, Alarm(clock, lambda: rung.append(clock.seconds()))


def test_rings_at_the_earliest_time_asked_for() -> None:
    clock, rung, it = alarm()
    it.set(5.0)
    it.set(3.0)
    it.set(4.0)
    clock.pump([1.0] * 6)
    assert rung == [3.0]


def test_can_be_ended_and_set_again() -> None:
    clock, rung, it = alarm()
    it.set(None)
    it.set(5.0)
    it.set(None)
    assert clock.getDelayedCalls() == []
    it.set(1.0)
    clock.advance(1)
    it.set(0.5)
    clock.advance(0)
    assert rung == [1.0, 1.0]
