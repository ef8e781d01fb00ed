"""Whole log-ins of each kind of user: by secret, by token, by what the database itself says of a password."""

from collections.abc import Iterator

import attrs
import pytest

from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import CLEAR, NATIVE, SHA2, AuthClient
from tests.peers.many_users import HOST, KEYS, QUERY, ManyUsers, configured, many_users, token
from tests.unit.iam.signing import odd_token

ENTRIES = {
    "native": 'client_password_auth_type = "MYSQL_NATIVE_PASSWORD"',
    "sha2": 'client_password_auth_type = "MYSQL_CACHING_SHA2_PASSWORD"',
    "token": 'iam_auth = "REQUIRED"',
}
SECRETS = {name: (name, f"secret of {name}") for name in ENTRIES}
CONFIG = configured('pass_through_users = "password"', ENTRIES)
QUERYING = configured(f'auth_query = "{QUERY}"\nauth_query_user_name = "native"', ENTRIES)

#: Of no secret; the database knows them.
PASSED = b"known to the database"


def with_accounts(users: ManyUsers) -> ManyUsers:
    """Each has one at the database."""
    users.passwords |= {name: password.encode() for name, password in SECRETS.values()}
    users.passwords |= {"passed": PASSED, "other": b"other's"}
    return users


@pytest.fixture
def users(tls: ServerTls) -> Iterator[ManyUsers]:
    """Who has no secret is asked for the password."""
    with many_users(CONFIG, dict(SECRETS), KEYS, tls=tls) as users:
        yield with_accounts(users)


@pytest.fixture
def querying(tls: ServerTls) -> Iterator[ManyUsers]:
    """Who has no secret is let in by the verifier that the database has."""
    with many_users(QUERYING, dict(SECRETS), KEYS, tls=tls) as users:
        yield with_accounts(users)


def assert_works(users: ManyUsers, client: AuthClient, user: str) -> None:
    """It is logged in, and its statements run as this user."""
    assert (client.verdict, client.message) == (0, "")
    assert users.world.ask(client, "SELECT 1")[4] != 0xFF
    assert users.log_ins[-1] == user


def limit_tokens(users: ManyUsers) -> None:
    """One new one a second."""
    proxy = attrs.evolve(users.config.proxy, iam_authentication_rate_limit=1)
    users.config = attrs.evolve(users.config, proxy=proxy)
    users.checks.reconfigure(users.config)


def token_for(seconds: int) -> bytes:
    """A token unlike those that are good for another time."""
    claims = {"Action": "connect", "DBUser": "token"}
    return odd_token(endpoint=f"{HOST}:3306", parameters=claims, expires=seconds)


class TestSecrets:
    @pytest.mark.parametrize("first", [NATIVE, SHA2])
    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize("user", ["native", "sha2"])
    def test_each_plugin(self, users: ManyUsers, user: str, is_secure: bool, first: bytes) -> None:
        client = users.log_in(user, f"secret of {user}".encode(), first, tls=is_secure)
        assert_works(users, client, user)
        assert client.plugin == {"native": NATIVE, "sha2": SHA2}[user]

    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize("user", ["native", "sha2"])
    @pytest.mark.parametrize("password", [b"wrong", b"", b"secret of token"])
    def test_a_wrong_one(self, users: ManyUsers, user: str, password: bytes, is_secure: bool) -> None:
        client = users.log_in(user, password, tls=is_secure)
        using = "NO" if not password else "YES"
        assert client.verdict == 1045
        assert f"'{user}'@'%' (using password: {using})" in client.message
        assert not users.log_ins


class TestTokens:
    def test_a_good_one(self, users: ManyUsers) -> None:
        client = users.log_in("token", token("token"), tls=True)
        assert_works(users, client, "token")
        assert client.switches == [CLEAR]

    def test_what_is_never_asked_on_a_plain_connection(self, users: ManyUsers) -> None:
        client = users.log_in("token", b"x")
        assert client.verdict == 3159
        assert client.transcript == [(2, "error")]

    @pytest.mark.parametrize(
        "password",
        [b"secret of token", b"", token("native"), token("token", "elsewhere.example.com"), b"x" * 9000],
    )
    def test_others(self, users: ManyUsers, password: bytes) -> None:
        client = users.log_in("token", password, tls=True)
        assert client.verdict == 1045
        assert not users.log_ins

    def test_a_token_is_no_password(self, users: ManyUsers) -> None:
        assert users.log_in("sha2", token("sha2"), SHA2, tls=True).verdict == 1045

    def test_one_verification_for_many_clients(self, users: ManyUsers) -> None:
        limit_tokens(users)
        good = token("token")
        assert {users.log_in("token", good, tls=True).verdict for _ in range(20)} == {0}

    def test_what_is_made_up_keeps_nobody_out(self, users: ManyUsers) -> None:
        limit_tokens(users)
        good = token("token")
        made_up = [good[:-1] + digit for digit in (b"0", b"1", b"2", b"3") if digit != good[-1:]]
        assert {users.log_in("token", each, tls=True).verdict for each in made_up} == {1045}
        assert users.log_in("token", good, tls=True).verdict == 0

    def test_too_many_new_ones(self, users: ManyUsers) -> None:
        limit_tokens(users)
        one, other = (token_for(seconds) for seconds in (600, 700))
        assert users.log_in("token", one, tls=True).verdict == 0
        assert users.log_in("token", other, tls=True).verdict == 1040
        assert users.log_in("token", one, tls=True).verdict == 0
        users.world.advance(1.0)
        assert users.log_in("token", other, tls=True).verdict == 0


class TestAsking:
    @pytest.mark.parametrize("first", [NATIVE, SHA2, CLEAR])
    def test_a_right_one(self, users: ManyUsers, first: bytes) -> None:
        client = users.log_in("passed", PASSED, first, tls=True)
        assert_works(users, client, "passed")

    def test_nobody_is_asked_on_a_plain_connection(self, users: ManyUsers) -> None:
        client = users.log_in("passed", PASSED, SHA2)
        assert (client.verdict, client.transcript) == (3159, [(2, "error")])

    @pytest.mark.parametrize("first", [NATIVE, SHA2, CLEAR])
    @pytest.mark.parametrize("password", [b"wrong", b""])
    def test_a_wrong_one(self, users: ManyUsers, password: bytes, first: bytes) -> None:
        assert users.log_in("passed", password, first, tls=True).verdict == 1045
        assert users.log_ins == (["passed"] if password else [])

    def test_the_database_is_asked_once(self, users: ManyUsers) -> None:
        for _ in range(3):
            assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0
        assert users.log_ins == ["passed"]
        assert users.log_in("passed", b"wrong", SHA2, tls=True).verdict == 1045
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0

    def test_many_at_once_are_one_question(self, users: ManyUsers) -> None:
        clients = [AuthClient("passed", PASSED, SHA2, tls=True) for _ in range(5)]
        users.silent = True
        for client in clients:
            users.world.client(client)
        assert [client.verdict for client in clients] == [None] * 5
        [server] = users.world.servers
        server.greet()
        users.world.settle()
        assert [client.verdict for client in clients] == [0] * 5

    def test_a_new_password(self, users: ManyUsers) -> None:
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0
        users.passwords["passed"] = b"new"
        assert users.log_in("passed", b"new", SHA2, tls=True).verdict == 0
        assert_works(users, users.log_in("passed", b"new", SHA2, tls=True), "passed")
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 1045

    def test_it_is_forgotten_when_the_database_refuses_it(self, users: ManyUsers) -> None:
        forgotten: list[str] = []
        users.directory.on_forgotten = forgotten.append
        client = users.log_in("passed", PASSED, SHA2, tls=True)
        users.passwords["passed"] = b"new"
        assert users.world.ask(client, "SELECT 1")[4] == 0xFF
        assert forgotten == ["passed"]
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 1045

    def test_who_is_gone_from_the_database_does_not_stay(self, users: ManyUsers) -> None:
        forgotten: list[str] = []
        users.directory.on_forgotten = forgotten.append
        client = users.log_in("passed", PASSED, SHA2, tls=True)
        assert_works(users, client, "passed")
        del users.passwords["passed"]
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0
        for _ in range(20):
            users.world.advance(users.config.proxy.pass_through_cache_time / 20)
            users.passed.candidates("passed")
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 1045
        assert forgotten == ["passed"]

    def test_a_database_that_is_away_when_a_proof_is_old(self, users: ManyUsers) -> None:
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0
        users.passed.doubt()
        users.world.unreachable = True
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0
        assert users.log_in("passed", b"wrong", SHA2, tls=True).verdict == 1045

    def test_a_database_that_cannot_be_asked(self, users: ManyUsers) -> None:
        users.world.unreachable = True
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 2013
        users.world.unreachable = False
        assert users.log_in("passed", PASSED, SHA2, tls=True).verdict == 0


class TestVerifiers:
    @pytest.mark.parametrize("first", [NATIVE, SHA2])
    @pytest.mark.parametrize("is_secure", [False, True])
    def test_a_right_one(self, querying: ManyUsers, is_secure: bool, first: bytes) -> None:
        client = querying.log_in("passed", PASSED, first, tls=is_secure)
        assert client.plugin == NATIVE
        assert_works(querying, client, "passed")
        assert querying.log_ins == ["native", "passed"]

    @pytest.mark.parametrize("user", ["passed", "nobody"])
    @pytest.mark.parametrize("password", [b"wrong", b""])
    def test_a_wrong_one(self, querying: ManyUsers, user: str, password: bytes) -> None:
        assert querying.log_in(user, password).verdict == 1045
        assert querying.log_ins == ["native"]

    def test_the_database_is_asked_once(self, querying: ManyUsers) -> None:
        for _ in range(3):
            assert querying.log_in("passed", PASSED).verdict == 0
        assert querying.log_ins == ["native"]

    def test_a_new_password(self, querying: ManyUsers) -> None:
        assert_works(querying, querying.log_in("passed", PASSED), "passed")
        querying.passwords["passed"] = b"new"
        assert querying.log_in("passed", b"new").verdict == 0
        assert querying.log_in("passed", PASSED).verdict == 1045

    def test_who_is_gone_from_the_database_does_not_stay(self, querying: ManyUsers) -> None:
        assert_works(querying, querying.log_in("passed", PASSED), "passed")
        del querying.passwords["passed"]
        assert querying.log_in("passed", PASSED).verdict == 0
        querying.passed.doubt()
        assert querying.log_in("passed", PASSED).verdict == 1045
        assert querying.passed.candidates("passed") == ()

    @pytest.mark.parametrize("name", ["x' OR '1'='1", "ä", "?", "a\\"])
    def test_a_name_is_nothing_but_a_name(self, querying: ManyUsers, name: str) -> None:
        querying.passwords[name] = b"its own"
        assert_works(querying, querying.log_in(name, b"its own"), name)

    def test_who_asks_cannot_log_in(self, querying: ManyUsers) -> None:
        querying.passwords["native"] = b"another"
        client = querying.log_in("passed", PASSED)
        querying.world.advance(60.0)
        assert client.verdict == 1045

    def test_who_asks_has_no_secret(self, tls: ServerTls) -> None:
        with many_users(QUERYING, {}, KEYS, tls=tls) as users:
            with_accounts(users)
            client = users.log_in("passed", PASSED)
            assert client.verdict == 1045
            assert "secret" not in client.message


class TestChangingTheUser:
    @pytest.mark.parametrize("first", ["native", "sha2", "token", "passed"])
    @pytest.mark.parametrize("then", ["native", "sha2", "token", "passed", "other"])
    def test_to_each_kind(self, users: ManyUsers, first: str, then: str) -> None:
        client = users.log_in(first, _password(users, first), SHA2, tls=True)
        assert_works(users, client, first)
        client.change_user(then, _password(users, then))
        users.world.settle()
        client.take()
        assert_works(users, client, then)

    @pytest.mark.parametrize("then", ["native", "sha2", "token", "passed", "nobody"])
    def test_with_a_wrong_password(self, users: ManyUsers, then: str) -> None:
        client = users.log_in("native", b"secret of native", tls=True)
        client.change_user(then, b"wrong")
        users.wait(client)
        assert client.verdict == 1045
        assert client.closed or client.line.disconnecting

    @pytest.mark.parametrize("then", ["token", "passed"])
    def test_on_a_plain_connection(self, users: ManyUsers, then: str) -> None:
        client = users.log_in("native", b"secret of native")
        client.change_user(then, _password(users, then))
        users.world.settle()
        assert (client.verdict, client.switches) == (3159, [])

    @pytest.mark.parametrize("is_secure", [False, True])
    def test_to_who_is_known_by_a_verifier(self, querying: ManyUsers, is_secure: bool) -> None:
        client = querying.log_in("native", b"secret of native", tls=is_secure)
        client.change_user("passed", PASSED)
        querying.world.settle()
        assert_works(querying, client, "passed")


def _password(users: ManyUsers, user: str) -> bytes:
    return token("token") if user == "token" else users.passwords[user]
