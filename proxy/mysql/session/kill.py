"""KILL statements (MySQL manual, "KILL Statement"; MariaDB knowledge base, "KILL [CONNECTION | QUERY]")."""

from .effects import Evidence
from .verdict import Kill

__all__ = ["kill_in"]

#: Digits of the largest number that a server would take.
_LONGEST_NUMBER = 20


def kill_in(e: Evidence) -> Kill | None:
    """The KILL that a text consists of; None for all else, KILL USER and KILL QUERY ID among it.

    HARD and SOFT, which MariaDB has, make no difference to a proxy: an unsafe moment to be killed in is the
    server's to know.
    """
    items = e.items[:-1] if e.at(len(e.items) - 1) == b";" else e.items
    if e.loose or items[:1] != [b"KILL"]:
        return None
    rest = items[2:] if e.at(1) in (b"HARD", b"SOFT") else items[1:]
    query_only = rest[:1] == [b"QUERY"]
    if rest[:1] in ([b"QUERY"], [b"CONNECTION"]):
        rest = rest[1:]
    if rest[:1] == [b"CONNECTION_ID"] and rest[1:] in ([b"("], [b"(", b")"]):
        # The lexer takes a parenthesis and what follows it for one token.
        return Kill(None, query_only)
    if len(rest) == 1 and rest[0].isdigit() and len(rest[0]) <= _LONGEST_NUMBER:
        return Kill(int(rest[0]), query_only)
    return None
