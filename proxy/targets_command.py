"""`rds-proxy targets`: ask a running proxy about its targets, and print the answer as a table."""

import argparse
from collections.abc import Sequence
from typing import TypeVar

from .mysql.session.show_proxy import ProxyView
from .query_client import Answer
from .query_command import add_options, run, table

__all__ = ["targets"]

_T = TypeVar("_T")

#: Too long for a line of a terminal.
_LONG = "position"


def targets(argv: Sequence[str]) -> int:
    """Run the command with its arguments and return its exit status."""
    return run(_parser(), argv, lambda _arguments: ProxyView.TARGETS.statement, _lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-proxy targets",
        description="Show the targets of a running proxy: role, health, replica lag in seconds, connections. "
        "Address and user come from the proxy's configuration file, or from --host or --socket and --user.",
    )
    add_options(parser)
    return parser


def _lines(answer: Answer) -> list[str]:
    """The table without positions, then each target's."""
    if _LONG not in answer.columns:
        return table(answer)
    at = answer.columns.index(_LONG)
    short = Answer(
        _without(answer.columns, at),
        _without(answer.numbers, at),
        tuple(_without(row, at) for row in answer.rows),
    )
    positions = table(
        Answer(("target", _LONG), (False, False), tuple((row[0], row[at]) for row in answer.rows if row[at]))
    )
    return [*table(short), *(["", *positions[1:]] if any(row[at] for row in answer.rows) else [])]


def _without(cells: tuple[_T, ...], at: int) -> tuple[_T, ...]:
    return cells[:at] + cells[at + 1 :]
