"""Clients that know of a rotation before the proxy does, and clients that have not heard of it yet."""

from collections.abc import Iterator

import pytest

from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import CLEAR, NATIVE, SHA2, AuthClient
from tests.peers.many_users import KEYS, ManyUsers, configured, many_users, token

ENTRIES = {
    "native": 'client_password_auth_type = "MYSQL_NATIVE_PASSWORD"',
    "sha2": 'client_password_auth_type = "MYSQL_CACHING_SHA2_PASSWORD"',
}
CONFIG = configured("previous_password_grace = 60", ENTRIES)

#: Seconds after which a change of a secret is no longer recent.
LATER = 20.0


@pytest.fixture
def users(tls: ServerTls) -> Iterator[ManyUsers]:
    secrets = {name: (name, "old") for name in ENTRIES}
    with many_users(CONFIG, dict(secrets), KEYS, tls=tls) as users:
        users.passwords |= dict.fromkeys(ENTRIES, b"old")
        users.world.advance(LATER)
        yield users


def rotate(users: ManyUsers, secret: str, user: str = "", password: str = "new") -> None:
    """The database first, then the secret; nobody tells the proxy."""
    users.passwords[user or secret] = password.encode()
    users.secrets[secret] = (user or secret, password)


class TestTheClientIsFirst:
    @pytest.mark.parametrize(
        ("user", "first", "is_secure", "seen"),
        [
            ("native", NATIVE, False, ["OK"]),
            ("native", SHA2, False, ["switch to mysql_native_password", "OK"]),
            ("sha2", NATIVE, True, ["switch to caching_sha2_password", "full authentication", "OK"]),
            (
                "sha2",
                SHA2,
                False,
                ["switch to caching_sha2_password", "full authentication", "public key", "OK"],
            ),
        ],
    )
    def test_it_is_let_in_and_asked_nothing_twice(
        self, users: ManyUsers, user: str, first: bytes, is_secure: bool, seen: list[str]
    ) -> None:
        rotate(users, user)
        fetches = len(users.source.fetched)
        client = users.log_in(user, b"new", first, tls=is_secure)
        assert (client.verdict, [kind for _, kind in client.transcript]) == (0, seen)
        assert len(users.source.fetched) == fetches + len(ENTRIES)
        assert users.world.ask(client, "SELECT 1")[4] != 0xFF

    @pytest.mark.parametrize("user", ["native", "sha2"])
    def test_a_user_that_is_new(self, users: ManyUsers, user: str) -> None:
        """As with rotation by two users in turn. Both plugins: nobody knows whose way it takes."""
        rotate(users, user, f"{user}_clone")
        client = users.log_in(f"{user}_clone", b"new", tls=True)
        again = users.log_in(f"{user}_clone", b"new", tls=True)
        assert again.verdict == 0
        assert users.world.ask(again, "SELECT 1")[4] != 0xFF
        # Of the plugin that it was asked for as nobody the first one's answer may be of no use.
        assert client.verdict in (0, 1045)

    def test_changing_the_user(self, users: ManyUsers) -> None:
        client = users.log_in("native", b"old", tls=True)
        rotate(users, "sha2")
        client.change_user("sha2", b"new")
        users.world.settle()
        assert client.verdict == 0

    def test_many_at_once_are_one_look(self, users: ManyUsers) -> None:
        rotate(users, "native")
        users.source.held = True
        clients = [AuthClient("native", b"new") for _ in range(10)]
        for client in clients:
            users.world.client(client)
        assert {client.verdict for client in clients} == {None}
        assert len(users.source.in_flight) == len(ENTRIES)
        users.source.release()
        users.world.settle()
        assert {client.verdict for client in clients} == {0}

    def test_another_secret_that_hangs_does_not_harm_it(self, users: ManyUsers) -> None:
        rotate(users, "native")
        users.source.held = True
        client = AuthClient("native", b"new")
        users.world.client(client)
        assert users.source.in_flight == list(ENTRIES)
        users.source.release(1)
        users.world.advance(LATER)
        users.world.settle()
        assert client.verdict == 0


class TestTheClientIsLate:
    @pytest.mark.parametrize("user", ["native", "sha2"])
    def test_within_the_grace(self, users: ManyUsers, user: str) -> None:
        rotate(users, user)
        users.store.refresh()
        old = users.log_in(user, b"old", SHA2)
        new = users.log_in(user, b"new", SHA2)
        assert (old.verdict, new.verdict) == (0, 0)
        assert users.world.ask(old, "SELECT 1")[4] != 0xFF

    @pytest.mark.parametrize("user", ["native", "sha2"])
    def test_after_it(self, users: ManyUsers, user: str) -> None:
        rotate(users, user)
        users.store.refresh()
        users.world.advance(61.0)
        assert users.log_in(user, b"old", SHA2).verdict == 1045
        assert users.log_in(user, b"new", SHA2).verdict == 0

    def test_the_user_of_before(self, users: ManyUsers) -> None:
        before = users.log_in("native", b"old")
        rotate(users, "native", "clone")
        users.store.refresh()
        assert users.log_in("native", b"old").verdict == 0
        assert users.log_in("clone", b"new", SHA2).verdict == 0
        users.world.advance(61.0)
        assert users.log_in("native", b"old").verdict == 1045
        assert users.world.ask(before, "SELECT 1")[4] != 0xFF


class TestSecretsThatCannotBeRead:
    def test_who_is_known_does_not_notice(self, users: ManyUsers) -> None:
        users.source.held = True
        assert users.log_in("native", b"old").verdict == 0
        wrong = AuthClient("native", b"wrong")
        users.world.client(wrong)
        assert wrong.verdict is None
        assert users.log_in("sha2", b"old", SHA2).verdict == 0
        users.source.release()
        users.world.settle()
        assert wrong.verdict == 1045

    @pytest.mark.parametrize("user", ["native", "sha2", "nobody"])
    def test_a_wrong_password_is_told_in_time(self, users: ManyUsers, user: str) -> None:
        """The look may take as long as handshake_timeout, and the client is not to be cut off."""
        users.source.held = True
        client = AuthClient(user, b"wrong", SHA2)
        users.world.client(client)
        for _ in range(12):
            users.world.advance(0.8)
        assert client.verdict == 1045
        users.source.release()

    def test_who_leaves_meanwhile(self, users: ManyUsers) -> None:
        users.source.held = True
        clients = [AuthClient("native", b"wrong") for _ in range(3)]
        for client in clients:
            users.world.client(client)
        clients[0].line.hang_up()
        users.world.settle()
        # The first one's look, and another for those who came during it.
        for _ in range(2):
            users.source.release()
            users.world.advance(0.6)
        users.source.release()
        users.world.settle()
        assert [client.verdict for client in clients] == [None, 1045, 1045]
        assert len(users.world.registry) == 0


def test_a_user_that_gets_another_kind_of_log_in(tls: ServerTls) -> None:
    """Its clients are known by nothing they have said so far; the next attempt is right."""
    config = configured("", {"both": 'iam_auth = "REQUIRED"'})
    with many_users(config, {"both": ("before", "old")}, KEYS, tls=tls) as users:
        users.passwords |= {"after": b"new"}
        users.secrets["both"] = ("after", "new")
        assert users.log_in("after", token("after"), tls=True).verdict in (0, 1045)
        users.store.refresh()
        client = users.log_in("after", token("after"), CLEAR, tls=True)
        assert client.verdict == 0
        assert users.world.ask(client, "SELECT 1")[4] != 0xFF
