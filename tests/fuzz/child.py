"""Fuzzes one target for a time, in a process of its own: atheris where it is installed, then Hypothesis.

`python -m tests.fuzz.child TARGET SECONDS WORK`: the folder WORK takes the crashing inputs.
"""

import gc
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import targets

__all__ = ["ATHERIS_SHARE", "CRASHED", "has_atheris", "with_atheris"]

#: Share of the time that atheris has; the rest is Hypothesis's, whose finds are already small.
ATHERIS_SHARE = 0.8
#: Exit status where something was found.
CRASHED = 77
#: Seconds after which one input counts as one that never ends.
LONGEST_RUN = 20
#: Bytes; what the session targets decide from more is not read.
LONGEST_INPUT = 4096
_ROUND = 200
_INSTRUMENTED = ["proxy.mysql", "proxy.pool", "proxy.config", "proxy.credentials"]


def has_atheris() -> bool:
    """Whether atheris can be imported here."""
    return importlib.util.find_spec("atheris") is not None


def with_atheris(name: str, seconds: float, work: Path) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        fuzz = targets.load(name)
    found = work / "corpus"
    found.mkdir(exist_ok=True)
    options = {
        "max_total_time": str(max(1, int(seconds))),
        "max_len": str(LONGEST_INPUT),
        "timeout": str(LONGEST_RUN),
        "rss_limit_mb": "2048",
        "print_final_stats": "1",
        "artifact_prefix": f"{work}/",
        "error_exitcode": str(CRASHED),
    }
    arguments = [f"-{option}={value}" for option, value in options.items()]
    folders = [folder for folder in (targets.CORPUS / name, targets.FINDS / name) if folder.is_dir()]
    _freeze()
    atheris.Setup([name, *arguments, str(found), *map(str, folders)], fuzz)
    atheris.Fuzz()


def _freeze() -> None:
    """Session targets collect garbage to see unhandled Deferreds; what is loaded need not be looked at."""
    gc.collect()
    gc.freeze()


def _with_hypothesis(name: str, seconds: float, work: Path) -> int:
    """Rounds of mutated seeds until the time is over; answers how many inputs were tried."""
    from hypothesis import HealthCheck, given, seed, settings

    from tests.fuzz.mutations import inputs

    fuzz = targets.load(name)
    _freeze()
    tried = 0
    end = time.monotonic() + seconds
    # Each failure is smaller than the one before, and takes its place.
    find = work / "hypothesis-find"

    def attempt(data: bytes) -> None:
        nonlocal tried
        if time.monotonic() >= end and not find.exists():
            return
        tried += 1
        try:
            fuzz(data)
        except BaseException:
            find.write_bytes(data)
            raise

    round_number = time.time_ns()
    while time.monotonic() < end:
        round_number += 1
        configured = settings(
            max_examples=_ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        test: Callable[[], None] = seed(round_number)(configured(given(inputs(targets.seeds(name)))(attempt)))
        test()
    return tried


def main(name: str, seconds: float, work: Path) -> int:
    """Both parts; atheris's in one more process, since it ends the process it runs in."""
    left = seconds
    if has_atheris():
        left = seconds * (1 - ATHERIS_SHARE)
        code = "import sys; from pathlib import Path; from tests.fuzz.child import with_atheris as run;"
        code += "run(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))"
        arguments = [name, str(seconds - left), str(work)]
        done = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
        if done.returncode:
            return done.returncode
    tried = _with_hypothesis(name, left, work)
    print(f"hypothesis: {tried}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])))
