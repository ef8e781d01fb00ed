"""The few apt commands that the demo and the tests need, run as root through sudo where we are not root."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["AptError", "download", "has_apt", "install", "package_like", "privilege", "update"]

# -qq leaves dpkg's own lines, one for each package, as the progress.
APT_GET = ("apt-get", "-qq", "-o", "Dpkg::Use-Pty=0")


class AptError(Exception):
    """apt is not usable here or an apt command failed; apt itself has printed why."""


def has_apt() -> bool:
    """Say whether this system installs its packages with apt."""
    return shutil.which("apt-get") is not None and shutil.which("apt-cache") is not None


def privilege() -> list[str]:
    """Return the words to put before a command that needs root. Raises AptError when it cannot be had."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        raise AptError("this needs root, and there is no sudo: run it as root")
    # Without a terminal a question for the password could never be answered.
    return ["sudo"] if sys.stdin is not None and sys.stdin.isatty() else ["sudo", "-n"]


def update() -> None:
    """Refresh the package lists. A source that cannot be reached is left to the command that needs it."""
    subprocess.run([*privilege(), *APT_GET, "update"], stdin=_question_source(), check=False)


def install(packages: list[str]) -> None:
    """Install packages without removing any other one. Raises AptError when that fails."""
    command = [*privilege(), "env", "DEBIAN_FRONTEND=noninteractive", *APT_GET, "install", "-y"]
    command += ["--no-install-recommends", "--no-remove", *packages]
    if subprocess.run(command, stdin=_question_source(), check=False).returncode != 0:
        raise AptError(f"apt-get could not install {' '.join(packages)}")


def download(package: str, folder: Path) -> Path:
    """Fetch a package file into `folder` without installing it. Raises AptError when that fails."""
    command = [*APT_GET, "-o", "APT::Sandbox::User=", "download", package]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False)
    files = sorted(folder.glob(f"{package}_*.deb"))
    if done.returncode != 0 or not files:
        raise AptError(f"apt-get could not download {package}")
    return files[-1]


def package_like(stem: str) -> str | None:
    """Return the package called `stem`, else the highest `stem-VERSION`, else None."""
    command = ["apt-cache", "search", "--names-only", f"^{re.escape(stem)}(-[0-9.]+)?$"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    names = [line.split(" ")[0] for line in lines]
    return min(names, key=lambda name: (name != stem, [-number for number in _version(name)]), default=None)


def _version(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", name)]


def _question_source() -> int | None:
    """Keep the terminal for sudo's question; give nothing else where there is none."""
    return None if sys.stdin is not None and sys.stdin.isatty() else subprocess.DEVNULL
