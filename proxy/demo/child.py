"""Starting programs that must not outlive us, and finding ports for them."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

__all__ = ["LOOPBACK", "die_with_parent", "end_session", "free_port", "is_port_free", "start_logged"]

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1
SESSION_END_LIMIT = 5.0
"""Seconds that killed processes may take to disappear."""
POLL_INTERVAL = 0.01

#: Below what kernels give out by themselves, and above what services have by custom.
_OWN_PORTS = range(10_000, 30_000)
# Processes that look at the same time begin in different places.
_PORTS = count(random.randrange(len(_OWN_PORTS)))

# Loaded before any fork: between fork and exec only a ready function may be called.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel kill the child when the thread that forks it is gone.

    A later change of user clears the request: let `Popen` change it, which does so before `preexec_fn`.
    Other systems than Linux have no such request; there a child survives a parent that was killed hard.
    """
    parent = os.getpid()

    def ask_kernel() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # A parent that died before the request was made is never reported.
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def start_logged(command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a program in the folder of `log`, to which all its output is added; it dies with its parent.

    A session of its own keeps the terminal's Ctrl-C away: the parent decides on the order of things.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
        )


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that leads a session and the descendants in it; return when they are gone."""
    deadline = time.monotonic() + SESSION_END_LIMIT
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(POLL_INTERVAL)


def free_port(host: str = LOOPBACK) -> int:
    """Return a TCP port of `host` that was free a moment ago, and that the kernel gives to nobody by itself.

    A server that is down for a moment finds its port still free, unless all of those are taken.
    """
    for number in islice(_PORTS, len(_OWN_PORTS)):
        port = _OWN_PORTS[number % len(_OWN_PORTS)]
        if is_port_free(port, host):
            return port
    return _port_of_kernel(host)


def _port_of_kernel(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def is_port_free(port: int, host: str = LOOPBACK) -> bool:
    """Say whether a server could listen on the TCP port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
