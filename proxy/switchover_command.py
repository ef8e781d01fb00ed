"""`rds-proxy switchover`: have a running proxy move all traffic to another target, and print what it did.

Exit status: 0 traffic goes to the target, 1 it does not (one line says why), 2 wrong usage. The proxy goes
on if this command is interrupted.
"""

import argparse
from collections.abc import Sequence
from contextlib import suppress

from .mysql.session.show_proxy import MAX_TIMEOUT
from .query_command import add_options, run, table

__all__ = ["switchover"]

#: Seconds that a switchover takes at most beyond twice its timeout, with all that can go wrong.
PATIENCE = 300.0
#: The timeout that the proxy's configuration may have, in seconds.
_UNKNOWN_TIMEOUT = float(MAX_TIMEOUT)


def switchover(argv: Sequence[str]) -> int:
    """Run the command with its arguments and return its exit status."""
    return run(_parser(), argv, _statement, table, _patience)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-proxy switchover",
        description="Move all traffic of a running proxy to another target. New transactions wait, running "
        "ones finish or are cut after the timeout, positions are compared; on any doubt it goes back. "
        "Address and user come from the proxy's configuration file, or from --host or --socket and --user.",
    )
    parser.add_argument(
        "--to", metavar="TARGET", required=True, help="host:port, as `rds-proxy targets` shows it"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="how long running transactions may take (default: target_group.switchover.timeout)",
    )
    add_options(parser)
    return parser


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) <= MAX_TIMEOUT:
            return seconds
    raise argparse.ArgumentTypeError(f"must be a number of seconds from 0 to {MAX_TIMEOUT:g}, not {text!r}")


def _statement(arguments: argparse.Namespace) -> str:
    target = arguments.to.replace("'", "''")
    timeout = "" if arguments.timeout is None else f" TIMEOUT {arguments.timeout:.3f}"
    return f"PROXY SWITCHOVER TO '{target}'{timeout}"


def _patience(arguments: argparse.Namespace) -> float:
    timeout = _UNKNOWN_TIMEOUT if arguments.timeout is None else arguments.timeout
    return PATIENCE + 2 * float(timeout)
