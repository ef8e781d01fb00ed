"""An interactive program at a terminal of its own, as a person would use it."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from contextlib import suppress

__all__ = ["Terminal"]

ANSWER_LIMIT = 60.0
"""Seconds until the program must have printed what is waited for."""


class Terminal:
    """The program and what it prints."""

    def __init__(self, command: list[str]) -> None:
        self._output = b""
        self._terminal, inner = pty.openpty()
        self.process = subprocess.Popen(
            command,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb"},
        )
        os.close(inner)

    def write(self, text: str) -> None:
        """Type something."""
        os.write(self._terminal, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Wait until the pattern is printed; return all that was printed up to its end, and forget it."""
        deadline = time.monotonic() + ANSWER_LIMIT
        while (found := re.search(pattern.encode(), self._output)) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} in {self._output!r}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                with suppress(OSError):
                    self._output += os.read(self._terminal, 65536)
        text, self._output = self._output[: found.end()], self._output[found.end() :]
        return text.decode(errors="replace")

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End it, hard."""
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)
