"""A module of the tests in a process of its own, spoken to by lines: what has a reactor needs one."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from proxy.demo.child import die_with_parent

__all__ = ["own_process"]

STOP_LIMIT = 30.0
REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def own_process(module: str, arguments: Sequence[str]) -> "Iterator[subprocess.Popen[str]]":
    """Start it; it ends when its input does."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - it only calls into a library loaded before
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(STOP_LIMIT)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
