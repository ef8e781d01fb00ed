"""One face for all drivers: a link is a connection of some driver, with the same methods for each.

The common part is DB-API 2.0 as PyMySQL, mysqlclient, aiomysql and asyncmy understand it; the drivers that do
otherwise override what differs (`drivers.py`).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from ..servers import Place

__all__ = ["Driver", "Link", "Outcome", "Wish"]

Arguments = Sequence[object]
Row = tuple[Any, ...]


@attrs.frozen
class Wish:
    """What a scenario wants of a connection beyond the plain one."""

    tls: bool = False
    authority: Path | None = None
    """Another one than the place's own."""
    user: str = ""
    password: str = ""
    schema: str = ""
    autocommit: bool = True
    compress: bool = False
    local_infile: bool = False
    multi_statements: bool = False
    found_rows: bool = False


@attrs.frozen
class Outcome:
    """All that a driver tells of one result."""

    rows: tuple[Row, ...] = ()
    columns: object = None
    affected: int = 0
    insert_id: int | None = None


class Link:
    """A connection of a driver."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    # Statements

    def cursor(self) -> Any:
        """A plain cursor."""
        return self.raw.cursor()

    def run(self, sql: str, arguments: Arguments | None = None) -> Outcome:
        """Run one statement in the text protocol."""
        cursor = self.cursor()
        try:
            _execute(cursor, sql, arguments)
            return self.outcome(cursor)
        finally:
            cursor.close()

    def rows(self, sql: str, arguments: Arguments | None = None) -> list[Row]:
        """The rows of one statement."""
        return list(self.run(sql, arguments).rows)

    def one(self, sql: str, arguments: Arguments | None = None) -> Any:
        """The first value of the first row."""
        return self.rows(sql, arguments)[0][0]

    def run_many(self, sql: str, rows: Sequence[Arguments]) -> tuple[int, int | None]:
        """executemany: rows affected and the last insert id."""
        cursor = self.cursor()
        try:
            cursor.executemany(sql, rows)
            return cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()

    def prepared(self, sql: str, *arguments: Arguments) -> list[Outcome]:
        """Prepare once, run in the binary protocol once for each of the `arguments`."""
        raise NotImplementedError

    def fetched_by_cursor(self, sql: str, size: int) -> list[Row]:
        """Rows of a cursor at the server, `size` of them with each fetch."""
        raise NotImplementedError

    def results(self, sql: str) -> list[Outcome]:
        """Run several statements, or a procedure, and return every result."""
        cursor = self.cursor()
        try:
            cursor.execute(sql)
            return self.all_outcomes(cursor)
        finally:
            cursor.close()

    def call(self, name: str, arguments: Arguments) -> tuple[list[Outcome], object]:
        """callproc: the results, and the parameters afterwards."""
        cursor = self.cursor()
        try:
            cursor.callproc(name, arguments)
            outcomes = self.all_outcomes(cursor)
        finally:
            cursor.close()
        variables = ", ".join(f"@_{name}_{at}" for at in range(len(arguments)))
        return outcomes, self.rows(f"SELECT {variables}")[0]

    def stream(self, sql: str) -> Iterator[Row]:
        """Rows one by one as they arrive, never all of them in memory."""
        cursor = self.raw.cursor(self.streaming_class())
        try:
            cursor.execute(sql)
            while (row := cursor.fetchone()) is not None:
                yield row
        finally:
            cursor.close()

    def streaming_class(self) -> Any:
        """The class of an unbuffered cursor."""
        raise NotImplementedError

    def outcome(self, cursor: Any) -> Outcome:
        """The result a cursor is at, with all its rows."""
        rows = tuple(tuple(row) for row in cursor.fetchall()) if cursor.description else ()
        return Outcome(rows, cursor.description, cursor.rowcount, cursor.lastrowid)

    def all_outcomes(self, cursor: Any) -> list[Outcome]:
        """This result and all that follow."""
        outcomes = [self.outcome(cursor)]
        while cursor.nextset():
            outcomes.append(self.outcome(cursor))
        return outcomes

    # Transactions

    def commit(self) -> None:
        """The driver's own way to commit."""
        self.raw.commit()

    def rollback(self) -> None:
        """The driver's own way to roll back."""
        self.raw.rollback()

    def autocommit(self, on: bool) -> None:
        """The driver's own way to switch autocommit."""
        self.raw.autocommit(on)

    # Session

    def thread_id(self) -> int:
        """What the driver holds for its connection id."""
        return int(self.raw.thread_id())

    def select_schema(self, name: str) -> None:
        """COM_INIT_DB."""
        self.raw.select_db(name)

    def ping(self) -> None:
        """COM_PING; raises when the connection is gone."""
        self.raw.ping(False)

    def change_user(self, user: str, password: str, schema: str) -> None:
        """COM_CHANGE_USER."""
        self.raw.change_user(user, password, schema)

    def reset(self) -> None:
        """COM_RESET_CONNECTION."""
        raise NotImplementedError

    def statistics(self) -> str:
        """COM_STATISTICS."""
        return str(self.raw.stat())

    def kill(self, thread_id: int) -> None:
        """COM_PROCESS_KILL or what the driver does instead."""
        self.raw.kill(thread_id)

    def warnings(self, sql: str) -> list[Row]:
        """Run a statement and return its warnings as the driver reports them."""
        self.run(sql)
        return [tuple(each) for each in self.raw.show_warnings()]

    def is_encrypted(self) -> bool:
        """Whether the driver's own socket speaks TLS."""
        raise NotImplementedError

    def close(self) -> None:
        """Say COM_QUIT and close."""
        self.raw.close()

    def call_blocking(self, call: Callable[[], object]) -> threading.Thread:
        """Begin a call in a thread, for a statement that another link is to end."""
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        return thread


class Driver:
    """A driver: how to connect with it, and what it has.

    `features` holds the names of the optional parts: `prepared`, `cursor`, `out_parameters`, `change_user`,
    `reset`, `infile`, `compress`, `statistics`, `bulk`, `two_phase`, `attributes`;
    `compressed_change_user`, where both go together; `single`, where several statements at once can be
    forbidden; `late_errors`, where an error behind a result is told as such.
    """

    name: str
    module: str
    """What has to be importable."""
    features: frozenset[str] = frozenset()
    placeholder = "%s"
    marker = "%s"
    """The placeholder in prepared statements."""
    second_charset = "latin1"
    """A character set that the driver can be switched to by SET NAMES, if any."""
    longest_text = 20_000_000
    """Bytes of a value that it can read in the text protocol."""
    longest_in_binary = 20_000_000
    """The same for the binary protocol."""
    is_apart = False
    """Whether it has to have a process of its own (`child.py`)."""
    unreadable: frozenset[str] = frozenset()
    """Names of columns (`column_types.py`) that the driver cannot read, not even directly."""
    unreadable_in_binary: frozenset[str] = frozenset()
    """The same for the binary protocol."""
    odd_in_binary: frozenset[str] = frozenset()
    """Columns that it reads in the binary protocol, but not as what they are."""
    odd_parameters: tuple[type, ...] = ()
    """Types whose values do not arrive as parameters of the binary protocol."""
    odd_as_text: tuple[type, ...] = ()
    """Types whose values it cannot write into a statement."""
    hides_password_errors = False
    """Whether, without TLS, it gives up by itself where `caching_sha2_password` wants the password."""

    def connect(self, place: Place, wish: Wish) -> Link:
        """Open a connection."""
        raise NotImplementedError

    def number_of(self, error: BaseException) -> int:
        """The server's error number."""
        return int(error.args[0])

    def text_of(self, error: BaseException) -> str:
        """The server's error text."""
        return str(error.args[1])

    def account(self, place: Place, wish: Wish) -> dict[str, Any]:
        """The arguments that every driver calls the same."""
        return {
            "host": place.host,
            "port": place.port,
            "user": wish.user or place.user,
            "password": wish.password or place.password,
            "database": wish.schema or place.schema,
        }

    def authority(self, place: Place, wish: Wish) -> str:
        """The authority to trust."""
        return str(wish.authority or place.authority)


def _execute(cursor: Any, sql: str, arguments: Arguments | None) -> None:
    if arguments is None:
        cursor.execute(sql)
    else:
        cursor.execute(sql, arguments)
