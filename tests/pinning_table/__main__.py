"""`python -m tests.pinning_table --write` puts the table into docs/pinning.md, `--check` compares.

`--observe` runs the rows through the proxy first, before each database that this machine has, and keeps what
was seen in seen.json.
"""

import argparse
import sys

from .document import PAGE, differences, page
from .observe import observe
from .table import read_seen, write_seen


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.pinning_table", description=__doc__)
    parser.add_argument("--observe", action="store_true", help="see anew what the proxy does")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="write the table into docs/pinning.md")
    action.add_argument("--check", action="store_true", help="print what is not as it should be")
    arguments = parser.parse_args()
    if arguments.observe:
        write_seen({name: read_seen().get(name, {}) | by for name, by in observe().items()})
    if arguments.write:
        PAGE.write_text(page(), encoding="utf-8")
    found = differences() if arguments.check else ""
    sys.stdout.write(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
