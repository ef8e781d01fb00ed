"""Answers SHOW WARNINGS, SHOW ERRORS and SHOW COUNT(*) from conditions that are held, as the database would.

The bytes are those of MySQL 9 and MariaDB 10.11 with CLIENT_DEPRECATE_EOF, sequence ids from 1: they may go
through a client's response scanner. `SHOW COUNT(*) WARNINGS` is `SELECT @@session.warning_count` to both;
its column differs from the one of the conditions' numbers in name, length, type and flags only. MySQL manual,
"Text Resultset", "Binary Protocol Resultset".
"""

from ..wire.datatypes import MalformedPacket, Reader, lenenc_bytes
from ..wire.framing import frame
from ..wire.results import EOF, OkPacket
from ..wire.status import Status
from .conditions import Conditions, row_fields
from .show_conditions import ShowConditions, Shown

__all__ = ["show_answer"]

_COUNTED = {Shown.WARNINGS: "@@session.warning_count", Shown.ERRORS: "@@session.error_count"}
_INT64 = 0x08
_BINARY_CHARSET = 63
_COUNT_LENGTH = 21
#: UNSIGNED and BINARY.
_COUNT_FLAGS = 0x20 | 0x80
#: Bytes of a definition from the length of its fixed fields on.
_FIXED = 13


def show_answer(
    held: Conditions,
    show: ShowConditions,
    *,
    status: int,
    charset: str,
    is_mariadb: bool,
    binary: bool = False,
) -> bytes | None:
    """The response to one of these statements; None if only the connection that is gone could tell.

    status: the session's status flags. charset: its `character_set_results` now. binary: to an EXECUTE of the
    binary protocol (MySQL does not prepare these statements). ``held`` must not be empty: a connection that
    holds nobody's conditions shows none.
    """
    if not held or charset != held.charset:
        return None
    try:
        return _answer(held, show, status & ~Status.MORE_RESULTS_EXISTS, is_mariadb, binary)
    except MalformedPacket:
        return None


def _answer(
    held: Conditions, show: ShowConditions, status: int, is_mariadb: bool, binary: bool
) -> bytes | None:
    columns: tuple[bytes, ...] = held.columns
    head = held.head
    if show.count:
        columns = tuple(_count_column(held, definition, show.what) for definition in columns[1:2])
        head = bytes((1,)) + head[1:]
        rows: tuple[bytes, ...] | None = (_count_row(held, show.what, is_mariadb, binary),)
    else:
        rows = _rows(held, show)
        if rows is not None and binary:
            rows = tuple(map(_binary_row, rows))
    if rows is None:
        return None
    end = OkPacket(status=Status(status), header=EOF).encode()
    packets = (head, *columns, *rows, end)
    return b"".join(frame(payload, sequence) for sequence, payload in enumerate(packets, 1))


def _rows(held: Conditions, show: ShowConditions) -> tuple[bytes, ...] | None:
    rows = held.rows
    if show.what is Shown.ERRORS:
        rows = tuple(row for row in rows if held.is_error(row))
    if held.is_cut and (show.limit is None or show.offset + show.limit > len(rows)):
        return None
    return rows[show.window(len(rows))]


def _count_row(held: Conditions, what: Shown, is_mariadb: bool, binary: bool) -> bytes:
    number = held.errors if what is Shown.ERRORS else held.total
    if binary:
        return b"\x00\x00" + number.to_bytes(8, "little")
    return lenenc_bytes(str(number).encode(held.codec if is_mariadb else "ascii"))


def _count_column(held: Conditions, definition: bytes, what: Shown) -> bytes:
    """The definition of the one column, made from that of `Code`, which has no table either."""
    reader = Reader(definition)
    for _ in range(4):
        reader.lenenc_bytes()
    before = definition[: reader.position]
    reader.lenenc_bytes()
    # The column's name in its table, and extended metadata: both empty.
    between = definition[reader.position : -_FIXED]
    return (
        before
        + lenenc_bytes(_COUNTED[what].encode(held.codec))
        + between
        + bytes((_FIXED - 1,))
        + _BINARY_CHARSET.to_bytes(2, "little")
        + _COUNT_LENGTH.to_bytes(4, "little")
        + bytes((_INT64, _COUNT_FLAGS, 0, 0, 0, 0))
    )


def _binary_row(row: bytes) -> bytes:
    level, code, message = row_fields(row)
    number = int(code.replace(b"\0", b"") or b"0")
    return b"\x00\x00" + lenenc_bytes(level) + number.to_bytes(4, "little") + lenenc_bytes(message)
