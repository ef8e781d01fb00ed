"""Which clients a section is about, and which of its tenants a client belongs to."""

import re
from collections.abc import Iterable
from fnmatch import translate

import attrs

from ..config import TenantConfig
from .limits import TenantLimits, limits_of

__all__ = ["MAX_VALUE_LENGTH", "Client", "Section", "plain"]

#: Longest user, schema or attribute value that makes a tenant of its own, in characters.
MAX_VALUE_LENGTH = 256

_PATTERN = re.compile(r"[*?\[]")


@attrs.frozen
class Client:
    """What a client has said of itself; a value it has not given is empty."""

    username: str
    schema: str
    attribute: str


@attrs.frozen
class _Names:
    """A set of names and shell patterns; an empty one holds everything, even no name."""

    exact: frozenset[str]
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, texts: Iterable[str]) -> "_Names":
        listed = list(texts)
        patterns = [translate(text) for text in listed if _PATTERN.search(text)]
        return cls(
            frozenset(text for text in listed if not _PATTERN.search(text)),
            re.compile("|".join(patterns)) if patterns else None,
        )

    def __contains__(self, name: str) -> bool:
        if name in self.exact or (self.pattern is None and not self.exact):
            return True
        return bool(name) and self.pattern is not None and self.pattern.match(name) is not None


@attrs.frozen(eq=False)
class Section:
    """One `[[proxy.tenants]]`, ready to be asked."""

    name: str
    each: str
    limits: TenantLimits
    _users: _Names
    _schemas: _Names
    _values: _Names

    @classmethod
    def of(cls, config: TenantConfig) -> "Section":
        """The section with checked options."""
        return cls(
            config.name,
            config.each,
            limits_of(config),
            _Names.of(config.user_names),
            _Names.of(config.schemas),
            _Names.of(config.attribute_values),
        )

    def matches(self, client: Client) -> bool:
        """Whether the section is about this client; with `each`, only if it has the value that decides."""
        return (
            client.username in self._users
            and client.schema in self._schemas
            and client.attribute in self._values
            and (not self.each or 0 < len(self.value_of(client)) <= MAX_VALUE_LENGTH)
        )

    def value_of(self, client: Client) -> str:
        """What tells the client's tenant from others of the section; empty if it has only one."""
        if not self.each:
            return ""
        value: str = getattr(client, "username" if self.each == "user" else self.each)
        return value


def plain(text: str) -> str:
    """The text for logs and errors; different texts stay different."""
    if text.isprintable() and "\\" not in text:
        return text
    return text.encode("unicode_escape").decode("ascii")
