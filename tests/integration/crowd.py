"""A crowd of clients, each with rows and session settings of its own to change and to read back at random."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs

from .clients import fetch, one, run
from .daemon import ProxyDaemon

__all__ = ["CLIENTS", "Crowd"]

CLIENTS = 200
STEPS = 25
CROWD_LIMIT = 120.0
"""Seconds after which clients that are not done count as stuck."""
LONGEST_YIELD = 0.01
STACK_SIZE = 512 * 1024

SQL_MODES = ("", "ANSI_QUOTES", "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES,NO_ZERO_DATE", "PIPES_AS_CONCAT")
NAMES = (("utf8mb4", "utf8mb4_bin"), ("latin1", "latin1_german1_ci"), ("utf8mb4", "utf8mb4_unicode_ci"))
ISOLATIONS = ("READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE")
SCHEMAS = ("app", "other")
SETTINGS = (
    "SELECT @@sql_mode, @@time_zone, @@character_set_client, @@character_set_results, @@collation_connection,"
    " @@autocommit, @@tx_isolation, @@lock_wait_timeout, DATABASE()"
)


@attrs.define
class Expected:
    """What a client must find in its session and in its rows."""

    sql_mode: str
    time_zone: str
    charset: str
    collation: str
    autocommit: int
    isolation: str
    lock_wait_timeout: int
    schema: str
    rows: dict[int, str]

    def settings(self) -> tuple[Any, ...]:
        """The row that SETTINGS gives."""
        charset = (self.charset, self.charset, self.collation)
        rest = (self.autocommit, self.isolation, self.lock_wait_timeout, self.schema)
        return (self.sql_mode, self.time_zone, *charset, *rest)


class Client:
    """One client: random steps, after each of which something of its own is read back."""

    def __init__(self, number: int, seed: int, connection: Any) -> None:
        self.number = number
        self.random = random.Random(f"{seed}/{number}")
        self.connection = connection
        self.identifier = 0
        fresh = fetch(connection, SETTINGS)[0]
        self.expected = Expected(
            fresh[0], fresh[1], fresh[2], fresh[4], fresh[5], fresh[6], fresh[7], fresh[8], rows={}
        )

    def work(self) -> None:
        """All steps."""
        steps: list[Callable[[], None]] = [
            self.set_variables,
            self.set_names,
            self.use,
            self.change_autocommit,
            self.write,
            self.write,
            self.transaction,
            self.transaction,
            self.insert_id,
        ]
        for _ in range(STEPS):
            self.random.choice(steps)()
            self.pause()
            self.random.choice((self.check_settings, self.check_rows))()
            self.pause()
        self.check_settings()
        self.check_rows()

    def pause(self) -> None:
        """Let others in between, at random."""
        if self.random.random() < 0.3:
            time.sleep(self.random.random() * LONGEST_YIELD)

    # Settings

    def set_variables(self) -> None:
        wanted = self.expected
        for part in self.random.sample(range(4), self.random.randint(1, 3)):
            if part == 0:
                wanted.sql_mode = self.random.choice(SQL_MODES)
                run(self.connection, f"SET SESSION sql_mode = '{wanted.sql_mode}'")
            elif part == 1:
                # Not any minute: MariaDB takes the bytes of an offset for text and ignores case, so that
                # '+08:29' becomes '+06:13' where that one was in use before.
                wanted.time_zone = f"+{self.number % 13:02}:{self.random.choice(('00', '30'))}"
                run(self.connection, f"SET time_zone = '{wanted.time_zone}'")
            elif part == 2:
                wanted.isolation = self.random.choice(ISOLATIONS)
                level = wanted.isolation.replace("-", " ")
                run(self.connection, f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
            else:
                wanted.lock_wait_timeout = 1000 + self.number
                run(self.connection, f"SET @@session.lock_wait_timeout = {wanted.lock_wait_timeout}")

    def set_names(self) -> None:
        wanted = self.expected
        wanted.charset, wanted.collation = self.random.choice(NAMES)
        run(self.connection, f"SET NAMES {wanted.charset} COLLATE {wanted.collation}")

    def use(self) -> None:
        self.expected.schema = self.random.choice(SCHEMAS)
        if self.random.random() < 0.5:
            run(self.connection, f"USE {self.expected.schema}")
        else:
            self.connection.select_db(self.expected.schema)
        self.pause()
        self.same(one(self.connection, "SELECT name FROM place"), self.expected.schema)
        self.end()

    def change_autocommit(self) -> None:
        self.expected.autocommit = self.random.randint(0, 1)
        run(self.connection, f"SET autocommit = {self.expected.autocommit}")

    # Rows

    def write(self) -> None:
        step, note = self.random.randrange(1000), f"{self.number}: {self.random.random()}"
        run(
            self.connection,
            "REPLACE INTO app.work (client, step, note) VALUES (%s, %s, %s)",
            (self.number, step, note),
        )
        self.expected.rows[step] = note
        self.end()

    def transaction(self) -> None:
        self.end()
        run(self.connection, self.random.choice(("BEGIN", "START TRANSACTION")))
        rows = dict(self.expected.rows)
        for _ in range(self.random.randint(1, 3)):
            step, note = self.random.randrange(1000), f"{self.number}: {self.random.random()}"
            run(
                self.connection,
                f"INSERT INTO app.work VALUES ({self.number}, {step}, '{note}')"
                f" ON DUPLICATE KEY UPDATE note = '{note}'",
            )
            rows[step] = note
            self.pause()
            self.same(self.rows(), rows)
        if self.random.random() < 0.5:
            run(self.connection, "COMMIT")
            self.expected.rows = rows
        else:
            run(self.connection, "ROLLBACK")

    def insert_id(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO app.item (owner) VALUES ({self.number})")
            inserted = cursor.lastrowid
        self.pause()
        self.same(one(self.connection, "SELECT LAST_INSERT_ID()"), inserted)
        self.same(one(self.connection, f"SELECT owner FROM app.item WHERE id = {inserted}"), self.number)
        self.end()

    def end(self) -> None:
        """Without autocommit every statement opens a transaction; keep what was written."""
        if not self.expected.autocommit:
            run(self.connection, "COMMIT")

    # Looking

    def rows(self) -> dict[int, str]:
        found = fetch(
            self.connection, f"SELECT step, note FROM app.work WHERE client = {self.number} AND step >= 0"
        )
        return dict(found)

    def check_settings(self) -> None:
        self.same(fetch(self.connection, SETTINGS)[0], self.expected.settings())

    def check_rows(self) -> None:
        self.same(self.rows(), self.expected.rows)
        self.end()

    def same(self, found: object, expected: object) -> None:
        assert found == expected, f"client {self.number} found {found}, not {expected}"


class Crowd:
    """All clients, each in a thread; `problems` has what went wrong."""

    def __init__(self, daemon: ProxyDaemon, seed: int) -> None:
        self.daemon = daemon
        self.seed = seed
        self.problems: list[str] = []
        self.done = 0
        self._lock = threading.Lock()
        # Nobody begins before all are connected, nobody leaves before all are done.
        self._meeting = threading.Barrier(CLIENTS)

    def run(self) -> None:
        before = threading.stack_size(STACK_SIZE)
        try:
            threads = [
                threading.Thread(target=self._client, args=(number,), daemon=True)
                for number in range(CLIENTS)
            ]
            for thread in threads:
                thread.start()
        finally:
            threading.stack_size(before)
        deadline = time.monotonic() + CROWD_LIMIT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _client(self, number: int) -> None:
        try:
            with self.daemon.connect(autocommit=None) as connection:
                self._meeting.wait(CROWD_LIMIT)
                Client(number, self.seed, connection).work()
                self._meeting.wait(CROWD_LIMIT)
            with self._lock:
                self.done += 1
        except threading.BrokenBarrierError:
            # Another client failed and tells why.
            return
        except Exception as problem:
            with self._lock:
                self.problems.append(f"client {number}: {type(problem).__name__}: {problem}")
            self._meeting.abort()
