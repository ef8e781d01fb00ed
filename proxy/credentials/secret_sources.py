"""Where each secret is: in the secrets file, in the environment, or in AWS Secrets Manager.

A name that the file has is the file's, also where it is an ARN. AWS's part is made only when it is needed.
"""

import re
from collections.abc import Callable

from twisted.internet.defer import Deferred, fail

from .secrets_environment import ENVIRONMENT_PREFIX, SecretsEnvironment
from .secrets_file import SecretsFile
from .source import CredentialSource, SecretError, SecretNotFoundError, SecretVersions

__all__ = ["SecretSources", "is_secrets_manager_arn"]

_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:")


def is_secrets_manager_arn(name: str) -> bool:
    """Whether this is the ARN of a secret in AWS Secrets Manager."""
    return _ARN.match(name) is not None


class SecretSources:
    """A CredentialSource of several; ``aws`` makes the one for Secrets Manager, where that is to be had."""

    def __init__(
        self,
        file: SecretsFile | None = None,
        environment: SecretsEnvironment | None = None,
        aws: Callable[[], CredentialSource] | None = None,
    ) -> None:
        self._file = file
        self._environment = environment or SecretsEnvironment()
        self._make_aws = aws
        self._aws: CredentialSource | None = None
        self._from_file: set[str] = set()

    def start_refresh(self) -> None:
        """All of them."""
        for source in (self._file, self._environment, self._aws):
            if source is not None:
                source.start_refresh()

    def fetch(self, secret_arn: str, known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        """From whichever has it."""
        if self._is_in_file(secret_arn):
            assert self._file is not None
            return self._file.fetch(secret_arn, known)
        if secret_arn.startswith(ENVIRONMENT_PREFIX):
            return self._environment.fetch(secret_arn, known)
        if is_secrets_manager_arn(secret_arn):
            return self._from_aws(secret_arn, known)
        if self._file is not None:
            return self._file.fetch(secret_arn, known)
        return fail(
            SecretNotFoundError(
                "is neither the ARN of a secret nor env: and a variable, and proxy.secrets_file is not set"
            )
        )

    def _is_in_file(self, name: str) -> bool:
        if self._file is None:
            return False
        try:
            has_it = self._file.holds(name)
        except SecretError:
            # What was in the file is not looked for elsewhere while the file cannot be read.
            return name in self._from_file
        if has_it:
            self._from_file.add(name)
        else:
            self._from_file.discard(name)
        return has_it

    def _from_aws(self, name: str, known: SecretVersions | None) -> Deferred[SecretVersions]:
        if self._make_aws is None:
            elsewhere = "is not in proxy.secrets_file, and " if self._file is not None else ""
            return fail(SecretNotFoundError(f"{elsewhere}AWS Secrets Manager is not asked here"))
        if self._aws is None:
            self._aws = self._make_aws()
        return self._aws.fetch(name, known)
