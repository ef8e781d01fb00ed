"""Passwords that change in the secrets file and in the database, in either order, without a reload."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .clients import one
from .conftest import StartProxy
from .daemon import ProxyDaemon
from .databases import Target
from .polling import eventually
from .rotation import Login

USER = "onfile"
OLD, NEW = Login(USER, "old-password-in-the-file"), Login(USER, "new-password-in-the-file")
QUICK = {"secret_refresh_interval": 0.5, "secret_refetch_interval": 0.1, "secret_recheck_interval": 0.1}
"""Options of [proxy]: how soon the file is looked at again."""


@pytest.fixture
def daemon(target: Target, start_proxy: StartProxy) -> Iterator[ProxyDaemon]:
    """A proxy with the user's secret in its file."""
    target.server.execute(
        f"CREATE USER {USER}@'%' IDENTIFIED BY '{OLD.password}'; GRANT ALL ON app.* TO {USER}@'%'"
    )
    users = {"app": target.users["app"], USER: OLD.password}
    daemon = start_proxy(target, users=users, proxy=QUICK, log={"level": "debug"})
    yield daemon
    text = daemon.log_text()
    assert not [each for each in (OLD.password, NEW.password, target.users["app"]) if each in text]
    target.server.execute(f"DROP USER {USER}@'%'")


def put_in_file(daemon: ProxyDaemon, login: Login) -> None:
    """As an operator's tool does it: a file of its own, moved over the former one."""
    daemon.users[USER] = login.password
    replace_file(daemon, json.dumps(secrets_of(daemon)))


def secrets_of(daemon: ProxyDaemon) -> dict[str, dict[str, str]]:
    """What the file is to hold."""
    return {name: {"username": name, "password": word} for name, word in daemon.users.items()}


def replace_file(daemon: ProxyDaemon, text: str) -> None:
    """Another content, all at once."""
    beside = daemon.secrets.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_text(text)
    os.replace(beside, daemon.secrets)


def put_in_database(target: Target, login: Login) -> None:
    """The database takes this one only, and nobody is logged in with another one any more."""
    target.server.execute(f"ALTER USER {USER}@'%' IDENTIFIED BY '{login.password}'; KILL USER {USER}")


def serves(daemon: ProxyDaemon, login: Login) -> bool:
    """Log in, and let the database say who that is."""
    with daemon.connect(user=login.username, password=login.password) as connection:
        return str(one(connection, "SELECT CURRENT_USER()")).partition("@")[0] == USER


def test_the_file_first(daemon: ProxyDaemon, target: Target) -> None:
    with daemon.connect(user=USER, password=OLD.password) as session:
        assert one(session, "SELECT 1") == 1
        put_in_file(daemon, NEW)
        # A client that knows it already makes the proxy look; it logs in with the former one meanwhile.
        assert serves(daemon, NEW)
        assert serves(daemon, OLD)
        put_in_database(target, NEW)
        assert one(session, "SELECT 1") == 1
        assert serves(daemon, NEW)
        assert serves(daemon, OLD)
    assert f"secret {USER} has a new version" in daemon.log_text()


def test_the_database_first(daemon: ProxyDaemon, target: Target) -> None:
    with daemon.connect(user=USER, password=OLD.password) as session, ThreadPoolExecutor(2) as threads:
        assert one(session, "SELECT 1") == 1
        put_in_database(target, NEW)
        # Who needs a connection meanwhile waits for the file.
        waiting = [threads.submit(one, session, "SELECT 1"), threads.submit(serves, daemon, OLD)]
        put_in_file(daemon, NEW)
        assert [each.result() for each in waiting] == [1, True]
        assert serves(daemon, NEW)


@pytest.mark.parametrize("broken", ["", '{"onfile": {"username": "onfile", "passw', "[onfile]\nusername ="])
def test_a_file_that_is_being_written(daemon: ProxyDaemon, target: Target, broken: str) -> None:
    replace_file(daemon, broken)
    told = daemon.wait_for_log(f"secret {USER}: ")
    assert str(daemon.secrets) in told
    put_in_database(target, OLD)
    assert serves(daemon, OLD)
    put_in_file(daemon, NEW)
    daemon.wait_for_log(f"secret {USER}: there is nothing wrong with it any more")
    put_in_database(target, NEW)
    assert serves(daemon, NEW)


def test_a_file_that_everybody_may_read(daemon: ProxyDaemon, target: Target) -> None:
    daemon.secrets.chmod(0o644)
    assert str(daemon.secrets) in daemon.wait_for_log(f"secret {USER}: ")
    put_in_database(target, OLD)
    assert serves(daemon, OLD)
    daemon.secrets.chmod(0o600)
    eventually(
        lambda: f"secret {USER}: there is nothing wrong" in daemon.log_text(), "the end of the problem"
    )
