"""Queries that differ only in plain literals, as one: so that what is told of one can be remembered for all.

The shape of a query is itself SQL, with an empty string for each plain literal and each list of them. It
stops at the first thing on which servers and modes may disagree, or that matters by its text; all behind it
stays as it is.
"""

import re

__all__ = ["shape_of"]

_NUMBER = rb"[0-9]++(?:\.[0-9]++)?+(?![\w$.'\x80-\xff])"
_LITERAL = rb"(?:'[^'\\\x00]*+(?:''[^'\\\x00]*+)*+'|%b)" % _NUMBER
_KEPT = (
    rb"[ \t\n\r\v\f(),=<>+*%%|&^~?;:{}!]|[A-Za-z_$.\x80-\xff][\w$.\x80-\xff]*+|`[^`\x00]*+`|\"[^\"\\\x00]*+\""
    rb"|/\*(?![!+M])[^*\x00]*+\*/|/(?!\*)|-(?!-)|(?!%b)[0-9][\w$.\x80-\xff]*+|@@?+[A-Za-z_$.][\w$.]*+"
) % _NUMBER
_PARTS = re.compile(
    rb"((?:%(kept)b)*+)(?:(%(literal)b(?:[ \t\n\r]*+,[ \t\n\r]*+-?%(literal)b)*+)|(.++))?+"
    % {b"literal": _LITERAL, b"kept": _KEPT},
    re.DOTALL,
)


def shape_of(query: bytes) -> bytes:
    """The shape of a text that begins with SELECT or WITH, in any dialect that is not opaque."""
    return _PARTS.sub(_shape, query)


def _shape(found: re.Match[bytes]) -> bytes:
    kept, literals, rest = found.groups()
    if literals is not None:
        return bytes(kept) + b"''"
    return bytes(kept) + (rest or b"")
