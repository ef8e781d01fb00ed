"""Puts the table between its marks in docs/pinning.md."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from .case import ANY, Case
from .table import CASES, Seen, here, rds, read_seen

__all__ = ["PAGE", "differences", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "pinning.md"
BEGIN = "<!-- Made by `python -m tests.pinning_table --write`. -->"
END = "<!-- End of the table. -->"
_NAMES = {"mariadb": "MariaDB", "mysql": "MySQL"}


def page(path: Path = PAGE) -> str:
    """The whole document with a fresh table; ValueError where the marks are missing."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path}: the marks around the table are missing")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def differences(path: Path = PAGE) -> str:
    """What would change if the page were written; empty if it is fresh."""
    old = path.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), page(path).splitlines(keepends=True), str(path), "as it should be"
    )
    return "".join(lines)


def table() -> str:
    """The table in Markdown."""
    headings = ("What a session does", "RDS Proxy", "ProxySQL", "MySQL Router", "here")
    seen = read_seen()
    lines = [headings, ("---",) * len(headings), *(_row(case, seen) for case in CASES)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _row(case: Case, seen: Seen) -> tuple[str, ...]:
    cells = (rds(case), case.proxysql.answer, case.router.answer)
    return (case.name, *(cell.value for cell in cells), "; ".join(_here(seen.get(case.name, {}))) or "?")


def _here(by_server: dict[str, list[list[str]]]) -> Iterator[str]:
    answers = {server: here(by_server[server]) for server in ANY if server in by_server}
    same = len(set(answers.values())) == 1
    for server, (answer, reasons) in answers.items():
        cell = answer.value + (f" ({reasons})" if reasons else "")
        yield cell if same else f"{_NAMES[server]}: {cell}"
        if same:
            return
