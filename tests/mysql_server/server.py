"""A private MySQL in a folder of its own, with the surface of `proxy.demo.private_server.PrivateMariaDB`.

It listens on a free loopback port, knows the account `admin`, which may do everything, and dies with the
thread that started it. Run by root, it runs as the user `mysql` where that user exists and can reach both the
folder and the installation, else as root. All calls block.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql

from proxy.demo.batch_output import parse_rows
from proxy.demo.child import LOOPBACK, die_with_parent, end_session, free_port
from proxy.demo.installation import ServerAccount, account_for

from .installation import MySQLInstallation

__all__ = ["ADMIN", "ADMIN_PASSWORD", "MAX_CONNECTIONS", "MySQLError", "MySQLServer"]

START_LIMIT = 120.0
"""Seconds that the making of the data, or a start, may take."""
STOP_LIMIT = 30.0
STATEMENT_LIMIT = 120.0
POLL_INTERVAL = 0.05
MAX_CONNECTIONS = 50
PORT_ATTEMPTS = 3
PORT_TAKEN = "Bind on TCP/IP port"
LOG_TAIL_LINES = 30
ADMIN, ADMIN_PASSWORD = "admin", "admin's secret"

OPTIONS = (
    *("--mysqlx=OFF", "--skip-name-resolve", "--local-infile=1", f"--max-connections={MAX_CONNECTIONS}"),
    *("--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0"),
    *("--performance-schema=OFF", "--event-scheduler=OFF", "--secure-file-priv="),
    # Below the data, because the kernel allows only a short path for it.
    *("--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--socket=mysql.sock"),
)


class MySQLError(Exception):
    """The server cannot be started, or refused a statement; the text ends with what it said."""


class MySQLServer:
    """One server on one folder; `options` of mysqld come after the built-in ones and win.

    In a `with` statement its data are made and it is started, and stopped at the end.
    """

    host = LOOPBACK

    def __init__(self, installation: MySQLInstallation, folder: Path, *, options: Sequence[str] = ()) -> None:
        self.installation = installation
        self.folder = folder.absolute()
        self.port = free_port()
        self.options = tuple(options)
        self.data = self.folder / "data"
        self.error_log = self.folder / "error.log"
        self._account = _account(installation, self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.make()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None when it was stopped or never started."""
        return None if self._process is None else self._process.pid

    def make(self) -> None:
        """Make the data, start the server, and with it the account `admin`. Raises MySQLError."""
        quoted = ADMIN_PASSWORD.replace("'", "''")
        script = self.folder / "first.sql"
        script.write_text(
            f"CREATE USER {ADMIN}@'%' IDENTIFIED BY '{quoted}';\n"
            f"GRANT ALL ON *.* TO {ADMIN}@'%' WITH GRANT OPTION;\n"
        )
        self._account.own(self.folder)
        process = self._spawn("--initialize-insecure", "--innodb-buffer-pool-size=32M")
        try:
            process.wait(START_LIMIT)
        finally:
            if process.returncode is None:
                end_session(process)
        if process.returncode != 0:
            raise MySQLError(f"MySQL could not make its data; the end of its log:\n{self.log_tail()}")
        self.start(f"--init-file={script}")

    def start(self, *options: str) -> None:
        """Start it and return when it takes connections. Raises MySQLError."""
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if self._comes_up(options):
                return
            tail = self.log_tail()
            if attempt == PORT_ATTEMPTS or PORT_TAKEN not in tail:
                raise MySQLError(f"MySQL did not start; the end of its log:\n{tail}")
            self.port = free_port()

    def stop(self) -> None:
        """Shut it down if it runs, and kill it when that takes more than STOP_LIMIT."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_LIMIT)
        self.kill()

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would, and return when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Shut it down and start it again on the same port."""
        self.stop()
        self.start()

    def connect(self) -> Any:
        """A connection of `admin`."""
        return pymysql.connect(
            host=LOOPBACK, port=self.port, user=ADMIN, password=ADMIN_PASSWORD, autocommit=True
        )

    def execute(self, sql: str) -> list[list[str]]:
        """Run statements as `admin` and return the rows of all their results; NULL comes as "NULL".

        The client's own commands, such as DELIMITER, are understood. Raises MySQLError at the first statement
        that fails; the later ones do not run.
        """
        command = [*self.installation.client, f"--host={LOOPBACK}", f"--port={self.port}", f"--user={ADMIN}"]
        command += ["--protocol=TCP", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        done = subprocess.run(
            command,
            input=sql.encode(),
            capture_output=True,
            timeout=STATEMENT_LIMIT,
            env={**os.environ, "MYSQL_PWD": ADMIN_PASSWORD},
            check=False,
        )
        if done.returncode != 0:
            raise MySQLError(done.stderr.decode(errors="replace").strip())
        return parse_rows(done.stdout.decode("utf-8", "surrogateescape"))

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of the server's error log."""
        if not self.error_log.exists():
            return ""
        return "\n".join(self.error_log.read_text(errors="replace").splitlines()[-lines:])

    def _comes_up(self, options: Sequence[str]) -> bool:
        """Start the process; return False when it ended before it took connections."""
        self._process = self._spawn(
            f"--port={self.port}", f"--bind-address={LOOPBACK}", *OPTIONS, *self.options, *options
        )
        deadline = time.monotonic() + START_LIMIT
        while self._process.poll() is None:
            with suppress(pymysql.MySQLError):
                self.connect().close()
                return True
            if time.monotonic() > deadline:
                raise MySQLError(f"MySQL took over {START_LIMIT:.0f} s to start:\n{self.log_tail()}")
            time.sleep(POLL_INTERVAL)
        return False

    def _spawn(self, *options: str) -> subprocess.Popen[bytes]:
        command = [*self.installation.server, *self._account.options, f"--datadir={self.data}"]
        command += [f"--log-error={self.error_log}", f"--pid-file={self.folder / 'server.pid'}", *options]
        # A session of its own keeps the terminal's Ctrl-C away: whoever started the server stops it.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            # The caller's folder for temporary files need not be open to the server's user.
            env={**os.environ, "TMPDIR": str(self.folder)},
            start_new_session=True,
            user=self._account.uid,
            group=self._account.gid,
            extra_groups=None if self._account.gid is None else [],
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
        )


def _account(installation: MySQLInstallation, folder: Path) -> ServerAccount:
    """The account that can reach the data and the programs, too: a checkout may be in root's own home."""
    account = account_for(folder)
    return account if account.uid is None else account_for(installation.root / "usr" / "sbin" / "mysqld")
