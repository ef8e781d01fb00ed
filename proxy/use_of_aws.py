"""What the proxy uses of AWS, made when it is first needed: loading boto3 takes half a second and 34 MB.

Secrets, tokens and STS have threads of their own each: one that hangs keeps none of the others waiting.
"""

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .config import Config
from .credentials.directory import TokenSource
from .credentials.source import CredentialSource, SecretError, UnreachableError
from .iam.sts import PresignedIdentity

if TYPE_CHECKING:
    from .aws.caller_identity import CallerIdentity
    from .aws.clients import AwsOptions
    from .aws.database_tokens import TargetTokens
    from .aws.secrets_manager import SecretsManagerSource

__all__ = ["UseOfAws"]


class UseOfAws:
    """AWS as `[proxy.aws]` describes it."""

    def __init__(self, config: Config, reactor: Any) -> None:
        self._options = config.proxy.aws
        self._reactor = reactor
        self._threads: list[Any] = []
        self._secrets: SecretsManagerSource | None = None
        self._tokens: TargetTokens | None = None
        self._identities: CallerIdentity | None = None

    def reconfigure(self, config: Config) -> None:
        """Other options are in force."""
        if config.proxy.aws != self._options:
            self.stop()
            self._options = config.proxy.aws

    def stop(self) -> None:
        """Ask nobody any more; what waits fails."""
        if self._tokens is not None:
            self._tokens.stop()
        for threads in self._threads:
            threads.stop()
        self._threads = []
        self._secrets = self._tokens = self._identities = None

    def secrets_manager(self) -> CredentialSource:
        """Secrets by their ARNs."""
        return self._source()

    def secret_text(self, name: str) -> Deferred[bytes]:
        """What stands in a secret. Fails with SecretError."""
        text: Deferred[bytes] = self._source().fetch_text(name)
        return text

    def _source(self) -> "SecretsManagerSource":
        if self._secrets is None:
            from .aws.secrets_manager import SecretsManagerSource  # noqa: PLC0415 - loads boto3

            self._secrets = SecretsManagerSource(self._new_threads(), self._aws_options())
        return self._secrets

    def target_tokens(self, region: str) -> TokenSource:
        """The proxy's own tokens for targets, in a region where the host's name does not say one."""
        if self._tokens is None:
            from .aws.database_tokens import TargetTokens  # noqa: PLC0415 - loads boto3

            self._tokens = TargetTokens(self._new_threads(), self._aws_options(), self._reactor)
        return _Tokens(self._tokens, region)

    def arn_of_signer(self, identity: PresignedIdentity) -> Deferred[str]:
        """Who has signed a request, by STS's word. Fails with SecretError if it says nothing."""
        from .aws.caller_identity import CallerIdentity, IdentityError  # noqa: PLC0415 - loads boto3

        if self._identities is None:
            self._identities = CallerIdentity(self._new_threads(), self._aws_options())

        def explain(failure: Failure) -> Failure:
            problem = failure.value
            if not isinstance(problem, IdentityError):
                return failure
            error = SecretError if problem.is_refused else UnreachableError
            return Failure(error(problem.reason))

        asked = self._identities.identify(identity)
        return asked.addCallback(lambda caller: caller.arn).addErrback(explain)

    def _new_threads(self) -> Any:
        from .aws.threads import AwsThreads  # noqa: PLC0415 - only with AWS

        threads = AwsThreads(self._reactor)
        self._threads.append(threads)
        return threads

    def _aws_options(self) -> "AwsOptions":
        from .aws.clients import AwsOptions  # noqa: PLC0415 - only with AWS

        options = self._options
        return AwsOptions(
            options.region,
            options.endpoint_url,
            options.connect_timeout,
            options.read_timeout,
            options.max_attempts,
        )


class _Tokens:
    """The directory's TokenSource."""

    def __init__(self, tokens: "TargetTokens", region: str) -> None:
        self._tokens = tokens
        self._region = region

    def token(self, host: str, port: int, username: str) -> Deferred[bytes]:
        made: Deferred[bytes] = self._tokens.token(host, port, username, self._region)
        return made

    def suspect(self, token: bytes) -> None:
        self._tokens.suspect(token)
