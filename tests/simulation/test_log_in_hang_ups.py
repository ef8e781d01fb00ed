"""Clients that hang up at any step of a log-in or change of user: nothing is left of them but a line."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

from proxy.mysql.backend.proving import MAX_PROOFS
from proxy.mysql.frontend.throttle import FailedLogins, ThrottleOptions
from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import CLEAR, NATIVE, SHA2, AuthClient
from tests.peers.many_users import KEYS, QUERY, ManyUsers, configured, many_users, token

ENTRIES = {
    "native": 'client_password_auth_type = "MYSQL_NATIVE_PASSWORD"',
    "sha2": 'client_password_auth_type = "MYSQL_CACHING_SHA2_PASSWORD"',
    "token": 'iam_auth = "REQUIRED"',
}
ASKING = configured('pass_through_users = "password"', ENTRIES)
QUERYING = configured(f'auth_query = "{QUERY}"\nauth_query_user_name = "native"', ENTRIES)

#: User, plugin of the first answer, whether by TLS; and at how many packets there is an answer to be given.
LOG_INS = [
    ("native", NATIVE, False, 1),
    ("native", SHA2, True, 2),
    ("sha2", NATIVE, True, 2),
    ("wrong", NATIVE, False, 3),
    ("wrong", NATIVE, True, 3),
    ("token", NATIVE, True, 2),
    ("token", CLEAR, True, 2),
    ("passed", NATIVE, True, 3),
    ("passed", CLEAR, True, 1),
    ("nobody", SHA2, True, 3),
]


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    found: list[LogEvent] = []
    globalLogPublisher.addObserver(found.append)  # type: ignore[arg-type]
    yield found
    globalLogPublisher.removeObserver(found.append)  # type: ignore[arg-type]


def users_of(config: Any, tls: ServerTls, **options: Any) -> Any:
    secrets = {name: (name, "its own") for name in ENTRIES}
    return many_users(config, dict(secrets), KEYS, tls=tls, **options)


@pytest.fixture(params=[ASKING, QUERYING], ids=["asking", "querying"])
def users(request: pytest.FixtureRequest, tls: ServerTls) -> Iterator[ManyUsers]:
    with users_of(request.param, tls) as users:
        users.passwords |= dict.fromkeys((*ENTRIES, "passed"), b"its own")
        yield users


@pytest.fixture
def asking(tls: ServerTls) -> Iterator[ManyUsers]:
    with users_of(ASKING, tls) as users:
        users.passwords |= dict.fromkeys((*ENTRIES, "passed"), b"its own")
        yield users


def password_of(user: str) -> tuple[str, bytes]:
    """ "wrong" stands for a user that has another password."""
    if user == "wrong":
        return "sha2", b"wrong"
    return user, token(user) if user == "token" else b"its own"


def lines(events: list[LogEvent]) -> list[tuple[str, str]]:
    """Of each attempt the user and the verdict."""
    return [(event["user"], event["verdict"]) for event in events if "verdict" in event]


def assert_quiet(users: ManyUsers, events: list[LogEvent]) -> None:
    """Nobody is left, and nothing unforeseen was logged."""
    users.world.advance(12.0)
    users.assert_nobody_left()
    assert not users.prover._waiting
    bad = [event for event in events if event["log_level"] in (LogLevel.error, LogLevel.critical)]
    assert not [event for event in bad if "verdict" not in event]


@pytest.mark.parametrize("after_answer", [False, True])
@pytest.mark.parametrize(
    ("user", "first", "is_secure", "step"),
    [(user, first, is_secure, step) for user, first, is_secure, last in LOG_INS for step in range(last + 1)],
)
def test_at_each_step(
    users: ManyUsers,
    events: list[LogEvent],
    user: str,
    first: bytes,
    is_secure: bool,
    step: int,
    after_answer: bool,
) -> None:
    name, password = password_of(user)
    client = AuthClient(
        name, password, first, tls=is_secure, leaves_at=step, after_answer=after_answer, database=b"shop"
    )
    users.world.client(client)
    # Some log-ins are over before.
    client.line.hang_up()
    assert_quiet(users, events)
    assert [who for who, _ in lines(events)] in ([name], [])
    # And the next one is served as if nothing had been.
    assert users.log_in("native", b"its own").verdict == 0


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("after_answer", [False, True])
@pytest.mark.parametrize("then", ["native", "sha2", "token", "passed", "wrong", "nobody"])
def test_while_the_user_is_changed(
    asking: ManyUsers, events: list[LogEvent], then: str, step: int, after_answer: bool
) -> None:
    client = asking.log_in("native", b"its own", tls=True)
    assert asking.world.ask(client, "SELECT 1")[4] != 0xFF
    client.leaves_at, client.after_answer = step, after_answer
    client.change_user(*password_of(then))
    asking.world.settle()
    client.line.hang_up()
    assert_quiet(asking, events)
    assert lines(events)[0] == ("native", "granted")
    assert len(lines(events)) == 2


class TestWhileTheProxyWaits:
    """For somebody else, with all that the client has to say said."""

    def leave(self, users: ManyUsers, client: AuthClient) -> None:
        assert client.verdict is None
        client.line.hang_up()
        users.world.settle()
        users.assert_nobody_left()

    @pytest.mark.parametrize("user", ["native", "sha2", "nobody"])
    def test_for_a_secret(self, tls: ServerTls, events: list[LogEvent], user: str) -> None:
        entries = {name: lines for name, lines in ENTRIES.items() if name != "token"}
        with users_of(configured("", entries), tls) as users:
            users.world.advance(1.0)
            users.source.held = True
            client = AuthClient(user, b"wrong", SHA2, tls=True)
            users.world.client(client)
            self.leave(users, client)
            users.source.release()
            assert_quiet(users, events)

    @pytest.mark.parametrize("others", [0, 2])
    def test_for_a_proof(self, asking: ManyUsers, events: list[LogEvent], others: int) -> None:
        asking.silent = True
        clients = [AuthClient("passed", b"its own", SHA2, tls=True) for _ in range(others + 1)]
        for client in clients:
            asking.world.client(client)
        clients[0].line.hang_up()
        asking.world.settle()
        [server] = asking.world.servers
        server.greet()
        asking.world.settle()
        assert [client.verdict for client in clients[1:]] == [0] * others
        for client in clients[1:]:
            client.line.hang_up()
        assert_quiet(asking, events)

    def test_for_a_verifier(self, tls: ServerTls, events: list[LogEvent]) -> None:
        with users_of(QUERYING, tls) as users:
            users.passwords |= {"native": b"its own"}
            users.silent = True
            client = AuthClient("passed", b"its own")
            users.world.client(client)
            self.leave(users, client)
            assert_quiet(users, events)

    def test_for_a_connection_to_look_at_the_schema(self, asking: ManyUsers, events: list[LogEvent]) -> None:
        asking.silent = True
        client = AuthClient("native", b"its own", database=b"shop")
        asking.world.client(client)
        assert len(asking.world.servers) == 1
        self.leave(asking, client)
        asking.world.servers[0].greet()
        assert_quiet(asking, events)

    def test_for_its_turn_after_failures(self, asking: ManyUsers, events: list[LogEvent]) -> None:
        options = ThrottleOptions(threshold=1, delay=5.0)
        asking.world.context.failed_log_ins = FailedLogins(asking.world.clock, lambda: options)
        assert asking.log_in("native", b"wrong").verdict == 1045
        client = AuthClient("native", b"its own")
        asking.world.client(client)
        self.leave(asking, client)
        assert_quiet(asking, events)


def test_proofs_that_nobody_waits_for_are_not_asked(asking: ManyUsers) -> None:
    """Or whoever connects and leaves again could keep the database busy for long."""
    asking.silent = True
    asking.world.context.failed_log_ins = FailedLogins(asking.world.clock, lambda: ThrottleOptions(0))
    for number in range(50):
        client = AuthClient("passed", f"guess {number}".encode(), SHA2, tls=True)
        asking.world.client(client)
        client.line.hang_up()
    asking.world.settle()
    asking.silent = False
    for server in asking.world.servers:
        server.greet()
    asking.world.advance(12.0)
    assert len(asking.world.servers) == MAX_PROOFS
    assert asking.log_in("passed", b"its own", SHA2, tls=True).verdict == 0
