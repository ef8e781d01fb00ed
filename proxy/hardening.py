"""Keeping what is in the proxy's memory, passwords among it, out of files and other processes.

It is done as prctl(2) and core(5) of the Linux manual have it.

A process that is not dumpable leaves no core dump, whatever the machine does with those, and only root can
attach a debugger or read its memory; nor can other processes of its user read /proc/PID/environ. The proxy's
own view of /proc/self stays. It lasts until the process executes another program or changes its user: call it
behind both.
"""

import ctypes
import os
import resource
from typing import Final

from twisted.logger import Logger

__all__ = ["forbid_core_dumps"]

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4

_log = Logger()


def forbid_core_dumps() -> bool:
    """No core dumps and no debuggers from now on; False, and a warning, if one way to that has failed."""
    problems = [problem for problem in (_limit_size(), _become_undumpable()) if problem]
    for problem in problems:
        _log.warn("core dumps of the proxy may hold passwords: {problem}", problem=problem)
    return not problems


def _limit_size() -> str:
    """Core files of 0 bytes, should somebody make the process dumpable again; what failed, if anything."""
    nothing = (0, 0)
    # A service whose limit is set by systemd may not be allowed the call.
    if resource.getrlimit(resource.RLIMIT_CORE) == nothing:
        return ""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, nothing)
    except (OSError, ValueError) as problem:
        return f"their size could not be limited: {problem}"
    return ""


def _become_undumpable() -> str:
    try:
        _prctl(_PR_SET_DUMPABLE, 0)
        is_dumpable = _prctl(_PR_GET_DUMPABLE)
    except (OSError, AttributeError) as problem:
        return f"PR_SET_DUMPABLE: {problem}"
    return "PR_SET_DUMPABLE was without effect" if is_dumpable else ""


def _prctl(option: int, argument: int = 0) -> int:
    """The system call; raises OSError, and AttributeError where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    zeros = [ctypes.c_ulong(0)] * 3
    answer: int = libc.prctl(option, ctypes.c_ulong(argument), *zeros)
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
