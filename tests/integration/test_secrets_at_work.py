"""What happens to secrets while the proxy works: they cannot be read, are wrong, move, or are guessed at.

Whoever is known already never notices; a fault is told with the secret's name and the reason; the proxy goes
on by itself when it is over; and nothing of a secret's content is ever logged, not even in debug.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import attrs
import pymysql
import pytest

from .aws_server import AwsServer
from .clients import fetch, one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .gate import Gate
from .polling import eventually
from .rotation import Login

USER, OTHER = "atwork", "atwork2"
FIRST = "first-password-of-this-user"
DENIED = 1045
QUICK = {
    "secret_refresh_interval": 1.0,
    "secret_refetch_interval": 0.1,
    "secret_recheck_interval": 0.1,
    "admin_users": ["app"],
}
"""Options of [proxy] with which a test need not wait for polls."""
WELL_AGAIN = "there is nothing wrong with it any more"


@attrs.frozen
class Aws:
    """Secrets Manager behind a gate: the proxy comes through it, the test does not."""

    server: AwsServer
    gate: Gate

    def put(self, arn: str, content: dict[str, str] | str) -> None:
        """Make this the current version."""
        self.server.put(arn, content)


@pytest.fixture
def aws(aws_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    port = urlsplit(aws_server.url).port
    assert port is not None
    with Gate(port) as gate:
        for name, value in {**aws_server.environment, "AWS_ENDPOINT_URL": gate.url}.items():
            monkeypatch.setenv(name, value)
        yield Aws(aws_server, gate)


@pytest.fixture
def user(target: Target) -> Iterator[Login]:
    """A user of the database that only this test has."""
    target.server.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY '{FIRST}'; GRANT ALL ON app.* TO {USER}@'%'")
    yield Login(USER, FIRST)
    target.server.execute(f"DROP USER {USER}@'%'; DROP USER IF EXISTS {OTHER}@'%'")


@pytest.fixture
def arn(aws_server: AwsServer, user: Login, request: pytest.FixtureRequest) -> str:
    """Of this user's secret."""
    return aws_server.make_secret(f"work-{request.node.name}", content(user))


Start = Callable[..., ProxyDaemon]


@pytest.fixture
def start(start_proxy: StartProxy, target: Target, arn: str) -> Iterator[Start]:
    """Starts a proxy that knows the secret and logs all it can; its log must hold no password at the end."""
    started: list[ProxyDaemon] = []

    def begin(*, others: bool = True, **proxy: Any) -> ProxyDaemon:
        users = {**({"app": target.users["app"]} if others else {}), USER: "not used"}
        daemon = start_proxy(
            target,
            users=users,
            auth={USER: {"secret_arn": arn}},
            proxy={**QUICK, **proxy},
            log={"level": "debug"},
        )
        started.append(daemon)
        return daemon

    yield begin
    for daemon in started:
        text = daemon.log_text()
        for password in (target.users["app"], *PASSWORDS):
            assert password not in text


PASSWORDS = (FIRST, *(f"{number}-password-of-this-user" for number in ("second", "third")), "guessed")


def content(login: Login) -> dict[str, str]:
    """Of a secret."""
    return {"username": login.username, "password": login.password}


def user_of(daemon: ProxyDaemon, login: Login) -> str:
    """Log in, and ask the database who that is."""
    with daemon.connect(user=login.username, password=login.password) as connection:
        return str(one(connection, "SELECT CURRENT_USER()")).partition("@")[0]


def is_let_in(daemon: ProxyDaemon, login: Login) -> bool:
    """Whether it may log in; any error but that of a wrong password is an error."""
    try:
        return user_of(daemon, login) == login.username
    except pymysql.err.OperationalError as error:
        if error.args[0] != DENIED:
            raise
        return False


def status(daemon: ProxyDaemon, arn: str) -> tuple[Any, ...]:
    """The first row of SHOW PROXY SECRETS for a secret: its current version."""
    with daemon.connect() as connection:
        return next(row for row in fetch(connection, "SHOW PROXY SECRETS") if row[0] == arn)


def forget_connections(target: Target) -> None:
    """The database ends those of the user, so that the proxy has to log in again."""
    target.server.execute(f"KILL USER {USER}")


def change_password(target: Target, password: str) -> Login:
    """In the database only."""
    target.server.execute(f"ALTER USER {USER}@'%' IDENTIFIED BY '{password}'")
    return Login(USER, password)


@pytest.mark.parametrize(
    ("leave", "reason"),
    [
        (Gate.shut, "Secrets Manager cannot be reached"),
        (Gate.hold, "its source has not answered within 1 s"),
    ],
    ids=["refuses connections", "hangs"],
)
def test_a_service_that_is_gone(
    aws: Aws, start: Start, arn: str, user: Login, target: Target, leave: Callable[[Gate], None], reason: str
) -> None:
    daemon = start(secret_fetch_timeout=1.0)
    assert user_of(daemon, user) == USER
    mark = daemon.mark()
    leave(aws.gate)
    told = daemon.wait_for_log(f"secret {arn}: ", mark)
    assert "[WARN]" in told
    assert reason in told
    for _ in range(3):
        forget_connections(target)
        assert user_of(daemon, user) == USER
    assert not is_let_in(daemon, Login(USER, "guessed"))
    eventually(lambda: status(daemon, arn)[6] >= 2, "another failure")
    assert status(daemon, arn)[7] == reason
    aws.gate.open()
    daemon.wait_for_log(f"secret {arn}: {WELL_AGAIN}", mark)
    # However often it failed, it was told once.
    assert daemon.log_since(mark).count(f"secret {arn}: {reason}") == 1
    assert status(daemon, arn)[6:] == (0, "")


def test_a_start_without_any_secret(aws: Aws, start: Start, arn: str, user: Login) -> None:
    aws.gate.shut()
    daemon = start(others=False)
    daemon.wait_for_log(f"secret {arn}: Secrets Manager cannot be reached")
    daemon.wait_for_log("Proxy does not have any registered credentials")
    aws.gate.open()
    daemon.wait_for_log(f"secret {arn}: {WELL_AGAIN}")
    eventually(lambda: is_let_in(daemon, user), "the log-in")
    daemon.wait_for_log(" is AVAILABLE")


def test_a_secret_that_is_deleted(aws: Aws, start: Start, arn: str, user: Login, target: Target) -> None:
    daemon = start()
    with daemon.connect(user=USER, password=user.password) as session:
        assert one(session, "SELECT 1") == 1
        aws.server.client("secretsmanager").delete_secret(SecretId=arn)
        daemon.wait_for_log(f"secret {arn} is gone, and its users with it")
        assert not is_let_in(daemon, user)
        assert user_of(daemon, Login("app", target.users["app"])) == "app"
        assert status(daemon, arn)[7] == "is marked for deletion"
        aws.server.client("secretsmanager").restore_secret(SecretId=arn)
        eventually(lambda: is_let_in(daemon, user), "the log-in")
        assert one(session, "SELECT 1") == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"username": "atwork", "password": "second-password-of-this-user"', "is not valid JSON"),
        ({"username": USER, "pass": "second-password-of-this-user"}, "password"),
        ({"password": "second-password-of-this-user"}, "username"),
        (["second-password-of-this-user"], ""),
    ],
    ids=["cut off", "no password", "no user name", "a list"],
)
def test_a_new_version_that_is_wrong(
    aws: Aws, start: Start, arn: str, user: Login, target: Target, bad: Any, reason: str
) -> None:
    daemon = start()
    aws.put(arn, bad if isinstance(bad, str) else json.dumps(bad))
    assert reason in daemon.wait_for_log(f"secret {arn}: ")
    forget_connections(target)
    assert user_of(daemon, user) == USER
    assert status(daemon, arn)[1] == USER
    new = change_password(target, "third-password-of-this-user")
    aws.put(arn, content(new))
    daemon.wait_for_log(f"secret {arn}: {WELL_AGAIN}")
    assert user_of(daemon, new) == USER


def test_guesses_do_not_become_fetches(aws: Aws, start: Start, arn: str, user: Login, target: Target) -> None:
    """The floors are the default ones; who knows the password gets in all the while."""
    daemon = start(
        secret_refresh_interval=3600.0,
        secret_recheck_interval=5.0,
        secret_refetch_interval=0.5,
        failed_login_threshold=1_000_000,
    )
    assert user_of(daemon, user) == USER
    before = aws.gate.requests

    def guess(number: int) -> bool:
        return is_let_in(daemon, Login((USER, "nobody", "app")[number % 3], "guessed"))

    def log_in(_: int) -> str:
        return user_of(daemon, user)

    with ThreadPoolExecutor(16) as threads:
        guesses = threads.map(guess, range(200))
        assert set(threads.map(log_in, range(20))) == {USER}
        assert not any(guesses)
    # A look at the one secret is one request: two a second soon after it was read, then a dozen, then a few.
    assert 0 < aws.gate.requests - before <= 50


def test_a_password_that_the_database_refuses_does_not_become_fetches(
    aws: Aws, start: Start, arn: str, user: Login, target: Target
) -> None:
    daemon = start(secret_refresh_interval=3600.0, secret_fetch_timeout=1.0, secret_refetch_interval=0.5)
    change_password(target, "third-password-of-this-user")
    forget_connections(target)
    before = aws.gate.requests
    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(lambda _: is_let_in(daemon, user), range(40)))
    aws.put(arn, content(Login(USER, "third-password-of-this-user")))
    eventually(lambda: is_let_in(daemon, user), "the log-in")
    assert aws.gate.requests - before < 40


def test_a_reload_that_names_another_secret(
    aws: Aws, start: Start, arn: str, user: Login, target: Target, request: pytest.FixtureRequest
) -> None:
    daemon = start()
    with daemon.connect(user=USER, password=user.password) as session:
        assert one(session, "SELECT 1") == 1
        new = change_password(target, "third-password-of-this-user")
        daemon.auth[USER] = {"secret_arn": aws.server.make_secret(f"{request.node.name}-2", content(new))}
        daemon.reload()
        eventually(lambda: is_let_in(daemon, new), "the log-in")
        forget_connections(target)
        assert one(session, "SELECT 1") == 1
    daemon.auth[USER] = {"secret_arn": "env:RDS_PROXY_NOT_SET"}
    daemon.reload()
    daemon.wait_for_log("secret env:RDS_PROXY_NOT_SET: ")
    assert not is_let_in(daemon, new)
    assert user_of(daemon, Login("app", target.users["app"])) == "app"
