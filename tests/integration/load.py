"""A crowd of clients in a process of its own (``load_clients``), as a test holds it in its hands.

The clients never reconnect: a socket that a client loses is a problem in the report. With `retry` they do, as
clients without a proxy have to: they try the addresses in turn until one takes writes.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs

from proxy.demo.child import die_with_parent

from .ledger import Failure, Report, Write
from .polling import eventually

__all__ = ["CROWD", "Load", "Mix"]

REPOSITORY = Path(__file__).resolve().parents[2]
END_LIMIT = 60.0
"""Seconds the process may take to end after its report."""


@attrs.frozen(kw_only=True)
class Mix:
    """How many clients do what, and seconds that each waits between two of its statements on average."""

    readers: int = 0
    writers: int = 0
    transfers: int = 0
    idle: int = 0
    pinned: int = 0
    think: float = 0.15

    @property
    def clients(self) -> int:
        """All of them."""
        return self.readers + self.writers + self.transfers + self.idle + self.pinned


CROWD = Mix(readers=30, writers=30, transfers=20, idle=15, pinned=5)
"""The issue's hundred."""


class Load:
    """In a `with` block: clients that work from its beginning on until ``finish``."""

    def __init__(
        self,
        addresses: Sequence[tuple[str, int]],
        user: str,
        password: str,
        mix: Mix,
        *,
        retry: bool = False,
        statement_limit: float = 60.0,
        read_address: tuple[str, int] | None = None,
        first: int = 0,
    ) -> None:
        """`statement_limit`: seconds after which a client gives up; `read_address`: for the readers; `first`:
        the number of the first client, for several loads on one ledger.
        """
        self._plan = {
            "addresses": [list(each) for each in addresses],
            "read_addresses": [list(each) for each in ([read_address] if read_address else addresses)],
            "user": user,
            "password": password,
            "retry": retry,
            "statement_limit": statement_limit,
            "first": first,
            **attrs.asdict(mix),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.load_clients"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
        )
        self._tell(json.dumps(self._plan))
        # All clients are logged in.
        self._hear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()

    def acknowledged(self) -> int:
        """How many writes were acknowledged so far."""
        return int(self._ask("status")["writes"])

    def works(self, writes: int, limit: float = 60.0) -> None:
        """Wait for so many more acknowledged writes."""
        goal = self.acknowledged() + writes
        eventually(lambda: self.acknowledged() >= goal, f"{writes} more writes by the load", limit)

    def finish(self) -> Report:
        """Let every client finish what it does, look at the idle ones, and report."""
        told = self._ask("finish")
        return Report(
            [Write(*each) for each in told["writes"]],
            [Failure(*each) for each in told["failures"]],
            told["problems"],
            {int(client): error for client, error in told["pinned"].items()},
            told["reads"],
            told["idle"],
        )

    def _ask(self, command: str) -> Any:
        self._tell(command)
        return self._hear()

    def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _hear(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the load has ended; its last words are above"
        return json.loads(line)
