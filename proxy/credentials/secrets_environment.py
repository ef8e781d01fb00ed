"""Secrets in environment variables, for development: `env:NAME` is the JSON text in the variable NAME.

Other processes of the same user may be able to read it.
"""

import os
from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed

from .source import SecretError, SecretNotFoundError, SecretVersions, parse_secret_text

__all__ = ["ENVIRONMENT_PREFIX", "SecretsEnvironment", "environment_text"]

#: What the names of such secrets begin with.
ENVIRONMENT_PREFIX = "env:"


def environment_text(name: str, environment: Mapping[str, str] = os.environ) -> bytes:
    """What stands in the variable of `env:NAME`. Raises SecretNotFoundError."""
    variable = name.removeprefix(ENVIRONMENT_PREFIX)
    text = environment.get(variable)
    if text is None:
        raise SecretNotFoundError(f"there is no environment variable {variable}")
    return text.encode("utf-8", "surrogateescape")


class SecretsEnvironment:
    """A CredentialSource; ``environment`` is the process's own unless another is given."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def start_refresh(self) -> None:
        """Nothing was remembered."""

    def fetch(self, secret_arn: str, _known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        """The secret `env:NAME`; the Deferred has already fired."""
        variable = secret_arn.removeprefix(ENVIRONMENT_PREFIX)
        text = self._environment.get(variable)
        if text is None:
            return fail(SecretNotFoundError(f"there is no environment variable {variable}"))
        try:
            return succeed(SecretVersions(parse_secret_text(secret_arn, text)))
        except SecretError as error:
            return fail(SecretError(error.reason))
