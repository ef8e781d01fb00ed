"""The private database of the benchmark: one table, one account, and what its statements must answer."""

import random
import secrets
import socket
import zlib
from collections.abc import Sequence
from pathlib import Path

import attrs

from proxy.demo.private_server import PrivateMariaDB

from .cases import START_UP
from .packets import Account, WrongResponse, ask, converse, log_in, query, read_response, rows
from .prepared import PreparedPoint, execution, prepared, row_of

__all__ = ["SINK", "Address", "Expected", "LargeResult", "connect", "expect", "fill", "server"]

Address = tuple[str, int]

SCHEMA = "bench"
USERNAME = "bench"
SINK = "sink"
"""A table for lines of a file."""
MAX_ALLOWED_PACKET = 128 * 1024 * 1024
MAX_CONNECTIONS = 1000
ROWS = 50_000
BODY_LENGTH = 80
LARGE_BODY_LENGTH = 1000
POINTS = 500
"""How many different rows the point selects ask for, in a random order that is the same each time."""
TAIL = 64
CONNECTION_LIMIT = 30.0
"""Seconds without a byte after which a connection counts as stuck."""

TABLE = f"""\
CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4;
CREATE TABLE {SCHEMA}.points (id INT UNSIGNED NOT NULL PRIMARY KEY, body VARCHAR({BODY_LENGTH}) NOT NULL);
INSERT INTO {SCHEMA}.points
  WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
  SELECT n, RPAD(CONCAT('row ', n, ' '), {BODY_LENGTH}, '.') FROM numbers;
CREATE TABLE {SCHEMA}.{SINK} (line VARCHAR(1000));
"""
# The large bodies are made while they are sent: stored ones would not fit into the small buffer pool. A range
# of an index has no status flag that only a server could put into the EOF packet before the rows.
LARGE_SQL = (
    f"SELECT id, REPEAT(CHAR(97 + id % 26), {LARGE_BODY_LENGTH}) FROM points FORCE INDEX (PRIMARY)"
    " WHERE id > 0 ORDER BY id"
)


@attrs.frozen
class LargeResult:
    """The statement of the large result, and what tells a right response from a wrong one."""

    statement: bytes
    size: int
    checksum: int
    tail: bytes


@attrs.frozen
class Expected:
    """What the database answers directly, byte for byte, once its rows have been found right."""

    #: Pairs of a point select and its response.
    points: list[tuple[bytes, bytes]]
    prepared: list[PreparedPoint]
    visit: tuple[bytes, bytes]
    #: The start-up statements and the SELECT after them.
    session: list[tuple[bytes, bytes]]
    large: LargeResult


def server(folder: Path) -> PrivateMariaDB:
    """Return the database, not yet started."""
    options = (
        f"--max-connections={MAX_CONNECTIONS}",
        f"--max-allowed-packet={MAX_ALLOWED_PACKET}",
        "--max-connect-errors=1000000",
        "--back-log=1000",
    )
    return PrivateMariaDB(folder, options=options)


def fill(database: PrivateMariaDB, *, legacy_eof: bool) -> Account:
    """Make the table and the account."""
    password = secrets.token_hex(12)
    database.execute("SET max_recursive_iterations = 1000000;" + TABLE)
    database.execute(f"CREATE USER '{USERNAME}'@'%' IDENTIFIED BY '{password}'")
    database.execute(f"GRANT SELECT ON {SCHEMA}.* TO '{USERNAME}'@'%'")
    database.execute(f"GRANT INSERT ON {SCHEMA}.{SINK} TO '{USERNAME}'@'%'")
    return Account(USERNAME, password, SCHEMA, legacy_eof)


def connect(address: Address, account: Account) -> socket.socket:
    """Return a blocking socket that is logged in. Raises WrongResponse and OSError."""
    connection = socket.create_connection(address, timeout=CONNECTION_LIMIT)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        converse(connection, log_in(account))
    except BaseException:
        connection.close()
        raise
    return connection


def expect(address: Address, account: Account) -> Expected:
    """Ask the database itself and check every row. Raises WrongResponse."""
    with connect(address, account) as connection:
        dice = random.Random(SCHEMA)
        numbers = [dice.randint(1, ROWS) for _ in range(POINTS)]
        points = [_point(connection, number, account.legacy_eof) for number in numbers]
        visit = _visit(connection, account.legacy_eof)
        large = _large(connection, account.legacy_eof)
        by_prepared = _prepared(connection, numbers, account.legacy_eof)
        # Last, for it leaves other settings behind.
        session = [_setting(connection, sql) for sql in START_UP]
        session.append(_visit(connection, account.legacy_eof))
        return Expected(points, by_prepared, visit, session, large)


def _visit(connection: socket.socket, legacy_eof: bool) -> tuple[bytes, bytes]:
    statement = query("SELECT 1")
    answer = read_response(connection, statement, legacy_eof)
    _check(rows(answer, legacy_eof) == [[b"1"]])
    return statement, answer


def _setting(connection: socket.socket, sql: str) -> tuple[bytes, bytes]:
    statement = query(sql)
    return statement, ask(connection, statement)


def _body(number: int) -> bytes:
    return f"row {number} ".ljust(BODY_LENGTH, ".").encode()


def _point(connection: socket.socket, number: int, legacy_eof: bool) -> tuple[bytes, bytes]:
    statement = query(f"SELECT id, body FROM points WHERE id = {number}")
    answer = read_response(connection, statement, legacy_eof)
    _check(rows(answer, legacy_eof) == [[str(number).encode(), _body(number)]])
    return statement, answer


def _prepared(connection: socket.socket, numbers: Sequence[int], legacy_eof: bool) -> list[PreparedPoint]:
    statement = prepared(connection, legacy_eof)
    points: list[PreparedPoint] = []
    for number in numbers:
        answer = read_response(connection, execution(statement, number, with_type=not points), legacy_eof)
        _check(row_of(number, _body(number)) in answer)
        points.append((number, answer))
    return points


def _large(connection: socket.socket, legacy_eof: bool) -> LargeResult:
    statement = query(LARGE_SQL)
    answer = read_response(connection, statement, legacy_eof)
    found = rows(answer, legacy_eof)
    _check(len(found) == ROWS)
    for number, row in enumerate(found, 1):
        _check(row == [str(number).encode(), bytes((97 + number % 26,)) * LARGE_BODY_LENGTH])
    return LargeResult(statement, len(answer), zlib.crc32(answer), answer[-TAIL:])


def _check(right: bool) -> None:
    if not right:
        raise WrongResponse("the database itself does not answer as expected")
