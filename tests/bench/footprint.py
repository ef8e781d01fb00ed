"""How much memory a process holds, from Linux's /proc (proc(5), "/proc/pid/status", "/proc/pid/clear_refs").

``resident`` is VmRSS, all pages that the process has in memory. ``peak`` is VmHWM, the most of that since the
process began or since ``forget_peak``. The kernel counts pages per thread and adds them up in batches, so
each of them may be off by some dozen pages.
"""

import re
from pathlib import Path

__all__ = ["forget_peak", "peak", "resident"]

KIBIBYTE = 1024
FORGET_PEAK = "5"


def resident(pid: int) -> int:
    """Bytes the process holds now. Raises OSError when it is gone."""
    return _field(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes it has held since ``forget_peak``. Raises OSError when it is gone."""
    return _field(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let ``peak`` begin anew at what the process holds now. Raises OSError when it is gone."""
    Path(f"/proc/{pid}/clear_refs").write_text(FORGET_PEAK, encoding="ascii")


def _field(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.M)
    if found is None:
        raise OSError(f"/proc/{pid}/status has no {name}: the process has ended")
    return int(found[1]) * KIBIBYTE
