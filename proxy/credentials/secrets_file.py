"""Secrets from a file: TOML tables or a JSON object of objects, each in the form of an RDS secret.

    [app]                                   {"app": {"username": "app", "password": "..."}}
    username = "app"
    password = "..."

The file is read once per refresh, at start and on reload only, with a plain blocking read: it is small and
local, and a thread would gain nothing. Errors give positions, never the file's content.
"""

import os
import stat

from twisted.internet.defer import Deferred, fail, succeed

from .secrets_text import read_secrets_text
from .source import Secret, SecretError, SecretNotFoundError, parse_secret

__all__ = ["MAX_SECRETS_FILE_SIZE", "SecretsFile"]

#: Largest secrets file that is read, in bytes.
MAX_SECRETS_FILE_SIZE = 1024 * 1024

_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class SecretsFile:
    """A CredentialSource that reads the file `path`, at most `size_limit` bytes long."""

    def __init__(self, path: str, size_limit: int = MAX_SECRETS_FILE_SIZE) -> None:
        self._path = path
        self._size_limit = size_limit
        self._read: dict[str, object] | SecretError | None = None

    def start_refresh(self) -> None:
        """The next fetch reads the file again."""
        self._read = None

    def fetch(self, secret_arn: str) -> Deferred[Secret]:
        """The secret whose table is called `secret_arn`; the Deferred has already fired."""
        try:
            return succeed(self._secret(secret_arn))
        except SecretError as error:
            return fail(error)

    def _secret(self, name: str) -> Secret:
        if self._read is None:
            self._read = self._read_file()
        if isinstance(self._read, SecretError):
            raise SecretError(self._read.reason)
        if name not in self._read:
            raise SecretNotFoundError(f"is not in {self._path}")
        content = self._read[name]
        if isinstance(content, SecretError):
            raise SecretError(content.reason)
        return parse_secret(name, content)

    def _read_file(self) -> dict[str, object] | SecretError:
        try:
            return read_secrets_text(self._content())
        except SecretError as error:
            return SecretError(f"{self._path} {error.reason}")

    def _content(self) -> bytes:
        try:
            # Without O_NONBLOCK opening a named pipe would wait for a writer.
            descriptor = os.open(self._path, _OPEN_FLAGS)
            try:
                return self._checked_content(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SecretError(f"cannot be read: {error.strerror}") from error

    def _checked_content(self, descriptor: int) -> bytes:
        self._check(os.fstat(descriptor))
        with open(descriptor, "rb", closefd=False) as stream:
            content = stream.read(self._size_limit + 1)
        if len(content) > self._size_limit:
            raise SecretError(f"is larger than {self._size_limit} bytes")
        return content

    def _check(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise SecretError("is not a regular file")
        if found.st_mode & stat.S_IRWXO:
            mode = stat.S_IMODE(found.st_mode)
            raise SecretError(f"is open to others (mode {mode:04o}); set mode 0640 or 0600")
        if found.st_size > self._size_limit:
            raise SecretError(f"is larger than {self._size_limit} bytes")
