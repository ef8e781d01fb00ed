"""Tokens for targets, on a clock that the test turns and with threads that it lets run."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from proxy.aws.clients import AwsOptions
from proxy.aws.database_tokens import (
    LONGEST_USE,
    RENEWAL_AGE,
    RENEWAL_JITTER,
    RENEWAL_RETRY,
    TOKEN_INTERVAL,
    TargetTokenError,
    TargetTokens,
    region_of_host,
)
from proxy.aws.threads import AwsBusy

HOST = "db1.abc.eu-west-1.rds.amazonaws.com"
EARLIEST = RENEWAL_AGE * (1 - RENEWAL_JITTER)
"""When the first renewals come."""


class Threads:
    """Keeps calls until `run`."""

    size = 1

    def __init__(self) -> None:
        self.calls: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def call(self, function: Callable[..., Any], *args: Any) -> "Deferred[Any]":
        result: Deferred[Any] = Deferred()
        self.calls.append((result, lambda: function(*args)))
        return result

    def run(self) -> None:
        """Let all of them end."""
        calls, self.calls = self.calls, []
        for result, call in calls:
            try:
                value = call()
            except Exception:
                result.errback(Failure())
            else:
                result.callback(value)


class Clients:
    """Makes tokens that tell how they were asked for."""

    def __init__(self) -> None:
        self.made = 0
        self.error: Exception | None = None
        self.forgotten = 0

    def database_token(self, host: str, port: int, username: str, region: str) -> str:
        if self.error is not None:
            raise self.error
        self.made += 1
        return f"{host}:{port}/{username}/{region}/{self.made}"

    def forget(self) -> None:
        self.forgotten += 1


class World:
    """Tokens and what is around them."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.threads = Threads()
        self.clients = Clients()
        made: Any = TargetTokens
        self.tokens: TargetTokens = made(
            self.threads, AwsOptions(), self.clock, self.clients, lambda: 1.0, **options
        )

    def ask(self, user: str = "app", host: str = HOST, region: str = "") -> list[Any]:
        """What is told to somebody who asks; empty until then."""
        found: list[Any] = []
        self.tokens.token(host, 3306, user, region).addBoth(found.append)
        return found

    def use(self, user: str = "app") -> None:
        """Ask for it again, a little later."""
        self.clock.advance(0.001)
        assert self.ask(user)

    def token(self, user: str = "app") -> bytes:
        """Ask, let the thread run, and return the token."""
        found = self.ask(user)
        self.threads.run()
        (token,) = found
        return bytes(token)


@pytest.fixture
def world() -> World:
    return World()


def reason(found: list[Any]) -> str:
    (failure,) = found
    failure.trap(TargetTokenError)
    return str(failure.value.reason)


def test_a_token_is_made_once_for_all_who_wait(world: World) -> None:
    first, second = world.ask(), world.ask()
    assert (first, second) == ([], [])
    world.threads.run()
    assert first == second == [f"{HOST}:3306/app/eu-west-1/1".encode()]
    assert world.ask() == first
    assert world.clients.made == 1


def test_it_does_not_show_itself(world: World) -> None:
    found = world.ask()
    world.threads.run()
    assert HOST not in f"{found[0]!r} {found[0]} {vars(world.tokens)}".replace(repr(HOST), "")


def test_each_user_has_one_of_its_own(world: World) -> None:
    assert world.token("app") != world.token("eve")


def test_the_hosts_own_region_goes_first(world: World) -> None:
    found = [world.ask(region="us-east-1"), world.ask(host="db", region="us-east-1"), world.ask(host="db")]
    world.threads.run()
    assert [each[0].split(b"/")[2] for each in found] == [b"eu-west-1", b"us-east-1", b""]


def test_one_in_use_is_renewed_in_the_background(world: World) -> None:
    old = world.token()
    world.use()
    world.clock.advance(EARLIEST)
    assert len(world.threads.calls) == 1
    # Nobody waits for it.
    world.use()
    assert world.ask() == [old]
    world.threads.run()
    assert world.ask() != [old]
    world.clock.advance(EARLIEST)
    assert len(world.threads.calls) == 1


def test_one_that_nobody_uses_is_forgotten(world: World) -> None:
    world.token()
    world.clock.advance(EARLIEST)
    assert world.threads.calls == []
    assert world.clock.getDelayedCalls() == []
    assert world.ask() == []


def test_a_renewal_that_fails_leaves_the_old_one_for_a_while(world: World) -> None:
    old = world.token()
    world.use()
    world.clients.error = NoCredentialsError()
    world.clock.advance(EARLIEST)
    world.threads.run()
    assert world.clients.forgotten == 1
    assert world.ask() == [old]
    world.clock.advance(RENEWAL_RETRY)
    world.threads.run()
    assert world.ask() == [old]
    world.clients.error = None
    world.clock.advance(RENEWAL_RETRY)
    world.threads.run()
    assert world.ask() not in ([], [old])


def test_one_that_is_too_old_is_not_given_out(world: World) -> None:
    old = world.token()
    world.use()
    world.clients.error = NoCredentialsError()
    while world.clock.seconds() < 1000 + LONGEST_USE:
        world.clock.advance(RENEWAL_RETRY)
        world.threads.run()
        world.ask()
    found = world.ask()
    world.threads.run()
    world.clock.advance(TOKEN_INTERVAL)
    world.clients.error = None
    assert found != [old]
    assert world.token() != old


def test_a_failure_is_told_to_all_and_not_tried_at_once(world: World) -> None:
    world.clients.error = NoCredentialsError()
    first, second = world.ask(), world.ask()
    world.threads.run()
    assert reason(first).startswith("no AWS credentials were found")
    assert reason(second).startswith("no AWS credentials were found")
    assert reason(world.ask()).startswith("no AWS credentials were found")
    assert world.threads.calls == []
    world.clients.error = None
    world.clock.advance(TOKEN_INTERVAL)
    assert world.token()


def test_threads_that_are_busy(world: World) -> None:
    found = world.ask()
    ((result, _),) = world.threads.calls
    result.errback(AwsBusy())
    assert reason(found) == "too many calls to AWS wait already"


def test_who_goes_away_while_it_is_made(world: World) -> None:
    waiting = world.tokens.token(HOST, 3306, "app")
    other = world.ask()
    waiting.cancel()
    found: list[Any] = []
    waiting.addErrback(lambda failure: found.append(failure.check(CancelledError)))
    assert found == [CancelledError]
    world.threads.run()
    assert len(other) == 1


@pytest.mark.parametrize("error", [None, NoCredentialsError()])
def test_who_sends_another_away_when_told(world: World, error: Exception | None) -> None:
    world.clients.error = error
    first, second, third = (world.tokens.token(HOST, 3306, "app") for _ in range(3))
    first.addBoth(lambda _: second.cancel())
    outcomes: list[Any] = []
    second.addErrback(lambda failure: failure.trap(CancelledError) and None)
    third.addBoth(outcomes.append)
    world.threads.run()
    assert len(outcomes) == 1


def test_one_that_a_database_refused(world: World) -> None:
    old = world.token()
    # Another one would be no better so soon.
    world.tokens.suspect(old)
    assert world.ask() == [old]
    world.clock.advance(TOKEN_INTERVAL)
    world.tokens.suspect(b"another")
    assert world.ask() == [old]
    world.tokens.suspect(old)
    assert world.clients.forgotten == 1
    assert world.token() != old


def test_of_too_many_the_one_that_is_least_in_use_goes() -> None:
    world = World(limit=2)
    first = world.token("first")
    second = world.token("second")
    assert world.ask("first") == [first]
    world.token("third")
    assert world.ask("first") == [first]
    assert world.ask("second") == []
    world.threads.run()
    assert world.token("second") != second
    assert len(world.clock.getDelayedCalls()) == 2


def test_to_stop_leaves_nothing_behind(world: World) -> None:
    world.token()
    waiting = world.ask("other")
    world.tokens.stop()
    assert reason(waiting) == "tokens are made no more"
    assert reason(world.ask()) == "tokens are made no more"
    world.threads.run()
    assert world.clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("db.abc.us-east-1.rds.amazonaws.com", "us-east-1"),
        ("db.cluster-ro-abc.AP-Southeast-2.RDS.amazonaws.com.", "ap-southeast-2"),
        ("db.abc.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("db.abc.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("db.abc.us-east-1.rds.amazonaws.com.evil.example", ""),
        ("us-east-1", ""),
        ("127.0.0.1", ""),
    ],
)
def test_the_region_in_a_hosts_name(host: str, region: str) -> None:
    assert region_of_host(host) == region
