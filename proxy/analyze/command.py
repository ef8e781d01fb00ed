"""The sub-command `rds-proxy analyze FILE`. Exit status: 0 a report, 1 no log to report on, 2 wrong
usage."""

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import BinaryIO

from .log_entries import LogReader
from .report import DEFAULT_TOP, Report
from .sessions import Analysis

__all__ = ["analyze"]

_STANDARD_INPUT = "-"


def analyze(argv: Sequence[str]) -> int:
    """Read a log, print the report; returns the exit status."""
    try:
        arguments = _parser().parse_args(list(argv))
    except SystemExit as stop:
        return int(stop.code or 0)
    name = arguments.file
    try:
        if name == _STANDARD_INPUT:
            report = _report("standard input", sys.stdin.buffer, arguments)
        else:
            with open(name, "rb") as stream:
                report = _report(name, stream, arguments)
    except OSError as error:
        print(f"{name}: cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    if not report.analysis.sessions:
        print(f"{report.name}: holds no entries of a general query log", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, TextIOWrapper):
        # Names and the signs around them may not be in the terminal's character set.
        sys.stdout.reconfigure(errors="replace")
    sys.stdout.write(report.json() if arguments.json else report.text())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rds-proxy analyze",
        description="Say which statements in a general query log of MySQL or MariaDB pin their sessions under"
        " RDS Proxy, and which here, and what to change.",
    )
    parser.add_argument("file", metavar="FILE", help="the log; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--top",
        type=int,
        default=DEFAULT_TOP,
        metavar="N",
        help=f"statements to show of each reason (default: {DEFAULT_TOP})",
    )
    parser.add_argument(
        "--exclude-variable-sets",
        action="store_true",
        help="report on RDS Proxy with its pinning filter EXCLUDE_VARIABLE_SETS",
    )
    return parser


def _report(name: str, stream: BinaryIO, arguments: argparse.Namespace) -> Report:
    reader = LogReader()
    analysis = Analysis(exclude_variable_sets=arguments.exclude_variable_sets)
    for entry in reader.entries(stream):
        analysis.take(entry)
    return Report(
        name=name,
        analysis=analysis,
        lines=reader.lines,
        ignored=reader.ignored,
        first_time=reader.first_time,
        last_time=reader.last_time,
        top=max(arguments.top, 0),
    )
