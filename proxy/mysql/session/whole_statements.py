"""A text's statements one by one, in each way a server may read it: for what must be known exactly.

A server reads a statement of several only when those before it have run. What they set counts for it: whether
a backslash is an escape, and in which character set the rest is.
"""

from collections.abc import Sequence
from typing import Final

from .executable_comments import readings_of_comments
from .lexer import Kind, Piece, lex
from .parts import Statement, flat, statements_in
from .screen import Dialect
from .set_statements import Assignment, read_set

__all__ = ["assignments_in", "folded", "readings"]

#: Letters outside of ASCII that a server takes for ASCII's (the Kelvin sign, I with a dot above).
_FOLDED: Final = ((b"\xe2\x84\xaa", b"k"), (b"\xc4\xb0", b"i"))
_SET: Final = Piece(Kind.WORD, 0, 0, b"SET")


def folded(text: bytes) -> bytes:
    """The text with the letters in ASCII that a server does not tell from these."""
    if text.isascii():
        return text
    for letter, ascii_letter in _FOLDED:
        text = text.replace(letter, ascii_letter)
    return text


def readings(text: bytes, dialect: Dialect) -> list[list[Statement]] | None:
    """The statements of each reading; None where one of them is not certain, or is compound."""
    if dialect is Dialect.OPAQUE and not (text.isascii() and b"\\" not in text):
        return None
    escapes = dialect is not Dialect.NO_BACKSLASH_ESCAPES
    found = _readings(text, escapes)
    if found is None or not any(map(_may_set_the_rest, found)):
        return found
    if not text.isascii():
        return None
    others = _readings(text, not escapes) if b"\\" in text else []
    return None if others is None else found + others


def _may_set_the_rest(statements: Sequence[Statement]) -> bool:
    return any(each.first == b"SET" or each.settings for each in statements[:-1])


def _readings(text: bytes, escapes: bool) -> list[list[Statement]] | None:
    found: list[list[Statement]] = []
    for variant in readings_of_comments(text, escapes):
        lexed = lex(variant, escapes)
        if lexed.ambiguous or lexed.variable or not lexed.readable:
            return None
        statements = statements_in(list(flat(variant, escapes)))
        if statements is None:
            return None
        found.append(statements)
    return found or None


def assignments_in(statement: Statement) -> Sequence[Assignment] | None:
    """What a SET, or a SET STATEMENT in front of a statement, assigns; None where that cannot be read."""
    found: list[Assignment] = []
    if statement.settings:
        of_settings = read_set(Statement([_SET, *statement.settings]))
        if of_settings is None:
            return None
        found += of_settings.assignments
    if statement.first == b"SET":
        of_set = read_set(statement)
        if of_set is None:
            return None
        found += of_set.assignments
    return found
