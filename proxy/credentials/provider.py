"""With what the proxy logs in to a target, wherever that comes from: the interface that the backend uses."""

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from .source import Credential

__all__ = ["CredentialProvider"]


class CredentialProvider(Protocol):
    """Knows the users; may have to ask somebody for what they log in with."""

    def candidates(self, username: str, host: str, port: int) -> Deferred[Sequence[Credential]]:
        """What to try at a target, the likeliest first; nothing for a user that is not known.

        Fails with SecretError where it cannot be had at present.
        """

    def accepted(self, credential: Credential) -> None:
        """A target has let this one in."""

    def suspect(self, credential: Credential) -> Deferred[None]:
        """A target has refused this one: ask its source again. Fires when that is done; does not fail."""
