"""Puts the client's own connection id where a statement asks for CONNECTION_ID()."""

from .substitution import LONGEST_TEXT, Ask, constant, substituted

__all__ = ["LONGEST_TEXT", "with_connection_id"]


def with_connection_id(text: bytes, number: int, *, backslash_escapes: bool) -> bytes:
    """``text`` with ``number`` in the place of each CONNECTION_ID(); the same object if there is none."""
    constants = {Ask.CONNECTION_ID: constant(Ask.CONNECTION_ID, number)}
    return substituted(text, constants, backslash_escapes=backslash_escapes)
