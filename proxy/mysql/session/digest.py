"""The shape of a statement for logs: what was run, without its values (MySQL manual, "Performance Schema
Statement Digests"; the result need not equal the server's digest text).

No literal ever gets through. Text in double quotes counts as a literal, since it is one unless ANSI_QUOTES is
set. The digest ends early, with an ellipsis, where the end of a literal is missing or depends on the
session's modes.
"""

import re
from collections.abc import Iterator

from .lexer import Kind, Token, lex

__all__ = ["DEFAULT_DIGEST_LENGTH", "digest"]

DEFAULT_DIGEST_LENGTH = 1024
# Only so much of a statement is looked at, as a multiple of the digest's length.
_READ_AHEAD = 8

_LITERALS = frozenset((Kind.STRING, Kind.DOUBLE_QUOTED, Kind.NUMBER))
_NO_SPACE_BEFORE = frozenset((b",", b")", b".", b";", b"(", b"@"))
_NO_SPACE_AFTER = frozenset((b"(", b".", b"@", b"@@"))
_OPERATOR = frozenset((b"=", b"<", b">", b"|", b"&", b":", b"!"))
_RUN_PARTS = re.compile(rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|-?[0-9]++(?:\.[0-9]++)?+|NULL|[(),]", re.DOTALL)
_KEPT = frozenset((b"(", b")", b",", b"NULL"))
_LIST = re.compile(rb"\((?:-?\?|NULL)(?:, (?:-?\?|NULL))++\)")
_LISTS = re.compile(rb"\(\.\.\.\)(?:, \(\.\.\.\))++")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")


def digest(statement: bytes, limit: int = DEFAULT_DIGEST_LENGTH) -> str:
    """The statement with `?` for a literal and `(...)` for a list of them, in at most `limit` characters."""
    head = statement[: limit * _READ_AHEAD]
    lexed = lex(head, backslash_escapes=True)
    shape, whole = _shape(lexed.tokens, _is_utf8(head))
    shape = _LISTS.sub(b"(...)", _LIST.sub(b"(...)", shape))
    text = _CONTROL.sub(" ", shape.decode("utf-8", "replace"))
    whole = whole and lexed.readable and len(head) == len(statement)
    if whole and len(text) <= limit:
        return text
    return text[: max(limit - 1, 0)] + "\N{HORIZONTAL ELLIPSIS}" if limit > 0 else ""


def _shape(tokens: list[Token], utf8: bool) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    before = b""
    for token in tokens:
        certain = _is_certain(token, utf8)
        for item in _items(token) if certain else (b"?",):
            if parts and not (
                (item in _NO_SPACE_BEFORE and before != b",")
                or before in _NO_SPACE_AFTER
                or (item in _OPERATOR and before in _OPERATOR)
                or (item == b"?" and before == b"-")
            ):
                parts.append(b" ")
            parts.append(item)
            before = item
        if not certain:
            return b"".join(parts), False
    return b"".join(parts), True


def _items(token: Token) -> Iterator[bytes]:
    if token.kind is Kind.RUN:
        for part in _RUN_PARTS.findall(token.text):
            yield part if part in _KEPT else b"?"
    elif token.kind in _LITERALS or token.text[:1].isdigit():
        yield b"?"
    else:
        yield token.text


def _is_certain(token: Token, utf8: bool) -> bool:
    """Whether every mode and character set agrees on where the token ends."""
    kind, text = token
    if kind in (Kind.STRING, Kind.RUN, Kind.DOUBLE_QUOTED):
        return b"\\'" not in text and b'\\"' not in text and b"*/" not in text
    if kind is Kind.BACKQUOTED:
        # In gbk and others a backquote can be the second byte of a character.
        return b"\x00" not in text and b"*/" not in text and (utf8 or text.isascii())
    return kind is not Kind.DOUBTFUL


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as problem:
        # A character cut in two at the end is no reason for doubt.
        return problem.end == len(text) and len(text) - problem.start < 4
    return True
