"""AWS Secrets Manager as a source of secrets, by their ARNs."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ..credentials.source import Password, SecretError, SecretVersions
from .clients import AwsClients, AwsOptions
from .problems import explain
from .secret_reader import SERVICE, SecretReader
from .threads import AwsThreads

__all__ = ["SecretsManagerSource"]


class SecretsManagerSource:
    """A CredentialSource; its time-outs are those of the options, for each attempt of each call."""

    def __init__(self, threads: AwsThreads, options: AwsOptions, clients: AwsClients | None = None) -> None:
        self._threads = threads
        self._reader = SecretReader(clients or AwsClients(options, threads.size))

    def start_refresh(self) -> None:
        """Nothing is remembered that a version's id would not tell to be old."""

    def fetch(self, secret_arn: str, known: SecretVersions | None = None) -> Deferred[SecretVersions]:
        """The secret's versions; `known` itself if they are still those. Fails with SecretError.

        With `known` this costs one DescribeSecret as long as nothing has changed.
        """
        return self._threads.call(self._reader.read, secret_arn, known).addErrback(_explained)

    def fetch_text(self, secret_arn: str) -> Deferred[bytes]:
        """The content of the current version as it is. Fails with SecretError."""
        text: Deferred[bytes] = self._threads.call(self._reader.text, secret_arn).addCallback(_hidden)
        return text.addErrback(_explained)


def _hidden(text: bytes) -> bytes:
    return Password(text)


def _explained(failure: Failure) -> Failure:
    if failure.check(SecretError, CancelledError):
        return failure
    return Failure(SecretError(explain(failure.value, SERVICE)))
