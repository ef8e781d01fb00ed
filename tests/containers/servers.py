"""A database of any make and version, with the users, schemas and procedures that these tests need."""

from pathlib import Path
from typing import Any

import attrs
import pymysql

from tests.integration.clients import run

__all__ = ["MAX_ALLOWED_PACKET", "OPTIONS", "PASSWORDS", "PLUGIN_USERS", "Server", "prepare"]

MAX_ALLOWED_PACKET = 64 * 1024 * 1024
MAX_CONNECTIONS = 50
"""As the pool options of `tests.integration.sharing` expect."""
OPTIONS = (
    f"--max-connections={MAX_CONNECTIONS}",
    f"--max-allowed-packet={MAX_ALLOWED_PACKET}",
    "--local-infile=1",
    "--skip-name-resolve",
)
PLUGIN_USERS = {"mysql_native_password": "native", "caching_sha2_password": "sha", "client_ed25519": "ed"}
"""The user whom the server makes log in with a plugin."""
PASSWORDS = {name: f"{name}'s secret" for name in ("app", "strict", *PLUGIN_USERS.values())}
PLUGIN_IS_NOT_LOADED = 1524
SCHEMA = (
    "CREATE DATABASE app",
    "CREATE DATABASE other",
    "CREATE TABLE app.item (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(100) UNIQUE) ENGINE = InnoDB",
    "CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, content LONGBLOB) ENGINE = InnoDB",
    "CREATE PROCEDURE app.three_results() BEGIN SELECT 1; SELECT 2, 'two'; SELECT 3 FROM DUAL WHERE 0; END",
)
MYSQL_WAYS = {
    "mysql_native_password": "WITH mysql_native_password BY '{}'",
    "caching_sha2_password": "WITH caching_sha2_password BY '{}'",
}
MARIADB_WAYS = {
    "mysql_native_password": "VIA mysql_native_password USING PASSWORD('{}')",
    "client_ed25519": "VIA ed25519 USING PASSWORD('{}')",
}


@attrs.frozen
class Server:
    """Where it is, and who may do everything there."""

    name: str
    host: str
    port: int
    admin: str
    password: str = attrs.field(repr=False)
    authority: Path
    """Vouches for its certificate."""
    users: dict[str, str] = attrs.field(factory=dict, repr=False)
    """Passwords of the users that it has, once it is prepared."""

    def connect(self) -> Any:
        """A connection of its administrator."""
        return pymysql.connect(
            host=self.host, port=self.port, user=self.admin, password=self.password, autocommit=True
        )


def prepare(server: Server) -> Server:
    """Make everything in an empty server; return it with the users that it can have."""
    with server.connect() as admin:
        for statement in SCHEMA:
            run(admin, statement)
        ways = MARIADB_WAYS if "MariaDB" in admin.get_server_info() else MYSQL_WAYS
        _add(admin, "app", "BY '{}'")
        _add(admin, "strict", "BY '{}'", "REQUIRE SSL")
        named = [
            PLUGIN_USERS[plugin] for plugin, way in ways.items() if _add(admin, PLUGIN_USERS[plugin], way)
        ]
    return attrs.evolve(server, users={name: PASSWORDS[name] for name in ("app", "strict", *named)})


def _add(admin: Any, name: str, way: str, more: str = "") -> bool:
    """Add a user; return False where the server does not know the plugin."""
    try:
        run(
            admin,
            f"CREATE USER {name}@'%' IDENTIFIED {way} {more}".format(PASSWORDS[name].replace("'", "''")),
        )
    except pymysql.MySQLError as error:
        if error.args[0] != PLUGIN_IS_NOT_LOADED:
            raise
        return False
    for schema in ("app", "other"):
        run(admin, f"GRANT ALL ON {schema}.* TO {name}@'%'")
    return True
