"""Log-in games: clients of all kinds come, prove themselves or not, change users and hang up at any moment,
while secrets rotate, the database and the source of secrets stop answering, and the proxy is reloaded.

Nobody is let in by what was never right; every statement runs as the user that its client has proven to be;
whoever is right in the end is let in; and when all have left nothing is left of them.
"""

import random
from collections.abc import Iterator

import attrs
import pytest

from proxy.mysql.frontend.throttle import FailedLogins, ThrottleOptions
from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import CLEAR, NATIVE, SHA2, AuthClient
from tests.peers.many_users import KEYS, QUERY, ManyUsers, configured, many_users, token

ENTRIES = {
    "native": 'client_password_auth_type = "MYSQL_NATIVE_PASSWORD"',
    "sha2": 'client_password_auth_type = "MYSQL_CACHING_SHA2_PASSWORD"',
    "token": 'iam_auth = "REQUIRED"',
}
OPTIONS = [
    "",
    'pass_through_users = "password"',
    f'auth_query = "{QUERY}"\nauth_query_user_name = "native"',
    f'pass_through_users = "password"\nauth_query = "{QUERY}"\nauth_query_user_name = "native"',
]
PASSED = ("one", "two")
STEPS = 120


@attrs.define(eq=False)
class Player:
    """A client, who it has been proven to be, and who it claims to be now."""

    client: AuthClient
    user: str
    password: bytes
    statement: str = ""


class Game:
    def __init__(self, users: ManyUsers, chance: random.Random, options: str) -> None:
        self.users = users
        self.world = users.world
        self.chance = chance
        self.options = options
        self.players: list[Player] = []
        #: The only one that is right; another second would make another.
        self.token = token("token")
        #: All that was ever right.
        self.right: dict[str, set[bytes]] = {}
        self.number = 0
        for name in (*ENTRIES, *PASSED):
            self.learn(name, b"first of " + name.encode())
        users.secrets.update({name: (name, f"first of {name}") for name in ENTRIES})
        users.store.refresh()
        #: Statements, and whose they are.
        self.whose: dict[str, str] = {}

    def learn(self, user: str, password: bytes) -> None:
        """The database takes it from now on, and the former one no more."""
        self.users.passwords[user] = password
        self.right.setdefault(user, set()).add(password)

    def some_password(self, user: str) -> bytes:
        kind = self.chance.randrange(4)
        if kind == 0:
            return self.chance.choice([b"wrong", b"", b"first of one", self.token])
        if user == "token":
            return self.token
        if kind == 1:
            return self.chance.choice(sorted(self.right.get(user, {b"x"})))
        return self.users.passwords.get(user, b"nobody's")

    def some_user(self) -> str:
        return self.chance.choice([*ENTRIES, *PASSED, "nobody"])

    # What happens

    def step(self) -> None:
        happen = self.chance.choices(
            [self.come, self.ask, self.change, self.leave, self.rotate, self.wait, self.stall, self.reload],
            [6, 6, 3, 3, 2, 3, 2, 1],
        )[0]
        happen()
        if self.chance.random() < 0.7:
            self.world.settle()
        self.check()

    def come(self) -> None:
        user = self.some_user()
        leaves_at = self.chance.choice([None, None, None, 0, 1, 2, 3])
        player = Player(
            AuthClient(
                user,
                password := self.some_password(user),
                self.chance.choice([NATIVE, SHA2, CLEAR]),
                tls=self.chance.random() < 0.6,
                database=self.chance.choice([b"", b"", b"shop"]),
                leaves_at=leaves_at,
                after_answer=self.chance.random() < 0.5,
            ),
            user,
            password,
        )
        self.world.client(player.client)
        self.players.append(player)

    def ready(self) -> list[Player]:
        """Those that are logged in and have no answer to wait for."""
        return [each for each in self.players if each.client.verdict == 0 and not each.statement]

    def ask(self) -> None:
        if not (ready := self.ready()):
            return
        player = self.chance.choice(ready)
        self.number += 1
        player.statement = f"SELECT 1 FROM (SELECT 1) AS q{self.number}"
        self.whose[player.statement] = player.user
        player.client.take()
        player.client.query(player.statement)

    def change(self) -> None:
        if not (ready := self.ready()):
            return
        player = self.chance.choice(ready)
        player.user = self.some_user()
        player.password = self.some_password(player.user)
        player.client.take()
        player.client.leaves_at = self.chance.choice([None, None, 1, 2])
        player.client.change_user(player.user, player.password)

    def leave(self) -> None:
        if self.players:
            self.chance.choice(self.players).client.line.hang_up(rudely=self.chance.random() < 0.5)

    def rotate(self) -> None:
        self.number += 1
        user = self.chance.choice([*ENTRIES, *PASSED])
        self.learn(user, f"{self.number} of {user}".encode())
        if user in ENTRIES:
            self.users.secrets[user] = (user, f"{self.number} of {user}")

    def wait(self) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            self.world.advance(self.chance.choice([0.1, 0.6, 2.0]))

    def stall(self) -> None:
        """The database, or the source of secrets, stops answering, or goes on."""
        if self.chance.random() < 0.5:
            self.users.source.held = not self.users.source.held
            if not self.users.source.held:
                self.users.source.release()
        else:
            self.users.silent = not self.users.silent
            if not self.users.silent:
                self.greet()

    def greet(self) -> None:
        for server in self.world.servers:
            if server.session is None and server.line.connected:
                server.greet()

    def reload(self) -> None:
        self.users.passed.doubt()
        self.users.checks.reconfigure(self.users.config)
        self.users.store.replace(self.users.config.proxy.auth, self.users.source)
        self.users.store.refresh()

    # What must hold

    def check(self) -> None:
        for player in list(self.players):
            client = player.client
            if client.verdict == 0:
                allowed = {self.token} if player.user == "token" else self.right.get(player.user, set())
                assert player.password in allowed, f"{player.user} was let in by {player.password!r}"
            if player.statement and client.seen:
                player.statement = ""
            if not client.line.connected:
                self.players.remove(player)
        for thread, text in self.world.database.log:
            if text in self.whose:
                assert self.users.owners[thread] == self.whose[text]
        self.world.database.log.clear()

    def end(self) -> None:
        """All is well again: whoever is right is let in, and served."""
        self.users.source.held = self.users.silent = False
        self.users.source.release()
        self.greet()
        for player in self.players:
            player.client.line.hang_up()
        self.players.clear()
        for _ in range(50):
            self.world.advance(1.0)
        self.users.assert_nobody_left()
        assert not self.users.prover._waiting
        for user in (*ENTRIES, *(PASSED if self.options else ())):
            password = self.token if user == "token" else self.users.passwords[user]
            client = self.users.log_in(user, password, NATIVE, tls=True)
            assert (user, client.verdict) == (user, 0)
            assert self.world.ask(client, "SELECT 1")[4] != 0xFF, user


@pytest.fixture
def games(tls: ServerTls, request: pytest.FixtureRequest) -> Iterator[Game]:
    seed: int = request.param
    options = OPTIONS[seed % len(OPTIONS)]
    secrets = {name: (name, "x") for name in ENTRIES}
    with many_users(configured(options, ENTRIES), dict(secrets), KEYS, tls=tls, cap=4) as users:
        users.world.context.failed_log_ins = FailedLogins(users.world.clock, lambda: ThrottleOptions(0))
        users.store.start()
        yield Game(users, random.Random(seed), options)


@pytest.mark.parametrize("games", range(24), indirect=True)
def test_games(games: Game) -> None:
    for _ in range(STEPS):
        games.step()
    games.end()
