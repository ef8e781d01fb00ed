"""Which of MariaDB's own tests are run."""

from pathlib import Path

from .program_suite import ClientTests, ServerTests

__all__ = ["MARIADB_SUITES"]

TESTS = tuple((Path(__file__).parent / "mysqltest.txt").read_text(encoding="utf-8").split())
"""Names of files in the folder `main` of the server's tests, chosen by what they use of the protocol."""

MARIADB_SUITES = (ClientTests(), ServerTests("mysqltest", TESTS))
