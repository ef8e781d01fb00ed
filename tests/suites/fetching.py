"""Getting others' test suites through pip and apt at run time; nothing of theirs is in this repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from proxy.demo import apt

from .outcomes import Unavailable

__all__ = ["environment", "sdist", "unpacked_packages"]

COMMAND_LIMIT = 900.0
"""Seconds one pip command may take; some compile."""
TAIL = 400
STAMP = "made-from"


def sdist(requirement: str, folder: Path) -> Path:
    """Unpack the source archive of a requirement like "name==1.0" and return its top folder.

    Raises Unavailable when pip cannot get it.
    """
    if not _is_made_from(folder, requirement):
        with tempfile.TemporaryDirectory() as name:
            _download(requirement, Path(name))
            (archive,) = Path(name).iterdir()
            _fresh(folder)
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
        (folder / STAMP).write_text(requirement)
    return next(each for each in folder.iterdir() if each.is_dir())


def environment(requirements: Sequence[str], folder: Path) -> Path:
    """Make a virtual environment with these packages and return its Python. Raises Unavailable."""
    python = folder / "bin" / "python"
    if not _is_made_from(folder, "\n".join(requirements)):
        _fresh(folder)
        _run([sys.executable, "-m", "venv", str(folder)], "no virtual environment")
        _run([str(python), *PIP, "install", *requirements], f"pip cannot install {' '.join(requirements)}")
        (folder / STAMP).write_text("\n".join(requirements))
    return python


def unpacked_packages(names: Sequence[str], folder: Path) -> Path:
    """Unpack Debian packages, without installing them, and return the folder. Raises Unavailable."""
    if _is_made_from(folder, "\n".join(names)):
        return folder
    if not apt.has_apt():
        raise Unavailable(f"no apt here to get {' and '.join(names)} with")
    with tempfile.TemporaryDirectory() as name:
        _fresh(folder)
        for package in names:
            try:
                file = apt.download(package, Path(name))
            except apt.AptError as error:
                raise Unavailable(str(error)) from error
            _run(["dpkg-deb", "-x", str(file), str(folder)], f"cannot unpack {file.name}")
    (folder / STAMP).write_text("\n".join(names))
    return folder


PIP = ("-m", "pip", "--quiet", "--disable-pip-version-check")


def _download(requirement: str, folder: Path) -> None:
    name = requirement.partition("==")[0]
    command = [sys.executable, *PIP, "download", "--no-deps", "--no-binary", name, "--dest", str(folder)]
    _run([*command, requirement], f"pip cannot get the source archive of {requirement}")


def _run(command: list[str], complaint: str) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_LIMIT,
            check=False,
            stdin=subprocess.DEVNULL,
            # A package of the caller's must not be found in the suite's environment.
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{complaint}: {error}") from error
    if done.returncode != 0:
        raise Unavailable(f"{complaint}: {done.stderr.strip()[-TAIL:]}")


def _is_made_from(folder: Path, text: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == text


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
