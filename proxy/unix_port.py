"""Listening on a Unix socket: one of our own at a path, or one that somebody else made and passed on.

Twisted's own port makes no difference between them: it would set permissions, shorten the queue and, at the
end, remove the file of a socket that belongs to systemd.
"""

import os
import socket
import stat
from contextlib import suppress
from typing import Any

from twisted.internet import tcp, unix

__all__ = ["SocketInUse", "UnixPort", "bind_unix"]

#: Seconds a process that holds the path has to answer; a full queue makes the connect wait.
PROBE_TIMEOUT = 1.0


class SocketInUse(OSError):
    """Something at the path is not a socket that a dead process has left behind."""


def bind_unix(path: str, mode: int, backlog: int) -> socket.socket:
    """A listening socket at ``path``; what a dead process has left there is replaced. Raises OSError."""
    _remove_stale(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        # Nobody can connect before the call of listen, so the permissions are never the wrong ones.
        os.chmod(path, mode)
        listening.listen(backlog)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _remove_stale(path: str) -> None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketInUse(f"{path} exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except (TimeoutError, BlockingIOError):
            # Its queue is full.
            pass
    raise SocketInUse(f"{path} is in use by another process")


class _UnixClient(unix.Server):
    """Reads and writes as TCP does: nobody here passes descriptors, and those a client passes are dropped."""

    doRead = tcp.Connection.doRead  # type: ignore[assignment]
    writeSomeData = tcp.Connection.writeSomeData


class UnixPort(unix.Port):
    """Accepts from a listening Unix socket; ``owned`` says whether its file is removed at the end."""

    transport = _UnixClient

    def __init__(self, listening: socket.socket, factory: Any, reactor: Any, *, owned: bool) -> None:
        super().__init__(listening.getsockname(), factory, reactor=reactor)
        self._listening = listening
        self._inode = _inode(listening.getsockname()) if owned else None

    def startListening(self) -> None:
        """Accept clients."""
        self.factory.doStart()  # type: ignore[union-attr]
        self.socket = self._listening
        self.fileno = self.socket.fileno  # type: ignore[method-assign]
        # Shutting a socket down would do so for systemd and for the next proxy, too.
        self._shouldShutdown = False
        self.connected = True
        self.numberAccepts = 100
        self.startReading()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Any) -> None:
        """Close, and remove the file if it is still ours."""
        path = self.socket.getsockname()
        tcp.Port.connectionLost(self, reason)
        if self._inode is not None and self._inode == _inode(path):
            # Privileges may have been given up since.
            with suppress(OSError):
                os.unlink(path)


def _inode(path: str | bytes) -> tuple[int, int] | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_dev, found.st_ino
