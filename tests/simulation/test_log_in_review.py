"""What a review of log-ins found: ways around a rule, missing and doubled lines, doors left open."""

import attrs
import pytest
from twisted.logger import LogEvent

from proxy.config import Config
from proxy.iam.key_file import read_key_file
from proxy.mysql.frontend.tls import ServerTls
from tests.peers import packets as p
from tests.peers.auth_client import CLEAR, NATIVE, SHA2, AuthClient
from tests.peers.many_users import KEYS, QUERY, configured, many_users, token

TOKENS = {"token": 'iam_auth = "REQUIRED"\nuser_name = "token"'}
ASKING = 'pass_through_users = "password"'
QUERYING = f'auth_query = "{QUERY}"\nauth_query_user_name = "app"'


def with_iam(config: Config, **options: object) -> Config:
    """The configuration with other options of `[proxy.iam]`."""
    iam = attrs.evolve(config.proxy.iam, **options)
    return attrs.evolve(config, proxy=attrs.evolve(config.proxy, iam=iam))


class TestTokensAreRequired:
    """iam_auth = "REQUIRED" where who has no secret may log in by a password that the database knows."""

    @pytest.mark.parametrize("options", [ASKING, QUERYING])
    def test_while_the_secret_cannot_be_read(self, tls: ServerTls, options: str) -> None:
        entries = {"app": "", **TOKENS}
        with many_users(configured(options, entries), {"app": ("app", "its own")}, KEYS, tls=tls) as users:
            users.passwords |= {"app": b"its own", "token": b"known to the database"}
            for first in (NATIVE, SHA2, CLEAR):
                client = users.log_in("token", b"known to the database", first, tls=True)
                assert client.verdict == 1045
            assert "token" not in users.log_ins

    def test_not_of_a_client_without_a_name(self, tls: ServerTls) -> None:
        config = configured(ASKING, {"app": 'iam_auth = "REQUIRED"'})
        with many_users(config, {"app": ("app", "its own")}, KEYS, tls=tls) as users:
            client = users.log_in("", b"x", SHA2, tls=True)
            assert (client.verdict, client.switches) == (1045, [SHA2])
            assert users.log_ins == [""]

    def test_under_a_name_past_its_grace(self, tls: ServerTls) -> None:
        config = configured(f"{ASKING}\nprevious_password_grace = 0", {"token": 'iam_auth = "REQUIRED"'})
        with many_users(config, {"token": ("before", "old")}, KEYS, tls=tls) as users:
            users.passwords |= {"before": b"old", "after": b"new"}
            users.secrets["token"] = ("after", "new")
            users.store.refresh()
            users.world.advance(60.0)
            assert users.store.account("before") is None
            assert users.log_in("before", b"old", SHA2, tls=True).verdict == 1045
            assert users.log_in("before", token("before"), tls=True).verdict == 0


class TestTakingAWayAway:
    """A token that was let in is not let in again by what was remembered under other options."""

    @pytest.mark.parametrize("change", [{"token_verification": ("sts",)}, {"sts_hosts": ("sts.test",)}])
    def test_remembered_tokens_are_verified_anew(self, tls: ServerTls, change: dict[str, object]) -> None:
        config = configured("", TOKENS)
        with many_users(config, {"token": ("token", "its own")}, KEYS, tls=tls) as users:
            good = token("token")
            assert users.log_in("token", good, tls=True).verdict == 0
            users.config = with_iam(config, **change)
            users.checks.reconfigure(users.config)
            assert not len(users.checks._verdicts)
            is_gone = "token_verification" in change
            assert users.log_in("token", good, tls=True).verdict == (1045 if is_gone else 0)

    def test_a_reload_without_a_change_costs_nothing(self, tls: ServerTls) -> None:
        config = configured("", TOKENS)
        with many_users(config, {"token": ("token", "its own")}, KEYS, tls=tls) as users:
            assert users.log_in("token", token("token"), tls=True).verdict == 0
            users.checks.reconfigure(with_iam(config))
            assert len(users.checks._verdicts) == 1


class TestLookingForKeys:
    def test_goes_on_whatever_one_look_fails_with(
        self, tls: ServerTls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with many_users(configured("", TOKENS), {"token": ("token", "its own")}, b"{}", tls=tls) as users:
            with monkeypatch.context() as patch:
                patch.setattr("proxy.token_checks.read_key_file", _fail)
                users.world.advance(60.0)
            users.keys = KEYS
            users.world.advance(60.0)
            assert users.log_in("token", token("token"), tls=True).verdict == 0


def _fail(_content: bytes) -> None:
    raise ZeroDivisionError("with what was read in it")


class TestADatabaseThatIsAway:
    """It says nothing of who asks, and nobody is held to have guessed."""

    @pytest.mark.parametrize(("options", "first"), [(ASKING, SHA2), (ASKING, CLEAR), (QUERYING, NATIVE)])
    def test_is_no_wrong_password(
        self, tls: ServerTls, attempts: list[LogEvent], options: str, first: bytes
    ) -> None:
        with many_users(configured(options, {"app": ""}), {"app": ("app", "own")}, KEYS, tls=tls) as users:
            users.passwords |= {"app": b"own", "passed": b"right"}
            users.world.unreachable = True
            for _ in range(20):
                assert users.log_in("passed", b"right", first, tls=True).verdict == 2013
            assert "cannot connect" in attempts[-1]["reason"]
            users.world.unreachable = False
            assert users.log_in("passed", b"right", first, tls=True).verdict == 0

    @pytest.mark.parametrize(("options", "first"), [(ASKING, SHA2), (QUERYING, NATIVE)])
    def test_guesses_beside_a_remembered_one_count(self, tls: ServerTls, options: str, first: bytes) -> None:
        with many_users(configured(options, {"app": ""}), {"app": ("app", "own")}, KEYS, tls=tls) as users:
            users.passwords |= {"app": b"own", "passed": b"right"}
            assert users.log_in("passed", b"right", first, tls=True).verdict == 0
            users.world.unreachable = True
            failed = users.world.context.failed_log_ins
            assert users.log_in("passed", b"wrong", first, tls=True).verdict == 1045
            assert len(failed) == 2


class TestWhoDoesNotExist:
    def test_is_found_as_quickly_among_many_users(
        self, tls: ServerTls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody goes through all users to treat one that is not there like one of them."""
        entries = {f"user{number}": "" for number in range(5)}
        with many_users(configured("", entries), {name: (name, "own") for name in entries}, tls=tls) as users:
            monkeypatch.setattr(users.store, "credentials", _fail)
            ways = {users.accounts.way(f"nobody{number}", secure=True) for number in range(50)}
            assert {way.passwords for way in ways} == {()}


class TestNamesThatAreAlmostTheSame:
    @pytest.mark.parametrize("name", ["passed ", "passed  "])
    def test_a_space_is_part_of_a_name(self, tls: ServerTls, name: str) -> None:
        config = configured(QUERYING, {"app": ""})
        with many_users(config, {"app": ("app", "own")}, KEYS, tls=tls) as users:
            # As servers do that pad what they compare.
            users.passwords |= {"app": b"own", "passed": b"right", name: b"right"}
            assert users.log_in(name, b"right").verdict == 1045
            assert users.log_in("passed", b"right").verdict == 0

    def test_a_name_that_is_too_long_is_nobodys(self, tls: ServerTls) -> None:
        longest = "n" * 128
        with many_users(configured(ASKING, {"app": ""}), {"app": ("app", "own")}, KEYS, tls=tls) as users:
            # As MariaDB does, which cuts it.
            users.passwords |= {"app": b"own", longest: b"right", f"{longest}x": b"right"}
            assert users.log_in(f"{longest}x", b"right", SHA2, tls=True).verdict == 1045
            assert users.log_in(longest, b"right", SHA2, tls=True).verdict == 0


class TestOutsideTheNetworks:
    def test_the_right_password_does_not_end_the_delay(self, tls: ServerTls) -> None:
        networks = '[[proxy.tenants]]\nname = "inside"\nallowed_networks = ["203.0.113.0/24"]\n'
        config = configured("", {"app": ""}, networks)
        with many_users(config, {"app": ("app", "its own")}, KEYS, tls=tls) as users:
            users.world.context.tenants.reconfigure(config.proxy.tenants, "", 100)
            failed = users.world.context.failed_log_ins
            for password in (b"wrong", b"its own", b"wrong", b"its own"):
                assert users.log_in("app", password).verdict == 1045
            assert {row.failures for row in failed._rows.values()} == {4}


class TestTheLine:
    """One for each attempt."""

    def test_of_a_client_that_comes_without_tls(self, tls: ServerTls, attempts: list[LogEvent]) -> None:
        config = configured("", {"app": ""})
        with many_users(config, {"app": ("app", "own")}, KEYS, tls=tls, require_tls=True) as users:
            assert users.log_in("app", b"own").verdict == 3159
            assert [(each["user"], each["tls"], each["reason"]) for each in attempts] == [
                ("app", "none", "3159 (HY000): This RDS Proxy requires TLS connections.")
            ]

    def test_of_a_client_that_takes_too_long(self, tls: ServerTls, attempts: list[LogEvent]) -> None:
        with many_users(configured(ASKING, {"app": ""}), {"app": ("app", "own")}, KEYS, tls=tls) as users:
            users.passwords["passed"] = b"right"
            users.silent = True
            users.world.client(AuthClient("passed", b"right", SHA2, tls=True))
            users.world.advance(11.0)
            assert [each["reason"] for each in attempts] == ["no log-in within handshake_timeout"]

    def test_of_a_client_that_sends_a_command_too_soon(
        self, tls: ServerTls, attempts: list[LogEvent]
    ) -> None:
        with many_users(configured(ASKING, {"app": ""}), {"app": ("app", "own")}, KEYS, tls=tls) as users:
            users.passwords["passed"] = b"right"
            users.silent = True
            client = AuthClient("passed", b"right", SHA2, tls=True)
            users.world.client(client)
            client.send(p.packet(b"\x03SELECT 1"))
            users.world.settle()
            [server] = users.world.servers
            server.greet()
            users.world.settle()
            assert client.closed
            assert [(each["verdict"], each["reason"]) for each in attempts] == [
                ("refused", "a command came before the log-in was answered")
            ]


def test_a_secret_in_the_place_of_its_id_is_not_shown() -> None:
    text = b'[keys."wJalrXUtnFEMI"]\nsecret_access_key = "AKIAIOSFODNN7EXAMPLE"\n'
    [problem] = read_key_file(text).problems
    assert "has no principal" in problem
    assert "wJalr" not in problem
