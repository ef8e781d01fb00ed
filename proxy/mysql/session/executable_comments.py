"""What a text may be for a server that runs some of its executable comments and skips others.

Which version of which vendor runs a `/*!50110 … */` or `/*M! … */` is told by its number (MySQL manual,
"Comments"); here every combination counts.
"""

from itertools import product

from .lexer import Kind, lex, pieces

__all__ = ["MAX_COMMENTS", "readings_of_comments"]

#: A text with more has no reading that would be worth the work.
MAX_COMMENTS = 3
#: A sixth digit belongs to the version for some servers and to the text for others.
_DIGITS = (0, 5)


def readings_of_comments(text: bytes, backslash_escapes: bool) -> list[bytes]:
    """The texts without executable comments that it may stand for; none where that is not certain.

    One that has none stands for itself, whether or not its tokens are certain.
    """
    if b"/*!" not in text and b"/*M!" not in text:
        return [text]
    lexed = lex(text, backslash_escapes)
    if lexed.ambiguous or not lexed.readable:
        return []
    parts = _parts(text, backslash_escapes)
    if parts is None:
        return []
    outside, inside = parts[::2], parts[1::2]
    return list(
        dict.fromkeys(
            _joined(outside, [content if runs else b"" for content, runs in zip(inside, chosen, strict=True)])
            for chosen in product((True, False), repeat=len(inside))
        )
    )


def _joined(outside: list[bytes], inside: list[bytes]) -> bytes:
    joined = outside[0]
    for content, behind in zip(inside, outside[1:], strict=True):
        joined += b" " + content + b" " + behind
    return joined


def _parts(text: bytes, backslash_escapes: bool) -> list[bytes] | None:
    """What is outside of executable comments and what is in them, in turn."""
    parts: list[bytes] = []
    start = closed_at = 0
    is_open = False
    for piece in pieces(text, backslash_escapes):
        if piece.start < closed_at:
            if piece.end > closed_at:
                return None
        elif piece.kind is Kind.OPENER:
            if is_open or len(piece.text.partition(b"!")[2]) not in _DIGITS or len(parts) == 2 * MAX_COMMENTS:
                return None
            parts.append(text[start : piece.start])
            start, is_open = piece.end, True
        elif is_open and piece.kind is Kind.COMMENT:
            return None
        elif is_open and text.startswith(b"*/", piece.start):
            parts.append(text[start : piece.start])
            start = closed_at = piece.start + 2
            is_open = False
    return None if is_open else [*parts, text[start:]]
