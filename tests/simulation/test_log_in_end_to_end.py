"""`default_auth_scheme = "IAM_AUTH"`: one token lets the client in, another the proxy at the database."""

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from proxy.credentials.source import SecretError
from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import AuthClient
from tests.peers.many_users import KEYS, ManyUsers, configured, many_users, token

CONFIG = configured('default_auth_scheme = "IAM_AUTH"', {"stored": ""})


class Tokens:
    """The proxy's own; the database takes those that `users` has as passwords."""

    def __init__(self) -> None:
        self.number = 1
        self.problem: SecretError | None = None
        self.waiting: Deferred[bytes] | None = None
        self.asked: list[tuple[str, int, str]] = []

    @property
    def present(self) -> bytes:
        return b"token %d" % self.number

    def token(self, host: str, port: int, username: str) -> Deferred[bytes]:
        self.asked.append((host, port, username))
        if self.problem is not None:
            return fail(self.problem)
        return self.waiting or succeed(self.present)

    def suspect(self, token: bytes) -> None:
        if token == self.present:
            self.number += 1


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def users(tls: ServerTls, tokens: Tokens) -> Iterator[ManyUsers]:
    with many_users(CONFIG, {"stored": ("stored", "its own")}, KEYS, tls=tls) as users:
        users.directory.tokens = tokens
        users.passwords |= {"app": tokens.present, "stored": b"its own"}
        yield users


def log_in(users: ManyUsers, user: str = "app") -> AuthClient:
    client = users.log_in(user, token(user), tls=True)
    assert (client.verdict, client.message) == (0, "")
    return client


def is_served(users: ManyUsers, client: AuthClient) -> bool:
    answer = users.world.ask(client, "SELECT 1")
    return bool(answer) and answer[4] != 0xFF


def test_no_secret_is_needed(users: ManyUsers, tokens: Tokens) -> None:
    client = log_in(users)
    assert is_served(users, client)
    assert users.log_ins == ["app"]
    assert tokens.asked == [("database", 3306, "app")]


def test_what_lets_the_client_in_goes_no_further(users: ManyUsers) -> None:
    users.passwords["app"] = token("app")
    assert not is_served(users, log_in(users))


@pytest.mark.parametrize("password", [b"token 1", b"x", b""])
def test_the_proxy_s_own_token_lets_nobody_in(users: ManyUsers, password: bytes) -> None:
    assert users.log_in("app", password, tls=True).verdict == 1045
    assert not users.log_ins


def test_a_plain_connection(users: ManyUsers) -> None:
    assert users.log_in("app", token("app")).verdict == 3159


def test_one_that_is_refused_is_made_anew(users: ManyUsers, tokens: Tokens) -> None:
    """The credentials that signed it may have been changed."""
    users.passwords["app"] = b"token 2"
    client = log_in(users)
    assert is_served(users, client)
    assert users.log_ins == ["app", "app"]
    assert tokens.number == 2


def test_one_that_cannot_be_made(users: ManyUsers, tokens: Tokens) -> None:
    """Who has a secret does not notice, nor who has a connection; others may try again."""
    tokens.problem = SecretError("no AWS credentials")
    stored = users.log_in("stored", b"its own", tls=True)
    assert is_served(users, stored)
    client = log_in(users)
    client.query("SELECT 1")
    users.world.settle()
    assert not client.seen
    tokens.problem = None
    for _ in range(10):
        users.world.advance(1.0)
    assert client.seen
    assert client.take()[4] != 0xFF


def test_one_that_takes_long(users: ManyUsers, tokens: Tokens) -> None:
    tokens.waiting = Deferred()
    client = log_in(users)
    client.query("SELECT 1")
    users.world.settle()
    assert not client.seen
    waiting, tokens.waiting = tokens.waiting, None
    waiting.callback(tokens.present)
    users.world.settle()
    assert client.take()[4] != 0xFF


def test_who_leaves_while_it_is_made(users: ManyUsers, tokens: Tokens) -> None:
    tokens.waiting = Deferred()
    client = log_in(users)
    client.query("SELECT 1")
    users.world.settle()
    client.line.hang_up()
    users.world.settle()
    users.assert_nobody_left()
    waiting, tokens.waiting = tokens.waiting, None
    if not waiting.called:
        waiting.callback(tokens.present)
    assert is_served(users, log_in(users))


def test_users_of_secrets_are_as_ever(users: ManyUsers, tokens: Tokens) -> None:
    client = users.log_in("stored", b"its own", tls=True)
    assert is_served(users, client)
    assert not tokens.asked
    assert users.log_in("stored", token("stored"), tls=True).verdict == 1045


def test_changing_between_them(users: ManyUsers) -> None:
    client = log_in(users)
    client.change_user("stored", b"its own")
    users.world.settle()
    client.take()
    assert is_served(users, client)
    assert users.log_ins[-1] == "stored"
    client.change_user("app", token("app"))
    users.world.settle()
    client.take()
    assert is_served(users, client)
    assert users.log_ins[-1] == "app"
