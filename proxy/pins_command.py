"""`rds-proxy pins`: ask a running proxy why sessions are pinned, and print the answer as a table."""

import argparse
from collections.abc import Sequence

from .mysql.session.show_proxy import ProxyView
from .query_client import Answer
from .query_command import add_options, run, table

__all__ = ["pins"]

_VIEWS = {
    "pins": ProxyView.PINS,
    "totals": ProxyView.PIN_TOTALS,
    "clients": ProxyView.CLIENTS,
    "pool": ProxyView.POOL,
}


def pins(argv: Sequence[str]) -> int:
    """Run the command with its arguments and return its exit status."""
    return run(_parser(), argv, lambda arguments: _VIEWS[arguments.view].statement, _lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-proxy pins",
        description="Show what a running proxy says of its pins, clients or connections. Address and user "
        "come from the proxy's configuration file, or from --host or --socket and --user.",
    )
    parser.add_argument(
        "view", nargs="?", choices=tuple(_VIEWS), default="pins", help="what to show (default: pins)"
    )
    add_options(parser)
    return parser


def _lines(answer: Answer) -> list[str]:
    if not {"advice", "reason"} <= set(answer.columns):
        return table(answer)
    # The advice is the same for each reason, and longer than a line has room for.
    at, reason = answer.columns.index("advice"), answer.columns.index("reason")
    advice = {row[reason]: row[at] for row in answer.rows}
    lines = table(
        Answer(answer.columns[:at], answer.numbers[:at], tuple(row[:at] for row in answer.rows)),
    )
    return [*lines, *(["", *(f"{each}: {text}" for each, text in advice.items())] if advice else [])]
