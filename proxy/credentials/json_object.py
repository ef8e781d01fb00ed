"""JSON text whose content is secret: what cannot be read is told by its position, never by its text.

The parser's own errors hold the text, so none of them leaves this module.
"""

import json

__all__ = ["Pairs", "read_json", "read_text"]


class Pairs(list[tuple[str, object]]):
    """A JSON object as read, with duplicate names still there."""

    def count_of(self, name: str) -> int:
        """How often a name is there."""
        return sum(each == name for each, _ in self)


def read_text(content: bytes) -> tuple[str, str]:
    """UTF-8 text, and what is wrong with it ("" if nothing is)."""
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        return "", f"is not UTF-8 text (byte {error.start})"


def read_json(content: str | bytes) -> tuple[object, str]:
    """A JSON value, its objects as Pairs, and what is wrong with it ("" if nothing is); bytes are UTF-8."""
    text, problem = read_text(content) if isinstance(content, bytes) else (content, "")
    if problem:
        return None, problem
    try:
        return json.loads(text, object_pairs_hook=Pairs), ""
    except json.JSONDecodeError as error:
        return None, f"is not valid JSON (at line {error.lineno}, column {error.colno})"
    except (ValueError, RecursionError):
        return None, "is not valid JSON"
