"""Reading what the `mariadb` client prints with `--batch --skip-column-names`."""

import re

__all__ = ["parse_rows"]

ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPED = {"n": "\n", "t": "\t", "0": "\0"}


def parse_rows(output: str) -> list[list[str]]:
    """Return the rows of all results in `output`, one list of fields each; NULL is the text "NULL"."""
    lines = output.split("\n")[:-1]
    return [[ESCAPE.sub(_unescaped, field) for field in line.split("\t")] for line in lines]


def _unescaped(match: re.Match[str]) -> str:
    return ESCAPED.get(match[1], match[1])
