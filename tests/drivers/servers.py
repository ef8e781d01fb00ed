"""The databases that drivers are tested against, and the two addresses of each: its own and the proxy's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pymysql

from proxy.demo.child import LOOPBACK

__all__ = [
    "ACCOUNT",
    "MAX_ALLOWED_PACKET",
    "MAX_CONNECTIONS",
    "SCHEMA",
    "SECOND_ACCOUNT",
    "USERS",
    "DriverServer",
    "Pair",
    "Place",
    "connect_as_app",
    "prepare",
]

MAX_CONNECTIONS = 80
MAX_ALLOWED_PACKET = 64 * 1024 * 1024
"""Bytes; room for the values of 20 MB that tests send and fetch."""
SCHEMA = "app"
ACCOUNT, SECOND_ACCOUNT = "app", "eve"
USERS = {ACCOUNT: "app's secret", SECOND_ACCOUNT: "eve's secret"}
"""Passwords by user; both may do everything in every schema."""

# Single statements, so that any driver could run them.
STATEMENTS = (
    "CREATE DATABASE app CHARACTER SET utf8mb4",
    "CREATE DATABASE other CHARACTER SET utf8mb4",
    "CREATE TABLE app.place (name VARCHAR(20))",
    "INSERT INTO app.place VALUES ('app')",
    "CREATE TABLE other.place (name VARCHAR(20))",
    "INSERT INTO other.place VALUES ('other')",
    "CREATE PROCEDURE app.three_results() BEGIN"
    " SELECT 1 AS a; SELECT 2 AS b, 'two' AS c UNION SELECT 3, 'three'; SELECT 4 AS d FROM DUAL WHERE 0; END",
    "CREATE PROCEDURE app.doubles(IN number INT, INOUT total INT, OUT word VARCHAR(20)) BEGIN"
    " SELECT number AS given; SET total = total + 2 * number; SET word = CONCAT('twice ', number); END",
    "CREATE PROCEDURE app.fails_late() BEGIN"
    " SELECT 1 AS a; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'late'; END",
)


@attrs.frozen
class Place:
    """Where a driver connects to: the database itself or the proxy before it."""

    name: str
    """`direct` or `proxy`."""
    port: int
    authority: Path
    """PEM file with the authority that signed the certificate shown there, for `localhost` and `host`."""
    host: str = LOOPBACK
    user: str = ACCOUNT
    password: str = USERS[ACCOUNT]
    schema: str = SCHEMA


@attrs.frozen
class Pair:
    """One database, and the proxy before it."""

    vendor: str
    """`mariadb` or `mysql`."""
    direct: Place
    proxy: Place
    shows_attributes: bool = False
    """Whether the server has the functions that show a statement's query attributes."""

    def __iter__(self) -> Any:
        return iter((self.direct, self.proxy))


@attrs.frozen
class DriverServer:
    """A running database with the users, schemas and procedures of these tests."""

    vendor: str
    port: int
    authority: Path
    connect: Callable[[], Any]
    """A PyMySQL connection that may do everything, around the proxy."""
    shows_attributes: bool = False

    @property
    def place(self) -> Place:
        """The address of the database itself."""
        return Place("direct", self.port, self.authority)


def prepare(execute: Callable[[str], object]) -> None:
    """Make users, schemas and procedures in an empty server, statement by statement."""
    for name, password in USERS.items():
        quoted = password.replace("'", "''")
        execute(f"CREATE USER {name}@'%' IDENTIFIED BY '{quoted}'")
        execute(f"GRANT ALL ON *.* TO {name}@'%' WITH GRANT OPTION")
    for statement in STATEMENTS:
        execute(statement)


def connect_as_app(port: int, **options: Any) -> Any:
    """A PyMySQL connection of `app`, unless told otherwise, at a port of this machine; autocommit."""
    given: dict[str, Any] = {"host": LOOPBACK, "port": port, "user": ACCOUNT, "password": USERS[ACCOUNT]}
    return pymysql.connect(**{**given, "autocommit": True, **options})
