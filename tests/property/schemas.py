"""What each client works on: two schemas of its own, with the same content in both worlds.

`c1` holds tables to change (`t`, `u`, `g`), one to read (`k`), a view, and routines that change the session;
`c1_too` holds a `k` with other rows. After a case, what it may have changed is put back. On MySQL a
procedure that counts no rows answers with those of the statement before, hence `DO 0`.
"""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pymysql

from .steps import Prepare, Query, Step

__all__ = ["CLIENTS", "USERS", "Schemas", "schema_of"]

CLIENTS = 4
"""Most clients of a case."""
USERS = {"probe": "probe's secret", "app": "app's secret", "eve": "eve's secret"}
"""Passwords. The proxy watches the target as the first user, so that the others are clients only."""

_DROP = "DROP DATABASE IF EXISTS $me; DROP DATABASE IF EXISTS $too;"
_MAKE = """
CREATE DATABASE $me CHARACTER SET utf8mb4; CREATE DATABASE $too CHARACTER SET utf8mb4;
CREATE TABLE $me.t (id INT AUTO_INCREMENT PRIMARY KEY, n INT, v VARCHAR(10)) ENGINE = InnoDB;
CREATE TABLE $me.u (id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, UNIQUE KEY (n)) ENGINE = InnoDB;
CREATE TABLE $me.g (id INT AUTO_INCREMENT PRIMARY KEY, n INT) ENGINE = InnoDB;
CREATE TABLE $me.k (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE = InnoDB;
INSERT INTO $me.k VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, NULL), (5, '5 five');
CREATE TABLE $too.k (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE = InnoDB;
INSERT INTO $too.k VALUES (1, 'uno'), (2, 'due');
CREATE VIEW $me.w AS SELECT id, v FROM $me.k WHERE id < 4;
CREATE TRIGGER $me.g_in BEFORE INSERT ON $me.g FOR EACH ROW SET @g = NEW.n;
CREATE FUNCTION $me.f_set(x INT) RETURNS INT DETERMINISTIC NO SQL BEGIN SET @f = x; RETURN x + 1; END;
CREATE PROCEDURE $me.p_set() BEGIN SET @a = 'inside', @p = 1.50; SET group_concat_max_len = 33; DO 0; END;
CREATE PROCEDURE $me.p_quiet() BEGIN SET @q = 1; END;
CREATE PROCEDURE $me.p_into() BEGIN SELECT 7, 'seven' INTO @a, @b; END;
CREATE PROCEDURE $me.p_out(IN i INT, OUT o VARCHAR(20), INOUT io INT) BEGIN
    SET o = CONCAT('got ', i); SET io = io + i; DO 0; END;
CREATE PROCEDURE $me.p_rows() BEGIN SELECT 1 AS one; SELECT id, v FROM k WHERE id < 3; END;
CREATE PROCEDURE $me.p_fail() BEGIN SET @a = 'before'; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'late'; END;
CREATE PROCEDURE $me.p_insert(x INT) BEGIN INSERT INTO t (n) VALUES (x), (x + 1); END;
CREATE PROCEDURE $me.p_temporary() BEGIN
    CREATE TEMPORARY TABLE IF NOT EXISTS tp (x INT); INSERT INTO tp VALUES (1); END;
CREATE PROCEDURE $me.p_zone() BEGIN SET time_zone = '+03:00'; SELECT @@time_zone AS zone; END
"""
_SESSIONS = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER IN ('app', 'eve')"
END_LIMIT = 20.0
_CHANGES = re.compile(r"\b(INSERT|REPLACE|UPDATE|DELETE|TRUNCATE|LOAD)\b|p_insert", re.IGNORECASE)
_DEFINES = re.compile(r"\b(ALTER|RENAME)\b|\b(CREATE|DROP)\s+(?!TEMPORARY)", re.IGNORECASE)
_TABLES = ("t", "u", "g")


def schema_of(client: int) -> str:
    """The first schema of a client, which counts from 1."""
    return f"c{client}"


class Schemas:
    """Makes the clients' schemas over an administrator's PyMySQL connection, and puts them back."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin
        for name, password in USERS.items():
            self._run(f"CREATE USER {name}@'%' IDENTIFIED BY '{password.replace(chr(39), chr(39) * 2)}'")
            self._run(f"GRANT ALL ON *.* TO {name}@'%'")
        for client in range(1, CLIENTS + 1):
            self._make(client)

    def put_back(self, client: int, steps: Iterable[Step]) -> None:
        """Make a client's schemas as they were before these steps; blocks while a session still uses them."""
        texts = " ; ".join(each.sql for each in steps if isinstance(each, (Query, Prepare)))
        if _DEFINES.search(texts):
            self._make(client)
        elif _CHANGES.search(texts):
            words = set(re.findall(r"\w+", texts))
            used = [each for each in _TABLES if each in words or (each == "t" and "p_insert" in words)]
            for table in used:
                self._run(f"TRUNCATE {schema_of(client)}.{table}")

    def end_sessions(self) -> None:
        """End all sessions of clients, those in the proxies' pools too, and wait until they have gone.

        So a case finds no traces of the one before it, and can be played again with the same result.
        """
        deadline = time.monotonic() + END_LIMIT
        while numbers := self._run(_SESSIONS):
            assert time.monotonic() < deadline, "sessions do not end"
            for (number,) in numbers:
                with suppress(pymysql.MySQLError):
                    self._run(f"KILL {number}")

    def _make(self, client: int) -> None:
        script = (_DROP + _MAKE).replace("$me", schema_of(client)).replace("$too", f"{schema_of(client)}_too")
        for statement in _statements(script):
            self._run(statement)

    def _run(self, sql: str) -> tuple[tuple[Any, ...], ...]:
        with self._admin.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchall())


def _statements(script: str) -> list[str]:
    """The statements of a script; one with BEGIN in it goes on to its END."""
    found, current = [], ""
    for piece in script.split(";"):
        current += piece
        if re.search(r"\bBEGIN\b", current) and not re.search(r"\bEND\s*$", current):
            current += ";"
            continue
        if current.strip():
            found.append(current.strip())
        current = ""
    return found
