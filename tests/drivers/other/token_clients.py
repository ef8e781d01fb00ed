"""Drivers and command-line clients that log in with a token: it is the password, sent in clear over TLS."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from typing import Any

import attrs
import pymysql
import pytest

from proxy.demo.child import LOOPBACK
from tests.drivers.other.command_line import RUN_LIMIT, CommandLine, mariadb_client, mysql_client
from tests.drivers.other.programs import PROGRAMS, SOURCES, BuildFailed
from tests.drivers.servers import Place

__all__ = ["TOKEN_CLIENTS", "Outcome"]

WHO = "SELECT CURRENT_USER()"
TIMEOUT = 30

_NUMBER = re.compile(r"ERROR (\d+)")


@attrs.frozen
class Outcome:
    """Who the client is then, or the number of the error it got; 0 for one that has no number."""

    who: str = ""
    error: int = 0


LogIn = Callable[[Place, bool], Outcome]
"""Logs in to a place, over verified TLS or without any."""


def _pymysql(place: Place, tls: bool) -> Outcome:
    how: dict[str, Any] = {"ssl": {"ca": str(place.authority)}} if tls else {"ssl_disabled": True}
    try:
        connection = pymysql.connect(**_account(place), **how, connect_timeout=TIMEOUT, read_timeout=TIMEOUT)
    except pymysql.MySQLError as error:
        return Outcome(error=int(error.args[0]))
    with connection, connection.cursor() as cursor:
        return _who(cursor)


def _connector(place: Place, tls: bool, **options: Any) -> Outcome:
    connector: Any = pytest.importorskip("mysql.connector", reason="mysql-connector-python is not installed")
    verified = {"ssl_ca": str(place.authority), "ssl_verify_cert": True, "ssl_verify_identity": True}
    how: dict[str, Any] = verified if tls else {"ssl_disabled": True}
    try:
        connection = connector.connect(
            **_account(place),
            **how,
            use_pure=True,
            collation="utf8mb4_unicode_ci",
            connection_timeout=TIMEOUT,
        )
    except connector.Error as error:
        return Outcome(error=int(error.errno))
    try:
        return _who(connection.cursor())
    finally:
        connection.close()


def _connector_at_once(place: Place, tls: bool) -> Outcome:
    """The token goes with the user's name, before it is asked for; the driver does so over TLS only."""
    return _connector(place, tls, **({"auth_plugin": "mysql_clear_password"} if tls else {}))


def _mysqlclient(place: Place, tls: bool) -> Outcome:
    driver: Any = pytest.importorskip("MySQLdb", reason="mysqlclient is not installed")
    verified = {"ssl": {"ca": str(place.authority)}, "ssl_mode": "VERIFY_IDENTITY"}
    how: dict[str, Any] = verified if tls else {"ssl_mode": "DISABLED"}
    return _by_library(driver, how, place)


def _mariadb_python(place: Place, tls: bool) -> Outcome:
    driver: Any = pytest.importorskip("mariadb", reason="the driver mariadb is not installed")
    how: dict[str, Any] = {"ssl_ca": str(place.authority), "ssl_verify_cert": True} if tls else {"ssl": False}
    return _by_library(driver, how, place)


def _by_library(driver: Any, how: dict[str, Any], place: Place) -> Outcome:
    """Both are made of MariaDB's C library, which takes `localhost` for a Unix socket."""
    account = {**_account(place), "host": LOOPBACK}
    try:
        connection = driver.connect(**account, **how, connect_timeout=TIMEOUT)
    except driver.Error as error:
        return Outcome(error=int(getattr(error, "errno", 0) or error.args[0]))
    try:
        return _who(connection.cursor())
    finally:
        connection.close()


def _account(place: Place) -> dict[str, Any]:
    account = {"host": place.host, "port": place.port, "user": place.user}
    return {**account, "password": place.password, "database": place.schema}


def _who(cursor: Any) -> Outcome:
    cursor.execute(WHO)
    return Outcome(cursor.fetchone()[0])


def _mariadb(place: Place, tls: bool) -> Outcome:
    return _by_command(mariadb_client(), place, tls)


def _mysql(place: Place, tls: bool) -> Outcome:
    return _by_command(mysql_client(), place, tls, "--enable-cleartext-plugin")


def _by_command(client: CommandLine, place: Place, tls: bool, *options: str) -> Outcome:
    # A token on the command line would be there for all to see.
    words = [each for each in client.command(place, tls, *options) if not each.startswith("--password=")]
    done = subprocess.run(
        [*words, "--protocol=TCP", "--batch", "--skip-column-names", f"--execute={WHO}"],
        env={**os.environ, "MYSQL_PWD": place.password},
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT,
        check=False,
    )
    if done.returncode == 0:
        return Outcome(done.stdout.strip())
    found = _NUMBER.search(done.stderr)
    return Outcome(error=int(found[1]) if found else 0)


def _mysql2(place: Place, tls: bool) -> Outcome:
    program = PROGRAMS["mysql2"]
    try:
        node = program.command()[0]
    except BuildFailed as error:
        pytest.skip(str(error))
    task = {**_account(place), "authority": str(place.authority) if tls else ""}
    done = subprocess.run(
        [node, str(SOURCES / "node" / "mysql2_token.js")],
        input=json.dumps(task),
        env={**os.environ, **program.environment},
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return Outcome(report.get("who", ""), report.get("code", 0))


TOKEN_CLIENTS: dict[str, LogIn] = {
    "pymysql": _pymysql,
    "mysql-connector": _connector,
    "mysql-connector-at-once": _connector_at_once,
    "mysqlclient": _mysqlclient,
    "mariadb-python": _mariadb_python,
    "mariadb": _mariadb,
    "mysql": _mysql,
    "mysql2": _mysql2,
}
