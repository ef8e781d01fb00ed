"""A user that does not exist cannot be told from one that does: same packets, same questions, same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from proxy.mysql.frontend.throttle import FailedLogins, ThrottleOptions
from proxy.mysql.frontend.tls import ServerTls
from tests.peers.auth_client import CLEAR, NATIVE, SHA2, AuthClient
from tests.peers.many_users import KEYS, QUERY, ManyUsers, configured, many_users, token

NATIVE_TYPE = 'client_password_auth_type = "MYSQL_NATIVE_PASSWORD"'
SHA2_TYPE = 'client_password_auth_type = "MYSQL_CACHING_SHA2_PASSWORD"'
TOKEN_TYPE = 'iam_auth = "REQUIRED"'

#: Lines of each secret's user.
KINDS = {"default": "", "native": NATIVE_TYPE, "sha2": SHA2_TYPE, "token": TOKEN_TYPE}
#: Lines of `[proxy]`, where the database has accounts that no secret is of.
PASSING = {
    "asked": 'pass_through_users = "password"',
    "verifier": f'auth_query = "{QUERY}"\nauth_query_user_name = "one"',
}
ATTEMPTS = {
    "native": (NATIVE, b"wrong"),
    "sha2": (SHA2, b"wrong"),
    "clear": (CLEAR, b"wrong"),
    "native and nothing": (NATIVE, b""),
    "sha2 and nothing": (SHA2, b""),
    "clear and a token": (CLEAR, token("elsewhere")),
}


@contextmanager
def world_of(tls: ServerTls, options: str, lines: str) -> Iterator[ManyUsers]:
    entries = {"one": lines, "two": lines}
    secrets = {"one": ("one", "its own"), "two": ("two", "its own")}
    default = "MYSQL_CACHING_SHA2_PASSWORD"
    config = configured(options, entries)
    with many_users(config, dict(secrets), KEYS, tls=tls, default_auth_type=default) as users:
        users.passwords |= {"one": b"its own", "two": b"its own", "passed": b"its own"}
        yield users


def experience(users: ManyUsers, user: str, *arguments: Any, **options: Any) -> tuple[Any, ...]:
    """All that a client sees, and how long it takes."""
    began = users.world.clock.seconds()
    client = users.log_in(user, *arguments, **options)
    took = users.world.clock.seconds() - began
    return client.transcript, client.verdict, client.message.replace(f"'{user}'", "'…'"), client.closed, took


def experiences(users: ManyUsers, user: str, *arguments: Any, **options: Any) -> list[tuple[Any, ...]]:
    """Of several attempts, soon after the start and later."""
    seen = [experience(users, user, *arguments, **options) for _ in range(2)]
    users.world.advance(30.0)
    return [*seen, *(experience(users, user, *arguments, **options) for _ in range(2))]


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_users_of_secrets(tls: ServerTls, kind: str, is_secure: bool, attempt: str) -> None:
    first, password = ATTEMPTS[attempt]
    seen = []
    # Each in a world of its own: what one does must not count for the other.
    for user in ("two", "nobody"):
        with world_of(tls, "", KINDS[kind]) as users:
            seen.append(experiences(users, user, password, first, tls=is_secure))
            assert not users.log_ins
    assert seen[0] == seen[1]
    refusals = {each[1] for each in seen[0]}
    assert refusals <= {None, 3159 if kind == "token" and not is_secure else 1045}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("is_secure", [False, True])
@pytest.mark.parametrize("kind", PASSING)
def test_users_of_the_database(tls: ServerTls, kind: str, is_secure: bool, attempt: str) -> None:
    first, password = ATTEMPTS[attempt]
    seen, asked = [], []
    for user in ("passed", "nobody"):
        with world_of(tls, PASSING[kind], "") as users:
            seen.append(experiences(users, user, password, first, tls=is_secure))
            asked.append([each.replace(user, "…") for each in users.log_ins])
    assert seen[0] == seen[1]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_secure", [False, True])
def test_changing_the_user(tls: ServerTls, kind: str, is_secure: bool) -> None:
    """Who is logged in already learns no more."""
    seen = []
    for user in ("two", "nobody"):
        lines = KINDS[kind]
        entries = {"one": NATIVE_TYPE, "two": lines, "three": lines}
        secrets = {"one": ("one", "its own"), "two": ("two", "its own"), "three": ("three", "its own")}
        config = configured("", entries)
        with many_users(config, dict(secrets), KEYS, tls=tls) as users:
            client = users.log_in("one", b"its own", tls=is_secure)
            assert client.verdict == 0
            client.change_user(user, b"wrong")
            users.world.settle()
            users.wait(client)
            seen.append((client.transcript, client.verdict, client.message.replace(f"'{user}'", "'…'")))
    # By default users have the plugin of the first one, too.
    if kind in ("default", "native"):
        assert seen[0] == seen[1]
    else:
        # Of several kinds of users, one that does not exist takes the way of some user.
        assert seen[1][1] in (1045, 3159)


def test_a_name_that_does_not_exist_keeps_its_way(tls: ServerTls) -> None:
    """Else it would be told by trying twice."""
    entries = {"one": NATIVE_TYPE, "two": SHA2_TYPE, "three": TOKEN_TYPE}
    secrets = {name: (name, "its own") for name in entries}
    with many_users(configured("", entries), dict(secrets), KEYS, tls=tls) as users:
        ways = set()
        users.world.context.failed_log_ins = FailedLogins(users.world.clock, lambda: ThrottleOptions(0))
        for number in range(30):
            seen = [experience(users, f"nobody{number}", b"wrong", tls=True)[0] for _ in range(2)]
            assert seen[0] == seen[1]
            ways.add(str(seen[0]))
        # And all ways are taken by some.
        assert len(ways) == len(entries)


def test_with_no_secret_at_all(tls: ServerTls) -> None:
    """Nobody can log in, and is told so as ever."""
    with many_users(configured("", {"one": ""}), {}, KEYS, tls=tls) as users:
        client = AuthClient("one", b"x")
        users.world.client(client)
        users.wait(client)
        assert client.verdict == 1045
