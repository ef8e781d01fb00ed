"""A table with a column of every type, and rows with a low, a high and no value of each."""

import datetime as dt
from decimal import Decimal
from typing import Any

import attrs

__all__ = ["COLUMNS", "ROWS", "Column", "columns_of", "create", "insert", "normal"]

ROWS = ("low", "high", "null")
_ABSENT: Any = object()


@attrs.frozen
class Column:
    """A column, with SQL literals for two rows and what a driver makes of them where all drivers agree."""

    name: str
    type: str
    low: str
    high: str
    expected_low: Any = _ABSENT
    expected_high: Any = _ABSENT
    only: str = ""
    """The vendor that knows the type; both where empty."""

    def expected(self, row: str) -> Any:
        """What `normal` makes of this column's value in a row; an object of its own where drivers differ."""
        return {"low": self.expected_low, "high": self.expected_high, "null": None}[row]

    @property
    def has_expected(self) -> bool:
        """Whether the values are known and the same in every driver."""
        return self.expected_low is not _ABSENT


def _integer(name: str, bits: int) -> list[Column]:
    half, whole = 1 << bits - 1, 1 << bits
    return [
        Column(f"{name}_s", f"{name} SIGNED", str(-half), str(half - 1), -half, half - 1),
        Column(f"{name}_u", f"{name} UNSIGNED", "0", str(whole - 1), 0, whole - 1),
    ]


def _text(name: str, size: int) -> Column:
    return Column(
        name.lower(), f"{name} CHARACTER SET utf8mb4", "''", f"REPEAT('é😀', {size})", "", "é😀" * size
    )


def _blob(name: str, size: int) -> Column:
    return Column(name.lower(), name, "''", f"REPEAT(X'00FF27', {size})", b"", b"\x00\xff'" * size)


_LONG = Decimal("9" * 35 + "." + "9" * 30)
COLUMNS: tuple[Column, ...] = (
    *_integer("TINYINT", 8),
    *_integer("SMALLINT", 16),
    *_integer("MEDIUMINT", 24),
    *_integer("INT", 32),
    *_integer("BIGINT", 64),
    Column("bool", "BOOLEAN", "FALSE", "TRUE", 0, 1),
    Column("zfill", "INT(8) UNSIGNED ZEROFILL", "7", "12345678"),
    Column("deci", "DECIMAL(65,30)", f"-{_LONG}", str(_LONG), _LONG.copy_negate(), _LONG),
    Column("deci0", "DECIMAL(10,0) UNSIGNED", "0", "9999999999", Decimal(0), Decimal(9999999999)),
    Column("flt", "FLOAT", "-1.5", "0.1"),
    Column("dbl", "DOUBLE", "-1.7976931348623157e308", "2.2250738585072014e-308"),
    Column("dbl_odd", "DOUBLE", "0.1", "123456789.123456789", 0.1, 123456789.123456789),
    Column("bit1", "BIT(1)", "b'0'", "b'1'"),
    Column("bit64", "BIT(64)", "b'0'", "~0"),
    Column("chr", "CHAR(20) CHARACTER SET utf8mb4", "''", "'ünï 😀'", "", "ünï 😀"),
    Column("chr_latin", "CHAR(20) CHARACTER SET latin1", "''", "'ünï'", "", "ünï"),
    Column("vchr", "VARCHAR(300) CHARACTER SET utf8mb4", "''", "REPEAT('日', 300)", "", "日" * 300),
    Column("vchr_bin", "VARCHAR(30) COLLATE utf8mb4_bin", "' a '", "'ß'", " a ", "ß"),
    Column("bin", "BINARY(8)", "''", "X'FF00FF00FF00FF00'", b"\0" * 8, b"\xff\0" * 4),
    Column("vbin", "VARBINARY(300)", "''", "X'00FE'", b"", b"\x00\xfe"),
    _text("TINYTEXT", 40),
    _text("TEXT", 100),
    _text("MEDIUMTEXT", 12_000),
    _text("LONGTEXT", 20_000),
    _blob("TINYBLOB", 80),
    _blob("BLOB", 100),
    _blob("MEDIUMBLOB", 22_000),
    _blob("LONGBLOB", 30_000),
    Column("enm", "ENUM('small', 'größer', '😀')", "'small'", "'größer'", "small", "größer"),
    Column("st", "SET('a', 'b', 'c')", "''", "'a,c'"),
    Column("dat", "DATE", "'1000-01-01'", "'9999-12-31'", dt.date(1000, 1, 1), dt.date(9999, 12, 31)),
    Column(
        *("tim", "TIME", "'-838:59:59'", "'838:59:59'"),
        dt.timedelta(hours=-838, minutes=-59, seconds=-59),
        dt.timedelta(hours=838, minutes=59, seconds=59),
    ),
    Column(
        *("tim6", "TIME(6)", "'00:00:00'", "'12:34:56.000789'"),
        dt.timedelta(),
        dt.timedelta(hours=12, minutes=34, seconds=56, microseconds=789),
    ),
    Column(
        *("dtm", "DATETIME", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"),
        dt.datetime(1000, 1, 1),
        dt.datetime(9999, 12, 31, 23, 59, 59),
    ),
    Column(
        *("dtm6", "DATETIME(6)", "'2000-01-01 00:00:00'", "'2024-02-29 12:34:56.000789'"),
        dt.datetime(2000, 1, 1),
        dt.datetime(2024, 2, 29, 12, 34, 56, 789),
    ),
    Column(
        *("stamp", "TIMESTAMP(6) NULL", "'1971-01-01 00:00:00'", "'2037-12-31 23:59:59.5'"),
        dt.datetime(1971, 1, 1),
        dt.datetime(2037, 12, 31, 23, 59, 59, 500000),
    ),
    Column("yr", "YEAR", "1901", "2155", 1901, 2155),
    Column("js", "JSON", "'[]'", '\'{"a": [1, "😀"]}\''),
    Column("geo", "GEOMETRY", "ST_GeomFromText('POINT(0 0)')", "ST_GeomFromText('LINESTRING(0 0,1 2)')"),
    Column("pnt", "POINT", "ST_GeomFromText('POINT(-1 -1)')", "ST_GeomFromText('POINT(1.5 2.5)')"),
    Column(
        "uid",
        "UUID",
        "'00000000-0000-0000-0000-000000000000'",
        "'12345678-1234-5678-9abc-def012345678'",
        only="mariadb",
    ),
    Column("ip6", "INET6", "'::'", "'2001:db8::ff00:42:8329'", only="mariadb"),
    Column("vec", "VECTOR(2)", "STRING_TO_VECTOR('[0,0]')", "STRING_TO_VECTOR('[1.5,-2]')", only="mysql"),
)


def columns_of(vendor: str) -> list[Column]:
    """The columns that a vendor's server knows."""
    return [column for column in COLUMNS if column.only in ("", vendor)]


def create(table: str, columns: list[Column]) -> str:
    """CREATE TABLE with these columns."""
    return f"CREATE TABLE {table} (row_name VARCHAR(10) PRIMARY KEY, " + (
        ", ".join(f"c_{column.name} {column.type}" for column in columns) + ")"
    )


def insert(table: str, columns: list[Column], row: str) -> str:
    """INSERT of one of the rows, from literals."""
    literals = ["NULL" if row == "null" else getattr(column, row) for column in columns]
    return f"INSERT INTO {table} VALUES ('{row}', {', '.join(literals)})"


def normal(value: Any) -> Any:
    """A value as all drivers would have it: no bytearray, no date that is a datetime at midnight."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value
