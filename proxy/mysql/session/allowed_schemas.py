"""The schemas that a tenant's sessions may have selected (the limit ``allowed_schemas``).

It is about the default schema: USE, COM_INIT_DB, and the one in the log-in packet. Which tables of other
schemas a statement may name with a qualifier is for the database's grants to say.
"""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Final

from .lexer import Kind
from .parts import Reader, Statement
from .screen import Dialect
from .whole_statements import readings

__all__ = ["UNCERTAIN", "is_allowed", "schemas_used"]

#: In the place of a name that cannot be told. No schema can be called so.
UNCERTAIN: Final = "\0"

#: Where a statement may begin in a text that cannot be read.
_MAY_USE = re.compile(rb"(?:\A|;|\*/|/\*M?!\d*+)[\s(]*+use\b", re.IGNORECASE)


def is_allowed(schema: str, allowed: Collection[str]) -> bool:
    """Whether a schema may be selected; patterns may have ``*`` and ``?``, none at all allow any.

    No schema is always allowed. Names are compared as they are written: a server for which their case does
    not matter would take more.
    """
    return not (schema and allowed) or any(fnmatchcase(schema, pattern) for pattern in allowed)


def schemas_used(text: bytes, dialect: Dialect) -> frozenset[str]:
    """All that USE statements of a text may select, UNCERTAIN among them where that cannot be told."""
    if b"use" not in text.lower():
        return frozenset()
    found = readings(text, dialect)
    if found is None:
        return frozenset({UNCERTAIN}) if _MAY_USE.search(text) else frozenset()
    return frozenset(_name(each) for statements in found for each in statements if each.first == b"USE")


def _name(statement: Statement) -> str:
    reader = Reader(statement.pieces)
    reader.word(b"USE")
    piece = reader.take()
    if piece is None or not reader.at_end or piece.kind is Kind.STRING:
        return UNCERTAIN
    name = piece.text
    if piece.kind in (Kind.BACKQUOTED, Kind.DOUBLE_QUOTED):
        name = name[1:-1].replace(name[:1] * 2, name[:1])
    return name.decode("utf-8", "surrogateescape")
