"""`python -m tests.suites [NAME ...]`: run others' test suites both ways and print what differs.

Exit status: 0 when each test that passes directly passes through the proxy or has its reason in known.toml,
1 when one does not, or a name is unknown, 2 when all do but a suite could not be run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from proxy.demo.private_server import DatabaseError

from .comparison import Comparison, compare
from .known import load_known, reasons_of
from .outcomes import Unavailable
from .registry import SUITES, suite_named
from .report import details, summary

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "suites"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(argv)
    known = load_known()
    compared: list[Comparison] = []
    missing: list[str] = []
    for name in options.names or [suite.name for suite in SUITES]:
        print(f"{name} ...", flush=True)
        try:
            comparison = compare(suite_named(name), CACHE, reasons_of(name, known), tuple(options.only))
        except (Unavailable, DatabaseError) as error:
            print(f"  cannot be run here: {error}", flush=True)
            missing.append(name)
            continue
        compared.append(comparison)
        print(details(comparison, verbose=options.verbose), end="", flush=True)
    print(summary(compared), flush=True)
    if missing:
        print(f"could not be run: {', '.join(missing)}", flush=True)
    if not all(each.is_good for each in compared):
        return 1
    return 2 if missing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.suites",
        description="Run other projects' test suites directly and through the proxy, and compare.",
    )
    names = [suite.name for suite in SUITES]
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all when none is given"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEST", help="only this test; repeatable"
    )
    parser.add_argument("--verbose", action="store_true", help="also what each differing test says")
    return parser


if __name__ == "__main__":
    sys.exit(main())
