"""`python -m tests.protocol --write` makes docs/protocol.md; `--check` says whether it is fresh."""

import argparse
import sys

from .document import PAGE, differences, page


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.protocol", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="write docs/protocol.md")
    action.add_argument("--check", action="store_true", help="print what is not as it should be")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    found = differences()
    sys.stdout.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
