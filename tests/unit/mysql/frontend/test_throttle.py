"""Failed log-ins in a row make further ones slow."""

import random

import attrs
import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.errors import ClientError
from proxy.mysql.frontend.throttle import ADDRESS_FACTOR, ADDRESS_SHARE, FailedLogins, ThrottleOptions

HOME = "192.0.2.1"
ELSEWHERE = "192.0.2.2"
OPTIONS = ThrottleOptions(threshold=3, delay=0.5, max_delay=8.0, max_waiting=8)


class World:
    """A throttle, its clock and its options, which may be changed."""

    def __init__(self, options: ThrottleOptions = OPTIONS) -> None:
        self.clock = Clock()
        self.options = options
        self.throttle = FailedLogins(self.clock, lambda: self.options)

    def fail(self, times: int, address: str = HOME, user: str = "app") -> list[bool]:
        return [self.throttle.failed(address, user) for _ in range(times)]

    def delay(self, address: str = HOME, user: str = "app") -> float:
        """Seconds that the next log-in waits, to a quarter of a second."""
        waiting = self.throttle.wait(address, user)
        began = self.clock.seconds()
        while not waiting.called:
            self.clock.advance(0.25)
        assert waiting.result is None
        return self.clock.seconds() - began


def refusal_of(waiting: "Deferred[None]") -> ClientError:
    found: list[Failure] = []
    waiting.addErrback(found.append)
    assert isinstance(found[0].value, ClientError)
    return found[0].value


def test_the_first_failures_cost_nothing() -> None:
    world = World()
    assert world.fail(2) == [False, False]
    assert world.delay() == 0
    assert world.fail(1) == [True]
    assert world.delay() == 0.5


def test_each_further_failure_doubles_the_delay_up_to_the_longest() -> None:
    world = World()
    world.fail(2)
    delays = []
    for _ in range(7):
        world.fail(1)
        delays.append(world.delay())
    assert delays == [0.5, 1, 2, 4, 8, 8, 8]


def test_no_number_of_failures_is_too_large() -> None:
    world = World()
    world.fail(5000)
    assert world.delay() == 8


def test_a_success_ends_the_row() -> None:
    world = World()
    world.fail(9)
    world.throttle.succeeded(HOME, "app")
    assert world.delay() == 0
    assert len(world.throttle) == 0
    assert world.fail(3) == [False, False, True]


def test_only_failures_in_a_row_count() -> None:
    world = World()
    for _ in range(20):
        world.fail(2)
        world.throttle.succeeded(HOME, "app")
    assert world.delay() == 0


def test_others_are_not_delayed() -> None:
    world = World()
    world.fail(100)
    assert world.delay(user="other") == 0
    assert world.delay(address=ELSEWHERE) == 0
    assert world.delay(address="") == 0


def test_a_user_that_always_fails_delays_nobody_else_at_its_address() -> None:
    world = World()
    world.fail(1000, user="outdated")
    assert world.fail(2, user="app") == [False, False]
    assert world.delay() == 0


def test_trying_many_users_from_one_address_is_slow_too() -> None:
    world = World()
    names = [f"user{number}" for number in range(OPTIONS.threshold * ADDRESS_FACTOR)]
    slow = [world.throttle.failed(HOME, name) for name in names]
    assert slow == [False] * (len(names) - 1) + [True]
    assert world.delay(user="yet another") == 0.5
    assert world.delay(address=ELSEWHERE, user=names[0]) == 0


def test_a_success_of_anybody_ends_the_row_of_the_address() -> None:
    world = World()
    for number in range(30):
        world.fail(1, user=f"user{number}")
    world.throttle.succeeded(HOME, "app")
    assert world.delay(user="yet another") == 0


def test_a_success_does_not_end_the_row_of_another_user() -> None:
    """Who has an account cannot guess another's password the faster for it."""
    world = World()
    world.fail(4, user="victim")
    world.throttle.succeeded(HOME, "app")
    assert world.delay(user="victim") == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("", "192.0.2.2", False),
    ],
)
def test_what_is_one_address(one: str, other: str, same: bool) -> None:
    world = World()
    world.fail(3, address=one)
    assert (world.delay(address=other) > 0) is same


def test_a_row_is_forgotten_when_nothing_has_failed_for_long() -> None:
    world = World(attrs.evolve(OPTIONS, forget_after=600))
    world.fail(3)
    world.clock.advance(599)
    assert world.fail(1) == [True]
    world.clock.advance(599)
    assert world.delay() == 1
    world.clock.advance(600)
    assert world.delay() == 0
    assert world.fail(1) == [False]


def test_what_is_forgotten_takes_no_room() -> None:
    world = World(attrs.evolve(OPTIONS, forget_after=600))
    for number in range(50):
        world.fail(1, address=f"198.51.100.{number}")
    assert len(world.throttle) == 100
    world.clock.advance(601)
    world.fail(1)
    assert len(world.throttle) == 2


def test_the_memory_is_bounded_and_keeps_what_failed_last() -> None:
    world = World(attrs.evolve(OPTIONS, memory=10))
    world.fail(3)
    for number in range(200):
        world.fail(1, address=f"198.51.100.{number}")
        world.fail(1)
        assert len(world.throttle) <= 10
    assert world.delay() == 8


def test_without_a_threshold_there_is_no_delay() -> None:
    world = World(attrs.evolve(OPTIONS, threshold=0))
    assert world.fail(100) == [False] * 100
    assert world.delay() == 0
    assert len(world.throttle) == 0


def test_a_delay_of_0_delays_nothing_and_tells_all_the_same() -> None:
    world = World(attrs.evolve(OPTIONS, delay=0.0))
    assert world.fail(4) == [False, False, True, True]
    assert world.delay() == 0
    assert world.throttle.delayed == 0


def test_a_change_of_the_options_counts_at_once() -> None:
    world = World()
    world.fail(3)
    world.options = attrs.evolve(OPTIONS, delay=2.0)
    assert world.delay() == 2
    world.options = attrs.evolve(OPTIONS, threshold=4)
    assert world.delay() == 0


def test_a_success_lets_go_who_waits_for_the_same_user() -> None:
    """Many connections of an application whose password was corrected do not wait one after the other."""
    world = World()
    world.fail(9)
    waiting = [world.throttle.wait(HOME, "app") for _ in range(OPTIONS.max_waiting // ADDRESS_SHARE)]
    world.throttle.succeeded(HOME, "app")
    assert all(each.called for each in waiting)
    assert world.throttle.waiting == 0
    assert world.clock.getDelayedCalls() == []


def test_who_goes_on_may_succeed_before_the_next_one_does() -> None:
    world = World()
    world.fail(9)
    waiting = [world.throttle.wait(HOME, "app") for _ in range(2)]
    for each in waiting:
        each.addCallback(lambda _: world.throttle.succeeded(HOME, "app"))
    world.throttle.succeeded(HOME, "app")
    assert all(each.called and each.result is None for each in waiting)
    assert world.throttle.waiting == 0


def test_a_success_does_not_let_go_who_waits_for_another_user() -> None:
    world = World()
    world.fail(9, user="victim")
    waiting = world.throttle.wait(HOME, "victim")
    world.throttle.succeeded(HOME, "app")
    world.throttle.succeeded(ELSEWHERE, "victim")
    assert not waiting.called


class TestPlaces:
    def test_who_finds_none_is_told_so_at_once(self) -> None:
        world = World()
        addresses = [f"192.0.2.{number}" for number in range(9)]
        for address in addresses:
            world.fail(3, address=address)
        waiting = [world.throttle.wait(address, "app") for address in addresses[:8]]
        refusal = refusal_of(world.throttle.wait(addresses[8], "app"))
        assert (refusal.errno, refusal.sqlstate) == (1040, "HY000")
        assert "app" not in refusal.message
        assert (world.throttle.waiting, world.throttle.delayed, world.throttle.refused) == (8, 8, 1)
        world.clock.advance(0.5)
        assert all(each.called for each in waiting)
        assert world.delay(address=addresses[8]) == 0.5

    def test_one_address_gets_a_part_of_them(self) -> None:
        world = World()
        for address in (HOME, ELSEWHERE):
            world.fail(3, address=address)
        share = OPTIONS.max_waiting // ADDRESS_SHARE
        waiting = [world.throttle.wait(HOME, "app") for _ in range(share)]
        refusal_of(world.throttle.wait(HOME, "app"))
        assert not world.throttle.wait(ELSEWHERE, "app").called
        assert not any(each.called for each in waiting)

    def test_who_does_not_have_to_wait_needs_none(self) -> None:
        world = World(attrs.evolve(OPTIONS, max_waiting=0))
        world.fail(3)
        refusal_of(world.throttle.wait(HOME, "app"))
        assert world.delay(user="other") == 0

    def test_a_single_place_is_for_every_address(self) -> None:
        world = World(attrs.evolve(OPTIONS, max_waiting=1))
        world.fail(3)
        assert world.delay() == 0.5
        waiting = world.throttle.wait(HOME, "app")
        refusal_of(world.throttle.wait(HOME, "app"))
        assert not waiting.called

    def test_a_client_that_leaves_gives_its_place_back(self) -> None:
        world = World()
        world.fail(3)
        for _ in range(50):
            waiting = world.throttle.wait(HOME, "app")
            waiting.cancel()
            assert isinstance(waiting.result, Failure)
            waiting.addErrback(lambda failure: failure.trap(CancelledError) and None)
        assert world.throttle.waiting == 0
        assert world.clock.getDelayedCalls() == []
        assert world.delay() == 0.5

    def test_places_are_never_lost(self) -> None:
        chance = random.Random(7)
        world = World(attrs.evolve(OPTIONS, memory=20, max_waiting=6))
        waiting: list[Deferred[None]] = []
        for _ in range(3000):
            who = chance.choice((HOME, ELSEWHERE, "", "2001:db8::1")), chance.choice("abcd")
            act = chance.randrange(12)
            if act == 0:
                world.throttle.succeeded(*who)
            elif act == 1 and waiting:
                waiting.pop(chance.randrange(len(waiting))).cancel()
            elif act == 2:
                world.clock.advance(chance.choice((0.1, 1, 10)))
            elif act < 8:
                each = world.throttle.wait(*who)
                each.addErrback(lambda failure: failure.trap(ClientError, CancelledError) and None)
                waiting.append(each)
            else:
                world.throttle.failed(*who)
            waiting = [each for each in waiting if not each.called]
            assert world.throttle.waiting == len(waiting) <= 6
        assert world.throttle.refused
        world.clock.advance(100)
        assert world.throttle.waiting == 0
        assert world.clock.getDelayedCalls() == []
