"""The proxy's secrets for commands, which have no reactor and may wait."""

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from .config import Config
from .credentials.problems import CredentialProblem
from .credentials.secret_sources import SecretSources
from .credentials.secrets_environment import SecretsEnvironment
from .credentials.secrets_file import SecretsFile
from .credentials.source import CredentialSource, SecretError, SecretVersions
from .credentials.store import CredentialStore

__all__ = ["NOT_ASKED", "secrets_at_hand"]


#: The problem of a secret that was not looked at.
NOT_ASKED = "is in AWS Secrets Manager, which was not asked"


class _AtOnce:
    """AWS Secrets Manager, in this thread."""

    def __init__(self, config: Config) -> None:
        from .aws.clients import AwsClients, AwsOptions  # noqa: PLC0415 - loads boto3
        from .aws.secret_reader import SecretReader  # noqa: PLC0415 - loads boto3

        options = config.proxy.aws
        clients = AwsClients(AwsOptions(options.region, options.endpoint_url))
        self._reader = SecretReader(clients)

    def start_refresh(self) -> None:
        """Nothing is remembered."""

    def fetch(self, secret_arn: str, known: SecretVersions | None = None, /) -> Deferred[SecretVersions]:
        """The secret; blocks, and the Deferred has fired."""
        try:
            return succeed(self._reader.read(secret_arn, known))
        except SecretError as error:
            return fail(error)


def secrets_at_hand(config: Config, *, user: str = "") -> tuple[CredentialStore, list[CredentialProblem]]:
    """All secrets that can be read now, and what is wrong with the others.

    AWS is asked only for a ``user``: to tell whether a configuration is right nobody else is needed.
    """
    path = config.proxy.secrets_file

    def aws() -> CredentialSource:
        return _AtOnce(config) if user else _NotAsked()

    source = SecretSources(SecretsFile(path) if path else None, SecretsEnvironment(), aws)
    store = CredentialStore(config.proxy.auth, source)
    problems: list[CredentialProblem] = []
    # Every source here answers at once, so no reactor is needed to hear the end of the refresh.
    store.refresh().addCallback(problems.extend)
    return store, problems


class _NotAsked:
    """Stands for AWS Secrets Manager where it is not to be asked."""

    def start_refresh(self) -> None:
        """Nothing is remembered."""

    def fetch(self, _secret_arn: str, _known: Any = None, /) -> Deferred[SecretVersions]:
        """No answer."""
        return fail(SecretError(NOT_ASKED))
