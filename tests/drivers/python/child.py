"""A Python process of its own for a driver that cannot be loaded where another OpenSSL is.

Oracle's C extension brings a newer OpenSSL along, of the same name as the one that Python's `ssl` loads; it
can only be the first. The child loads the extension before anything else, then plays the scenarios that it is
told of, one request and one answer after another, pickled, on its standard input and output.
"""

import pickle
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["ChildProcess"]

MAIN = """
import _mysql_connector, sys
sys.path.insert(0, {!r})
from tests.drivers.python import child
child.serve()
"""
REPOSITORY = Path(__file__).resolve().parents[3]


class ChildProcess:
    """One such process, in a `with` statement."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", MAIN.format(str(REPOSITORY))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def play(self, *request: Any) -> object:
        """Play a scenario there; AssertionError with the traceback if it failed, LookupError if it ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            pickle.dump(request, stdin)
            stdin.flush()
            succeeded, result = pickle.load(stdout)
        except (OSError, EOFError):
            raise LookupError(self._log.read_text()) from None
        assert succeeded, result
        return result


def serve() -> None:
    """Answer requests until there is no more."""
    import traceback

    from . import scenarios
    from .drivers import DRIVERS

    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            name, scenario, place, setting = pickle.load(requests)
        except EOFError:
            return
        [driver] = [each for each in DRIVERS if each.name == name]
        try:
            answer = True, scenarios.play(scenario, scenarios.Stage(driver, place, setting))
            message = pickle.dumps(answer)
        except Exception:
            message = pickle.dumps((False, traceback.format_exc()))
        answers.write(message)
        answers.flush()
