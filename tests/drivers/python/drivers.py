"""The Python drivers, each with its own way to say the same thing."""

import datetime as dt
import importlib
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from ..servers import Place
from .blocking import BlockingConnection
from .links import Arguments, Driver, Link, Outcome, Row, Wish

__all__ = ["DRIVERS"]

TIMEOUT = 30
"""Seconds after which a driver gives up."""
MULTI_STATEMENTS, FOUND_ROWS = 1 << 16, 1 << 1
# Known to both vendors; connectors of Oracle would ask MariaDB for one of MySQL's.
COLLATION = "utf8mb4_unicode_ci"
VECTOR = frozenset({"vec"})
SESSION = frozenset({"change_user", "reset"})
COMPRESSION = frozenset({"compress", "compressed_change_user"})


def _flags(wish: Wish) -> int:
    return MULTI_STATEMENTS * wish.multi_statements | FOUND_ROWS * wish.found_rows


class PyMySQLLink(Link):
    def streaming_class(self) -> Any:
        return importlib.import_module("pymysql.cursors").SSCursor

    def is_encrypted(self) -> bool:
        return isinstance(self.raw._sock, ssl.SSLSocket)


class PyMySQL(Driver):
    name = module = "pymysql"
    unreadable = VECTOR
    features = frozenset({"infile", "out_parameters", "single", "late_errors"})

    def connect(self, place: Place, wish: Wish) -> Link:
        pymysql = importlib.import_module(self.module)
        tls: dict[str, Any] = (
            {"ssl": {"ca": self.authority(place, wish)}} if wish.tls else {"ssl_disabled": True}
        )
        return PyMySQLLink(
            pymysql.connect(
                **self.account(place, wish),
                **tls,
                autocommit=wish.autocommit,
                local_infile=wish.local_infile,
                client_flag=_flags(wish),
                connect_timeout=TIMEOUT,
                read_timeout=TIMEOUT,
            )
        )


class MySQLClientLink(Link):
    def streaming_class(self) -> Any:
        return importlib.import_module("MySQLdb.cursors").SSCursor

    def ping(self) -> None:
        self.raw.ping()

    def is_encrypted(self) -> bool:
        # The library does not tell; the tests of certificates show that it uses them.
        return True


class MySQLClient(Driver):
    name, module = "mysqlclient", "MySQLdb"
    features = frozenset(
        {"infile", "out_parameters", "change_user", "statistics", "single", "late_errors", *COMPRESSION}
    )

    def connect(self, place: Place, wish: Wish) -> Link:
        driver = importlib.import_module(self.module)
        tls: dict[str, Any] = {"ssl_mode": "DISABLED"}
        if wish.tls:
            tls = {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": self.authority(place, wish)}}
        options: dict[str, Any] = {"compress": True} if wish.compress else {}
        return MySQLClientLink(
            driver.connect(
                **self.account(place, wish),
                **tls,
                **options,
                autocommit=wish.autocommit,
                local_infile=int(wish.local_infile),
                multi_statements=wish.multi_statements,
                client_flag=_flags(wish),
                charset="utf8mb4",
                connect_timeout=TIMEOUT,
                read_timeout=TIMEOUT,
            )
        )


class ConnectorLink(Link):
    def cursor(self) -> Any:
        return self.raw.cursor(buffered=True)

    def prepared(self, sql: str, *arguments: Arguments) -> list[Outcome]:
        cursor = self.raw.cursor(prepared=True)
        try:
            outcomes = []
            for each in arguments:
                cursor.execute(sql, tuple(each))
                outcomes.append(self.outcome(cursor))
            return outcomes
        finally:
            cursor.close()

    def results(self, sql: str) -> list[Outcome]:
        cursor = self.raw.cursor()
        try:
            cursor.execute(sql)
            return self.all_outcomes(cursor)
        finally:
            cursor.close()

    def call(self, name: str, arguments: Arguments) -> tuple[list[Outcome], object]:
        cursor = self.raw.cursor()
        try:
            after = cursor.callproc(name, arguments)
            results = [Outcome(tuple(each.fetchall()), each.description) for each in cursor.stored_results()]
            return results, tuple(after)
        finally:
            cursor.close()

    def stream(self, sql: str) -> Iterator[Row]:
        cursor = self.raw.cursor(buffered=False)
        try:
            cursor.execute(sql)
            while (row := cursor.fetchone()) is not None:
                yield tuple(row)
        finally:
            cursor.close()

    def autocommit(self, on: bool) -> None:
        self.raw.autocommit = on

    def thread_id(self) -> int:
        return int(self.raw.connection_id)

    def select_schema(self, name: str) -> None:
        self.raw.cmd_init_db(name)

    def ping(self) -> None:
        self.raw.ping(reconnect=False)

    def change_user(self, user: str, password: str, schema: str) -> None:
        self.raw.cmd_change_user(user, password, schema)

    def reset(self) -> None:
        self.raw.cmd_reset_connection()

    def statistics(self) -> str:
        return str(self.raw.cmd_statistics())

    def kill(self, thread_id: int) -> None:
        self.raw.cmd_process_kill(thread_id)

    def warnings(self, sql: str) -> list[Row]:
        self.raw.get_warnings = True
        cursor = self.cursor()
        try:
            cursor.execute(sql)
            if cursor.description:
                cursor.fetchall()
            return [tuple(each) for each in cursor.warnings or ()]
        finally:
            cursor.close()
            self.raw.get_warnings = False

    def is_encrypted(self) -> bool:
        # The C extension always says no; the tests of certificates show that it uses them.
        return type(self.raw).__name__ == "CMySQLConnection" or bool(self.raw.is_secure)


class Connector(Driver):
    """Oracle's connector, written in Python."""

    name, module = "connector-pure", "mysql.connector"
    features = frozenset(
        {"infile", "out_parameters", *SESSION, "statistics", "prepared", "compress", "attributes"}
    )
    is_pure = True
    # It takes one of a YEAR's two bytes, and all columns behind it for others.
    unreadable_in_binary = frozenset({"yr"})
    odd_in_binary = frozenset({"vchr_bin", "tim"})
    longest_in_binary = 16_000_000

    def connect(self, place: Place, wish: Wish) -> Link:
        driver = importlib.import_module(self.module)
        tls: dict[str, Any] = {"ssl_disabled": True}
        if wish.tls:
            authority = self.authority(place, wish)
            tls = {"ssl_ca": authority, "ssl_verify_cert": True, "ssl_verify_identity": True}
        flags = importlib.import_module("mysql.connector.constants").ClientFlag
        wanted = [flags.MULTI_STATEMENTS if wish.multi_statements else -flags.MULTI_STATEMENTS]
        wanted.append(flags.FOUND_ROWS if wish.found_rows else -flags.FOUND_ROWS)
        return ConnectorLink(
            driver.connect(
                **self.account(place, wish),
                **tls,
                use_pure=self.is_pure,
                autocommit=wish.autocommit,
                compress=wish.compress,
                allow_local_infile=wish.local_infile,
                client_flags=wanted,
                charset="utf8mb4",
                collation=COLLATION,
                connection_timeout=TIMEOUT,
                read_timeout=TIMEOUT,
            )
        )

    def number_of(self, error: BaseException) -> int:
        return int(getattr(error, "errno", -1))

    def text_of(self, error: BaseException) -> str:
        return str(getattr(error, "msg", ""))


class CConnector(Connector):
    """Oracle's connector on Oracle's library. It runs in a process of its own (`child.py`)."""

    name, module = "connector-c", "mysql.connector"
    features = Connector.features | COMPRESSION
    is_pure = False
    unreadable_in_binary = frozenset()
    odd_in_binary = frozenset({"BIGINT_u"})
    odd_parameters = (dt.timedelta,)
    hides_password_errors = True
    longest_in_binary = 20_000_000
    is_apart = True


class MariaDBLink(Link):
    def prepared(self, sql: str, *arguments: Arguments) -> list[Outcome]:
        cursor = self.raw.cursor(binary=True, prepared=True)
        try:
            outcomes = []
            for each in arguments:
                cursor.execute(sql, tuple(each))
                outcomes.append(self.outcome(cursor))
            return outcomes
        finally:
            cursor.close()

    def fetched_by_cursor(self, sql: str, size: int) -> list[Row]:
        read_only = importlib.import_module("mariadb.constants.CURSOR").READ_ONLY
        cursor = self.raw.cursor(cursor_type=read_only, prefetch_size=size, buffered=False)
        try:
            cursor.execute(sql)
            rows = []
            while batch := cursor.fetchmany(size):
                rows += [tuple(each) for each in batch]
            return rows
        finally:
            cursor.close()

    def call(self, name: str, arguments: Arguments) -> tuple[list[Outcome], object]:
        cursor = self.raw.cursor()
        try:
            cursor.callproc(name, tuple(arguments))
            results, after = [], None
            while True:
                if cursor.sp_outparams:
                    after = cursor.fetchone()
                elif cursor.description:
                    results.append(Outcome(tuple(cursor.fetchall()), cursor.description))
                if not cursor.nextset():
                    return results, after
        finally:
            cursor.close()

    def stream(self, sql: str) -> Iterator[Row]:
        cursor = self.raw.cursor(buffered=False)
        try:
            cursor.execute(sql)
            while (row := cursor.fetchone()) is not None:
                yield row
        finally:
            cursor.close()

    def autocommit(self, on: bool) -> None:
        self.raw.autocommit = on

    def thread_id(self) -> int:
        return int(self.raw.thread_id)

    def ping(self) -> None:
        self.raw.ping()

    def reset(self) -> None:
        self.raw.reset()

    def warnings(self, sql: str) -> list[Row]:
        self.run(sql)
        return [tuple(each) for each in self.raw.show_warnings() or ()]

    def is_encrypted(self) -> bool:
        return bool(self.raw.tls_version)


class MariaDB(Driver):
    """MariaDB's Connector/Python, on MariaDB's library."""

    name = module = "mariadb"
    features = frozenset(
        {"infile", "out_parameters", *SESSION, "prepared", "cursor", "bulk", "two_phase", *COMPRESSION}
    )
    marker = "?"
    # A VECTOR ends the whole process.
    unreadable = VECTOR
    odd_in_binary = frozenset({"TINYINT_s"})
    # SET NAMES ends in a SystemError of its C code.
    second_charset = ""

    def connect(self, place: Place, wish: Wish) -> Link:
        driver = importlib.import_module(self.module)
        tls: dict[str, Any] = {"ssl": False}
        if wish.tls:
            tls = {"ssl": True, "ssl_ca": self.authority(place, wish), "ssl_verify_cert": True}
        return MariaDBLink(
            driver.connect(
                **self.account(place, wish),
                **tls,
                autocommit=wish.autocommit,
                compress=wish.compress,
                local_infile=wish.local_infile,
                client_flag=_flags(wish),
                connect_timeout=TIMEOUT,
                read_timeout=TIMEOUT,
            )
        )

    def number_of(self, error: BaseException) -> int:
        return int(getattr(error, "errno", -1))

    def text_of(self, error: BaseException) -> str:
        return str(error)


class AioMySQLLink(Link):
    def streaming_class(self) -> Any:
        return importlib.import_module("aiomysql").SSCursor

    def is_encrypted(self) -> bool:
        return self.raw._writer.get_extra_info("ssl_object") is not None


class AioMySQL(Driver):
    name = module = "aiomysql"
    # Its call of PyMySQL's converter of bytes fails.
    odd_as_text: tuple[type, ...] = (bytes,)
    unreadable = VECTOR
    features = frozenset({"infile", "out_parameters", "late_errors"})
    link: type[Link] = AioMySQLLink

    def options(self, wish: Wish) -> dict[str, Any]:
        """What this driver calls otherwise."""
        return {}

    def connect(self, place: Place, wish: Wish) -> Link:
        driver = importlib.import_module(self.module)
        account = self.account(place, wish)
        account["db"] = account.pop("database")
        context = ssl.create_default_context(cafile=self.authority(place, wish)) if wish.tls else None
        return self.link(
            BlockingConnection(
                driver.connect,
                **account,
                **self.options(wish),
                ssl=context,
                autocommit=wish.autocommit,
                local_infile=wish.local_infile,
                client_flag=_flags(wish),
                charset="utf8mb4",
                connect_timeout=TIMEOUT,
            )
        )


class AsyncMyLink(Link):
    def streaming_class(self) -> Any:
        return importlib.import_module("asyncmy.cursors").SSCursor

    def is_encrypted(self) -> bool:
        return self.raw._transport.get_extra_info("ssl_object") is not None

    def prepared(self, sql: str, *arguments: Arguments) -> list[Outcome]:
        statement = self.raw.prepare(sql)
        try:
            return [_of_statement(statement.execute(tuple(each))) for each in arguments]
        finally:
            statement.close()


def _of_statement(result: Any) -> Outcome:
    rows: Sequence[Row] = result.rows or ()
    return Outcome(tuple(rows), result.description, result.affected_rows, result.insert_id)


class AsyncMy(AioMySQL):
    name = module = "asyncmy"
    # LOCAL INFILE ends in a TypeError of its own, and it takes a row above 16 MiB for the end of the rows.
    features = frozenset({"out_parameters", "prepared", "late_errors"})
    longest_text = 16_000_000
    odd_as_text = ()
    link = AsyncMyLink
    marker = "?"

    def options(self, wish: Wish) -> dict[str, Any]:
        return {"read_timeout": TIMEOUT}


DRIVERS: tuple[Driver, ...] = (
    PyMySQL(),
    MySQLClient(),
    Connector(),
    CConnector(),
    MariaDB(),
    AioMySQL(),
    AsyncMy(),
)
"""All of them, in the order in which the tests take them."""
