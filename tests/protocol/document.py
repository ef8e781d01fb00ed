"""docs/protocol.md, made from the table, the lists of the drivers' and suites' tests, and prose.py."""

import difflib
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.drivers.summary import SUBJECTS

from . import prose
from .capability_table import CAPABILITIES, FIRST_OF_MARIADB
from .case import Answerer
from .table import CASES, COMMANDS, profiles_of

__all__ = ["PAGE", "differences", "page"]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocol.md"
_KNOWN = ROOT / "tests" / "suites" / "known.toml"
#: Names of suites as users know them.
_DRIVER_COLUMNS = (
    *("Language", "Driver", "Version", "Binary protocol", "Compression", "LOCAL INFILE"),
    *("Besides", "Databases"),
)
_SUITES = {
    "pymysql": "PyMySQL",
    "aiomysql": "aiomysql",
    "mysqlclient": "mysqlclient",
    "mariadb-client-test": "MariaDB's C API tests",
    "mysqltest": "MariaDB's `mysqltest`",
}


def page() -> str:
    """The whole document."""
    combinations = sum(len(profiles_of(case)) for case in CASES)
    return (
        "\n".join(
            [
                prose.PREAMBLE,
                _section("Commands", prose.COMMANDS, _commands()),
                _section("Capabilities", prose.CAPABILITIES.format(first=FIRST_OF_MARIADB), _capabilities()),
                _section("Authentication", prose.AUTHENTICATION),
                _section("Packets over 16 MiB", prose.SIZES),
                _section("Compression", prose.COMPRESSION),
                _section("Limits", prose.LIMITS),
                _section("KILL and connection ids", prose.KILL),
                _section("Not covered", prose.NOT_COVERED),
                _section("Known differences from a direct connection", prose.DIFFERENCES, _known()),
                _section("Drivers", prose.DRIVERS, _drivers()),
                _section("Responses covered", _responses_text(combinations), _responses()),
            ]
        ).rstrip("\n")
        + "\n"
    )


def differences(path: Path = PAGE) -> str:
    """What would change if the page were written; empty if it is fresh."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), page().splitlines(keepends=True), str(path), "as it should be"
    )
    return "".join(lines)


def _section(heading: str, *parts: str) -> str:
    return "\n".join([f"## {heading}", "", *parts])


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n".replace("|  |", "| |") for cells in lines)


def _commands() -> str:
    counts: dict[int, int] = defaultdict(int)
    for case in CASES:
        counts[case.code] += 1
    return _table(
        ("Byte", "Command", "Answered by", "Cases"),
        (
            (
                f"0x{command.code:02x}",
                f"`{command.name}`",
                command.by.value + (f"; {command.also}" if command.also else ""),
                str(counts[command.code]),
            )
            for command in COMMANDS
        ),
    )


def _capabilities() -> str:
    return _table(
        ("Bit", "Capability", "Offered to clients", "Asked of targets", "Note"),
        (
            (str(each.bit), f"`{each.name}`", each.offer.value, each.target, each.note)
            for each in CAPABILITIES
        ),
    )


def _known() -> str:
    tables = tomllib.loads(_KNOWN.read_text(encoding="utf-8"))
    rows = []
    for suite, reasons in tables.items():
        for test, reason in reasons.items():
            name = test.rsplit("::", 1)[-1].removesuffix("[*").removesuffix("*")
            rows.append((_SUITES.get(suite, suite), f"`{name}`", reason))
    return _table(("Suite", "Test", "Reason"), rows)


def _drivers() -> str:
    rows = [
        (
            each.language,
            each.name,
            each.version,
            _yes(each.is_binary),
            _yes(each.compresses),
            _yes(each.has_local_infile),
            ", ".join(each.beyond),
            ", ".join(each.servers),
        )
        for each in SUBJECTS
    ]
    return _table(_DRIVER_COLUMNS, rows)


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _responses_text(combinations: int) -> str:
    return (
        f"{len(CASES)} responses with {combinations:,} combinations of capabilities and compression."
        " Refusals are not listed.\n"
    )


def _responses() -> str:
    names = {command.code: f"`{command.name}`" for command in COMMANDS}
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for case in CASES:
        if case.step.by is Answerer.REFUSED:
            continue
        prefix = "over 16 MiB: " if case.scaled else ""
        found[names[case.code]].append(prefix + case.name)
    return "\n\n".join(f"{name}: {'; '.join(cases)}." for name, cases in found.items() if cases) + "\n"
