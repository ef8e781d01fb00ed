"""A real HAProxy that tells the proxy its clients' addresses."""

import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from proxy.demo.child import LOOPBACK, free_port, start_logged

from .polling import eventually

__all__ = ["HAProxy", "find_haproxy"]


def find_haproxy() -> str | None:
    """Its program; packages put it where not every user looks."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")


class HAProxy:
    """Forwards `port`, and `port6` at `::1`, to `server` with its options `send`, such as send-proxy."""

    def __init__(self, folder: Path, server: str, send: str) -> None:
        program = find_haproxy()
        assert program is not None
        self.port, self.port6 = free_port(), free_port()
        file = folder / "haproxy.cfg"
        file.write_text(
            "global\n nbthread 1\n"
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
            f"listen proxy\n bind {LOOPBACK}:{self.port}\n bind ::1:{self.port6}\n"
            f" server proxy {server} {send}\n"
        )
        self._log = folder / "haproxy.log"
        self._process: subprocess.Popen[bytes] = start_logged([program, "-db", "-f", str(file)], self._log)
        eventually(self._listens, "HAProxy")

    def _listens(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port), 5):
            return True
        return False

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
