"""A relay as a child process: started, asked for its processor time, ended."""

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from proxy.demo.child import LOOPBACK, start_logged

__all__ = ["Relay", "RelayError"]

START_LIMIT = 30.0
"""Seconds from the start of the process to the first greeting through it."""
STOP_LIMIT = 10.0
GREETING_LIMIT = 5.0
POLL_INTERVAL = 0.05
LOG_TAIL_LINES = 20

_LIBC = ctypes.CDLL(None, use_errno=True)


class RelayError(Exception):
    """A relay cannot be had or did not start; the text says why."""


class Relay:
    """In a `with` block, a program that listens on a loopback port and passes clients on to the database."""

    def __init__(self, command: Sequence[str], port: int, log: Path, check: Callable[[], None]) -> None:
        """`check` is called again and again while the relay starts, and may raise."""
        self.address = (LOOPBACK, port)
        self._command = list(command)
        self._log = log
        self._check = check
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = start_logged(self._command, self._log)
        try:
            self._wait_for_greeting(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int:
        """The process id."""
        if self._process is None:
            raise RelayError("the relay does not run")
        return self._process.pid

    def processor_seconds(self) -> float:
        """Return the processor time of the process so far, user and system, all threads.

        /proc/PID/stat has the same in ticks of 10 ms, which is too coarse for a short measurement.
        """
        clock = ctypes.c_int()
        problem = _LIBC.clock_getcpuclockid(self.pid, ctypes.byref(clock))
        if problem:
            raise RelayError(f"the relay has ended: {os.strerror(problem)}\n{self._log_tail()}")
        return time.clock_gettime(clock.value)

    def _wait_for_greeting(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not self._greets():
            self._check()
            if process.poll() is not None or time.monotonic() > deadline:
                raise RelayError(f"{self._command[0]} did not start; its output:\n{self._log_tail()}")
            time.sleep(POLL_INTERVAL)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(self.address, timeout=GREETING_LIMIT) as connection:
                return connection.recv(1) != b""
        except OSError:
            return False

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_LIMIT)
        self._process.kill()
        self._process.wait()
        self._process = None
