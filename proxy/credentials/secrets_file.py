"""Secrets from a file: TOML tables or a JSON object of objects, each in the form of an RDS secret.

    [app]                                   {"app": {"username": "app", "password": "..."}}
    username = "app"
    password = "..."

The file is looked at once per refresh and read if it looks different, with a plain blocking read: it is small
and local, and a thread would gain nothing. Errors give positions, never the file's content.
"""

import time

from twisted.internet.defer import Deferred, fail, succeed

from .private_file import FileMark, mark_of, read_private_file
from .secrets_text import read_secrets_text
from .source import SecretError, SecretNotFoundError, SecretVersions, parse_secret

__all__ = ["MAX_SECRETS_FILE_SIZE", "SecretsFile"]

#: Largest secrets file that is read, in bytes.
MAX_SECRETS_FILE_SIZE = 1024 * 1024


class SecretsFile:
    """A CredentialSource that reads the file `path`, at most `size_limit` bytes long."""

    def __init__(self, path: str, size_limit: int = MAX_SECRETS_FILE_SIZE) -> None:
        self._path = path
        self._size_limit = size_limit
        self._read: dict[str, object] | SecretError | None = None
        #: What the file that was read looked like; None if it may change without looking different.
        self._mark: FileMark | None = None

    def start_refresh(self) -> None:
        """The next fetch reads the file again, unless it is the same."""
        if self._mark is None or mark_of(self._path) != self._mark:
            self._read = None

    def holds(self, secret_arn: str) -> bool:
        """Whether the file has this secret, right or wrong. Raises SecretError if the file cannot be read."""
        return secret_arn in self._content()

    def fetch(self, secret_arn: str, _known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        """The secret whose table is called `secret_arn`; the Deferred has already fired."""
        try:
            return succeed(self._secret(secret_arn))
        except SecretError as error:
            return fail(error)

    def _secret(self, name: str) -> SecretVersions:
        secrets = self._content()
        if name not in secrets:
            raise SecretNotFoundError(f"is not in {self._path}")
        content = secrets[name]
        if isinstance(content, SecretError):
            raise SecretError(content.reason)
        return SecretVersions(parse_secret(name, content))

    def _content(self) -> dict[str, object]:
        if self._read is None:
            mark = mark_of(self._path)
            self._read = self._read_file()
            self._mark = mark if mark is not None and mark.is_settled(time.time()) else None
        if isinstance(self._read, SecretError):
            raise SecretError(self._read.reason)
        return self._read

    def _read_file(self) -> dict[str, object] | SecretError:
        try:
            return read_secrets_text(read_private_file(self._path, self._size_limit))
        except SecretError as error:
            return SecretError(f"{self._path} {error.reason}")
