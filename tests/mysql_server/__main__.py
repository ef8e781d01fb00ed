"""`python -m tests.mysql_server DIR`: see to it that an unpacked MySQL is in DIR, where one can be had.

Ends well also where none can be had: the tests that need it skip, with the reason that this has left in DIR.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .fetch import fetch
from .installation import Unavailable


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; always 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.mysql_server", description="Fetch MySQL.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse_args(argv).folder
    try:
        installation = fetch(folder)
        print(f"MySQL: {installation.root} ({installation.version()})", flush=True)
    except (Unavailable, OSError) as error:
        print(f"Going on without MySQL: {error}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
