"""Sockets that systemd passes on (manual page sd_listen_fds): descriptors from 3 on, announced in the
environment for one process, each with the name that its unit gives it (FileDescriptorName).
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

import attrs

__all__ = ["FIRST_DESCRIPTOR", "PassedSocket", "initial_environment", "passed_sockets"]

FIRST_DESCRIPTOR = 3

_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)
_INITIAL = Path("/proc/self/environ")


@attrs.frozen
class PassedSocket:
    """A listening socket; ``name`` is empty where systemd was not told one to pass on."""

    socket: socket.socket
    name: str = ""


def initial_environment(source: Path = _INITIAL) -> dict[str, str]:
    """The environment this process was started with.

    Importing Twisted's endpoints takes systemd's announcement out of `os.environ`, so the kernel is asked.
    """
    try:
        entries = source.read_bytes().split(b"\0")
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(entry).partition("=") for entry in entries if entry)
    return {name: value for name, _, value in pairs}


def passed_sockets(environment: Mapping[str, str], process: int) -> list[PassedSocket]:
    """The sockets passed to ``process``, in their order; none if the announcement is for another process.

    Raises ValueError for something that clients cannot connect to, and for names that are not one for each.
    """
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(process) or not count.isdecimal():
        return []
    names = _names(environment.get("LISTEN_FDNAMES", ""), int(count))
    return [PassedSocket(_listening(number), name) for number, name in enumerate(names, FIRST_DESCRIPTOR)]


def _names(announced: str, count: int) -> list[str]:
    if not announced:
        return [""] * count
    names = announced.split(":")
    if len(names) != count:
        raise ValueError(f"systemd passes {count} descriptors, but names for {len(names)}")
    return [_given_name(name) for name in names]


def _given_name(name: str) -> str:
    """Empty for what systemd says when it was not told: the unit's own name, or `unknown`."""
    return "" if name == "unknown" or name.endswith(".socket") else name


def _listening(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        passed = socket.socket(fileno=number)
        listens = bool(passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError as problem:
        raise ValueError(f"descriptor {number} from systemd: {problem.strerror}") from None
    if passed.family not in _FAMILIES or passed.type != socket.SOCK_STREAM or not listens:
        raise ValueError(f"descriptor {number} from systemd is not a listening stream socket (Accept=no)")
    passed.setblocking(False)
    return passed
