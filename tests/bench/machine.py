"""What the benchmark ran on, as far as it bears on the ratios."""

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

import attrs

__all__ = ["Machine", "describe"]

CPU_INFO = Path("/proc/cpuinfo")
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*")


@attrs.frozen
class Machine:
    """Words for the document."""

    cores: int
    processor: str
    kernel: str
    python: str
    twisted: str
    mariadb: str
    haproxy: str


def describe(mariadbd: Path, haproxy: str) -> Machine:
    """Ask the system and the installed programs."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_processor(CPU_INFO.read_text(encoding="utf-8", errors="replace")),
        kernel=f"{platform.system()} {_first_version(platform.release())}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        twisted=metadata.version("twisted"),
        mariadb=_program_version([str(mariadbd), "--version"]),
        haproxy=_program_version([haproxy, "-v"]),
    )


def _processor(cpu_info: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpu_info, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def _program_version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return _first_version(done.stdout)


def _first_version(text: str) -> str:
    found = VERSION.search(text)
    return found.group() if found else "unknown"
