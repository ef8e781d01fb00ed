"""`python -m tests.drivers.install`: install the database drivers that the tests run through the proxy.

Debian packages come first, with one apt-get call for all that are missing; then node's packages, into
.cache/drivers/node; then the Python drivers, which are the extra `drivers` of pyproject.toml, into the
environment of this interpreter. Where one of the three cannot be had this says why and goes on: the tests of
what is missing skip. What failed is remembered and not tried again until the list of packages changes, or
until `--again`. When everything is there it takes a second.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import attrs
from packaging.requirements import Requirement

from proxy.demo import apt

__all__ = [
    "CACHE",
    "CONNECTOR_J",
    "GO_PATH",
    "MYSQL_DRIVER_SOURCE",
    "NODE_FOLDER",
    "main",
    "missing_packages",
]

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "drivers"
NODE_FOLDER = CACHE / "node"
NODE_MANIFEST = Path(__file__).parent / "other" / "programs" / "node" / "package.json"
FAILURES = CACHE / "failures.json"
NODE_OLDEST = (18,)
"""The oldest node that the pinned packages run on."""
PIP_LIMIT = 600.0
NPM_LIMIT = 300.0
"""Seconds one call of pip or npm may take."""

GO_PATH = Path("/usr/share/gocode")
MYSQL_DRIVER_SOURCE = GO_PATH / "src/github.com/go-sql-driver/mysql"
CONNECTOR_J = Path("/usr/share/java/mariadb-java-client.jar")


@attrs.frozen
class Wanted:
    """Debian packages that bring one thing, and how to see that it is there."""

    packages: tuple[str, ...]
    is_there: Callable[[], bool]


def on_path(*programs: str) -> Callable[[], bool]:
    """Whether all these programs can be called."""
    return lambda: all(shutil.which(program) is not None for program in programs)


def succeeds(*command: str) -> Callable[[], bool]:
    """Whether a command exists and ends with status 0."""

    def run() -> bool:
        if shutil.which(command[0]) is None:
            return False
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        return done.returncode == 0

    return run


def has_node() -> bool:
    """Whether node is there, new enough, with npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and _version(done.stdout) >= NODE_OLDEST


def has_python_headers() -> bool:
    """Whether C extensions can be compiled for this Python."""
    return (Path(sysconfig.get_path("include")) / "Python.h").exists()


DEBIAN = (
    Wanted(("gcc",), on_path("gcc")),
    Wanted(("pkg-config",), on_path("pkg-config")),
    Wanted(("libmariadb-dev",), succeeds("pkg-config", "--exists", "libmariadb")),
    Wanted(("python3-dev",), has_python_headers),
    Wanted(("golang-go",), on_path("go")),
    Wanted(("golang-github-go-sql-driver-mysql-dev",), MYSQL_DRIVER_SOURCE.is_dir),
    Wanted(("default-jdk-headless",), on_path("java", "javac")),
    Wanted(("libmariadb-java",), CONNECTOR_J.exists),
    Wanted(
        ("php-cli", "php-mysql"),
        succeeds("php", "-r", "exit(extension_loaded('mysqli') && extension_loaded('pdo_mysql') ? 0 : 1);"),
    ),
    Wanted(("perl", "libdbd-mariadb-perl"), succeeds("perl", "-MDBD::MariaDB", "-e1")),
    Wanted(("nodejs", "npm"), has_node),
)


def missing_packages() -> list[str]:
    """Debian packages of what is not there."""
    return [package for wanted in DEBIAN if not wanted.is_there() for package in wanted.packages]


class Failures:
    """What could not be installed, kept in a file, so that it is not tried at every run of the tests."""

    def __init__(self, path: Path, forget: bool) -> None:
        self._path = path
        self._known: dict[str, str] = {}
        if forget:
            path.unlink(missing_ok=True)
        elif path.exists():
            self._known = json.loads(path.read_text())

    def reason(self, part: str, wanted: str) -> str | None:
        """Why this could not be installed before, or None."""
        return self._known.get(f"{part} {_digest(wanted)}")

    def add(self, part: str, wanted: str, reason: str) -> None:
        """Remember a failure."""
        self._known[f"{part} {_digest(wanted)}"] = reason
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._known, indent=2))


def install_debian() -> None:
    """Install the Debian packages that are missing. Raises AptError when some cannot be had."""
    missing = missing_packages()
    if not missing:
        return
    if not apt.has_apt():
        raise apt.AptError(f"there is no apt to install {' '.join(missing)} with")
    apt.privilege()
    apt.update()
    known = [package for package in missing if _is_known(package)]
    if known:
        print(f"Installing {' '.join(known)} with apt-get ...", flush=True)
        apt.install(known)
    still = missing_packages()
    if still:
        raise apt.AptError(f"apt has no usable {' '.join(still)}")


def install_node() -> None:
    """Install the node packages of the manifest. Raises OSError or CalledProcessError when that fails."""
    manifest = NODE_FOLDER / "package.json"
    complete = NODE_FOLDER / "complete"
    if complete.exists() and manifest.read_bytes() == NODE_MANIFEST.read_bytes():
        return
    if not has_node():
        raise OSError("there is no node of version 18 or newer with npm")
    complete.unlink(missing_ok=True)
    NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    manifest.write_bytes(NODE_MANIFEST.read_bytes())
    print(f"Installing node's packages into {NODE_FOLDER.relative_to(REPOSITORY)} ...", flush=True)
    options = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    command = ["npm", "install", *options]
    subprocess.run(command, cwd=NODE_FOLDER, stdin=subprocess.DEVNULL, timeout=NPM_LIMIT, check=True)
    complete.touch()


def missing_requirements() -> list[str]:
    """What of the extra `drivers` is not installed here, or in another version than it asks for."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return [line for line in project["optional-dependencies"].get("drivers", ()) if not _is_met(line)]


def install_python(failures: Failures) -> None:
    """Install what is missing of the extra `drivers`: all at once, else one after the other."""
    wanted = [line for line in missing_requirements() if not _skip("Python", line, failures)]
    if not wanted:
        return
    print(f"Installing {' '.join(wanted)} with pip ...", flush=True)
    if _pip(wanted) is None:
        return
    for line in wanted:
        reason = _pip([line])
        if reason is not None:
            failures.add("Python", line, reason)
            print(f"Going on without {line}: {reason}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 also when something could not be installed."""
    parser = argparse.ArgumentParser(prog="python -m tests.drivers.install", description=__doc__)
    parser.add_argument("--again", action="store_true", help="try what failed before, too")
    failures = Failures(FAILURES, forget=parser.parse_args(argv).again)
    started = time.monotonic()
    _try("Debian", " ".join(missing_packages()), install_debian, failures)
    _try("node", NODE_MANIFEST.read_text(), install_node, failures)
    install_python(failures)
    print(f"Drivers looked after in {time.monotonic() - started:.0f} s.", flush=True)
    return 0


def _try(part: str, wanted: str, install: Callable[[], None], failures: Failures) -> None:
    if _skip(part, wanted, failures):
        return
    try:
        install()
    except (apt.AptError, OSError, subprocess.SubprocessError) as error:
        failures.add(part, wanted, str(error))
        if part == "Debian":
            # Some may have been installed: what is left is what not to ask for again.
            failures.add(part, " ".join(missing_packages()), str(error))
        print(f"Going on without {part}'s part of the drivers: {error}", flush=True)


def _skip(part: str, wanted: str, failures: Failures) -> bool:
    reason = failures.reason(part, wanted)
    if reason is None:
        return False
    print(f"Without {part}'s {wanted[:60].strip()!r}, which failed before (--again tries again): {reason}")
    return True


def _pip(requirements: Sequence[str]) -> str | None:
    """Install; return the end of what pip said when it failed."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    try:
        done = subprocess.run(
            [*command, *requirements],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PIP_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"pip took over {PIP_LIMIT:.0f} s"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]


def _is_met(line: str) -> bool:
    requirement = Requirement(line)
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def _is_known(package: str) -> bool:
    command = ["apt-cache", "show", "--no-all-versions", package]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip().removeprefix("v").split(".")[:2] if part.isdigit())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
