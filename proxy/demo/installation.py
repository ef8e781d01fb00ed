"""What of MariaDB is on this machine, and as which user a private server runs."""

import os
import pwd
import shutil
import stat
from pathlib import Path

import attrs

__all__ = ["ServerAccount", "ServerBinaries", "account_for", "find_server"]

SEARCHED_FOLDERS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/usr/local/mysql/bin")
UNPRIVILEGED_USER = "mysql"


@attrs.frozen
class ServerBinaries:
    """The three programs of a MariaDB installation."""

    mariadbd: Path
    install_db: Path
    client: Path


@attrs.frozen
class ServerAccount:
    """The system user a server runs as. None for `uid` and `gid` is the present user."""

    uid: int | None = None
    gid: int | None = None
    options: tuple[str, ...] = ()

    def own(self, folder: Path) -> None:
        """Give the folder and all in it to this user."""
        if self.uid is None or self.gid is None:
            return
        os.chown(folder, self.uid, self.gid)
        for path in folder.rglob("*"):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def find_server() -> ServerBinaries | None:
    """Return the installed MariaDB, the PATH's first, or None when one of its programs is missing."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SEARCHED_FOLDERS])
    found = [shutil.which(name, path=path) for name in ("mariadbd", "mariadb-install-db", "mariadb")]
    paths = [Path(each) for each in found if each is not None]
    return ServerBinaries(*paths) if len(paths) == len(found) else None


def account_for(folder: Path) -> ServerAccount:
    """Return the user for a server on `folder`: for root, `mysql` where that user can reach the folder."""
    if os.geteuid() != 0:
        return ServerAccount()
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_USER)
    except KeyError:
        entry = None
    if entry is None or not all(_is_open_to_all(each) for each in folder.absolute().parents):
        return ServerAccount(options=("--user=root",))
    return ServerAccount(uid=entry.pw_uid, gid=entry.pw_gid)


def _is_open_to_all(folder: Path) -> bool:
    # A folder that is not there yet is going to be made by us, closed to others.
    return folder.is_dir() and bool(folder.stat().st_mode & stat.S_IXOTH)
