"""User variables of the model server, with their types; written from the manual, not from the proxy."""

import re

import attrs

from . import packets as p

__all__ = ["LITERAL", "UserVariable", "made", "question_names", "question_row"]

_SIGNED, _UNSIGNED, _DECIMAL, _DOUBLE, _STRING, _NEVER = (
    "signed",
    "unsigned",
    "decimal",
    "double",
    "string",
    "",
)
#: Protocol types of expressions; a variable that was never set has the type of a short string.
_TYPES = {_SIGNED: 8, _UNSIGNED: 8, _DECIMAL: 246, _DOUBLE: 5, _STRING: 250, _NEVER: 253}
_UNSIGNED_FLAG = 32

#: What a variable may be set to here.
LITERAL = (
    r"CONCAT\(LEFT\(VERSION\(\),0\),_utf8mb4 x'[0-9a-f]*'\) COLLATE \w+|_\w+ x'[0-9a-f]*' COLLATE \w+|"
    r"CAST\(\d+ AS UNSIGNED\)|_utf8 0x[0-9a-f]*|x'[0-9a-f]*'|'[^']*'|@@session\.\w+|@`[^`]+`|@\w+|"
    r"-?\d+(?:\.\d*)?e[-+]?\d+|[-\w.]+"
)
_CODED = re.compile(r"x'([0-9a-f]*)'\)? COLLATE (\w+)\Z")
_SHARE = re.compile(r"OCTET_LENGTH\(@`[^`]+`\)>(\d+)")
_ASKED = re.compile(r"IF\(CHAR_LENGTH\(@`([^`]+)`\)>")


@attrs.frozen
class UserVariable:
    """``value`` None is NULL, which keeps the type."""

    kind: str = _NEVER
    value: str | None = None
    collation: str = "binary"


def made(literal: str, before: UserVariable | None, collation: str) -> UserVariable:
    """What a literal makes; ``collation``: the connection's."""
    coded = _CODED.search(literal)
    if coded:
        return UserVariable(_STRING, bytes.fromhex(coded[1]).decode(), coded[2])
    if literal.startswith("'"):
        return UserVariable(_STRING, literal[1:-1], collation)
    if literal.startswith("x'"):
        return UserVariable(_STRING, bytes.fromhex(literal[2:-1]).decode("latin-1"))
    if literal.upper() == "NULL":
        return attrs.evolve(before or UserVariable(_STRING), value=None)
    if literal.startswith("CAST("):
        return UserVariable(_UNSIGNED, literal[5:].split(maxsplit=1)[0])
    if "e" in literal:
        return UserVariable(_DOUBLE, repr(float(literal)))
    return UserVariable(_DECIMAL if "." in literal else _SIGNED, literal.removesuffix("."))


def question_names(sql: str) -> list[str]:
    """The variables that the proxy's question is for, or none if this is no such question."""
    return [name.lower() for name in _ASKED.findall(sql)] if sql.startswith("SELECT IF(CHAR_LENGTH(@") else []


def question_row(sql: str, variables: list[UserVariable]) -> tuple[list[bytes], list[str | None]]:
    """Definitions and values of the answer: digits or NULL, hexadecimal bytes, collation, length."""
    columns: list[bytes] = []
    row: list[str | None] = []
    share = int(_SHARE.findall(sql)[0])
    for each in variables:
        flags = _UNSIGNED_FLAG if each.kind == _UNSIGNED else 0
        columns += [p.column(b"v", _TYPES[each.kind], flags), p.column(), p.column(), p.column(b"l", 8)]
        if each.value is None:
            row += [None, None, each.collation, None]
        else:
            coded = each.value.encode("latin-1" if each.collation == "binary" else "utf-8")
            shown = each.value if len(each.value) <= 40 else None
            bytes_of = coded.hex().upper() if len(coded) <= share else None
            row += [shown, bytes_of, each.collation, str(len(coded))]
    return columns, row
