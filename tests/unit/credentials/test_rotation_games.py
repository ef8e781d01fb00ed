"""Rotation games: a secret that changes every second, in both styles, under load; no client may notice.

The database, the keeper of the secret, the clients and the log-ins of the proxy are played here, with chance
and latency, on a clock that the test turns; the store is real.
"""

import random
from collections.abc import Generator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import Clock, deferLater

from proxy.credentials.options import StoreOptions
from proxy.credentials.source import Credential, SecretError, SecretVersions
from proxy.credentials.store import CredentialStore

from .memory_source import Login, entries, versions

#: As many as BackendConnector tries.
MAX_LOG_INS = 4
CLIENTS = 50
SESSIONS = 10


class Keeper:
    """Keeps the secret's versions; answers with what is there at some moment of the call."""

    def __init__(self, clock: Clock, chance: random.Random, login: Login) -> None:
        self.clock, self.chance = clock, chance
        self.content = versions(login)
        self.is_down = False
        self.calls = 0

    def start_refresh(self) -> None:
        """Nothing is remembered."""

    def fetch(self, name: str, _known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        self.calls += 1
        seen: list[SecretVersions] = []

        def look(_: object) -> Deferred[None]:
            if self.is_down:
                raise SecretError("cannot be reached")
            seen.append(self.content)
            return deferLater(self.clock, self.chance.uniform(0, 0.02))

        looking = deferLater(self.clock, self.chance.uniform(0, 0.02)).addCallback(look)
        return looking.addCallback(lambda _: seen[0])


class Game:
    """Clients that log in with what the keeper tells them, through a proxy, while the secret rotates."""

    def __init__(self, seed: int, *, alternating: bool, options: StoreOptions) -> None:
        self.clock = Clock()
        self.chance = random.Random(seed)
        self.alternating = alternating
        self.database: dict[str, str] = {"app": "0", "app_clone": "-"}
        self.keeper = Keeper(self.clock, self.chance, ("app", "0"))
        self.store = CredentialStore(
            entries("s"), self.keeper, self.clock, lambda: options, self.chance.random, self.clock.seconds
        )
        self.store.start()
        self.store.refresh()
        self.clock.pump([0.01] * 10)
        self.served = 0
        self.refused: list[str] = []
        self.failed_log_ins = 0

    def pause(self, least: float, most: float) -> Deferred[None]:
        return deferLater(self.clock, self.chance.uniform(least, most), lambda: None)

    @inlineCallbacks
    def rotate(self, number: int) -> Generator[Deferred[Any], Any, None]:
        """createSecret, setSecret, testSecret, finishSecret within a second."""
        before = self.keeper.content
        current = (before.current.username, before.current.password.decode())
        user = current[0]
        if self.alternating:
            user = "app" if user == "app_clone" else "app_clone"
        new = user, str(number)
        previous = before.previous
        old = None if previous is None else (previous.username, previous.password.decode())
        self.keeper.content = versions(current, new, old)
        yield self.pause(0, 0.3)
        self.database[user] = new[1]
        yield self.pause(0, 0.2)
        # The pending stage stays where it was, as AWS leaves it.
        self.keeper.content = versions(new, new, current)

    @inlineCallbacks
    def client(self, until: float) -> Generator[Deferred[Any], Any, None]:
        while self.clock.seconds() < until:
            content = self.keeper.content.current
            yield self.pause(0, 0.3)
            problem = yield self.log_in(content.username, bytes(content.password))
            if problem:
                self.refused.append(f"{self.clock.seconds():.3f} {content.username}: {problem}")
            self.served += 1
            yield self.pause(0, 2)

    @inlineCallbacks
    def session(self, username: str, until: float) -> Generator[Deferred[Any], Any, None]:
        """One that stays, needs a connection now and then, and never reads the secret again."""
        while self.clock.seconds() < until:
            if not (yield self.open(username)):
                self.refused.append(f"{self.clock.seconds():.3f} {username}: no connection for a session")
            self.served += 1
            yield self.pause(0, 5)

    @inlineCallbacks
    def log_in(self, username: str, password: bytes) -> Generator[Deferred[Any], Any, str]:
        account = self.store.account(username)
        yield self.pause(0, 0.05)
        if account is None or password not in account.passwords:
            yield self.store.recheck(username)
            account = self.store.account(username)
            if account is None or password not in account.passwords:
                return "denied"
        served: bool = yield self.open(username)
        return "" if served else "no connection"

    @inlineCallbacks
    def open(self, username: str) -> Generator[Deferred[Any], Any, bool]:
        """As BackendConnector does it."""
        tried: set[tuple[bytes, int]] = set()
        while len(tried) < MAX_LOG_INS:
            known = self.store.candidates(username)
            left = [each for each in known if (bytes(each.password), each.revision) not in tried]
            if not left:
                break
            tried.add((bytes(left[0].password), left[0].revision))
            if (yield self.reach(left[0])):
                self.store.accepted(left[0])
                return True
            self.failed_log_ins += 1
            yield self.store.suspect(left[0])
        return False

    @inlineCallbacks
    def reach(self, credential: Credential) -> Generator[Deferred[Any], Any, bool]:
        yield self.pause(0, 0.02)
        is_right = self.database[credential.username].encode() == credential.password
        yield self.pause(0, 0.02)
        return is_right

    def play(self, seconds: int) -> None:
        start = self.clock.seconds()
        for _ in range(CLIENTS):
            self.client(start + seconds - 3)
        for _ in range(SESSIONS):
            self.session("app", start + seconds - 3)
        for second in range(seconds):
            self.rotate(second + 1)
            self.clock.pump([0.005] * 200)


@pytest.mark.parametrize("alternating", [False, True], ids=["single user", "alternating users"])
@pytest.mark.parametrize("interval", [30.0, 1.0, 0.2])
# The last four once met a pending password that was tried before the database had it, and never again.
@pytest.mark.parametrize("seed", [0, 6, 25, 39, 41])
def test_nobody_notices_a_rotation_every_second(seed: int, interval: float, alternating: bool) -> None:
    game = Game(seed, alternating=alternating, options=StoreOptions(secret_refresh_interval=interval))
    game.play(20)
    assert game.refused == []
    assert game.served > 10 * CLIENTS
    # Half a second between two because of what others say, and the polls.
    assert game.keeper.calls <= 20 / 0.5 + 20 / interval + 25
    assert not game.store.problems()


@pytest.mark.parametrize("alternating", [False, True])
def test_nobody_notices_that_the_keeper_is_away(alternating: bool) -> None:
    game = Game(7, alternating=alternating, options=StoreOptions())
    game.play(3)
    # The rotation under way is over, and the proxy has seen it.
    game.clock.pump([0.1] * 310)
    game.keeper.is_down = True
    start = game.clock.seconds()
    for _ in range(CLIENTS):
        game.client(start + 60)
    game.clock.pump([0.02] * 3300)
    assert game.refused == []
    assert game.failed_log_ins < 200, "none of them while the keeper was away"
    assert game.store.problems()


def test_what_a_rotation_costs() -> None:
    """A single rotation is a handful of log-ins that the database refuses, not one for each client."""
    game = Game(5, alternating=False, options=StoreOptions())
    for _ in range(CLIENTS):
        game.client(10.0)
    game.clock.pump([0.005] * 400)
    assert game.failed_log_ins == 0
    game.rotate(1)
    game.clock.pump([0.005] * 2000)
    assert game.refused == []
    assert 0 < game.failed_log_ins < CLIENTS / 2
    assert [bytes(each.password) for each in game.store.candidates("app")] == [b"1", b"0"]
