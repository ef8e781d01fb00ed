"""Fetches MySQL from Debian's unstable suite into a folder, which is whole or not there at all."""

import fcntl
import platform
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .installation import REASON_FILE, MySQLInstallation, Unavailable
from .private_apt import AptFailed, PrivateApt
from .sources import NoSource, sid_line

__all__ = ["fetch"]

PACKAGES = ("mysql-server-core", "mysql-client-core")
UNNEEDED = ("perl", "libperl", "libgdbm")
"""Beginnings of the names of packages that only mysql-server-core's scripts need."""
TOOLS = ("apt-get", "dpkg", "dpkg-deb")
ATTEMPTS = 2
"""A second one takes new lists: unstable may change between the list and the files."""
PAUSE = 3.0
UNPACK_LIMIT = 120.0
MEGABYTE = 1e6


def fetch(folder: Path) -> MySQLInstallation:
    """Return the installation in `folder`, fetching it if it is not there; says what it does.

    Raises Unavailable when it cannot be had here and now. The reason is kept in the folder.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        installation = MySQLInstallation(folder)
        if installation.is_there:
            return installation
        foreign = {each.name for each in folder.iterdir()} - {REASON_FILE} if folder.exists() else set()
        if foreign:
            raise Unavailable(f"{folder} holds something else than MySQL")
        try:
            _fetch_into(folder)
        except Unavailable as error:
            folder.mkdir(exist_ok=True)
            (folder / REASON_FILE).write_text(f"{error}\n")
            raise
        return installation


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with _beside(folder, ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


def _fetch_into(folder: Path) -> None:
    workshop = _beside(folder, ".tmp")
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir()
    try:
        root = workshop / "root"
        _unpack(_download(workshop), root)
        print(f"MySQL {MySQLInstallation(root).version()} runs.", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        root.rename(folder)
    except OSError as error:
        raise Unavailable(f"it could not be unpacked: {error}") from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _download(workshop: Path) -> list[Path]:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or platform.system() != "Linux":
        raise Unavailable(
            f"there is no {' and no '.join(missing) or 'Linux'} here to fetch its packages with"
        )
    try:
        apt = PrivateApt(workshop / "apt", sid_line(_architecture()))
    except NoSource as error:
        raise Unavailable(str(error)) from None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _download_once(apt, workshop / "packages")
        except AptFailed as error:
            print(f"Attempt {attempt} of {ATTEMPTS}: {error}", flush=True)
            if attempt == ATTEMPTS:
                raise Unavailable(str(error)) from None
            time.sleep(PAUSE)
    raise AssertionError("unreachable")


def _download_once(apt: PrivateApt, folder: Path) -> list[Path]:
    print(
        "Fetching MySQL for the tests (unpacked, not installed): lists of Debian's unstable suite ...",
        flush=True,
    )
    apt.update()
    packages = [each for each in apt.closure(*PACKAGES) if not each.startswith(UNNEEDED)]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    print(f"Fetching {len(packages)} packages ...", flush=True)
    return apt.download(packages, folder)


def _architecture() -> str:
    done = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _unpack(files: list[Path], root: Path) -> None:
    size = sum(each.stat().st_size for each in files) / MEGABYTE
    print(f"Unpacking {len(files)} packages of {size:.0f} MB ...", flush=True)
    # A server that runs under another account reads it.
    root.mkdir()
    root.chmod(0o755)
    for file in files:
        done = subprocess.run(
            ["dpkg-deb", "-x", file, root], capture_output=True, text=True, timeout=UNPACK_LIMIT, check=False
        )
        if done.returncode != 0:
            raise Unavailable(f"dpkg-deb could not unpack {file.name}: {done.stderr.strip()}")
        file.unlink()
    root.chmod(0o755)
