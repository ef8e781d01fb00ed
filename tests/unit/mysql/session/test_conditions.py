"""Conditions held as a value, from payloads that MariaDB 10.11 and MySQL 9 have sent."""

import pytest

from proxy.mysql.session.conditions import (
    MAX_CONDITION_BYTES,
    MAX_CONDITIONS,
    NO_CONDITIONS,
    Condition,
    Conditions,
    counts_in,
)
from proxy.mysql.wire.datatypes import MalformedPacket, lenenc_bytes

HEAD = b"\x03"
MARIADB = (
    b"\x03def\x00\x00\x00\x05Level\x00\x0c-\x00\x1c\x00\x00\x00\xfd\x01\x00'\x00\x00",
    b"\x03def\x00\x00\x00\x04Code\x00\x0c?\x00\x04\x00\x00\x00\x03\xa1\x00\x00\x00\x00",
    b"\x03def\x00\x00\x00\x07Message\x00\x0c-\x00\x00\x08\x00\x00\xfd\x01\x00'\x00\x00",
)
LATIN1 = (*MARIADB[:2], MARIADB[2].replace(b"\x0c-\x00", b"\x0c\x08\x00"))
CP932 = (*MARIADB[:2], MARIADB[2].replace(b"\x0c-\x00", b"\x0c\x5f\x00"))
UTF16 = (
    b"\x06\x00d\x00e\x00f\x00\x00\x00\n\x00L\x00e\x00v\x00e\x00l\x00\x0c6\x00\x1c\x00\x00\x00\xfd\x01\x00'\x00\x00",
    b"\x06\x00d\x00e\x00f\x00\x00\x00\x08\x00C\x00o\x00d\x00e\x00\x0c?\x00\x04\x00\x00\x00\x03\xa1\x00\x00\x00\x00",
    b"\x06\x00d\x00e\x00f\x00\x00\x00\x0e\x00M\x00e\x00s\x00s\x00a\x00g\x00e\x00\x0c6\x00\x00\x08\x00\x00\xfd\x01"
    b"\x00'\x00\x00",
)


def row(level: str, code: int, message: bytes, codec: str = "ascii") -> bytes:
    """A row as MariaDB sends it; the message is encoded already."""
    return lenenc_bytes(level.encode(codec)) + lenenc_bytes(str(code).encode(codec)) + lenenc_bytes(message)


DIVISION = row("Warning", 1365, b"Division by 0")
UNKNOWN = row("Error", 1054, "Unknown column 'é'".encode())


def captured(*rows: bytes, columns: tuple[bytes, ...] = MARIADB, charset: str = "utf8mb4") -> Conditions:
    """What SHOW WARNINGS has answered."""
    errors = sum(b"Error" in row.replace(b"\0", b"") for row in rows)
    return Conditions.captured(HEAD, columns, rows, (len(rows), errors), charset=charset)


def test_none() -> None:
    assert not NO_CONDITIONS
    assert captured(DIVISION)
    assert Conditions(total=1)


def test_decoded() -> None:
    assert captured(DIVISION, UNKNOWN).decoded() == (
        Condition(False, 1365, "Division by 0"),
        Condition(True, 1054, "Unknown column 'é'"),
    )


@pytest.mark.parametrize(
    ("columns", "message", "text"),
    [
        (LATIN1, b"caf\xe9", "café"),
        (LATIN1, b"which?", None),
        (CP932, b"plain", "plain"),
        (CP932, b"\x83\x5c", None),
        (MARIADB, b"which?", "which?"),
        (MARIADB, b"\xff", None),
        ((), b"plain", "plain"),
    ],
)
def test_messages_in_other_character_sets(
    columns: tuple[bytes, ...], message: bytes, text: str | None
) -> None:
    held = captured(row("Note", 1, message), columns=columns)
    assert held.decoded() == (Condition(False, 1, text),)


def test_wide_character_sets() -> None:
    mariadb = row("Error", 1054, "é".encode("utf-16-be"), "utf-16-be")
    mysql = lenenc_bytes("Error".encode("utf-16-be")) + b"\x041054" + lenenc_bytes("é".encode("utf-16-be"))
    held = captured(mariadb, mysql, columns=UTF16)
    assert held.codec == "utf-16-be"
    assert held.decoded() == (Condition(True, 1054, "é"),) * 2
    assert held.is_error(mariadb)


def test_rows_are_bounded() -> None:
    many = captured(*[DIVISION] * (MAX_CONDITIONS + 1))
    assert (len(many.rows), many.is_cut, many.total) == (MAX_CONDITIONS, True, MAX_CONDITIONS + 1)
    assert not captured(*[DIVISION] * MAX_CONDITIONS).is_cut
    long = captured(DIVISION, row("Note", 1, b"x" * MAX_CONDITION_BYTES), DIVISION)
    assert (long.rows, long.is_cut) == ((DIVISION,), True)


def test_joined() -> None:
    older, newer = captured(DIVISION), captured(UNKNOWN)
    both = older.joined(newer)
    assert (both.rows, both.total, both.errors) == ((DIVISION, UNKNOWN), 2, 1)
    assert NO_CONDITIONS.joined(newer) == newer
    assert older.joined(NO_CONDITIONS) == older
    mixed = older.joined(captured(UNKNOWN, charset="latin1"))
    assert (mixed.rows, mixed.total, mixed.is_cut) == ((DIVISION,), 2, True)
    assert len(captured(*[DIVISION] * MAX_CONDITIONS).joined(newer).rows) == MAX_CONDITIONS


def test_counts() -> None:
    assert counts_in(("2", "1", "AB")) == (2, 1)
    assert counts_in(("\x002", "\x000")) == (2, 0)
    for row_ in ((), ("1",), ("1", None), ("1", "x")):
        with pytest.raises(MalformedPacket):
            counts_in(row_)


@pytest.mark.parametrize(
    "bad", [b"", b"\x05Error", b"\x05Error\x011", DIVISION + b"\x00", b"\x05Error\x01x\x01y"]
)
def test_rows_that_are_none(bad: bytes) -> None:
    with pytest.raises(MalformedPacket):
        captured(bad).decoded()


def test_nothing_of_a_message_in_a_repr() -> None:
    held = captured(UNKNOWN)
    assert "Unknown" not in repr(held) + repr(held.decoded())
