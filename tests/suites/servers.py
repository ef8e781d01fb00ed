"""A fresh private MariaDB for one run of a suite, and the proxy before it where the run goes through it."""

import enum
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from proxy.demo.child import LOOPBACK
from proxy.demo.private_server import DatabaseError, PrivateMariaDB
from tests.integration.certificates import Authority
from tests.integration.daemon import ProxyDaemon
from tests.integration.databases import tls_options

__all__ = ["PASSWORD", "Endpoint", "Way", "serve"]

USER = "root"
PASSWORD = "suites"


class Way(enum.Enum):
    """How a run reaches the database."""

    DIRECT = "direct"
    PROXY = "through the proxy"


@attrs.frozen
class Endpoint:
    """Where a suite connects to: TCP on loopback with TLS on offer, as a user that may do everything."""

    port: int
    #: The database itself. It cannot be asked by its own `execute`, since root has a password here.
    database: PrivateMariaDB
    #: Empty; for the suite's own files.
    folder: Path
    host: str = LOOPBACK
    user: str = USER
    password: str = PASSWORD

    def execute(self, sql: str) -> list[list[str]]:
        """Run statements at the database itself and return their rows. Raises DatabaseError."""
        command = [str(self.database.binaries.client), "--no-defaults", f"--socket={self.database.socket}"]
        command += [f"--user={USER}", f"--password={PASSWORD}", "--batch", "--skip-column-names"]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DatabaseError(done.stderr.strip())
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def serve(way: Way, options: Sequence[str] = ()) -> Iterator[Endpoint]:
    """Start everything for one run and stop it afterwards; `options` are mariadbd's.
    AssertionError at the end tells that the proxy did not end well or logged a fault of its own.
    """
    with tempfile.TemporaryDirectory(prefix="suites-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        scratch = folder / "scratch"
        for each in ("database", "proxy", "scratch"):
            (folder / each).mkdir()
        # The server runs as a user of its own and reads what some suites write.
        folder.chmod(0o755)
        scratch.chmod(0o777)
        _, tls = tls_options(folder / "database")
        with PrivateMariaDB(folder / "database", options=(*tls, *options)) as database:
            database.execute(
                f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';"
                f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION; GRANT PROXY ON ''@'' TO {USER}@'%';"
                f"ALTER USER {USER}@localhost IDENTIFIED BY '{PASSWORD}'"
            )
            if way is Way.DIRECT:
                yield Endpoint(database.port, database, scratch)
                return
            daemon = _daemon(folder / "proxy", database.port).start()
            try:
                yield Endpoint(daemon.port, database, scratch)
                daemon.stop()
            finally:
                daemon.kill()


def _daemon(folder: Path, database_port: int) -> ProxyDaemon:
    files = Authority(folder / "tls").issue("proxy", "localhost", LOOPBACK)
    options = {"tls_certificate": str(files.certificate), "tls_private_key": str(files.private_key)}
    return ProxyDaemon(folder, database_port, {USER: PASSWORD}, proxy=options)
