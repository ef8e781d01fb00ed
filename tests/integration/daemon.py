"""The proxy as its users run it: `twistd -n rds-proxy --config FILE`, with what tests need around it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql
from pymysql.cursors import Cursor

from proxy.demo.child import LOOPBACK, start_logged
from proxy.demo.proxy_process import proxy_command

from .polling import POLL_INTERVAL, eventually

__all__ = ["CLIENT_LIMIT", "ProxyDaemon", "Section"]

START_LIMIT = 60.0
"""Seconds from the start of the process to its first greeting."""
STOP_LIMIT = 60.0
"""Seconds the daemon may take to end after SIGTERM, on top of its drain_timeout."""
GREETING_LIMIT = 20.0
CLIENT_LIMIT = 60
"""Seconds a client of the tests waits for an answer before it gives up."""
LOG_TAIL_LINES = 60
DRAIN_TIMEOUT = 1.0
"""Seconds; short, because some tests end with transactions that nobody will finish."""
# Words that no log of a healthy daemon holds.
FORBIDDEN = ("Traceback", "Unhandled", "nforeseen", "[CRITICAL]", '"level": "critical"', "unexpected failure")

Section = Mapping[str, Any]

_LISTENS = re.compile(r"rds-proxy listens on [0-9.]+:(\d+) ")


class ProxyDaemon:
    """One daemon in a folder of its own, on a port that the kernel chooses.

    `users` maps names to passwords; `auth` adds options to the `[[proxy.auth]]` entry of a user,
    `secret_fields` fields to its secret; `tenants` are the sections of `[[proxy.tenants]]`. The other
    arguments are options of the sections of these names and win over the defaults of the tests.
    """

    def __init__(
        self,
        folder: Path,
        database_port: int,
        users: Mapping[str, str],
        *,
        proxy: Section | None = None,
        pool: Section | None = None,
        target: Section | None = None,
        log: Section | None = None,
        auth: Mapping[str, Section] | None = None,
        tenants: Sequence[Section] = (),
        secret_fields: Mapping[str, Section] | None = None,
        secrets_mode: int = 0o600,
    ) -> None:
        self.folder = folder
        self.users = dict(users)
        self.proxy: dict[str, Any] = {"port": 0, "drain_timeout": DRAIN_TIMEOUT, **(proxy or {})}
        self.pool = dict(pool or {})
        self.target: dict[str, Any] = {"host": LOOPBACK, "port": database_port, **(target or {})}
        self.log = dict(log or {})
        self.auth = dict(auth or {})
        self.tenants = list(tenants)
        self.secret_fields = dict(secret_fields or {})
        self.port = 0
        self.config = folder / "rds-proxy.toml"
        self.secrets = folder / "secrets.json"
        self.log_file = folder / "proxy.log"
        self._secrets_mode = secrets_mode
        self._process: subprocess.Popen[bytes] | None = None

    # Life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and after a failure only end it: the failure is what is to be read."""
        try:
            if error is None:
                self.stop()
        finally:
            self.kill()

    def start(self) -> "ProxyDaemon":
        """Start it and return when it greets clients; AssertionError with its log when it does not."""
        self.write_config()
        self._process = self._launch()
        deadline = time.monotonic() + START_LIMIT
        while not self._greets():
            assert self._process.poll() is None, f"the proxy ended at once:\n{self.log_tail()}"
            assert time.monotonic() < deadline, f"the proxy took over {START_LIMIT:.0f} s:\n{self.log_tail()}"
            time.sleep(POLL_INTERVAL)
        return self

    def _launch(self) -> "subprocess.Popen[bytes]":
        return start_logged(proxy_command(self.config), self.log_file)

    def write_config(self) -> None:
        """Write configuration and secrets from the attributes, which a test may change before a reload."""
        self.secrets.touch(mode=self._secrets_mode)
        self.secrets.chmod(self._secrets_mode)
        secrets = {
            name: {"username": name, "password": password, **self.secret_fields.get(name, {})}
            for name, password in self.users.items()
        }
        self.secrets.write_text(json.dumps(secrets))
        self.config.write_text(self._config_text())

    def reload(self) -> None:
        """SIGHUP with the attributes as they are now; return when the log says how it went."""
        self.write_config()
        mark = self.mark()
        self.signal(signal.SIGHUP)
        eventually(lambda: re.search(r"(?m)\breloaded[;:]", self.log_since(mark)), "the reload")

    def signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def stop(self) -> None:
        """SIGTERM, wait for the end, and assert that it was a clean one."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        self.wait()
        self.check_log()

    def wait(self) -> None:
        """Wait for the end after SIGTERM and assert that the daemon ended by itself."""
        assert self._process is not None
        try:
            status = self._process.wait(float(self.proxy["drain_timeout"]) + STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop:\n{self.log_tail()}") from None
        # After its orderly end twistd re-raises the signal that ended it, as a shell expects.
        assert status in (0, -signal.SIGTERM), f"exit status {status}:\n{self.log_tail()}"

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """The process id of the running daemon."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def resident_bytes(self) -> int:
        """Memory the process holds now (VmRSS)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    # Clients

    def connect(self, user: str = "app", **options: Any) -> "pymysql.Connection[Cursor]":
        """A PyMySQL client of the proxy; autocommit unless told otherwise."""
        given: dict[str, Any] = {
            "host": LOOPBACK,
            "port": self.port,
            "user": user,
            "password": self.users.get(user, ""),
            "database": "app",
            "autocommit": True,
            "connect_timeout": CLIENT_LIMIT,
            "read_timeout": CLIENT_LIMIT,
            "write_timeout": CLIENT_LIMIT,
            "ssl_disabled": True,
        }
        given.update(options)
        if "ssl" in options or "ssl_ca" in options:
            given.pop("ssl_disabled")
        connection: pymysql.Connection[Cursor] = pymysql.connect(**given)
        return connection

    # Log

    def log_text(self) -> str:
        """All of the log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_records(self) -> list[dict[str, Any]]:
        """The log's lines as JSON objects; ValueError if one is none."""
        return [json.loads(line) for line in self.log_text().splitlines()]

    def log_tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self.log_text().splitlines()[-LOG_TAIL_LINES:])

    def mark(self) -> int:
        """Where the log ends now."""
        return len(self.log_text())

    def log_since(self, mark: int) -> str:
        """What was logged since `mark`."""
        return self.log_text()[mark:]

    def wait_for_log(self, words: str, mark: int = 0) -> str:
        """Return the first line with `words` since `mark`."""

        def line() -> str:
            return next((each for each in self.log_since(mark).splitlines() if words in each), "")

        return eventually(line, f"a log line with {words!r}")

    def check_log(self) -> None:
        """Assert that nothing in the log tells of a fault of the daemon."""
        text = self.log_text()
        for word in FORBIDDEN:
            assert word not in text, f"{word!r} in the log:\n{_around(text, word)}"

    # Parts

    def _greets(self) -> bool:
        if not self.port:
            found = _LISTENS.search(self.log_text())
            if found is None:
                return False
            self.port = int(found[1])
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port), GREETING_LIMIT) as connection:
            return connection.recv(1) != b""
        return False

    def _config_text(self) -> str:
        parts = [_table("[log]", self.log)]
        parts.append(_table("[proxy]", {**self.proxy, "secrets_file": str(self.secrets)}))
        parts += [
            _table("[[proxy.auth]]", {"secret_arn": name, **self.auth.get(name, {})}) for name in self.users
        ]
        parts += [_table("[[proxy.tenants]]", each) for each in self.tenants]
        parts.append(_table("[target_group.connection_pool_config]", self.pool))
        parts.append(_table("[[target_group.targets]]", self.target))
        return "\n".join(parts)


def _table(header: str, options: Section) -> str:
    # JSON's scalars and arrays are TOML's, too.
    return "\n".join([header, *(f"{name} = {json.dumps(value)}" for name, value in options.items()), ""])


def _around(text: str, word: str) -> str:
    at = text.index(word)
    return text[max(0, at - 500) : at + 3000]
