"""The differences that are known, each with its reason: known.toml, one table per suite and its variants."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["KNOWN_FILE", "load_known", "reason_for", "reasons_of", "unused"]

KNOWN_FILE = Path(__file__).parent / "known.toml"
MANY = "*"
"""At the end of a test's name it stands for any end."""

Reasons = Mapping[str, str]


def load_known(file: Path = KNOWN_FILE) -> dict[str, dict[str, str]]:
    """Reasons by test, by suite. ValueError when the file is not made of tables of strings."""
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    for suite, reasons in tables.items():
        if not isinstance(reasons, dict) or not all(
            isinstance(each, str) and each for each in reasons.values()
        ):
            raise ValueError(f"{file.name}: [{suite}] is no table of tests and reasons")
    return tables


def reasons_of(suite: str, known: Mapping[str, Reasons]) -> Reasons:
    """Reasons of one suite: those of its table and, for a variant like "a-b", those of "a" as well."""
    tables = [reasons for table, reasons in known.items() if f"{suite}-".startswith(f"{table}-")]
    return {test: reason for reasons in tables for test, reason in reasons.items()}


def reason_for(test: str, reasons: Reasons) -> str | None:
    """The reason why this test may differ, or None."""
    return next((reason for entry, reason in reasons.items() if _covers(entry, test)), None)


def unused(reasons: Reasons, tests: Iterable[str]) -> list[str]:
    """Entries that cover none of these tests."""
    names = list(tests)
    return [entry for entry in reasons if not any(_covers(entry, test) for test in names)]


def _covers(entry: str, test: str) -> bool:
    return test.startswith(entry.removesuffix(MANY)) if entry.endswith(MANY) else test == entry
