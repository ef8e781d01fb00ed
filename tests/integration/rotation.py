"""Rotates a secret as the rotation functions of AWS do, in four steps, at moto and a real database.

createSecret puts a new version with the stage AWSPENDING, setSecret changes the database, testSecret logs in
there, finishSecret moves AWSCURRENT. With a single user the database changes while the old version is still
current; with alternating users the other of two users gets the new password, and the current one stays as it
was. moto keeps its stages right only if AWSPENDING is taken away again and no version is ever made current by
a put.
"""

import json
import re
import secrets
import time
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Any

import attrs
import pymysql

from .aws_server import AwsServer
from .databases import Target

__all__ = ["CLONE", "STEPS", "Login", "Rotation", "Rotator", "login_of"]

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")

CLONE = "_clone"
"""What the second user's name has behind the first one's."""
STOP_LIMIT = 30.0
LOGIN_LIMIT = 10
PASSWORD_HASH = re.compile(r" IDENTIFIED (?:BY PASSWORD|VIA \S+ USING) '[^']*'")


@attrs.frozen
class Login:
    """A user name and its password."""

    username: str
    password: str


def login_of(content: str) -> Login:
    """What a secret holds."""
    fields = json.loads(content)
    return Login(fields["username"], fields["password"])


class Rotation:
    """One secret, and the one or two users that it is about; `after_step` is called with each step's name."""

    def __init__(
        self,
        server: AwsServer,
        secret_name: str,
        target: Target,
        login: Login,
        after_step: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._client = server.client("secretsmanager")
        self._target = target
        self._after_step = after_step
        self._home = login.username
        #: What the secret's current version says; a client that reads the secret logs in with it.
        self.login = login
        #: All that have ever been current, the newest last.
        self.logins = [login]
        self.arn = server.make_secret(secret_name, self._content(login))

    def single_user(self) -> Login:
        """Give the user another password; return what is current now."""
        return self._rotate(Login(self._home, _password()))

    def alternating_users(self) -> Login:
        """Give the other user a new password and make it the current one; return what is current now."""
        other = self._home if self.login.username != self._home else self._home + CLONE
        return self._rotate(Login(other, _password()))

    def make_clone(self) -> None:
        """Make the second user with the rights of the first, as its first rotation would."""
        home, clone = f"`{self._home}`@`%`", f"`{self._home}{CLONE}`@`%`"
        rows = self._target.server.execute(f"SHOW GRANTS FOR {home}")
        grants = [PASSWORD_HASH.sub("", row[0]) for row in rows if row[0].startswith("GRANT")]
        self._target.server.execute(
            f"CREATE USER {clone} IDENTIFIED BY {_quoted(_password())};"
            + ";".join(grant.replace(home, clone) for grant in grants)
        )

    def _rotate(self, new: Login) -> Login:
        old_version = self._version("AWSCURRENT")
        new_version = self._client.put_secret_value(
            SecretId=self.arn, SecretString=json.dumps(self._content(new)), VersionStages=["AWSPENDING"]
        )["VersionId"]
        self._after_step("createSecret")
        self._target.server.execute(f"ALTER USER `{new.username}`@`%` IDENTIFIED BY {_quoted(new.password)}")
        self._after_step("setSecret")
        self._test(new)
        self._after_step("testSecret")
        move = self._client.update_secret_version_stage
        move(
            SecretId=self.arn,
            VersionStage="AWSCURRENT",
            MoveToVersionId=new_version,
            RemoveFromVersionId=old_version,
        )
        move(SecretId=self.arn, VersionStage="AWSPENDING", RemoveFromVersionId=new_version)
        self.login = new
        self.logins.append(new)
        self._after_step("finishSecret")
        return new

    def _test(self, login: Login) -> None:
        pymysql.connect(
            host="127.0.0.1",
            port=self._target.port,
            user=login.username,
            password=login.password,
            connect_timeout=LOGIN_LIMIT,
        ).close()

    def _version(self, stage: str) -> str:
        stages = self._client.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        (found,) = [version for version, names in stages.items() if stage in names]
        return str(found)

    def _content(self, login: Login) -> dict[str, Any]:
        # Ports are numbers in some secrets and text in others.
        return {
            "engine": "mysql",
            "host": "127.0.0.1",
            "port": str(self._target.port),
            "username": login.username,
            "password": login.password,
        }


class Rotator:
    """Rotates again and again in a thread, from `with` to its end; a rotation that fails fails the `with`.

    One that is late is not caught up on: clients would miss more of them than `interval` allows for.
    """

    def __init__(self, rotate: Callable[[], Any], interval: float = 1.0) -> None:
        self._rotate = rotate
        self._interval = interval
        self._end = Event()
        self._thread = Thread(target=self._run, name="rotator", daemon=True)
        self._error: BaseException | None = None
        #: Rotations that are complete.
        self.count = 0

    @property
    def has_failed(self) -> bool:
        """Whether it has ended before its time."""
        return self._error is not None

    def __enter__(self) -> "Rotator":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join(STOP_LIMIT)
        if error is None and self._error is not None:
            raise self._error

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._end.is_set():
                self._rotate()
                self.count += 1
                due = max(due + self._interval, time.monotonic() + self._interval / 2)
                self._end.wait(max(0.0, due - time.monotonic()))
        except BaseException as error:
            self._error = error


def _password() -> str:
    # With what has to be quoted somewhere; ASCII, because PyMySQL sends text as latin1.
    return f"{secrets.token_urlsafe(12)}'\"%"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
