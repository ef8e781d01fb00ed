"""An unpacked MySQL: its programs, run with the libraries and the loader that were unpacked with them."""

import os
import subprocess
from pathlib import Path

import attrs

__all__ = ["CACHE", "REASON_FILE", "VARIABLE", "MySQLInstallation", "Unavailable", "find_mysql"]

VARIABLE = "RDS_PROXY_TEST_MYSQL"
"""The environment variable that names another folder than the repository's own."""
CACHE = Path(".cache/mysql")
"""Where the Makefile puts it, from the root of the repository."""
REASON_FILE = "unavailable"
"""In the place of an installation: why there is none."""
SERVER, CLIENT = "usr/sbin/mysqld", "usr/bin/mysql"
VERSION_LIMIT = 60.0


class Unavailable(Exception):
    """There is no MySQL for the tests; the text says why."""


@attrs.frozen
class MySQLInstallation:
    """MySQL 8 or 9 in a folder, with or without a C library of its own."""

    root: Path

    @property
    def is_there(self) -> bool:
        """Whether the folder holds the server and the client."""
        return (self.root / SERVER).is_file() and (self.root / CLIENT).is_file()

    @property
    def server(self) -> list[str]:
        """The beginning of mysqld's command line."""
        return [*self._program(SERVER), f"--basedir={self.root / 'usr'}"]

    @property
    def client(self) -> list[str]:
        """The beginning of the command line of the client `mysql`."""
        return self._program(CLIENT)

    def version(self) -> str:
        """Return the server's own words on its version. Raises Unavailable when it does not run here."""
        command = [*self._program(SERVER), "--version"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=VERSION_LIMIT, check=False, errors="replace"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"mysqld does not run on this machine: {error}") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
            raise Unavailable(f"mysqld does not run on this machine: {said}")
        words = done.stdout.split()
        return words[words.index("Ver") + 1] if "Ver" in words else "version unknown"

    def _program(self, path: str) -> list[str]:
        loaders = sorted([*self.root.glob("usr/lib64/ld-linux-*"), *self.root.glob("usr/lib/ld-linux-*")])
        libraries = [str(each) for each in sorted(self.root.glob("usr/lib/*-linux-gnu*"))]
        loader = [str(loaders[0]), "--library-path", ":".join(libraries)] if loaders and libraries else []
        return [*loader, str(self.root / path), "--no-defaults"]


def find_mysql(repository: Path) -> MySQLInstallation:
    """Return the MySQL that the environment names, else the repository's. Raises Unavailable."""
    named = os.environ.get(VARIABLE)
    root = Path(named).absolute() if named else repository / CACHE
    installation = MySQLInstallation(root)
    if installation.is_there:
        return installation
    reason = root / REASON_FILE
    if reason.is_file():
        raise Unavailable(f"no MySQL: {reason.read_text().strip()}")
    raise Unavailable(f"no MySQL in {root}: `python -m tests.mysql_server {root}` fetches it")
