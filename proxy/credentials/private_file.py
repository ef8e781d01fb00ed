"""Files that hold secrets: small, regular, and closed to others. A plain blocking read: they are local."""

import os
import stat

import attrs

from .source import SecretError

__all__ = ["FileMark", "mark_of", "read_private_file"]

_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK

#: Seconds within which a file may be written twice and look the same: file systems' time stamps are coarse.
_COARSE = 2.0


@attrs.frozen
class FileMark:
    """What a file looks like from outside; it changes when the file is written or replaced."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int
    mode: int

    def is_settled(self, unix_now: float) -> bool:
        """Whether a later change is sure to be seen from outside."""
        return unix_now - max(self.modified, self.changed) / 1e9 > _COARSE


def mark_of(path: str) -> FileMark | None:
    """None if there is no such file, or it cannot be seen."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return FileMark(
        found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode
    )


def read_private_file(path: str, size_limit: int) -> bytes:
    """The content of a file, ``size_limit`` bytes at most. Raises SecretError, which says what is wrong."""
    try:
        # Without O_NONBLOCK opening a named pipe would wait for a writer.
        descriptor = os.open(path, _OPEN_FLAGS)
        try:
            return _checked_content(descriptor, size_limit)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SecretError(f"cannot be read: {error.strerror}") from error


def _checked_content(descriptor: int, size_limit: int) -> bytes:
    _check(os.fstat(descriptor), size_limit)
    with open(descriptor, "rb", closefd=False) as stream:
        content = stream.read(size_limit + 1)
    if len(content) > size_limit:
        raise SecretError(f"is larger than {size_limit} bytes")
    return content


def _check(found: os.stat_result, size_limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretError("is not a regular file")
    if found.st_mode & stat.S_IRWXO:
        mode = stat.S_IMODE(found.st_mode)
        raise SecretError(f"is open to others (mode {mode:04o}); set mode 0640 or 0600")
    if found.st_size > size_limit:
        raise SecretError(f"is larger than {size_limit} bytes")
