"""The tables of the programs' scenarios: made once in each database, emptied before each run."""

from collections.abc import Callable
from typing import Any

__all__ = ["CLEAR", "COLUMNS", "SETUP", "run_all"]

TYPES = {
    "id": "INT PRIMARY KEY",
    "tiny": "TINYINT",
    "tiny_positive": "TINYINT UNSIGNED",
    "small": "SMALLINT",
    "medium": "MEDIUMINT",
    "normal": "INT",
    "padded": "INT(8) UNSIGNED ZEROFILL",
    "large": "BIGINT",
    "large_positive": "BIGINT UNSIGNED",
    "bits": "BIT(12)",
    "single_": "FLOAT",
    "double_": "DOUBLE",
    "exact": "DECIMAL(40,10)",
    "day": "DATE",
    "moment": "DATETIME(6)",
    "stamp": "TIMESTAMP(3) NULL",
    "clock": "TIME",
    "fine_clock": "TIME(6)",
    "year_": "YEAR",
    "fixed": "CHAR(10)",
    "words": "VARCHAR(100)",
    "western": "VARCHAR(20) CHARACTER SET latin1",
    "raw": "BINARY(4)",
    "raw_words": "VARBINARY(10)",
    "tiny_blob": "TINYBLOB",
    "some_blob": "BLOB",
    "medium_text": "MEDIUMTEXT",
    "long_text": "LONGTEXT",
    "colour": "ENUM('red', 'green', 'blue')",
    "tags": "SET('a', 'b', 'c')",
    "document": "JSON",
    "place": "GEOMETRY",
}
COLUMNS = list(TYPES)

ROWS = (
    "1, -128, 255, -32768, -8388608, -2147483648, 42, -9223372036854775808, 18446744073709551615,"
    " b'101010101010', -1.5, 0.1, 123456789012345678901234567890.0123456789, '2024-02-29',"
    " '2024-02-29 23:59:59.123456', '2024-02-29 12:00:00.5', '-838:59:59', '12:34:56.000789', 2155, 'fixed',"
    " 'grüße 😀', 'Zürich', x'00FF1080', x'00', '', x'0001020304', 'medium', 'long', 'green', 'a,c',"
    " '{\"a\": [1, 2]}', ST_GeomFromText('POINT(1 2)')",
    "2, 127, 0, 32767, 8388607, 2147483647, 0, 9223372036854775807, 0, b'0', 0, -1.25, 0, '1000-01-01',"
    " '9999-12-31 00:00:00', '2001-01-01 00:00:00', '00:00:00', '00:00:00', 1901, '', '', '', x'01020304',"
    " '', 'tiny', '', '', '', 'red', '', '[]', ST_GeomFromText('LINESTRING(0 0, 1 1)')",
    "3" + ", NULL" * (len(TYPES) - 1),
)

SETUP = (
    "SET NAMES utf8mb4",
    "CREATE TABLE app.od_item (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(100) UNIQUE)"
    " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE app.od_big (id INT AUTO_INCREMENT PRIMARY KEY, content LONGBLOB)",
    f"CREATE TABLE app.od_types ({', '.join(f'{name} {kind}' for name, kind in TYPES.items())})"
    " CHARACTER SET utf8mb4",
    *(f"INSERT INTO app.od_types VALUES ({row})" for row in ROWS),
)
CLEAR = ("TRUNCATE app.od_item", "TRUNCATE app.od_big")


def run_all(connect: Callable[[], Any], statements: tuple[str, ...]) -> None:
    """Run statements one after the other on a connection of their own."""
    with connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
