"""A forwarder between a driver and its server that counts what goes over the wire.

What a driver says of its own compression is its word; the bytes on its socket are the proof. The forwarder is
a process of its own, because MariaDB's driver for Python lets no other thread run while it waits.
"""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from .servers import Place

__all__ = ["CountingForwarder", "Traffic"]

PROGRAM = Path(__file__).with_name("counting_program.py")


@attrs.frozen
class Traffic:
    """Bytes on the wire of all connections together, as the driver sees them."""

    sent: int
    received: int


class CountingForwarder:
    """Passes connections on to a place, in a `with` statement; `place` is where drivers then connect to."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def __enter__(self) -> Self:
        # Only the standard library: isolated from the rest it starts in no time.
        command = [sys.executable, "-I", "-S", str(PROGRAM), self.place.host, str(self.place.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.place = attrs.evolve(self.place, port=int(self._line()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def traffic(self) -> Traffic:
        """What has been counted so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        sent, received = self._line().split()
        return Traffic(int(sent), int(received))

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()
