"""Ending the demo on Ctrl-C, on SIGTERM and when its terminal closes.

A signal only leaves a note, which the demo looks at between its steps. An exception from a signal function
could strike while a child process is being made, and the child or the exception would be lost.
"""

import signal
from types import FrameType, TracebackType
from typing import Self

__all__ = ["StopRequest", "StopRequestedError"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(Exception):
    """The user wants the program to end."""


class StopRequest:
    """In a `with` block, whether one of the signals has come; further ones change nothing."""

    def __init__(self) -> None:
        self.requested = False
        self._before = {each: signal.getsignal(each) for each in SIGNALS}

    def __enter__(self) -> Self:
        for each, action in self._before.items():
            # nohup has the demo outlive its terminal.
            if not (each == signal.SIGHUP and action == signal.SIG_IGN):
                signal.signal(each, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each, action in self._before.items():
            signal.signal(each, action)

    def check(self) -> None:
        """Raise StopRequestedError when a signal has come."""
        if self.requested:
            raise StopRequestedError

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
