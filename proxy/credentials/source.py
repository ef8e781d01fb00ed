"""What a secret holds and where secrets come from: the interface every secret store implements.

A secret has RDS's form: a mapping with `username` and `password`, other keys ignored but for `read_only`. It
has versions, named by the stages of AWS Secrets Manager; a rotation may give them different user names.
Nothing here shows a password in a repr, a formatted string or an error.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred

from ..hidden import HiddenBytes
from .json_object import Pairs, read_json

__all__ = [
    "CURRENT",
    "MAX_USERNAME_LENGTH",
    "PENDING",
    "PREVIOUS",
    "Credential",
    "CredentialSource",
    "Password",
    "Secret",
    "SecretError",
    "SecretNotFoundError",
    "SecretVersions",
    "UnreachableError",
    "UnusableVersion",
    "parse_secret",
    "parse_secret_text",
]

#: Longest user name a supported database knows (MariaDB: 128 characters, MySQL: 32).
MAX_USERNAME_LENGTH = 128

#: The stages of a secret's versions, by AWS's names.
CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"


class Password(HiddenBytes):
    """A password as UTF-8 bytes."""

    __slots__ = ()


@attrs.frozen
class Secret:
    """The content of one version of a secret; `name` is its ARN or its name in a file.

    `version_id` is empty where the source numbers no versions; `created_at` is in Unix seconds. Who logs in
    with it may only read if it is `read_only`.
    """

    name: str
    username: str
    password: Password = attrs.field(repr=False)
    version_id: str = ""
    created_at: float | None = None
    read_only: bool = False


@attrs.frozen
class UnusableVersion:
    """A pending or previous version that is left out; `reason` says why, without any of its content."""

    stage: str
    version_id: str
    reason: str


@attrs.frozen
class SecretVersions:
    """A secret as its source has it now. `current` is what the database should take.

    `pending` is there while a rotation is under way: the database may take it already. `previous` is the one
    before `current`. `unusable` are those of the two that are there and cannot be read.
    """

    current: Secret
    pending: Secret | None = None
    previous: Secret | None = None
    unusable: tuple[UnusableVersion, ...] = ()

    def version_ids(self) -> dict[str, str]:
        """The version of each stage, also of the unusable ones: what a cheap look at a source compares."""
        ids = {CURRENT: self.current.version_id}
        if self.pending is not None:
            ids[PENDING] = self.pending.version_id
        if self.previous is not None:
            ids[PREVIOUS] = self.previous.version_id
        return ids | {version.stage: version.version_id for version in self.unusable}


@attrs.frozen
class Credential:
    """What the proxy logs in to the target with.

    `generation` starts at 1 and grows each time the password that the proxy uses first for the user changes.
    `client_password_auth_type` is RDS's name, or None where the proxy's default holds. `stage` is that of the
    secret's version, and empty for what no secret holds. `revision` counts the changes of the secret.
    Whatever `password` is, it hides itself.
    """

    username: str
    password: bytes = attrs.field(repr=False)
    secret_name: str
    generation: int
    client_password_auth_type: str | None = None
    stage: str = ""
    iam_required: bool = False
    read_only: bool = False
    revision: int = attrs.field(default=0, eq=False, repr=False)


class SecretError(Exception):
    """A secret cannot be used; `reason` says why, without any of its content."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SecretNotFoundError(SecretError):
    """The source works, and holds no such secret."""


class UnreachableError(SecretError):
    """Whoever knows could not be asked, which says nothing about what was to be asked."""


class CredentialSource(Protocol):
    """A place that holds secrets."""

    def start_refresh(self) -> None:
        """Secrets are about to be fetched anew: forget what was remembered."""

    def fetch(self, secret_arn: str, known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        """Fetch one secret's versions. Fails with SecretError; a source that may hang has its own timeout.

        ``known`` is what the last fetch gave. A source that can tell cheaply that nothing has changed since
        answers with that very object.
        """


def parse_secret(name: str, content: object, version_id: str = "", created_at: float | None = None) -> Secret:
    """Check the content of the secret `name`. Raises SecretError."""
    if not isinstance(content, Mapping):
        raise SecretError("is not a table with username and password")
    username = _field(content, "username")
    if len(username) > MAX_USERNAME_LENGTH:
        raise SecretError(f"username is longer than {MAX_USERNAME_LENGTH} characters")
    password = Password(_field(content, "password").encode())
    return Secret(name, username, password, version_id, created_at, _flag(content, "read_only"))


def parse_secret_text(
    name: str, text: str | bytes, version_id: str = "", created_at: float | None = None
) -> Secret:
    """Check the JSON text (bytes: UTF-8) of the secret `name`. Raises SecretError, with none of the text."""
    read, problem = read_json(text)
    if problem:
        raise SecretError(problem)
    if isinstance(read, Pairs):
        for field in ("username", "password", "read_only"):
            if read.count_of(field) > 1:
                raise SecretError(f"has more than one {field}")
        read = dict(read)
    return parse_secret(name, read, version_id, created_at)


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


def _flag(content: Mapping[str, object], key: str) -> bool:
    value = content.get(key, False)
    if isinstance(value, str):
        # AWS's console knows strings only.
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise SecretError(f"{key} is neither true nor false")
    return value
