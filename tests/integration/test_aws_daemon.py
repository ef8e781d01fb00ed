"""The proxy with its secrets in Secrets Manager: start, rotation, and a service that is gone."""

from collections.abc import Iterator

import pytest

from .aws_server import AwsServer
from .clients import one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .rotation import CLONE, Login, Rotation

USER = "awsuser"
QUICK = {
    "secret_refresh_interval": 1.0,
    "secret_refetch_interval": 0.1,
    "secret_recheck_interval": 0.1,
    "secret_fetch_timeout": 2.0,
}
"""Options of [proxy] with which a test need not wait for polls."""
WHO = "SELECT CURRENT_USER()"


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    """One that the tests of this module may let hang."""
    pytest.importorskip("moto", reason="moto is not installed")
    with AwsServer(tmp_path_factory.mktemp("own-aws")) as server:
        yield server


@pytest.fixture
def aws(own_server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServer]:
    """The same; a proxy finds it by its environment."""
    for name, value in own_server.environment.items():
        monkeypatch.setenv(name, value)
    yield own_server
    own_server.thaw()


@pytest.fixture
def rotation(aws: AwsServer, target: Target, request: pytest.FixtureRequest) -> Iterator[Rotation]:
    """The secret of a user of this test's own."""
    server = target.server
    server.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY 'first'; GRANT ALL ON app.* TO {USER}@'%'")
    yield Rotation(aws, request.node.name, target, Login(USER, "first"))
    server.execute(f"DROP USER {USER}@'%'; DROP USER IF EXISTS {USER}{CLONE}@'%'")


@pytest.fixture
def daemon(start_proxy: StartProxy, target: Target, rotation: Rotation) -> ProxyDaemon:
    """A proxy that knows this secret by its ARN, besides those of its file."""
    auth = {USER: {"secret_arn": rotation.arn}}
    return start_proxy(target, users={**target.users, USER: "not this"}, auth=auth, proxy=QUICK)


def user_of(daemon: ProxyDaemon, login: Login) -> str:
    """Log in and ask the database who that is, at a database connection if it can be."""
    with daemon.connect(user=login.username, password=login.password) as connection:
        return str(one(connection, WHO)).partition("@")[0]


def test_each_style_of_rotation(daemon: ProxyDaemon, rotation: Rotation) -> None:
    assert user_of(daemon, rotation.login) == USER
    with daemon.connect(user=USER, password="first") as connection:
        old = rotation.login
        for _ in range(3):
            new = rotation.single_user()
            assert user_of(daemon, new) == USER
            # A client that has not read the secret again.
            assert user_of(daemon, old) == USER
            assert one(connection, "SELECT 1") == 1
            old = new
    rotation.make_clone()
    for _ in range(2):
        old, new = rotation.login, rotation.alternating_users()
        assert user_of(daemon, new) == new.username
        assert user_of(daemon, old) == old.username


def test_a_service_that_is_gone_harms_nobody_who_is_known(
    aws: AwsServer, daemon: ProxyDaemon, rotation: Rotation, target: Target
) -> None:
    assert user_of(daemon, rotation.login) == USER
    mark = daemon.mark()
    aws.freeze()
    daemon.wait_for_log(f"secret {rotation.arn}: ", mark)
    assert user_of(daemon, rotation.login) == USER
    assert user_of(daemon, Login("app", target.users["app"])) == "app"
    aws.thaw()
    daemon.wait_for_log(f"secret {rotation.arn}: there is nothing wrong with it any more", mark)
    assert "SecretString" not in daemon.log_since(0)


def test_a_proxy_that_starts_while_the_service_hangs(
    aws: AwsServer, rotation: Rotation, start_proxy: StartProxy, target: Target
) -> None:
    aws.freeze()
    auth = {USER: {"secret_arn": rotation.arn}}
    daemon = start_proxy(target, users={**target.users, USER: ""}, auth=auth, proxy=QUICK)
    assert user_of(daemon, Login("app", target.users["app"])) == "app"
    daemon.wait_for_log(f"secret {rotation.arn}: its source has not answered")
    aws.thaw()
    daemon.wait_for_log(f"secret {rotation.arn}: there is nothing wrong with it any more")
    assert user_of(daemon, rotation.login) == USER


def test_a_proxy_that_starts_without_its_secret(
    aws: AwsServer, rotation: Rotation, start_proxy: StartProxy, target: Target
) -> None:
    aws.client("secretsmanager").delete_secret(SecretId=rotation.arn)
    auth = {USER: {"secret_arn": rotation.arn}}
    daemon = start_proxy(target, users={**target.users, USER: ""}, auth=auth, proxy=QUICK)
    assert user_of(daemon, Login("app", target.users["app"])) == "app"
    daemon.wait_for_log(f"secret {rotation.arn}: is marked for deletion")
    aws.client("secretsmanager").restore_secret(SecretId=rotation.arn)
    daemon.wait_for_log(f"secret {rotation.arn}: there is nothing wrong with it any more")
    assert user_of(daemon, rotation.login) == USER
