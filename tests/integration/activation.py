"""The daemon as systemd starts it when a socket unit listens for it: with sockets it did not make."""

import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from proxy.demo.child import die_with_parent
from proxy.demo.proxy_process import proxy_command

from .endpoints import EndpointDaemon

__all__ = ["ActivatedDaemon"]

# What systemd does between fork and exec: descriptors from 3 on, announced for this process id.
LAUNCHER = """
import fcntl, os, sys
names = sys.argv[1]
count = len(names.split(":"))
safe = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[2 : 2 + count]]
for place, number in enumerate(safe, 3):
    os.dup2(number, place)
    os.close(number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES=names)
os.execv(sys.argv[2 + count], sys.argv[2 + count :])
"""


class ActivatedDaemon(EndpointDaemon):
    """`sockets` listen already; the caller keeps its own ends of them. One must be TCP.

    `names` are those that their units give them; by default all are of one unit that gives none.
    """

    def __init__(
        self, *arguments: Any, sockets: Sequence[socket.socket], names: Sequence[str] = (), **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._sockets = sockets
        self._names = names or ["rds-proxy.socket"] * len(sockets)

    def _launch(self) -> "subprocess.Popen[bytes]":
        numbers = [each.fileno() for each in self._sockets]
        command = [sys.executable, "-c", LAUNCHER, ":".join(self._names), *map(str, numbers)]
        with self.log_file.open("ab") as output:
            return subprocess.Popen(
                [*command, *proxy_command(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                pass_fds=numbers,
                start_new_session=True,
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
            )
