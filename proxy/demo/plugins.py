"""MariaDB's login plugins, which only the tests need and Debian ships in the package `mariadb-server`.

Installing that package would start a system service on port 3306, so its file is unpacked beside the system.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from . import apt
from .installation import ServerBinaries

__all__ = ["PLUGIN_CACHE", "fetch_plugins", "plugin_folder"]

PLUGIN_CACHE = Path(".cache/mariadb-plugins")
"""Where the Makefile keeps them, from the root of the repository."""
SYSTEM_FOLDERS = (
    Path("/usr/lib/mysql/plugin"),
    Path("/usr/lib64/mysql/plugin"),
    Path("/usr/local/mysql/lib/plugin"),
)
UNPACKED = Path("usr/lib/mysql/plugin")
WANTED_PLUGIN = "auth_ed25519.so"
STAMP = "server-version"


def plugin_folder(plugin: str, cache: Path) -> Path | None:
    """Return the folder that holds the plugin's file, the system's or else one under `cache`, or None."""
    return next((each for each in (*SYSTEM_FOLDERS, cache / UNPACKED) if (each / plugin).is_file()), None)


def fetch_plugins(server: ServerBinaries, cache: Path) -> str:
    """See to the plugins that fit `server` and return a line that says where they are.

    Raises AptError when this system has none and no apt to get them with.
    """
    system = next((each for each in SYSTEM_FOLDERS if (each / WANTED_PLUGIN).is_file()), None)
    if system is not None:
        return f"The server's plugins are in {system}."
    version = subprocess.run(
        [server.mariadbd, "--version"], capture_output=True, text=True, check=True
    ).stdout
    stamp = cache / STAMP
    if not stamp.is_file() or stamp.read_text() != version:
        _unpack(cache)
        stamp.write_text(version)
    return f"The server's plugins are in {cache / UNPACKED}."


def _unpack(cache: Path) -> None:
    if not apt.has_apt():
        raise apt.AptError(
            "MariaDB's login plugins are not installed, and there is no apt to fetch them with"
        )
    print("Fetching MariaDB's login plugins for the tests (unpacked, not installed) ...", flush=True)
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    package = apt.package_like("mariadb-server")
    if package is None:
        apt.update()
        package = apt.package_like("mariadb-server")
    if package is None:
        raise apt.AptError("apt knows no mariadb-server package")
    with tempfile.TemporaryDirectory() as folder:
        file = _download(package, Path(folder))
        subprocess.run(["dpkg-deb", "-x", file, folder], check=True)
        shutil.copytree(Path(folder) / UNPACKED, cache / UNPACKED)


def _download(package: str, folder: Path) -> Path:
    try:
        return apt.download(package, folder)
    except apt.AptError:
        # Lists that are too old name a file that is gone.
        apt.update()
        return apt.download(package, folder)
