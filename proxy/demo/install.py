"""`python -m proxy.demo.install`: see to it that a MariaDB server is on this machine.

Only the core packages are installed: they bring the programs. Debian's `mariadb-server` would also set up and
start a system service, which takes port 3306 and stays when the demo is over.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import apt
from .installation import ServerBinaries, find_server
from .plugins import fetch_plugins

__all__ = ["ensure_server", "main"]

PACKAGE_STEMS = ("mariadb-server-core", "mariadb-client-core")
BY_HAND = """\
Install a MariaDB server (10.5 or newer) by hand, with the programs mariadbd, mariadb-install-db and mariadb:
  Debian, Ubuntu   apt-get install mariadb-server-core mariadb-client-core
  Fedora, RHEL     dnf install mariadb-server mariadb
  Alpine           apk add mariadb mariadb-client
  Arch             pacman -S mariadb
  macOS            brew install mariadb
then make sure that they are on the PATH. No service needs to be started."""


def ensure_server() -> ServerBinaries | None:
    """Return the installed server, installing one through apt if need be; None when that did not work.

    Says on the standard output what it does, and what to do by hand where it can do nothing.
    """
    server = find_server()
    if server is not None:
        return server
    if not apt.has_apt():
        print(f"No MariaDB server found.\n{BY_HAND}", flush=True)
        return None
    try:
        _install_with_apt()
    except apt.AptError as error:
        print(f"{error}\n{BY_HAND}", flush=True)
        return None
    return find_server()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when a server is there, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m proxy.demo.install", description="Install a MariaDB server."
    )
    parser.add_argument(
        "--with-plugins", metavar="DIR", type=Path, help="also put MariaDB's login plugins into this folder"
    )
    arguments = parser.parse_args(argv)
    server = ensure_server()
    if server is None:
        return 1
    print(f"Database server: {server.mariadbd} ({_version(server)})", flush=True)
    if arguments.with_plugins is not None:
        try:
            print(fetch_plugins(server, arguments.with_plugins), flush=True)
        except (apt.AptError, subprocess.CalledProcessError, OSError) as error:
            # Tests that need a plugin say so and skip.
            print(f"Going on without MariaDB's login plugins: {error}", flush=True)
    return 0


def _install_with_apt() -> None:
    apt.privilege()
    print("No MariaDB server found: refreshing apt's package lists ...", flush=True)
    apt.update()
    packages = [apt.package_like(stem) for stem in PACKAGE_STEMS]
    known = [package for package in packages if package is not None]
    if len(known) < len(packages):
        raise apt.AptError("apt knows no mariadb-server-core package")
    print(f"Installing {' and '.join(known)} with apt-get (programs only, no service) ...", flush=True)
    apt.install(known)


def _version(server: ServerBinaries) -> str:
    done = subprocess.run([server.mariadbd, "--version"], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return words[words.index("Ver") + 1] if "Ver" in words else "version unknown"


if __name__ == "__main__":
    sys.exit(main())
