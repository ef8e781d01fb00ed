"""A private MariaDB in a folder of its own, for the demo, the tests and the benchmark.

The server listens on a free loopback port and on a unix socket, knows only the account `root`, which enters
through the socket alone and without a password, and dies with the thread that started it. All calls block:
never make them where the reactor runs.

Run by root, the server runs as the user `mysql` where that user exists and can reach the folder; the whole
folder then belongs to that user, so keep there the keys and certificates that the options name.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .batch_output import parse_rows
from .child import LOOPBACK, die_with_parent, end_session, free_port
from .installation import ServerBinaries, account_for, find_server
from .server_options import CLEAN_ACCOUNTS, SERVER_OPTIONS, STORAGE_OPTIONS

__all__ = ["DatabaseError", "PrivateMariaDB", "ServerBinaries", "find_server"]

START_LIMIT = 60.0
"""Seconds from the start of the process to its first greeting on the socket."""
STOP_LIMIT = 20.0
"""Seconds a server is given to shut down before it is killed."""
STATEMENT_LIMIT = 120.0
"""Seconds that one `execute` or the making of the data may take."""
GREETING_LIMIT = 2.0
POLL_INTERVAL = 0.02
SOCKET_PATH_LIMIT = 100
"""Bytes; the kernel's own limit is 107 on Linux and 103 on macOS."""
PORT_ATTEMPTS = 3
"""How many free ports are tried when somebody takes the chosen one before the server can."""
LOG_TAIL_LINES = 30
PORT_TAKEN = "Bind on TCP/IP port"


class DatabaseError(Exception):
    """The private server cannot be started, or refused a statement; the text ends with what it said."""


class PrivateMariaDB:
    """One server on one folder. The folder's data are made at the first start and found again by later ones.

    `options` are mariadbd's command-line options; they come after the built-in ones and win. In a `with`
    statement the server is started, and stopped at the end.
    """

    host = LOOPBACK

    def __init__(self, folder: Path, *, options: Sequence[str] = (), port: int | None = None) -> None:
        binaries = find_server()
        if binaries is None:
            raise DatabaseError("no MariaDB server found; `python -m proxy.demo.install` installs one")
        self.binaries = binaries
        self.folder = folder.absolute()
        self.options = tuple(options)
        self.port = port if port is not None else free_port()
        self.error_log = self.folder / "error.log"
        self.socket = self.folder / "server.sock"
        self._port_is_fixed = port is not None
        self._account = account_for(self.folder)
        self._data = self.folder / "data"
        self._complete = self.folder / "complete"
        self._socket_folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
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

    def start(self) -> None:
        """Start the server and return when it takes connections.

        Raises DatabaseError, with the end of its log, when it ends early or START_LIMIT passes.
        """
        if self.is_running:
            raise DatabaseError("the server is running already")
        try:
            self._prepare_folder()
            self._come_up()
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout: float = STOP_LIMIT) -> None:
        """Shut the server down if it runs, and kill it when that takes more than `timeout` seconds."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """End the server with SIGKILL, as a power cut would, and return when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def restart(self) -> None:
        """Shut the server down and start it again on the same port."""
        self.stop()
        self.start()

    def execute(self, sql: str) -> list[list[str]]:
        """Run one or more statements as root and return the rows of all their results; NULL comes as "NULL".

        Raises DatabaseError at the first statement that fails; the later ones do not run.
        """
        command = [str(self.binaries.client), "--no-defaults", f"--socket={self.socket}", "--user=root"]
        command += ["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]
        done = subprocess.run(
            command, input=sql.encode(), capture_output=True, timeout=STATEMENT_LIMIT, check=False
        )
        if done.returncode != 0:
            raise DatabaseError(done.stderr.decode(errors="replace").strip())
        return parse_rows(done.stdout.decode("utf-8", "surrogateescape"))

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines of the server's error log."""
        if not self.error_log.exists():
            return ""
        return "\n".join(self.error_log.read_text(errors="replace").splitlines()[-lines:])

    def _prepare_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket = self.folder / "server.sock"
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="mariadb-", dir="/tmp"))
            self._account.own(self._socket_folder)
            self.socket = self._socket_folder / "server.sock"
        self.error_log.write_bytes(b"")
        if self._complete.exists():
            self._account.own(self.folder)
            return
        # What an interrupted first start left is of no use.
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(mode=0o700)
        self._account.own(self.folder)
        self._make_data()

    def _make_data(self) -> None:
        command = [
            str(self.binaries.install_db),
            "--no-defaults",
            *self._account.options,
            f"--datadir={self._data}",
        ]
        # Forced, for a machine that does not know its own name.
        command += ["--force", "--auth-root-authentication-method=normal", "--skip-test-db"]
        # A shell script, which has the server itself as a child.
        process = self._spawn([*command, *STORAGE_OPTIONS])
        try:
            process.wait(STATEMENT_LIMIT)
        finally:
            if process.returncode is None:
                end_session(process)
        if process.returncode != 0:
            raise DatabaseError(f"mariadb-install-db failed; the end of its output:\n{self.log_tail()}")

    def _come_up(self) -> None:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if self._greets_in_time():
                break
            tail = self.log_tail()
            if self._port_is_fixed or attempt == PORT_ATTEMPTS or PORT_TAKEN not in tail:
                raise DatabaseError(f"MariaDB did not start; the end of its log:\n{tail}")
            self.port = free_port()
        if not self._complete.exists():
            self.execute(CLEAN_ACCOUNTS)
            self._complete.touch()

    def _greets_in_time(self) -> bool:
        """Start the process; return False when it ended before it took connections."""
        command = [str(self.binaries.mariadbd), "--no-defaults", *self._account.options]
        command += [f"--datadir={self._data}", f"--socket={self.socket}", f"--port={self.port}"]
        command += [f"--pid-file={self.folder / 'server.pid'}", f"--log-error={self.error_log}"]
        self._process = self._spawn([*command, *STORAGE_OPTIONS, *SERVER_OPTIONS, *self.options])
        deadline = time.monotonic() + START_LIMIT
        while self._process.poll() is None:
            if _greets(self.socket):
                return True
            if time.monotonic() > deadline:
                raise DatabaseError(f"MariaDB took over {START_LIMIT:.0f} s to start:\n{self.log_tail()}")
            time.sleep(POLL_INTERVAL)
        return False

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        # A session of its own keeps the terminal's Ctrl-C away: whoever started the server stops it.
        with self.error_log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                # The caller's folder for temporary files need not be open to the server's user.
                env={**os.environ, "TMPDIR": str(self.folder)},
                start_new_session=True,
                user=self._account.uid,
                group=self._account.gid,
                extra_groups=None if self._account.gid is None else [],
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
            )


def _greets(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(GREETING_LIMIT)
        try:
            connection.connect(str(path))
            return connection.recv(1) != b""
        except OSError:
            return False
