"""Reads access keys and principals' policies: TOML, or JSON of the same shape.

    [keys.AKIAIOSFODNN7EXAMPLE]
    secret_access_key = "..."
    principal = "arn:aws:iam::123456789012:user/app"

    [[principals."arn:aws:iam::123456789012:user/app".policies]]
    Statement = [{ Effect = "Allow", Action = "rds-db:connect", Resource = "arn:aws:rds-db:..." }]

A key may also have a session token, an end and policies of its own. A policy is an object or its JSON text.
An entry that cannot be used is a problem of its own: a key is then missing, a principal is denied everything.
No secret gets into an error.
"""

import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

from ..credentials import Password, SecretError
from ..credentials.private_file import read_private_file
from ..credentials.secrets_text import read_tables_text
from .keys import NO_KEYS, NO_PRINCIPALS, AccessKey, KeyStore, PrincipalRule, Principals, principal_arn
from .moments import parse_moment
from .patterns import has_wildcard
from .policy import Policy, PolicyError, parse_policy

__all__ = ["MAX_KEY_FILE_SIZE", "KeyFile", "load_key_file", "read_key_file"]

#: Largest key file that is read, in bytes.
MAX_KEY_FILE_SIZE = 4 * 1024 * 1024

_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_]{1,128}")
_LIKE_AN_ID = re.compile(r"[A-Z0-9_]{1,128}")
_SECTIONS = frozenset(["keys", "principals"])
_KEY = frozenset(["secret_access_key", "principal", "session_token", "expires_at", "policies"])
_PRINCIPAL = frozenset(["policies"])


class _Unusable(Exception):
    """An entry cannot be used; the text says why, without any of its content."""


@attrs.frozen
class KeyFile:
    """What a key file holds.

    `problems` name entries that cannot be used, `warnings` what of a policy is not understood. Two are equal
    if they were read from the same text.
    """

    keys: KeyStore = attrs.field(default=NO_KEYS, eq=False)
    principals: Principals = attrs.field(default=NO_PRINCIPALS, eq=False)
    problems: tuple[str, ...] = attrs.field(default=(), eq=False)
    warnings: tuple[str, ...] = attrs.field(default=(), eq=False)
    digest: bytes = attrs.field(default=b"", repr=False)


def load_key_file(path: str) -> KeyFile:
    """Read the file `path`, which others must have no access to. Raises SecretError."""
    return read_key_file(read_private_file(path, MAX_KEY_FILE_SIZE))


def read_key_file(content: bytes) -> KeyFile:
    """Read the text of a key file, or of a secret in its form. Raises SecretError if it cannot be read."""
    sections = read_tables_text(content)
    if not sections.keys() <= _SECTIONS:
        raise SecretError("has other tables than keys and principals")
    reading = _Reading()
    rules = [reading.rule(arn, entry) for arn, entry in _entries(sections, "principals")]
    principals = Principals(rule for rule in rules if rule is not None)
    keys = [reading.key(name, entry, principals) for name, entry in _entries(sections, "keys")]
    store = KeyStore(key for key in keys if key is not None)
    digest = hashlib.sha256(content).digest()
    return KeyFile(store, principals, tuple(reading.problems), tuple(reading.warnings), digest)


def _entries(sections: Mapping[str, object], name: str) -> Iterable[tuple[str, object]]:
    section = sections.get(name, {})
    if not isinstance(section, Mapping):
        raise SecretError(f"{name} is not a table")
    return section.items()


class _Reading:
    """Reads entries one by one, and notes what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def rule(self, arn: str, content: object) -> PrincipalRule | None:
        """The rule of a principal; a denial if its policies cannot be read, nothing if its name cannot."""
        where = f"principal {arn[:200]}"
        try:
            pattern = _pattern(arn)
        except ValueError as error:
            self.problems.append(f"{where}: its name {error}")
            return None
        try:
            return PrincipalRule(pattern, self._policies(where, _table(content, _PRINCIPAL)))
        except _Unusable as error:
            self.problems.append(f"{where}: {error}; it is denied everything")
            return PrincipalRule(pattern, (Policy.deny_all(),))

    def key(self, access_key_id: str, content: object, principals: Principals) -> AccessKey | None:
        """An access key, with the policies of its principal and its own."""
        # What does not look like an id may be a secret in its place.
        where = f"access key {access_key_id[:20] if _LIKE_AN_ID.fullmatch(access_key_id) else '(unfit id)'}"
        try:
            if not _ACCESS_KEY_ID.fullmatch(access_key_id):
                raise _Unusable("its id is not one of letters and digits")
            table = _table(content, _KEY)
            principal = _principal(table)
            own = self._policies(where, table) if "policies" in table else ()
            return AccessKey(
                access_key_id,
                _secret(table, "secret_access_key"),
                principal,
                own + (principals.policies_of(principal) or ()),
                _secret(table, "session_token") if "session_token" in table else None,
                _end(table.get("expires_at")),
            )
        except _Unusable as error:
            self.problems.append(f"{where}: {error}")
            return None

    def _policies(self, where: str, table: Mapping[str, object]) -> tuple[Policy, ...]:
        listed = table.get("policies", ())
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise _Unusable("policies is not a list")
        found: list[Policy] = []
        for number, document in enumerate(listed, 1):
            found.append(_policy(number, document))
            self.warnings += [f"{where}: policy {number} {warning}" for warning in found[-1].warnings]
        return tuple(found)


def _policy(number: int, document: object) -> Policy:
    try:
        return parse_policy(document)
    except PolicyError as error:
        raise _Unusable(f"policy {number} {error.reason}") from None


def _pattern(arn: str) -> str:
    pattern = principal_arn(arn)
    if has_wildcard(":".join(pattern.split(":", 5)[:5])):
        raise ValueError("has a wildcard before the account's end")
    return pattern


def _table(content: object, known: frozenset[str]) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        raise _Unusable("is not a table")
    if not content.keys() <= known:
        raise _Unusable(f"has another field than {', '.join(sorted(known))}")
    return content


def _principal(table: Mapping[str, object]) -> str:
    value = table.get("principal")
    if not isinstance(value, str):
        raise _Unusable("has no principal")
    try:
        arn = principal_arn(value)
    except ValueError as error:
        raise _Unusable(f"principal {error}") from None
    if has_wildcard(arn):
        raise _Unusable("principal has a wildcard")
    return arn


def _secret(table: Mapping[str, object], name: str) -> Password:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise _Unusable(f"has no {name}")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise _Unusable(f"{name} has characters that AWS does not use")
    return Password(value.encode())


def _end(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.timestamp()
    if isinstance(value, str):
        try:
            return parse_moment(value)
        except ValueError:
            pass
    raise _Unusable("expires_at is not a time with an offset, such as 2030-01-31T12:00:00Z")
