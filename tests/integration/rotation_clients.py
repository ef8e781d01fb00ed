"""Applications whose database password is rotated while they work: they read it from Secrets Manager.

Like the caching clients of AWS they keep what they have read for a while, and so come with the former
password now and then. Each one checks after each step that the database answers as its user, and that it has
exactly the rows that were acknowledged.
"""

import random
import time
import traceback
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Any

import pymysql

from .aws_server import AwsServer
from .clients import fetch, one, run
from .daemon import ProxyDaemon
from .rotation import Login, Rotation, login_of

__all__ = ["TABLE", "Application", "Lagging", "SecretCache"]

TABLE = "app.rotated"
PAUSES = (0.1, 0.5)
"""Seconds between two steps, from and to; many clients must not be more than the machine can serve."""
JOIN_LIMIT = 90.0


class SecretCache:
    """The current version as it was at most `age` seconds ago, which several clients share."""

    def __init__(self, server: AwsServer, arn: str, age: float) -> None:
        self._client = server.client("secretsmanager")
        self._arn = arn
        self._age = age
        self._lock = Lock()
        self._read_at = float("-inf")
        self._login = Login("", "")

    def __call__(self) -> Login:
        with self._lock:
            if time.monotonic() - self._read_at >= self._age:
                now = time.monotonic()
                value = self._client.get_secret_value(SecretId=self._arn, VersionStage="AWSCURRENT")
                self._login, self._read_at = login_of(value["SecretString"]), now
            return self._login


class Lagging:
    """What was current before the last rotation."""

    def __init__(self, rotation: Rotation) -> None:
        self._rotation = rotation

    def __call__(self) -> Login:
        return self._rotation.logins[-2:][0]


class Application:
    """One client in a thread: with a connection for each step, or with one for all of them."""

    def __init__(
        self,
        number: int,
        daemon: ProxyDaemon,
        login: Callable[[], Login],
        users: frozenset[str],
        *,
        is_long: bool = False,
        is_pinned: bool = False,
    ) -> None:
        self.number = number
        #: What it found wrong; empty if nothing.
        self.problem = ""
        #: Rows that were acknowledged, and steps that were done.
        self.acknowledged = self.steps = 0
        self._daemon = daemon
        self._login = login
        self._users = users
        self._is_long, self._is_pinned = is_long, is_pinned
        self._random = random.Random(number)
        self._end = Event()
        self._thread = Thread(target=self._run, name=f"application {number}", daemon=True)

    def start(self) -> None:
        """Work from now on."""
        self._thread.start()

    def end(self) -> None:
        """Let it end after its present step."""
        self._end.set()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join(JOIN_LIMIT)
        assert not self._thread.is_alive(), f"client {self.number} hangs"

    def _run(self) -> None:
        try:
            if self._is_long or self._is_pinned:
                self._work_on_one()
            else:
                self._work_on_many()
        except Exception:
            self.problem = f"client {self.number}, step {self.steps}: {traceback.format_exc()}"

    def _work_on_one(self) -> None:
        with self._connect() as connection:
            if self._is_pinned:
                run(connection, "CREATE TEMPORARY TABLE app.kept (number INT)")
                run(connection, "INSERT INTO app.kept VALUES (%s)", (self.number,))
            while not self._end.is_set():
                self._step(connection)
                if self._is_pinned:
                    self._same(one(connection, "SELECT number FROM app.kept"), self.number)

    def _work_on_many(self) -> None:
        while not self._end.is_set():
            with self._connect() as connection:
                self._step(connection)

    def _connect(self) -> "pymysql.Connection[Any]":
        login = self._login()
        return self._daemon.connect(user=login.username, password=login.password)

    def _step(self, connection: Any) -> None:
        act = self._random.choice((self._look, self._write, self._transact))
        act(connection)
        self._same(str(one(connection, "SELECT CURRENT_USER()")).partition("@")[0] in self._users, True)
        self.steps += 1
        self._end.wait(self._random.uniform(*PAUSES))

    def _look(self, connection: Any) -> None:
        steps = fetch(connection, f"SELECT step FROM {TABLE} WHERE client = %s", (self.number,))
        self._same(sorted(row[0] for row in steps), list(range(self.acknowledged)))

    def _write(self, connection: Any) -> None:
        run(connection, f"INSERT INTO {TABLE} VALUES (%s, %s)", (self.number, self.acknowledged))
        self.acknowledged += 1

    def _transact(self, connection: Any) -> None:
        connection.begin()
        run(connection, f"INSERT INTO {TABLE} VALUES (%s, %s)", (self.number, self.acknowledged))
        count = one(connection, f"SELECT COUNT(*) FROM {TABLE} WHERE client = %s", (self.number,))
        self._same(count, self.acknowledged + 1)
        connection.commit()
        self.acknowledged += 1

    def _same(self, found: object, expected: object) -> None:
        assert found == expected, f"{found!r} instead of {expected!r}"
