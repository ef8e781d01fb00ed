"""Scenarios about values: every type in both protocols, long ones, NULL, characters of four bytes."""

import datetime as dt
import hashlib
from decimal import Decimal
from typing import Any

from .column_types import ROWS, Column, columns_of, create, insert, normal
from .links import Link, Outcome
from .stage import Stage, scenario

LONG = 20_000_000
"""Bytes of the long values: more than one packet of the protocol holds."""
EMOJI = "😀 日本 ünï \\ ' \" % \0 \n"


def _typed_rows(stage: Stage, link: Link, *, binary: bool) -> tuple[str, list[Column]]:
    left_out = stage.driver.unreadable | (stage.driver.unreadable_in_binary if binary else frozenset())
    columns = [column for column in columns_of(stage.vendor) if column.name not in left_out]
    table = f"types_{stage.driver.name.replace('-', '_')}"
    link.run(f"DROP TABLE IF EXISTS {table}")
    link.run(create(table, columns))
    for row in ROWS:
        link.run(insert(table, columns, row))
    return table, columns


def _check(outcome: Outcome, columns: list[Column], odd: frozenset[str] = frozenset()) -> object:
    assert {row[0] for row in outcome.rows} == set(ROWS)
    for row in outcome.rows:
        for column, value in zip(columns, row[1:], strict=True):
            if row[0] == "null":
                assert value is None, column.name
            elif column.has_expected and column.name not in odd:
                assert normal(value) == column.expected(row[0]), (column.name, row[0], value)
    return outcome, [[type(value).__name__ for value in row] for row in outcome.rows]


@scenario()
def every_type_as_text(stage: Stage) -> object:
    link = stage.open()
    table, columns = _typed_rows(stage, link, binary=False)
    return _check(link.run(f"SELECT * FROM {table} ORDER BY row_name"), columns)


@scenario("prepared")
def every_type_in_binary(stage: Stage) -> object:
    link = stage.open()
    table, columns = _typed_rows(stage, link, binary=True)
    sql = f"SELECT * FROM {table} WHERE row_name <> {stage.driver.marker} ORDER BY row_name"
    [outcome] = link.prepared(sql, ("",))
    return _check(outcome, columns, stage.driver.odd_in_binary)


PARAMETERS: tuple[tuple[str, Any], ...] = (
    ("BIGINT", -(1 << 63)),
    ("BIGINT", 1 << 62),
    ("DOUBLE", 0.1),
    ("DECIMAL(20,5)", Decimal("-12345.67890")),
    ("VARCHAR(100)", EMOJI),
    ("VARBINARY(300)", bytes(range(256))),
    ("DATE", dt.date(2024, 2, 29)),
    ("DATETIME(6)", dt.datetime(2024, 2, 29, 12, 34, 56, 789)),
    ("TIME", dt.timedelta(hours=12, minutes=34, seconds=56)),
    ("INT", None),
)


def _parameters_table(stage: Stage, link: Link) -> str:
    types = ", ".join(f"c{at} {kind}" for at, (kind, _) in enumerate(PARAMETERS))
    return stage.table(link, f"id INT AUTO_INCREMENT PRIMARY KEY, {types}")


def _insert_parameters(table: str, marker: str) -> str:
    names = ", ".join(f"c{at}" for at in range(len(PARAMETERS)))
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join([marker] * len(PARAMETERS))})"


@scenario()
def parameters_as_text(stage: Stage) -> object:
    link = stage.open()
    table = _parameters_table(stage, link)
    odd = stage.driver.odd_as_text
    values = tuple(None if isinstance(value, odd) else value for _, value in PARAMETERS)
    outcome = link.run(_insert_parameters(table, "%s"), values)
    read = link.run(f"SELECT * FROM {table}")
    assert [normal(value) for value in read.rows[0][1:]] == list(values)
    return outcome, read


@scenario("prepared")
def parameters_in_binary(stage: Stage) -> object:
    link = stage.open()
    table = _parameters_table(stage, link)
    odd = stage.driver.odd_parameters
    values = tuple(None if isinstance(value, odd) else value for _, value in PARAMETERS)
    nulls = (None,) * len(values)
    marker = stage.driver.marker
    outcomes = link.prepared(_insert_parameters(table, marker), values, nulls, values)
    read = link.prepared(f"SELECT * FROM {table} WHERE id >= {marker} ORDER BY id", (1,), (2,), (9,))
    assert [len(each.rows) for each in read] == [3, 2, 0]
    if not odd:
        assert [normal(value) for value in read[0].rows[0][1:]] == list(values)
    assert read[0].rows[1][1:] == nulls
    return outcomes, read


@scenario()
def emoji(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "`größe` VARCHAR(100)")
    link.run(f"INSERT INTO {table} VALUES (%s), ('😀')", (EMOJI,))
    outcome = link.run(
        f"SELECT `größe` AS `größte ñ`, CHAR_LENGTH(`größe`) FROM {table} WHERE `größe` = '😀'"
    )
    assert outcome.rows == (("😀", 1),)
    assert link.rows(f"SELECT `größe` FROM {table} WHERE `größe` <> '😀'") == [(EMOJI,)]
    with stage.fails(1054, "größer"):
        link.run(f"SELECT größer FROM {table}")
    return outcome


@scenario()
def nulls_and_nothing(stage: Stage) -> object:
    link = stage.open()
    outcome = link.run("SELECT NULL, '', %s, 1 IS NULL", (None,))
    assert [(row[0], normal(row[1]), row[2], row[3]) for row in outcome.rows] == [(None, "", None, 0)]
    empty = link.run("SELECT 1 AS one FROM DUAL WHERE 0")
    assert empty.rows == ()
    return outcome, empty


@scenario(only="plain", is_complete=True)
def long_values(stage: Stage) -> object:
    """20 MB there and back: more than one packet of the protocol in each direction."""
    link = stage.open()
    table = stage.table(link, "content LONGBLOB")
    # Nothing that a driver would have to escape, for that is what takes the drivers' time.
    content = b"0123456789abcdef" * (LONG // 16)
    link.run(f"INSERT INTO {table} VALUES (%s)", (content.decode(),))
    [[length, digest]] = link.rows(f"SELECT LENGTH(content), SHA2(content, 256) FROM {table}")
    assert (length, digest) == (LONG, hashlib.sha256(content).hexdigest())
    read = link.one(f"SELECT LEFT(content, {stage.driver.longest_text}) FROM {table}")
    assert bytes(read) == content[: stage.driver.longest_text]
    link.run(f"DROP TABLE {table}")
    return digest


@scenario("prepared", only="tls", is_complete=True)
def long_values_in_binary(stage: Stage) -> object:
    link = stage.open()
    table = stage.table(link, "content LONGBLOB")
    content = bytes(range(256)) * (LONG // 256)
    link.prepared(f"INSERT INTO {table} VALUES ({stage.driver.marker})", (content,))
    assert link.one(f"SELECT SHA2(content, 256) FROM {table}") == hashlib.sha256(content).hexdigest()
    length = stage.driver.longest_in_binary
    [outcome] = link.prepared(f"SELECT LEFT(content, {stage.driver.marker}) FROM {table}", (length,))
    assert bytes(outcome.rows[0][0]) == content[:length]
    link.run(f"DROP TABLE {table}")
    return True


@scenario(only="plain", is_complete=True)
def packets_at_the_border(stage: Stage) -> object:
    """Rows whose packet is as long as a packet can be, one byte less and one more."""
    link = stage.open()
    lengths = [(1 << 24) - 1 - 4 + more for more in (-1, 0, 1)]
    for length in lengths:
        assert len(link.one(f"SELECT REPEAT('x', {length})")) == length
    return lengths
