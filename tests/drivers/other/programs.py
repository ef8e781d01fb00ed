"""The programs in other languages: how each is built and called, and which scenarios it has.

A program reads a task as one JSON object from its standard input and writes a report, a JSON object with what
each scenario saw. What a scenario raised is reported as `{"raised": TEXT}`.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from tests.drivers.install import CACHE, CONNECTOR_J, GO_PATH, MYSQL_DRIVER_SOURCE, NODE_FOLDER

__all__ = ["PROGRAMS", "BuildFailed", "Mode", "Program"]

SOURCES = Path(__file__).parent / "programs"
RUN_LIMIT = 60.0
BUILD_LIMIT = 300.0
"""Seconds a program and its compiler may take."""

COMMON = (
    *("select", "types", "emoji", "transactions", "duplicate", "repeated", "procedure", "multi", "infile"),
    *("big", "wrong_authority"),
)


ONLY_WITH_TLS = {"wrong_authority"}
LONG = {"killed", "killed_connection", "cancelled", "cancelled_statement", "timed_out"}
"""What takes long: left out of some modes, as the big value is."""


class BuildFailed(Exception):
    """A program cannot be had on this machine; the text says why."""


@attrs.frozen
class Mode:
    """How a program connects and how it sends its statements."""

    name: str
    tls: bool = False
    prepared: bool = False
    compress: bool = False


@attrs.frozen
class Program:
    """One driver's program."""

    name: str
    command: Callable[[], list[str]]
    """Builds it where that is needed; raises BuildFailed."""
    own: tuple[str, ...] = ()
    """Its scenarios beside the common ones."""
    refuses: frozenset[tuple[str, str]] = frozenset()
    """Vendors and scenarios: what the driver has, but not for this vendor."""
    compresses: bool = True
    environment: Mapping[str, str] = {}

    def scenarios_in(self, mode: Mode) -> list[str]:
        """Those that make sense in a mode; the one that changes the task is the last."""
        left_out = set() if mode.tls else set(ONLY_WITH_TLS)
        if mode.compress:
            left_out |= LONG
        elif mode.tls is not mode.prepared:
            left_out |= {*LONG, "big"}
        return [each for each in (*self.own, *COMMON) if each not in left_out]

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Run it on a task; return its report. AssertionError with what it said when it wrote none."""
        done = subprocess.run(
            self.command(),
            input=json.dumps(task).encode(),
            capture_output=True,
            env={**os.environ, "TZ": "UTC", **self.environment},
            timeout=RUN_LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}: {done.stderr.decode(errors='replace')}"
        report: dict[str, Any] = json.loads(done.stdout)
        return report


def _interpreted(interpreter: str, *words: str, probe: tuple[str, ...]) -> Callable[[], list[str]]:
    """A command that needs no building; `probe` are arguments with which the interpreter succeeds."""

    def command() -> list[str]:
        if shutil.which(interpreter) is None:
            raise BuildFailed(f"there is no {interpreter}")
        done = subprocess.run([interpreter, *probe], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildFailed(
                f"{interpreter} {' '.join(probe)}: {(done.stderr or done.stdout).strip()[:200]}"
            )
        return [interpreter, *words]

    return command


def _node(package: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        if shutil.which("node") is None:
            raise BuildFailed("there is no node")
        if not (NODE_FOLDER / "node_modules" / package).is_dir():
            raise BuildFailed(f"there is no {package} in {NODE_FOLDER}")
        return ["node", str(SOURCES / "node" / f"{package}.js")]

    return command


def _go() -> list[str]:
    if shutil.which("go") is None or not MYSQL_DRIVER_SOURCE.is_dir():
        raise BuildFailed("there is no go, or no go-sql-driver in /usr/share/gocode")
    source = SOURCES / "go" / "driver.go"
    binary = CACHE / "go" / "driver"
    settings = {"GO111MODULE": "off", "GOPATH": str(GO_PATH), "GOCACHE": str(CACHE / "go" / "cache")}
    _build([source], binary, ["go", "build", "-o", str(binary), str(source)], settings)
    return [str(binary)]


def _java() -> list[str]:
    if shutil.which("javac") is None or shutil.which("java") is None or not CONNECTOR_J.exists():
        raise BuildFailed(f"there is no JDK, or no {CONNECTOR_J}")
    sources = sorted((SOURCES / "java").glob("*.java"))
    classes = CACHE / "java"
    _build(
        sources,
        classes / "Driver.class",
        ["javac", "-cp", str(CONNECTOR_J), "-d", str(classes), *map(str, sources)],
        {},
    )
    options = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    return ["java", *options, "-cp", f"{classes}:{CONNECTOR_J}", "Driver"]


def _build(sources: list[Path], product: Path, command: list[str], environment: Mapping[str, str]) -> None:
    """Build unless the product is there, made from these very sources."""
    key = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = product.with_name(f"{product.name}.made-from")
    if product.exists() and stamp.exists() and stamp.read_text() == key:
        return
    product.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=BUILD_LIMIT,
        check=False,
    )
    if done.returncode != 0:
        raise BuildFailed(f"{command[0]} failed: {done.stderr.strip()[:2000]}")
    stamp.write_text(key)


NODE_PATH = {"NODE_PATH": str(NODE_FOLDER / "node_modules")}
PHP_OPTIONS = ("-d", "mysqli.allow_local_infile=1", "-d", "memory_limit=512M", "-d", "display_errors=stderr")
PHP_HAS = "exit(extension_loaded('{}') ? 0 : 1);"

PROGRAMS = {
    program.name: program
    for program in (
        Program(
            "perl",
            _interpreted("perl", str(SOURCES / "perl" / "driver.pl"), probe=("-MDBD::MariaDB", "-e1")),
            own=("asynchronous", "reset"),
        ),
        Program(
            "mysqli",
            _interpreted(
                *("php", *PHP_OPTIONS, str(SOURCES / "php" / "mysqli.php")),
                probe=("-r", PHP_HAS.format("mysqli")),
            ),
            own=(
                *("out_parameters", "cursor", "long_data", "unbuffered", "asynchronous", "change_user"),
                "killed",
            ),
        ),
        Program(
            "pdo",
            _interpreted(
                *("php", *PHP_OPTIONS, str(SOURCES / "php" / "pdo.php")),
                probe=("-r", PHP_HAS.format("pdo_mysql")),
            ),
            own=("unbuffered",),
        ),
        Program(
            "mysql2",
            _node("mysql2"),
            own=(
                *("out_parameters", "statement_cache", "pipelined", "stream", "change_user", "reset"),
                *("attributes", "killed"),
            ),
            environment=NODE_PATH,
        ),
        Program(
            "mariadb",
            _node("mariadb"),
            own=(
                *(
                    "out_parameters",
                    "statement_cache",
                    "pipelined",
                    "batch",
                    "stream",
                    "change_user",
                    "reset",
                ),
                "killed",
            ),
            refuses=frozenset({("mysql", "change_user")}),
            environment=NODE_PATH,
        ),
        Program(
            "go",
            _go,
            own=("parsed_time", "concurrent", "cancelled", "killed_connection"),
            compresses=False,
        ),
        Program(
            "java",
            _java,
            own=(
                *("out_parameters", "batch_rewritten", "batch_bulk", "batch_pipelined", "batch_single"),
                *("batch_duplicate", "stream", "generated_keys", "cancelled_statement", "timed_out"),
            ),
        ),
    )
}
