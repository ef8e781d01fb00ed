"""What `rotation.py` does to a secret and to a database, step by step."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from .aws_server import AwsServer
from .databases import Target
from .polling import eventually
from .rotation import CLONE, STEPS, Login, Rotation, Rotator

USER = "rotated"
WRONG_PASSWORD = 1045


@pytest.fixture
def user(target: Target) -> Iterator[Login]:
    """A user of the database that only this test has."""
    server = target.server
    server.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY 'first'; GRANT SELECT ON app.* TO {USER}@'%'")
    yield Login(USER, "first")
    server.execute(f"DROP USER {USER}@'%'; DROP USER IF EXISTS {USER}{CLONE}@'%'")


class Watched:
    """What each step of the last rotation has left: who is let in, and what the stages say."""

    def __init__(self, aws_server: AwsServer, target: Target) -> None:
        self.seen: dict[str, dict[str, Any]] = {}
        self._client = aws_server.client("secretsmanager")
        self._target = target
        self.rotation: Rotation

    def after_step(self, step: str) -> None:
        stages = {}
        versions = self._client.describe_secret(SecretId=self.rotation.arn)["VersionIdsToStages"]
        for stage in ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"):
            if any(stage in names for names in versions.values()):
                value = self._client.get_secret_value(SecretId=self.rotation.arn, VersionStage=stage)
                stages[stage] = value["SecretString"]
        self.seen[step] = {"stages": stages, "lets_old_in": self.lets_in(self.rotation.login)}

    def lets_in(self, login: Login) -> bool:
        """Whether the database takes it."""
        try:
            pymysql.connect(
                host="127.0.0.1", port=self._target.port, user=login.username, password=login.password
            ).close()
        except pymysql.err.OperationalError as error:
            if error.args[0] != WRONG_PASSWORD:
                raise
            return False
        return True


@pytest.fixture
def watched(aws_server: AwsServer, target: Target, user: Login, request: pytest.FixtureRequest) -> Watched:
    """A rotation of that user's secret, looked at after each step."""
    found = Watched(aws_server, target)
    name = f"steps-{request.node.name}"
    found.rotation = Rotation(aws_server, name, target, user, found.after_step)
    return found


def test_a_single_user(watched: Watched) -> None:
    for _ in range(3):
        old = watched.rotation.login
        new = watched.rotation.single_user()
        assert tuple(watched.seen) == STEPS
        created, changed, finished = (watched.seen[step] for step in (STEPS[0], STEPS[1], STEPS[3]))
        assert (created["lets_old_in"], changed["lets_old_in"]) == (True, False)
        # The database takes the new password only, while the old version is still the current one.
        assert changed["stages"]["AWSCURRENT"].count(old.password.split("'")[0]) == 1
        assert changed["stages"]["AWSPENDING"].count(new.password.split("'")[0]) == 1
        assert set(finished["stages"]) == {"AWSCURRENT", "AWSPREVIOUS"}
        assert finished["stages"]["AWSCURRENT"] == changed["stages"]["AWSPENDING"]
        assert finished["stages"]["AWSPREVIOUS"] == changed["stages"]["AWSCURRENT"]
        assert (watched.lets_in(old), watched.lets_in(new)) == (False, True)


def test_alternating_users(watched: Watched, target: Target) -> None:
    watched.rotation.make_clone()
    for number in range(3):
        old = watched.rotation.login
        new = watched.rotation.alternating_users()
        assert new.username == (USER if number % 2 else USER + CLONE)
        # The user that is current until then stays as it is.
        assert all(each["lets_old_in"] for each in watched.seen.values())
        assert (watched.lets_in(old), watched.lets_in(new)) == (True, True)
    grants = [row[0] for row in target.server.execute(f"SHOW GRANTS FOR {USER}{CLONE}@'%'")]
    assert any(grant.startswith("GRANT SELECT ON `app`.*") for grant in grants)


def test_again_and_again(watched: Watched) -> None:
    with Rotator(watched.rotation.single_user, interval=0.0) as rotator:
        eventually(lambda: rotator.count >= 3, "three rotations")
    assert len(watched.rotation.logins) == rotator.count + 1
    assert watched.lets_in(watched.rotation.login)


def test_a_rotation_that_fails_is_told(watched: Watched) -> None:
    def fail() -> None:
        raise ValueError("no rotation")

    with pytest.raises(ValueError, match="no rotation"), Rotator(fail):
        pass
