"""An application on mysql-connector-python's own pools under load, as a program: threads that take turns.

The pools reset a session whenever it comes back (COM_RESET_CONNECTION). Statements are prepared ones
(`cursor(prepared=True)`) and plain ones; everything is as the driver has it by default.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mysql.connector import errors, pooling

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from tests.drivers.python.crowd import meet, refused_duplicate, task_given  # noqa: E402

TURNS = 2
LINES = 4
PER_POOL = 25
"""The driver allows 32 at the most."""
WAIT_LIMIT = 30.0
TABLE = "CREATE TABLE sc_line (id INT AUTO_INCREMENT PRIMARY KEY, owner INT, note VARCHAR(50) UNIQUE)"
INSERT = "INSERT INTO sc_line (owner, note) VALUES (?, ?)"
COUNT = "SELECT COUNT(*), @@session.group_concat_max_len FROM sc_line WHERE owner = %s"


def prepared(connection: Any, number: int, turn: int) -> None:
    """Prepared statements, each executed several times, in a transaction."""
    with connection.cursor(prepared=True) as cursor:
        for line in range(LINES):
            cursor.execute(INSERT, (number, f"{number} {turn} {line} 😀"))
            assert cursor.lastrowid > 0
        connection.commit()
        with refused_duplicate(errors.IntegrityError):
            cursor.execute(INSERT, (number, f"{number} {turn} 0 😀"))
        connection.rollback()
    with connection.cursor(prepared=True) as cursor:
        for line in range(LINES):
            cursor.execute("SELECT owner, note FROM sc_line WHERE note = ?", (f"{number} {turn} {line} 😀",))
            assert cursor.fetchall() == [(number, f"{number} {turn} {line} 😀")]
    connection.commit()


def plain(connection: Any, number: int, turn: int) -> None:
    """Plain statements, with a setting that the pool takes back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@session.group_concat_max_len")
        [(before,)] = cursor.fetchall()
        assert before != number + 5000
        cursor.execute(f"SET SESSION group_concat_max_len = {number + 5000}")
        cursor.execute(COUNT, (number,))
        assert cursor.fetchall() == [((turn + 1) * LINES, number + 5000)]
        connection.rollback()
        connection.start_transaction()
        cursor.execute("DELETE FROM sc_line WHERE owner = %s", (number,))
        assert cursor.rowcount == (turn + 1) * LINES
        connection.rollback()


def main() -> int:
    """Run it, and leave no table."""
    task: dict[str, Any] = task_given()
    options = {name: task[name] for name in ("host", "port", "user", "password")}
    options["database"] = task["schema"]
    first, second = (
        pooling.MySQLConnectionPool(pool_name=name, pool_size=PER_POOL, **options)
        for name in ("first", "second")
    )
    run(first, "DROP TABLE IF EXISTS sc_line", TABLE)
    everyone = threading.Barrier(task["clients"])

    @contextmanager
    def visit(number: int) -> Iterator[None]:
        pool = second if number % 2 else first
        for turn in range(TURNS):
            connection = pool.get_connection()
            everyone.wait(WAIT_LIMIT)
            prepared(connection, number, turn)
            plain(connection, number, turn)
            connection.close()
            everyone.wait(WAIT_LIMIT)
        yield

    status = meet(task["clients"], visit)
    run(first, "DROP TABLE sc_line")
    return status


def run(pool: pooling.MySQLConnectionPool, *statements: str) -> None:
    """Run statements on a connection of a pool."""
    with pool.get_connection() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


if __name__ == "__main__":
    sys.exit(main())
