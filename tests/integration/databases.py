"""The database behind the proxy: a private MariaDB with TLS, users of every kind, and tables."""

from collections.abc import Sequence
from pathlib import Path

import attrs

from proxy.demo.private_server import PrivateMariaDB
from tests.mysql_server.server import MySQLServer

from .certificates import Authority, KeyFiles

__all__ = ["MAX_ALLOWED_PACKET", "USERS", "Target", "prepare", "tls_options"]

MAX_ALLOWED_PACKET = 64 * 1024 * 1024
"""Bytes; room for the values of 20 MB that tests send and fetch."""

USERS = {"app": "app's secret", "eve": "eve's secret", "strict": "strict's secret", "ed": "ed's secret"}
"""Passwords by user: `app` and `eve` have native ones, `strict` must use TLS, `ed` has the plugin ed25519."""

SCHEMA = """
CREATE DATABASE app; CREATE DATABASE other;
CREATE TABLE app.item (id INT AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL DEFAULT 0, note VARCHAR(100),
    UNIQUE KEY (note)) ENGINE = InnoDB;
CREATE TABLE app.big (id INT AUTO_INCREMENT PRIMARY KEY, content LONGBLOB) ENGINE = InnoDB;
CREATE TABLE app.work (client INT NOT NULL, step INT NOT NULL, note VARCHAR(100), PRIMARY KEY (client, step))
    ENGINE = InnoDB;
CREATE TABLE other.place (name VARCHAR(20)) ENGINE = InnoDB;
INSERT INTO other.place VALUES ('other');
CREATE TABLE app.place (name VARCHAR(20)) ENGINE = InnoDB;
INSERT INTO app.place VALUES ('app');
CREATE ROLE reader;
"""
PROCEDURES = """
DELIMITER //
CREATE PROCEDURE app.three_results() BEGIN
    SELECT 1 AS a; SELECT 2 AS b, 'two' AS c; SELECT 3 FROM DUAL WHERE 0; END //
CREATE PROCEDURE app.set_inside() BEGIN
    SET SESSION sql_mode = 'ANSI', time_zone = '+09:00', group_concat_max_len = 4711;
    SET @inside = 'kept'; END //
CREATE PROCEDURE app.fails_late() BEGIN
    SELECT 1 AS a; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'late'; END //
DELIMITER ;
"""


@attrs.frozen
class Target:
    """A prepared database and what a proxy needs to know of it."""

    server: PrivateMariaDB | MySQLServer
    authority: Path
    users: dict[str, str]

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    def threads(self, condition: str = "TRUE") -> list[list[str]]:
        """Rows (id, user, command, info) of the processlist, without the caller's own."""
        return self.server.execute(
            "SELECT ID, USER, COMMAND, INFO FROM information_schema.PROCESSLIST"
            f" WHERE ID <> CONNECTION_ID() AND ({condition})"
        )

    def has_thread(self, number: int) -> bool:
        """Whether a connection is still there."""
        return bool(self.threads(f"ID = {number}"))

    def one(self, sql: str) -> str:
        """The first value of the first row."""
        return self.server.execute(sql)[0][0]

    def most_connections(self) -> int:
        """The server's own Max_used_connections."""
        return int(self.server.execute("SHOW GLOBAL STATUS LIKE 'Max_used_connections'")[0][1])


def tls_options(folder: Path) -> tuple[KeyFiles, tuple[str, ...]]:
    """Make a certificate for the server in its folder; return its files and mariadbd's options."""
    files = Authority(folder / "tls").issue("server", "localhost", "127.0.0.1")
    options = (
        f"--ssl-ca={files.authority}",
        f"--ssl-cert={files.certificate}",
        f"--ssl-key={files.private_key}",
        f"--max-allowed-packet={MAX_ALLOWED_PACKET}",
    )
    return files, options


def prepare(server: PrivateMariaDB | MySQLServer, authority: Path, plugins: Sequence[str] = ()) -> Target:
    """Make users, schemas and tables in an empty server; `ed` only where `plugins` holds ed25519."""
    users = {name: password for name, password in USERS.items() if name != "ed" or "ed25519" in plugins}
    server.execute(SCHEMA + PROCEDURES)
    for name, password in users.items():
        quoted = password.replace("'", "''")
        how = f"VIA ed25519 USING PASSWORD('{quoted}')" if name == "ed" else f"BY '{quoted}'"
        server.execute(
            f"CREATE USER {name}@'%' IDENTIFIED {how} {'REQUIRE SSL' if name == 'strict' else ''};"
            f"GRANT ALL ON app.* TO {name}@'%'; GRANT ALL ON other.* TO {name}@'%';"
            f"GRANT ALL ON missing_schema.* TO {name}@'%';"
            f"GRANT FILE, PROCESS, RELOAD ON *.* TO {name}@'%'; GRANT reader TO {name}@'%';"
        )
    return Target(server, authority, users)
