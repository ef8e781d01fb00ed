"""What a secret holds and where secrets come from: the interface every secret store implements.

A secret has RDS's form: a mapping with `username` and `password`, other keys ignored. Nothing here shows a
password in a repr, a formatted string or an error.
"""

from collections.abc import Mapping
from typing import Protocol

import attrs
from twisted.internet.defer import Deferred

__all__ = [
    "MAX_USERNAME_LENGTH",
    "Credential",
    "CredentialSource",
    "Password",
    "Secret",
    "SecretError",
    "SecretNotFoundError",
    "parse_secret",
]

#: Longest user name a supported database knows (MariaDB: 128 characters, MySQL: 32).
MAX_USERNAME_LENGTH = 128

_HIDDEN = "<hidden>"


class Password(bytes):
    """A password as UTF-8 bytes, usable as `bytes`, that never shows itself when printed or formatted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _HIDDEN

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, format_spec: str) -> str:
        return _HIDDEN


@attrs.frozen
class Secret:
    """The content of one secret; `name` is its ARN or its name in a file."""

    name: str
    username: str
    password: Password = attrs.field(repr=False)


@attrs.frozen
class Credential:
    """What the proxy uses to check a client and to log in to the target.

    `generation` starts at 1 and grows each time the user's password changes.
    `client_password_auth_type` is RDS's name, or None where the proxy's default holds.
    """

    username: str
    password: Password = attrs.field(repr=False)
    secret_name: str
    generation: int
    client_password_auth_type: str | None = None


class SecretError(Exception):
    """A secret cannot be used; `reason` says why, without any of its content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SecretNotFoundError(SecretError):
    """The source works, and holds no such secret."""


class CredentialSource(Protocol):
    """A place that holds secrets."""

    def start_refresh(self) -> None:
        """All secrets are about to be fetched anew: forget what was remembered."""

    def fetch(self, secret_arn: str) -> Deferred[Secret]:
        """Fetch one secret. Fails with SecretError; a source that may hang has its own timeout."""


def parse_secret(name: str, content: object) -> Secret:
    """Check the content of the secret `name`. Raises SecretError."""
    if not isinstance(content, Mapping):
        raise SecretError("is not a table with username and password")
    username = _field(content, "username")
    if len(username) > MAX_USERNAME_LENGTH:
        raise SecretError(f"username is longer than {MAX_USERNAME_LENGTH} characters")
    password = _field(content, "password")
    return Secret(name, username, Password(password.encode()))


def _field(content: Mapping[str, object], key: str) -> str:
    if key not in content:
        raise SecretError(f"has no {key}")
    value = content[key]
    if not isinstance(value, str):
        raise SecretError(f"{key} is not a string")
    if not value:
        raise SecretError(f"{key} is empty")
    if "\0" in value:
        raise SecretError(f"{key} holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in value):
        # Checked here, because the codec's own error would carry the text.
        raise SecretError(f"{key} is not valid Unicode")
    return value
