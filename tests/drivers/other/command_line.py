"""The command-line clients `mariadb` and Oracle's `mysql`, which call some of their options otherwise."""

import subprocess
from pathlib import Path

import attrs
import pytest

from proxy.demo.installation import find_server
from tests.drivers.servers import Place
from tests.mysql_server.installation import Unavailable, find_mysql

__all__ = ["CommandLine", "mariadb_client", "mysql_client"]

REPOSITORY = Path(__file__).resolve().parents[3]
RUN_LIMIT = 60.0
"""Seconds a script may take."""


@attrs.frozen
class CommandLine:
    """One of the two clients, and how its options are called."""

    name: str
    program: tuple[str, ...]
    tls_off: tuple[str, ...]
    tls_on: tuple[str, ...]
    compressions: tuple[tuple[str, ...], ...]

    def command(self, place: Place, tls: bool, *options: str) -> list[str]:
        """A command line for a place."""
        command = [*self.program, f"--host={place.host}", f"--port={place.port}", f"--user={place.user}"]
        command += [f"--password={place.password}", "--default-character-set=utf8mb4", "--local-infile=1"]
        command += [each.format(place.authority) for each in (self.tls_on if tls else self.tls_off)]
        return [*command, *options, place.schema]

    def run(self, place: Place, script: str, *options: str, tls: bool = False) -> str:
        """Run a script in batch mode and return all that was printed."""
        done = subprocess.run(
            self.command(place, tls, "--batch", "--skip-column-names", "--force", *options),
            input=script.encode(),
            capture_output=True,
            timeout=RUN_LIMIT,
            check=False,
        )
        return _cleaned(done.stdout + done.stderr)


def mariadb_client() -> CommandLine:
    server = find_server()
    if server is None:
        pytest.skip("no mariadb client: `python -m proxy.demo.install` installs one")
    return CommandLine(
        "mariadb",
        (str(server.client), "--no-defaults"),
        ("--skip-ssl",),
        ("--ssl-ca={}", "--ssl-verify-server-cert"),
        (("--compress",),),
    )


def mysql_client() -> CommandLine:
    try:
        installation = find_mysql(REPOSITORY)
    except Unavailable as error:
        pytest.skip(str(error))
    return CommandLine(
        "mysql",
        tuple(installation.client),
        ("--ssl-mode=DISABLED", "--get-server-public-key"),
        ("--ssl-ca={}", "--ssl-mode=VERIFY_IDENTITY"),
        (("--compression-algorithms=zlib,uncompressed",), ("--compression-algorithms=zstd,uncompressed",)),
    )


def _cleaned(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").splitlines()
    return "\n".join(each for each in lines if "password on the command line" not in each.lower())
