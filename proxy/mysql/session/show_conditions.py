"""Reads the statements that show conditions, as far as the proxy answers them itself.

`SHOW {WARNINGS | ERRORS} [LIMIT [offset,] count | LIMIT count OFFSET offset]` and `SHOW COUNT(*) {WARNINGS |
ERRORS}` (MySQL manual, "SHOW WARNINGS Statement"). Only a server can judge other forms: executable comments,
MariaDB's FETCH, what is an error.
"""

import enum
import re

import attrs

from .lexer import Kind, pieces

__all__ = ["LONGEST_SHOW", "ShowConditions", "Shown", "parse_show"]

#: Texts longer than this, in bytes, are no such statement.
LONGEST_SHOW = 1024

_LARGEST_LIMIT = 2**64 - 1
# Behind COUNT no blank may stand, unless a mode or capability allows it.
_SHOW = re.compile(
    rb"SHOW (?P<count>COUNT\( ?\* ?\) ?)?(?P<what>WARNINGS|ERRORS)"
    rb"(?: LIMIT (?P<first>[0-9]+)(?: ?(?P<between>,| OFFSET ) ?(?P<second>[0-9]+))?)? ?;? ?",
    re.IGNORECASE,
)


class Shown(enum.Enum):
    """Which conditions are asked for; WARNINGS means all of them."""

    WARNINGS = "warnings"
    ERRORS = "errors"


@attrs.frozen
class ShowConditions:
    """One statement; ``limit`` is None for as many as there are, ``count`` if only their number is wanted."""

    what: Shown
    count: bool = False
    offset: int = 0
    limit: int | None = None

    def window(self, rows: int) -> slice:
        """Which of so many rows it shows."""
        end = rows if self.limit is None else min(rows, self.offset + self.limit)
        return slice(min(self.offset, rows), end)


def parse_show(text: bytes) -> ShowConditions | None:
    """What the text of a COM_QUERY or COM_STMT_PREPARE asks for; None if it is anything else."""
    if len(text) > LONGEST_SHOW or not text.isascii():
        return None
    found = _SHOW.fullmatch(_plain(text))
    if found is None or (found["count"] and found["first"]):
        return None
    what = Shown.ERRORS if found["what"].upper() == b"ERRORS" else Shown.WARNINGS
    first = None if found["first"] is None else int(found["first"])
    second = None if found["second"] is None else int(found["second"])
    if max(first or 0, second or 0) > _LARGEST_LIMIT:
        return None
    if second is None:
        return ShowConditions(what, bool(found["count"]), 0, first)
    if found["between"] == b",":
        return ShowConditions(what, False, first or 0, second)
    return ShowConditions(what, False, second, first)


def _plain(text: bytes) -> bytes:
    """The text with one blank in the place of all blanks and comments that stand together."""
    parts = (
        b" " if piece.kind in (Kind.BLANK, Kind.COMMENT) else piece.text
        for piece in pieces(text, backslash_escapes=True)
    )
    return b" ".join(b"".join(parts).split())
