"""The proxy as a child process: `twistd` in the foreground with a configuration file."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .child import LOOPBACK, start_logged

__all__ = ["ProxyError", "ProxyProcess", "proxy_command"]

START_LIMIT = 30.0
"""Seconds from the start of the process to its first greeting."""
STOP_LIMIT = 10.0
"""Seconds the proxy is given to end before it is killed."""
GREETING_LIMIT = 5.0
POLL_INTERVAL = 0.05
LOG_TAIL_LINES = 20


class ProxyError(Exception):
    """The proxy did not come up; the text ends with the last lines of its log."""


def proxy_command(config: Path) -> list[str]:
    """Return the command that runs the proxy, with the twistd that belongs to this Python."""
    beside = Path(sys.executable).with_name("twistd")
    twistd = str(beside) if beside.exists() else shutil.which("twistd")
    if twistd is None:
        raise ProxyError("there is no `twistd` beside this Python: is the package installed in it?")
    return [twistd, "--nodaemon", "--pidfile=", "rds-proxy", "--config", str(config)]


class ProxyProcess:
    """One run of the proxy. Its output goes to `log`."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.log = log
        self._command = command
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, check: Callable[[], None]) -> None:
        """Start the proxy and return when it greets clients.

        Raises ProxyError, or whatever `check` raises, which is called again and again meanwhile.
        """
        self._process = start_logged(self._command, self.log)
        deadline = time.monotonic() + START_LIMIT
        while not _greets(self._port):
            if self._process.poll() is not None:
                raise ProxyError(f"The proxy ended at once; the end of its log:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ProxyError(f"The proxy took over {START_LIMIT:.0f} s to start:\n{self.log_tail()}")
            check()
            time.sleep(POLL_INTERVAL)

    def wait(self, seconds: float) -> int | None:
        """Wait for the proxy to end; return its exit status, or None when it still runs after `seconds`."""
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def stop(self) -> None:
        """End the proxy if it runs, and kill it when that takes more than STOP_LIMIT."""
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_LIMIT)
        self._process.kill()
        self._process.wait()
        self._process = None

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _greets(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=GREETING_LIMIT) as connection:
            return connection.recv(1) != b""
    except OSError:
        return False
