"""Access keys that may sign tokens, with the principals they belong to and what these may do.

A role is known by its name: its path is left out, as AWS does when it says who somebody is. Nothing here
shows a secret in a repr or an error.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

import attrs

from ..credentials import Password
from .patterns import glob, has_wildcard
from .policy import Policy

__all__ = [
    "NO_KEYS",
    "NO_PRINCIPALS",
    "AccessKey",
    "KeyStore",
    "PrincipalRule",
    "Principals",
    "principal_arn",
]

_ARN = re.compile(
    r"(arn:aws[a-z-]*):(?:iam::([0-9]{12}):(?:root|user/.+|role/.+|\*)"
    r"|sts::([0-9]{12}):(?:assumed-role/([^/]+)/[^/]+|federated-user/[^/]+))"
)
_ROLE_PATH = re.compile(r":role/.*/")


def principal_arn(text: str) -> str:
    """The principal that an ARN stands for: an assumed role's session is the role. Raises ValueError."""
    matched = _ARN.fullmatch(text)
    if matched is None:
        raise ValueError("is not the ARN of a user, a role or an account")
    partition, _, account, role = matched.groups()
    if role:
        return f"{partition}:iam::{account}:role/{role}"
    # With a wildcard the text before the last slash is no path, and without it more would fit.
    return text if has_wildcard(text) else _ROLE_PATH.sub(":role/", text, count=1)


@attrs.frozen
class AccessKey:
    """A key as AWS gives it out; temporary ones have a session token and an end in Unix seconds."""

    access_key_id: str
    secret_access_key: Password = attrs.field(repr=False)
    principal: str
    policies: tuple[Policy, ...] = attrs.field(default=(), repr=False)
    session_token: Password | None = attrs.field(default=None, repr=False)
    expires_at: float | None = None
    #: The session token as signers write it into a URL, empty if there is none.
    signed_session_token: Password = attrs.field(init=False, repr=False, eq=False)

    @signed_session_token.default
    def _signed_session_token(self) -> Password:
        return Password(quote(self.session_token or b"", safe="-_.~").encode())


class KeyStore:
    """Access keys by their id."""

    def __init__(self, keys: Iterable[AccessKey] = ()) -> None:
        self._keys = {key.access_key_id: key for key in keys}
        #: Stands in for a key that is not known, so that it takes as long as a wrong signature.
        self.stand_in = AccessKey("", Password(secrets.token_hex(20).encode()), "")

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[AccessKey]:
        return iter(self._keys.values())

    def find(self, access_key_id: str) -> AccessKey | None:
        """The key with this id."""
        return self._keys.get(access_key_id)


@attrs.frozen
class PrincipalRule:
    """What those may do whose ARN `pattern` stands for; wildcards as in policies, not in the account."""

    pattern: str
    policies: tuple[Policy, ...] = attrs.field(repr=False)


class Principals:
    """Policies by principal. All rules that fit one count, so that a denial in any of them does."""

    def __init__(self, rules: Iterable[PrincipalRule] = ()) -> None:
        self._exact: dict[str, tuple[Policy, ...]] = {}
        self._wide: list[tuple[Callable[[str], bool], tuple[Policy, ...]]] = []
        for rule in rules:
            if has_wildcard(rule.pattern):
                self._wide.append((glob(rule.pattern), rule.policies))
            else:
                self._exact[rule.pattern] = self._exact.get(rule.pattern, ()) + rule.policies

    def __len__(self) -> int:
        return len(self._exact) + len(self._wide)

    def policies_of(self, arn: str) -> tuple[Policy, ...] | None:
        """All policies of a principal; None if no rule fits it."""
        found = [self._exact[arn]] if arn in self._exact else []
        found += [policies for fits, policies in self._wide if fits(arn)]
        return tuple(policy for policies in found for policy in policies) if found else None


NO_KEYS = KeyStore()
NO_PRINCIPALS = Principals()
