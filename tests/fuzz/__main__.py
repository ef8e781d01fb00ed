"""Fuzzes all targets, or those named, one after the other: `python -m tests.fuzz --seconds 600 [TARGET…]`.

Prints a line for each, and ends with status 1 if anything was found. The inputs that show it are then in
`tests/fuzz/finds/TARGET/`, where pytest runs them from now on; give them names that say what they are about.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import targets
from tests.fuzz.child import has_atheris

#: A target that plays whole sessions gets so many times the time of one that feeds a parser.
SESSION_WEIGHT = 4
#: Seconds beyond its time that a target may take to start, and to make a find smaller.
GRACE = 400
_EXECUTIONS = re.compile(r"(?:number_of_executed_units|hypothesis): +(\d+)")
_CRASHES = ("crash-*", "timeout-*", "oom-*", "hypothesis-*")


def shares(names: list[str], seconds: float) -> dict[str, float]:
    """How long each target is fuzzed."""
    weights = {name: SESSION_WEIGHT if name in targets.SESSIONS else 1 for name in names}
    return {name: seconds * weight / sum(weights.values()) for name, weight in weights.items()}


def fuzz(name: str, seconds: float) -> bool:
    """Fuzz one target in a child process; answers whether it is clean."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        command = [sys.executable, "-m", "tests.fuzz.child", name, str(seconds), folder]
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds + GRACE,
            )
            output, status = done.stdout + done.stderr, done.returncode
        except subprocess.TimeoutExpired as expired:
            output, status = str(expired.stderr), -1
        kept = _keep(name, work)
    executions = sum(map(int, _EXECUTIONS.findall(output)))
    clean = not kept and status == 0
    print(
        f"{name:18} {seconds:6.0f} s {executions:10} executions  {'clean' if clean else 'FOUND'}", flush=True
    )
    if not clean:
        said = [line for line in output.splitlines() if not line.startswith(("#", "INFO", "WARNING"))]
        print("\n".join([*said[-60:], *(f"kept as {path}" for path in kept)]), flush=True)
    return clean


def _keep(name: str, work: Path) -> list[Path]:
    """Put crashing inputs where pytest finds them."""
    kept = []
    for pattern in _CRASHES:
        for path in sorted(work.glob(pattern)):
            content = path.read_bytes()
            place = targets.FINDS / name / f"{pattern[:-2]}-{hashlib.sha256(content).hexdigest()[:12]}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            kept.append(place)
    return kept


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Fuzz the proxy's parsers and sessions."
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="time for all targets together")
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(targets.NAMES))
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.targets) - set(targets.NAMES)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if not has_atheris():
        print("atheris cannot be installed here: only the Hypothesis part runs.", flush=True)
    found = [
        name
        for name, seconds in shares(chosen.targets or list(targets.NAMES), chosen.seconds).items()
        if not fuzz(name, seconds)
    ]
    print(f"Found something in: {', '.join(found)}" if found else "Clean.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
